//! Chooses the proxy of a request from the environment. Pure.

use std::net::Ipv6Addr;

use crate::origin::Origin;

/// The proxy settings of the environment with their variables. No `Debug`: the URL of a proxy may hold a password.
#[derive(Clone, Default)]
pub(crate) struct ProxyEnvironment {
    /// `https_proxy`, `HTTPS_PROXY`, `all_proxy` or `ALL_PROXY`: the first that is set and not empty.
    proxy: Option<(&'static str, String)>,
    /// `no_proxy` or `NO_PROXY`.
    no_proxy: Option<(&'static str, String)>,
}

/// The choice of a proxy for a target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    /// No variable names a proxy.
    None,
    /// This variable names one, but loopback is reached directly.
    ThisMachine(&'static str),
    /// The first variable names one, but the second excludes the target.
    Excluded(&'static str, &'static str),
    /// This variable names this proxy.
    Through(&'static str, &'a str),
}

impl ProxyEnvironment {
    /// Reads the variables in curl's order, without `HTTP_PROXY`: the token endpoint is https.
    pub(crate) fn read(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            let mut values = names.iter().filter_map(|name| Some((*name, env(name)?)));
            values.find(|(_, value)| !value.is_empty())
        };
        Self {
            proxy: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            no_proxy: first(&["no_proxy", "NO_PROXY"]),
        }
    }

    /// The choice for a target: no proxy for loopback and for hosts in `no_proxy`.
    pub(crate) fn choose(&self, target: &Origin) -> Choice<'_> {
        match (&self.proxy, &self.no_proxy) {
            (None, _) => Choice::None,
            (Some((variable, _)), _) if target.is_loopback() => Choice::ThisMachine(variable),
            (Some((variable, _)), Some((by, list))) if excludes(list, target) => Choice::Excluded(variable, by),
            (Some((variable, url)), _) => Choice::Through(variable, url),
        }
    }

    /// The proxy for a target, if any.
    pub(crate) fn proxy_for(&self, target: &Origin) -> Option<&str> {
        match self.choose(target) {
            Choice::Through(_, url) => Some(url),
            _ => None,
        }
    }
}

/// Whether a `no_proxy` list names a host: `*`, the host itself or a parent domain, with or without a port.
fn excludes(list: &str, target: &Origin) -> bool {
    list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        let (host, port) = match entry.rsplit_once(':') {
            // The last group of an IPv6 address is not a port.
            Some((host, port)) if port.parse::<u16>().is_ok() && entry.parse::<Ipv6Addr>().is_err() => {
                (host, port.parse::<u16>().ok())
            }
            _ => (entry.as_str(), None),
        };
        let name = host.trim_start_matches('*').trim_start_matches('.');
        port.is_none_or(|port| port == target.port)
            && (host == "*"
                || target.host == name
                || target.host.trim_matches(['[', ']']) == name
                || (!name.is_empty() && target.host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(vars: &[(&str, &str)], host: &str) -> Option<String> {
        let env = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let target = Origin::parse(host, true).unwrap();
        ProxyEnvironment::read(&env).proxy_for(&target).map(str::to_owned)
    }

    #[test]
    fn the_environment_is_read_in_order() {
        let both = [("ALL_PROXY", "http://all"), ("HTTPS_PROXY", "http://https"), ("HTTP_PROXY", "http://http")];
        assert_eq!(chosen(&both, "h"), Some("http://https".to_owned()));
        assert_eq!(chosen(&[("ALL_PROXY", "http://all")], "h"), Some("http://all".to_owned()));
        assert_eq!(chosen(&[("HTTP_PROXY", "http://http"), ("HTTPS_PROXY", "")], "h"), None);
        assert_eq!(chosen(&[("https_proxy", "a"), ("HTTPS_PROXY", "b")], "h"), Some("a".to_owned()));
    }

    #[test]
    fn the_choice_names_its_variables() {
        let vars = [("ALL_PROXY", "http://all"), ("no_proxy", "b.example.com")];
        let environment = ProxyEnvironment::read(&|name| {
            vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        });
        for (host, choice) in [
            ("a.example.com", Choice::Through("ALL_PROXY", "http://all")),
            ("b.example.com", Choice::Excluded("ALL_PROXY", "no_proxy")),
            ("localhost", Choice::ThisMachine("ALL_PROXY")),
        ] {
            assert_eq!(environment.choose(&Origin::parse(host, true).unwrap()), choice, "{host}");
        }
    }

    #[test]
    fn no_proxy_names_hosts_domains_and_ports() {
        for (list, host, direct) in [
            ("*", "acme.example.com", true),
            ("example.com", "acme.example.com", true),
            (".example.com", "acme.example.com", true),
            ("*.example.com", "acme.example.com", true),
            ("ACME.example.com", "acme.example.com", true),
            ("acme.example.com:443", "acme.example.com", true),
            ("acme.example.com:8443", "acme.example.com", false),
            ("ample.com", "acme.example.com", false),
            ("other.com, acme.example.com", "acme.example.com", true),
            ("", "acme.example.com", false),
            ("10.0.0.1", "10.0.0.1", true),
        ] {
            let proxy = chosen(&[("HTTPS_PROXY", "p"), ("NO_PROXY", list)], host);
            assert_eq!(proxy.is_none(), direct, "{list} {host}");
        }
    }

    #[test]
    fn addresses_of_version_6_are_named_with_and_without_brackets() {
        for (list, direct) in [
            ("fd00::1", true),
            ("[fd00::1]", true),
            ("[fd00::1]:443", true),
            ("[fd00::1]:8443", false),
            ("fd00::2", false),
            ("::1", false),
        ] {
            assert_eq!(chosen(&[("HTTPS_PROXY", "p"), ("NO_PROXY", list)], "[fd00::1]").is_none(), direct, "{list}");
        }
    }

    #[test]
    fn a_list_of_nothing_names_nobody() {
        for list in [".", ":443", " , ", "*.", ".:443", ":"] {
            assert!(chosen(&[("HTTPS_PROXY", "p"), ("NO_PROXY", list)], "acme.example.com").is_some(), "{list}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_host_is_direct_exactly_if_an_entry_names_it(
            host in "([ab]{1,2}\\.){0,2}[ab]{1,2}",
            entries in proptest::collection::vec(("(\\*\\.|\\.)?([abAB]{1,2}\\.){0,2}[abAB]{1,2}", "(:443|:80)?"), 0..4),
        ) {
            let list = entries.iter().map(|(name, port)| format!("{name}{port}")).collect::<Vec<_>>().join(", ");
            let named = entries.iter().any(|(name, port)| {
                let name = name.to_ascii_lowercase();
                let name = name.trim_start_matches("*.").trim_start_matches('.');
                port != ":80" && format!(".{host}").ends_with(&format!(".{name}"))
            });
            let proxy = chosen(&[("HTTPS_PROXY", "p"), ("NO_PROXY", &list)], &host);
            proptest::prop_assert_eq!(proxy.is_none(), named, "{} {}", list, host);
        }

        #[test]
        fn no_list_panics(list in "\\PC*", odd in "[*.:,\\[\\]0-9a ]{0,20}") {
            for list in [list, odd] {
                let _ = chosen(&[("HTTPS_PROXY", "p"), ("NO_PROXY", &list)], "acme.example.com");
            }
        }
    }

    #[test]
    fn this_machine_is_never_reached_through_the_environments_proxy() {
        assert_eq!(chosen(&[("HTTPS_PROXY", "p")], "127.0.0.1:8443"), None);
        assert_eq!(chosen(&[("HTTPS_PROXY", "p")], "localhost"), None);
    }
}
