//! Reads a tenant from user input: a host, or a URL from the browser's address bar. Pure.
//!
//! The configuration file is read strictly (see `config/preset.rs`); here everything after the tenant is cut off, and the
//! caller shows the result.

use crate::config::{self, AuthStyle, Preset};
use crate::error::Error;
use crate::origin::Target;

/// The tenant's URL for the profile; `setting` names the input in an error, which never repeats it: it may hold credentials.
pub(super) fn read(given: &str, preset: Preset, setting: &str) -> Result<String, Error> {
    let refused = |cause: String, hint: &str| Error::unusable(setting.to_owned(), cause, hint.to_owned());
    let host_hint = "give the tenant's host, like `acme.example.com`, or a URL of it from the browser";
    // After the path there may be anything, even characters that are not allowed in a URL.
    let given = given.split(['?', '#']).next().unwrap_or_default();
    let given = given.trim_start_matches(is_around).trim_end_matches(is_behind);
    let url = if given.contains("://") { given.to_owned() } else { format!("https://{given}") };
    let end = url.find("://").and_then(|at| url[at + 3..].find('/').map(|slash| at + 3 + slash)).unwrap_or(url.len());
    let (origin, path) = url.split_at(end);
    let target = Target::parse(origin).map_err(|cause| refused(cause, host_hint))?;
    let target = target.secured().map_err(|cause| refused(cause, "give the https:// URL, or the host alone"))?;
    let tenant = format!("{}{}", target.origin, tenant_path(preset, path));
    config::token_url(preset, &tenant, None, AuthStyle::default()).map_err(|wrong| refused(wrong.cause, host_hint))?;
    Ok(tenant)
}

/// The part of a path that names a tenant of a shared host, or an empty text.
fn tenant_path(preset: Preset, path: &str) -> String {
    let prefix = match preset {
        Preset::Access => "/SAAS/t/",
        Preset::Acs | Preset::Vidb => "/acs/t/",
        Preset::Uem | Preset::Intelligence | Preset::Connect => return String::new(),
    };
    let name = path.strip_prefix(prefix).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let name = name.trim_end_matches(is_behind);
    if name.is_empty() { String::new() } else { format!("{prefix}{name}") }
}

/// Characters around a URL that was copied from a text.
fn is_around(c: char) -> bool {
    c.is_whitespace() || "<>\"'`".contains(c)
}

