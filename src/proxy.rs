//! Which proxy a request goes through, and who says so. Pure.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::origin::Origin;
use crate::secret::Secret;

/// What to write in the place of a proxy that cannot be used.
pub(crate) const PROXY_HINT: &str = "write http://host:port or socks5://host:port";

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// `CONNECT` in clear.
    Http,
    /// `CONNECT` under TLS.
    Https,
    /// SOCKS version 5 (RFC 1928).
    Socks5,
}

/// A proxy. No `Debug`; `Display` shows it without its password, and says who set it.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// How to speak to it.
    pub(crate) scheme: Scheme,
    /// Where it is.
    pub(crate) origin: Origin,
    /// User name and password, decoded.
    pub(crate) credentials: Option<(Secret, Secret)>,
    /// The variable, or the key of the profile.
    pub(crate) set_by: String,
}

impl Proxy {
    /// Reads `[scheme://][user:password@]host[:port][/…]`, without whitespace or quotes around it.
    ///
    /// More lenient than curl, which wants every special character of a password encoded: the last `@` ends it. The error
    /// is a clause that never repeats the text, which may hold a password.
    pub(crate) fn parse(text: &str, set_by: impl Into<String>) -> Result<Self, String> {
        let text = bare(text);
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Scheme::Http, 80),
            "https" => (Scheme::Https, 443),
            "socks5" | "socks5h" => (Scheme::Socks5, 1080),
            _ => return Err("its scheme is none of http, https and socks5".to_owned()),
        };
        let (credentials, place) = match rest.rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials.split_once(':').unwrap_or((credentials, ""))), place),
            None => (None, rest),
        };
        let place = &place[..place.find(['/', '?', '#']).unwrap_or(place.len())];
        let mut origin = Origin::parse(place, scheme == Scheme::Https)?;
        if place.eq_ignore_ascii_case(&origin.host) {
            origin.port = default_port;
        }
        let credentials = credentials.map(|(user, password)| (decoded(user), decoded(password)));
        Ok(Self { scheme, origin, credentials, set_by: set_by.into() })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Socks5 => "socks5",
        };
        write!(f, "{scheme}://{}:{} ({})", self.origin.host, self.origin.port, self.set_by)
    }
}

/// A variable's value without what a shell or a file of variables may have left around it.
fn bare(text: &str) -> &str {
    let text = text.trim();
    let quoted = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    quoted('"').or_else(|| quoted('\'')).unwrap_or(text).trim()
}

/// Decodes `%40` and the like; a `%` before anything else stays.
fn decoded(text: &str) -> Secret {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => (bytes.push(byte), rest = &after[2..]),
            None => (bytes.push(*first), rest = after),
        };
    }
    Secret::new(String::from_utf8_lossy(&bytes).into_owned())
}

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
            values.find(|(_, value)| !bare(value).is_empty())
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

    /// All of it as one text that changes whenever a setting does.
    pub(crate) fn summary(&self) -> String {
        let value = |setting: &Option<(&str, String)>| setting.as_ref().map_or("", |(_, value)| value).to_owned();
        value(&self.proxy) + "\n" + &value(&self.no_proxy)
    }
}

/// Whether a `no_proxy` list names a host. Every entry that curl 7.88 understands: the host or a parent domain, with a dot
/// before or after it; an address or a network; `*`. Besides, as in Go's programs: `*.domain`, a port, brackets.
fn excludes(list: &str, target: &Origin) -> bool {
    let host = target.host.trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>().ok();
    bare(list).split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        let (name, port) = match entry.rsplit_once(':') {
            // The last group of an IPv6 address is not a port.
            Some((name, port)) if port.parse::<u16>().is_ok() && entry.parse::<Ipv6Addr>().is_err() => {
                (name, port.parse::<u16>().ok())
            }
            _ => (entry.as_str(), None),
        };
        let is_named = match address {
            _ if name == "*" => true,
            Some(address) => holds(name, address),
            None => {
                let name = name.trim_start_matches('*').trim_matches('.');
                let parent = host.strip_suffix(name).filter(|_| !name.is_empty());
                parent.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        };
        is_named && port.is_none_or(|port| port == target.port)
    })
}

