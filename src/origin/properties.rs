//! What holds for every URL and every `host:port`: for random ones in the tests below, and for the fuzzer's.

use ureq::http::Uri;

use super::{Origin, Target};
use crate::config::{AuthStyle, Preset, token_url};
use crate::proxy::Proxy;

/// Reads a text as a URL, and panics if what comes of it is read otherwise the second time or by the HTTP library.
pub(crate) fn check(url: &str) -> Result<Target, String> {
    let result = Target::parse(url);
    match &result {
        Ok(target) => {
            check_origin(&target.origin);
            let shown = target.to_string();
            assert_eq!(Target::parse(&shown).as_ref(), Ok(target), "{url:?} is shown as {shown:?}");
            assert!(shown.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'), "{shown:?}");
            check_library(url, &target.origin);
            check_library(&shown, &target.origin);
        }
        Err(cause) => assert!(!repeats(cause, url), "{url:?} is repeated in {cause:?}"),
    }
    check_tenant(url);
    let _ = Proxy::parse(url, "");
    for https in [false, true] {
        if let Ok(origin) = Origin::parse(url, https) {
            check_origin(&origin);
        }
    }
    result
}

/// An origin is shown as something that is read as the same origin, and holds nothing that ends a host for anybody.
pub(crate) fn check_origin(origin: &Origin) {
    let authority = origin.authority();
    assert!(!authority.is_empty() && origin.port != 0);
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.:[]".contains(&byte);
    assert!(authority.bytes().all(plain), "{authority:?}");
    assert_eq!(Origin::parse(&authority, origin.https).as_ref(), Ok(origin));
}

/// Whether a clause repeats a URL; what could be one of its own words is let go.
fn repeats(cause: &str, url: &str) -> bool {
    url.len() > "http://".len() && url.contains(['.', ':', '@', '/', '?', '#']) && cause.contains(url)
}

/// The library that would send the request goes to the same scheme, host and port, or nowhere.
fn check_library(url: &str, origin: &Origin) {
    let Ok(uri) = url.parse::<Uri>() else { return };
    let https = uri.scheme_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    assert_eq!(origin, &Origin { https, host, port }, "{url:?}");
}

/// A tenant gives a token URL of its own origin that is reached securely and is stable.
fn check_tenant(tenant: &str) {
    use Preset::{Access, Acs, Connect, Intelligence, Uem, Vidb};
    for preset in [Access, Acs, Vidb, Uem, Intelligence, Connect] {
        match token_url(preset, tenant, None, AuthStyle::Basic) {
            Ok((origin, target)) => {
                check_origin(&origin);
                assert_eq!(origin, target.origin);
                assert!(origin.https || origin.is_loopback(), "{tenant:?}");
                assert!(target.path.starts_with('/') && target.rest.is_empty(), "{target}");
                let again = token_url(preset, "a.example.com", Some(&target.to_string()), AuthStyle::Basic);
                assert_eq!(again.map(|(_, target)| target), Ok(target));
            }
            Err(wrong) => assert!(!repeats(&wrong.cause, tenant), "{wrong:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    /// A text that could be a URL if nothing in it were odd.
    fn url() -> impl Strategy<Value = String> {
        let scheme =
            select(vec!["https://", "http://", "HTTPS://", "", "https:/", "https:", "//", "ftp://", "https:\\\\"]);
        let host = prop_oneof![
            "[a-zA-Z0-9._-]{1,20}",
            "[0-9]{1,3}(\\.[0-9]{1,3}){0,3}",
            "\\[[0-9a-f:.%]{0,12}\\]",
            any::<std::net::Ipv6Addr>().prop_map(|address| format!("[{address}]")),
            any::<String>(),
        ];
        let user = select(vec!["", "", "", "", "u@", "u:p@", "evil.example\\@", "evil.example#@", "evil.example?@"]);
        let port = prop_oneof![4 => Just(String::new()), 2 => ":[0-9]{0,6}", 1 => ":[ -~]{0,3}"];
        let rest = prop_oneof![
            2 => Just(String::new()),
            1 => "/[ -~]{0,12}",
            1 => "[/?#@:\\\\]{1,3}[a-z.@:]{0,12}",
            1 => select(vec!["/", "/SAAS", "/SAAS/t/X", "/acs", "/acs/t/X/", "/connect/token"]).prop_map(str::to_owned),
        ];
        (scheme, user, host, port, rest)
            .prop_map(|(scheme, user, host, port, rest)| format!("{scheme}{user}{host}{port}{rest}"))
    }

    proptest! {
        #[test]
        fn a_url_is_read_in_one_way_or_not_at_all(url in url(), text in any::<String>()) {
            let _ = (check(&url), check(&text));
        }

        #[test]
        fn a_plain_url_is_read(host in "([a-z0-9]{1,9}\\.){0,3}[a-z]{1,9}", port in 1_u16.., path in "(/[a-z0-9@.~]{0,9}){0,3}") {
            let target = check(&format!("https://{host}:{port}{path}")).unwrap();
            prop_assert_eq!(target, Target {
                origin: Origin { https: true, host, port }, path, rest: String::new()
            });
        }

        #[test]
        fn who_is_named_before_an_at_sign_is_never_addressed(host in "[a-z.]{1,12}", user in "[!-~]{0,9}", odd in "[/?#\\\\]?") {
            if let Ok(target) = check(&format!("https://{user}{odd}@{host}")) {
                // The at sign came behind the end of the host, where it means nothing.
                let end = user.clone() + &odd;
                let end = &end[..end.find(['/', '?', '#']).unwrap()];
                prop_assert_eq!(Ok(target.origin), Origin::parse(end, true));
            }
        }

        #[test]
        fn an_origin_is_stable(authority in prop_oneof![any::<String>(), "[a-zA-Z0-9:._@\\[\\]-]{1,20}"], https in any::<bool>()) {
            if let Ok(origin) = Origin::parse(&authority, https) {
                check_origin(&origin);
                prop_assert!(authority.to_ascii_lowercase().starts_with(&origin.host));
            }
        }
    }
}