/// Characters after it.
fn is_behind(c: char) -> bool {
    is_around(c) || ".,;".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_behind_the_tenant_is_cut_off() {
        use Preset::{Access, Acs, Connect, Intelligence, Uem, Vidb};
        for (preset, given, expected) in [
            (Access, "acme.example.com", "https://acme.example.com"),
            (Access, "  Acme.Example.COM/ ", "https://acme.example.com"),
            (Access, "acme.example.com:8443", "https://acme.example.com:8443"),
            (Access, "https://acme.example.com:443", "https://acme.example.com"),
            (Access, "HTTPS://acme.example.com", "https://acme.example.com"),
            (Access, "https://acme.example.com/SAAS/apps/#!/bookmarks?x=1", "https://acme.example.com"),
            (Access, "https://acme.example.com/SAAS/admin/settings/clients#/remoteApp/", "https://acme.example.com"),
            (Access, "https://acme.example.com/ws1-admin/monitor/dashboard?tab=ü%20\\", "https://acme.example.com"),
            (Access, "https://acme.example.com/SAAS/auth/oauthtoken?grant_type=x", "https://acme.example.com"),
            (Access, "https://acme.example.com/catalog-portal/ui?state=a@b:c//d", "https://acme.example.com"),
            (Access, "acme.example.com?x=1", "https://acme.example.com"),
            (Access, "acme.example.com#!/x", "https://acme.example.com"),
            (Access, "<https://acme.example.com/SAAS/>", "https://acme.example.com"),
            (Access, "`acme.example.com`.", "https://acme.example.com"),
            (Access, "https://h.example.com/SAAS/t/X", "https://h.example.com/SAAS/t/X"),
            (Access, "h.example.com/SAAS/t/X/apps/#!/y", "https://h.example.com/SAAS/t/X"),
            (Access, "https://h.example.com/SAAS/t/", "https://h.example.com"),
            (Access, "https://h.example.com/SAAS/t/X,?y", "https://h.example.com/SAAS/t/X"),
            (Access, "https://vc.example.com/acs/t/CUSTOMER/x", "https://vc.example.com"),
            (Access, "http://127.0.0.1:8080/SAAS/apps", "http://127.0.0.1:8080"),
            (Access, "http://localhost", "http://localhost"),
            (Access, "[::1]:8443", "https://[::1]:8443"),
            (Acs, "https://acme.example.com/acs/token", "https://acme.example.com"),
            (Acs, "https://acme.example.com/acs/t/X/token", "https://acme.example.com/acs/t/X"),
            (Vidb, "https://vc.example.com/ui/app/home", "https://vc.example.com"),
            (Vidb, "https://vc.example.com/acs/t/CUSTOMER/login?x", "https://vc.example.com/acs/t/CUSTOMER"),
            (Uem, "na.uemauth.workspaceone.com/connect/token/", "https://na.uemauth.workspaceone.com"),
            (
                Intelligence,
                "https://auth.na1.data.workspaceone.com/oauth/token?grant_type=client_credentials",
                "https://auth.na1.data.workspaceone.com",
            ),
            (Connect, "connect.omnissa.com", "https://connect.omnissa.com"),
        ] {
            assert_eq!(
                read(given, preset, "`tenant`").map_err(|error| error.report()),
                Ok(expected.to_owned()),
                "{given}"
            );
        }
    }

    #[test]
    fn what_names_no_tenant_is_refused_and_not_repeated() {
        for (given, cause) in [
            ("", "its host is not a host name or an address"),
            ("https://", "its host is not a host name or an address"),
            ("/SAAS/apps", "its host is not a host name or an address"),
            ("https:///hunter2", "its host is not a host name or an address"),
            ("http://acme.example.com", "it is http:// to another machine, which would send secrets in clear text"),
            ("ana:hunter2@acme.example.com", "it holds credentials"),
            ("https://ana:hunter2@acme.example.com/SAAS/apps", "it holds credentials"),
            ("https://hunter2@acme.example.com?x", "it holds credentials"),
            ("ftp://acme.example.com/hunter2", "its scheme is neither https nor http"),
            ("acme hunter2", "it holds a space, a backslash or a character that is not ASCII"),
            ("acme.example.com:hunter2", "its port is not a number from 1 to 65535"),
            (
                "https://acme.example.com\\@hunter2.example",
                "it holds a space, a backslash or a character that is not ASCII",
            ),
            ("https://h.example.com/SAAS/t/hünter2/", "it holds a space, a backslash or a character that is not ASCII"),
        ] {
            let report = read(given, Preset::Access, "`tenant`").unwrap_err().report();
            assert!(report.contains(&format!("caused by: {cause}\n")), "{given}: {report}");
            assert!(!report.contains("hunter2") && !report.contains("hünter2"), "{given}: {report}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_is_a_tenant_that_the_file_may_hold(given in "\\PC{0,40}", near in "(https?://)?[a-z0-9.:@\\[\\]]{0,12}(/SAAS)?(/t/[a-zé]{0,3})?[/?#]?\\PC{0,6}") {
            for given in [given, near] {
                for preset in [Preset::Access, Preset::Acs, Preset::Vidb, Preset::Uem, Preset::Intelligence, Preset::Connect] {
                    if let Ok(tenant) = read(&given, preset, "x") {
                        proptest::prop_assert!(config::token_url(preset, &tenant, None, AuthStyle::default()).is_ok(), "{}", tenant);
                        proptest::prop_assert_eq!(read(&tenant, preset, "x").ok(), Some(tenant.clone()));
                        proptest::prop_assert!(!tenant.contains(['@', '?', '#']));
                    }
                }
            }
        }
    }
}
