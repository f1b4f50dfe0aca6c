//! Origins (RFC 6454): scheme, host and port. They decide who may receive a token.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Scheme, host (lower case) and port of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// `https` or, on loopback only, `http`.
    pub(crate) https: bool,
    /// Host name or address, ASCII lower case, an IPv6 address in brackets.
    pub(crate) host: String,
    /// Port, the scheme's default filled in.
    pub(crate) port: u16,
}

/// A URL, split into its origin and the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Scheme, host and port.
    pub(crate) origin: Origin,
    /// Path with its leading slash, or empty.
    pub(crate) path: String,
    /// Query and fragment with their leading `?` or `#`, or empty.
    pub(crate) rest: String,
}

impl Origin {
    /// Parses `host` or `host:port`, as in git's requests and in `hosts`.
    pub(crate) fn parse(authority: &str, https: bool) -> Result<Self, String> {
        if authority.contains("://") {
            return Err("it is a URL, not a host".to_owned());
        }
        if authority.contains('@') {
            return Err("it holds credentials".to_owned());
        }
        let (host, port) = split_port(authority)?;
        let host = host.to_ascii_lowercase();
        if !is_host(&host) {
            return Err("its host is not a host name or an address".to_owned());
        }
        let port = match port {
            None => default_port(https),
            Some(digits) => digits
                .parse::<u16>()
                .ok()
                .filter(|port| *port != 0 && digits.bytes().all(|byte| byte.is_ascii_digit()))
                .ok_or("its port is not a number from 1 to 65535")?,
        };
        Ok(Self { https, host, port })
    }

    /// Whether the host is this machine, the only one that is accepted with plain http.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Whether it may receive the token of a profile: it is the tenant or the API, or one of `hosts` with the same port.
    ///
    /// Plain http only on loopback.
    pub(crate) fn may_receive(&self, tenant: &Self, api: Option<&Self>, hosts: &[Self]) -> bool {
        let is_host = |host: &Self| self.host == host.host && self.port == host.port;
        (self.https || self.is_loopback()) && (self == tenant || Some(self) == api || hosts.iter().any(is_host))
    }

    /// The same host and port by https, the default port for the default port.
    pub(crate) fn by_https(&self) -> Self {
        Self {
            https: true,
            port: if self.port == default_port(false) { default_port(true) } else { self.port },
            ..self.clone()
        }
    }

    /// `host`, or `host:port` where the port is not the scheme's default.
    pub(crate) fn authority(&self) -> String {
        if self.port == default_port(self.https) { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Its form in `hosts` of a profile: without a port only for https on port 443.
    pub(crate) fn host_and_port(&self) -> String {
        if self.https { self.authority() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.https { "https://" } else { "http://" })?;
        f.write_str(&self.host)?;
        if self.port == default_port(self.https) { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl Target {
    /// Parses an http or https URL strictly: no credentials, no control or non-ASCII characters, no backslash.
    ///
    /// The error is a clause like `it holds credentials` and never repeats the URL.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains('\\') {
            return Err("it holds a space, a backslash or a character that is not ASCII".to_owned());
        }
        let (scheme, after) = url.split_once("://").ok_or("it has no scheme")?;
        let https = if scheme.eq_ignore_ascii_case("https") {
            true
        } else if scheme.eq_ignore_ascii_case("http") {
            false
        } else {
            return Err("its scheme is neither https nor http".to_owned());
        };
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (authority, path) = after.split_at(end);
        let cut = path.find(['?', '#']).unwrap_or(path.len());
        let (path, rest) = path.split_at(cut);
        Ok(Self { origin: Origin::parse(authority, https)?, path: path.to_owned(), rest: rest.to_owned() })
    }

    /// Fails for plain http to another machine.
    pub(crate) fn secured(self) -> Result<Self, String> {
        if self.origin.https || self.origin.is_loopback() {
            Ok(self)
        } else {
            Err("it is http:// to another machine, which would send secrets in clear text".to_owned())
        }
    }
}

impl Target {
    /// The URL without its query, which may hold what is nobody's business.
    pub(crate) fn page(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.origin, self.path, self.rest)
    }
}

/// The default port of a scheme.
fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

/// Splits `host:port` or `[v6]:port`.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), String> {
    if authority.starts_with('[') {
        let end = authority.find(']').ok_or("its address has no closing bracket")?;
        let (host, rest) = authority.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err("its port is not a number from 1 to 65535".to_owned()),
        };
    }
    match authority.split_once(':') {
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

/// Whether a lower-case text is a DNS name, an IPv4 address or a bracketed IPv6 address.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

/// Whether a host is this machine: `localhost`, 127.0.0.0/8 or `::1`.
fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .and_then(|address| address.parse::<Ipv6Addr>().ok())
            .is_some_and(|address| address.is_loopback())
}

#[cfg(any(test, fuzzing))]
pub(crate) mod properties;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_cut_and_normalised() {
        let target = Target::parse("HTTPS://Acme.Example.com:443/SAAS/t/X?a=b#c").unwrap();
        assert_eq!(target.origin.to_string(), "https://acme.example.com");
        assert_eq!((target.path.as_str(), target.rest.as_str()), ("/SAAS/t/X", "?a=b#c"));
        assert_eq!(Target::parse("http://[::1]:8080").unwrap().to_string(), "http://[::1]:8080");
        assert_eq!(Target::parse("https://h:8443/").unwrap().origin.authority(), "h:8443");
    }