/// Whether an entry is that address, or a network (`192.0.2.0/24`) that holds it.
fn holds(entry: &str, address: IpAddr) -> bool {
    let entry = entry.replace(['[', ']'], "");
    let (network, bits) = entry.split_once('/').unwrap_or((&entry, ""));
    let value = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let Ok(network) = network.parse::<IpAddr>().map(value) else { return false };
    let (value, length) = value(address);
    let bits = if bits.is_empty() { Some(length) } else { bits.parse().ok() };
    let differing = (network.0 ^ value).leading_zeros();
    network.1 == length && bits.is_some_and(|bits| bits <= length && differing >= bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(vars: &[(&str, &str)], host: &str) -> Option<String> {
        let env = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let target = Origin::parse(host, true).unwrap();
        match ProxyEnvironment::read(&env).choose(&target) {
            Choice::Through(_, url) => Some(url.to_owned()),
            _ => None,
        }
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
    fn addresses_are_named_by_themselves_and_by_their_networks() {
        // `curl` is what curl 7.88.1 does; what it passes over it may do in a later version.
        for (list, host, direct, curl) in [
            ("192.0.2.7", "192.0.2.7", true, true),
            ("192.0.2.0/24", "192.0.2.7", true, true),
            ("192.0.2.0/29", "192.0.2.7", true, true),
            ("192.0.2.0/29", "192.0.2.8", false, false),
            ("192.0.2.7/32", "192.0.2.7", true, true),
            ("192.0.2.0/024", "192.0.2.7", true, true),
            ("192.0.2.7/", "192.0.2.7", true, true),
            ("192.0.2.0/", "192.0.2.7", false, false),
            ("192.0.2.0/16", "192.0.3.7", true, true),
            ("192.0.2.0/33", "192.0.2.0", false, false),
            ("192.0.2.0/2x", "192.0.2.7", false, true),
            ("0.0.0.0/0", "192.0.2.8", true, false),
            ("192.0.2.7:443", "192.0.2.7", true, false),
            ("192.0.2.0/24:443", "192.0.2.7", true, false),
            ("2.7", "192.0.2.7", false, false),
            ("192.0.2", "192.0.2.7", false, false),
            (".192.0.2.7", "192.0.2.7", false, false),
            ("10.0.0.0/8", "acme.example.com", false, false),
            ("192.0.2.0/24", "192.0.2.7.example.com", false, false),
            ("2001:db8::1", "[2001:db8::1]", true, true),
            ("2001:DB8:0:0::1", "[2001:db8::1]", true, false),
            ("2001:db8::/32", "[2001:db8::1]", true, false),
            ("[2001:db8::]/32", "[2001:db8::1]", true, false),
            ("2001:db8::/33", "[2001:db8:8000::1]", false, false),
            ("::/0", "[2001:db8::1]", true, false),
            ("::/0", "192.0.2.7", false, false),
            ("2001:db8::/129", "[2001:db8::1]", false, false),
        ] {
            let proxy = chosen(&[("HTTPS_PROXY", "p"), ("NO_PROXY", list)], host);
            assert_eq!(proxy.is_none(), direct, "{list} {host}");
            assert!(direct || !curl || list.ends_with('x'), "less than curl: {list}");
        }
    }

    /// How a URL is read: where, and with which credentials.
    fn read(url: &str) -> Result<String, String> {
        let proxy = Proxy::parse(url, "V")?;
        let credentials = proxy.credentials.as_ref().map(|(user, password)| (user.expose(), password.expose()));
        Ok(format!("{proxy} {credentials:?}"))
    }

    #[test]
    fn a_url_is_read_as_people_write_it() {
        for (url, expected) in [
            ("proxy", "http://proxy:80 (V) None"),
            ("Proxy:80", "http://proxy:80 (V) None"),
            ("https://proxy", "https://proxy:443 (V) None"),
            ("https://proxy:80/", "https://proxy:80 (V) None"),
            ("socks5h://proxy", "socks5://proxy:1080 (V) None"),
            ("http://[fd00::1]:3128", "http://[fd00::1]:3128 (V) None"),
            ("http://[FD00::1]", "http://[fd00::1]:80 (V) None"),
            (" \"http://u:p@proxy:1\" ", "http://proxy:1 (V) Some((\"u\", \"p\"))"),
            ("http://@proxy", "http://proxy:80 (V) Some((\"\", \"\"))"),
            ("http://u:%ff@proxy", "http://proxy:80 (V) Some((\"u\", \"\u{fffd}\"))"),
        ] {
            assert_eq!(read(url).as_deref(), Ok(expected), "{url}");
        }
        for url in
            ["", "http://", "socks4://h", "socks://h", "ftp://h", "http://a b", "http://u:hunter2@", "http://h:x", "\""]
        {
            assert!(!read(url).unwrap_err().contains("hunter2"), "{url}");
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
        fn no_url_panics(url in "\\PC*", odd in "(socks5|http)://[%@:/#?\"' a0\\[\\]]{0,20}") {
            let _ = (read(&url), read(&odd));
        }

        #[test]
        fn no_list_panics(list in "\\PC*", odd in "[*.:,/\\[\\]0-9a ]{0,20}") {
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