    #[test]
    fn hostile_urls_are_refused_without_being_repeated() {
        for url in [
            "acme.example.com",
            "ftp://h/",
            "https://",
            "https:///path",
            "https://u:p@h/",
            "https://evil.example\\@h/",
            "https://h:0/",
            "https://h:+80/",
            "https://h:99999/",
            "https://h:80:90/",
            "https://{a,b}.example.com/",
            "https://h/\u{e9}",
            "https://h/ x",
            "https://h/a\\b",
            "https://[::1/",
            "https://[zz]/",
            "https://[::1]evil.example/",
            "https://[::1]8443/",
            "https://[::1]:/",
            "https://::1/",
            "https://h:/",
            "https://a..b/",
        ] {
            let error = Target::parse(url).unwrap_err();
            assert!(!error.contains(url), "{url}: {error}");
        }
    }

    #[test]
    fn labels_and_names_have_their_longest() {
        let name = |label: usize, rest: usize| format!("{}.{}", "a".repeat(label), "b.".repeat(rest / 2)) + "c";
        let parse = |name: String| Origin::parse(&name, true).is_ok();
        assert!(parse("a".repeat(63)) && !parse("a".repeat(64)), "RFC 1035 §2.3.4");
        assert_eq!((name(63, 188).len(), name(62, 190).len()), (253, 254));
        assert!(parse(name(63, 188)) && !parse(name(62, 190)));
        assert!(parse("a-b_c.7".to_owned()) && !parse("a,b".to_owned()) && !parse(String::new()));
    }

    #[test]
    fn a_port_is_named_unless_it_is_the_schemes_own() {
        for (authority, https, shown, as_host, url) in [
            ("h:443", true, "h", "h", "https://h"),
            ("h:80", true, "h:80", "h:80", "https://h:80"),
            ("H", false, "h", "h:80", "http://h"),
            ("h:443", false, "h:443", "h:443", "http://h:443"),
            ("[::1]", false, "[::1]", "[::1]:80", "http://[::1]"),
            ("[::1]:8443", true, "[::1]:8443", "[::1]:8443", "https://[::1]:8443"),
        ] {
            let origin = Origin::parse(authority, https).unwrap();
            assert_eq!((origin.authority().as_str(), origin.host_and_port().as_str()), (shown, as_host), "{authority}");
            assert_eq!(origin.to_string(), url);
        }
        for no_host in ["https://h", "u@h", "", ":1", "h:0", "h:65536", "h:+1", "h:1:2"] {
            assert!(Origin::parse(no_host, true).is_err(), "{no_host}");
        }
        assert_eq!(Origin::parse("h:65535", true).unwrap().port, 65_535);
        assert_eq!(Origin::parse("https://h", true).unwrap_err(), "it is a URL, not a host");
        assert_eq!(Origin::parse("u:p@h", true).unwrap_err(), "it holds credentials");
    }

    #[test]
    fn plain_http_is_for_loopback() {
        for url in ["http://localhost/", "http://127.9.9.9/", "http://[::1]/", "https://h/"] {
            assert!(Target::parse(url).unwrap().secured().is_ok(), "{url}");
        }
        for url in [
            "http://h/",
            "http://localhost.evil.example/",
            "http://128.0.0.1/",
            "http://[::2]/",
            "http://127.0.0.1.nip.io/",
        ] {
            assert!(Target::parse(url).unwrap().secured().is_err(), "{url}");
        }
    }
}
