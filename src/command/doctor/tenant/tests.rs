//! The judgements on what a tenant answers.

use super::*;
use crate::command::doctor::finding::Level;
use crate::config::sample::profile;

/// A attempt with a document.
fn attempt(base: &str, issuer: &str, token_endpoint: &str) -> DiscoveryAttempt {
    let found = Discovery {
        issuer: Some(issuer.to_owned()),
        token_endpoint: Some(token_endpoint.to_owned()),
        revocation_endpoint: None,
    };
    DiscoveryAttempt { path: format!("{base}/.well-known/openid-configuration"), found: Ok(found) }
}

/// A attempt without.
fn closed(base: &str) -> DiscoveryAttempt {
    DiscoveryAttempt { path: format!("{base}/.well-known/openid-configuration"), found: Err("HTTP 404".to_owned()) }
}

#[test]
fn clocks_are_compared_in_both_directions() {
    for (ahead, level, text) in [
        (Some(0), Level::Ok, "within 30 s of the tenant's"),
        (Some(-29), Level::Ok, "within 30 s of the tenant's"),
        (Some(30), Level::Warning, "30 s ahead of the tenant's"),
        (Some(-299), Level::Warning, "4 min 59 s behind the tenant's"),
        (Some(300), Level::Failed, "5 min ahead of the tenant's"),
        (Some(i64::MIN), Level::Failed, "106751991167300 d 15 h behind the tenant's"),
        (None, Level::Skipped, "not compared, the tenant sends no `Date`"),
    ] {
        let found = judge_clock(ahead);
        assert_eq!((found.level, found.text.as_str()), (level, text));
        assert_eq!(found.status, u8::from(level == Level::Failed));
    }
}

#[test]
fn discovery_is_no_condition() {
    let access = profile(Preset::Access, "acme.example.com");
    let url = |path: &str| format!("https://acme.example.com{path}");
    let old = || attempt("/SAAS/auth", &url("/SAAS/auth"), &url("/SAAS/auth/oauthtoken"));
    let new = || attempt("/acs", &url("/SAAS/auth"), &url("/acs/token"));
    let alias = || attempt("/acs", "https://other.example.com/acs", "https://other.example.com/acs/token");
    let odd = || attempt("/acs", "\u{1b}[2J", "nothing");
    for (attempts, level, text) in [
        (
            vec![old(), new()],
            Level::Ok,
            "found at /SAAS/auth and /acs, issuer https://acme.example.com/SAAS/auth; /acs names the token endpoint /acs/token",
        ),
        (vec![old(), closed("/acs")], Level::Ok, "found at /SAAS/auth, issuer https://acme.example.com/SAAS/auth"),
        (
            vec![closed("/SAAS/auth"), closed("/acs")],
            Level::Warning,
            "no document (/SAAS/auth: HTTP 404, /acs: HTTP 404); tokens need none",
        ),
        (
            vec![alias()],
            Level::Warning,
            "found at /acs, issuer https://other.example.com/acs; /acs names the token endpoint /acs/token",
        ),
        (vec![odd()], Level::Ok, "found at /acs"),
    ] {
        let found = judge_discovery(&access, &attempts);
        assert_eq!((found.level, found.text.as_str()), (level, text));
    }
    let fix = judge_discovery(&access, &[alias()]).fix.unwrap();
    assert_eq!(fix, "set \"tenant\": \"https://other.example.com\", the name that tokens carry");
    let uem = profile(Preset::Uem, "na.uemauth.workspaceone.com");
    assert_eq!(judge_discovery(&uem, &[closed("/connect")]).level, Level::Skipped);
}

/// A token.
fn issued(refresh: bool, life_is_assumed: bool) -> TokenResponse {
    TokenResponse {
        access_token: Secret::new("canary-access".to_owned()),
        life: 10_799,
        life_is_assumed,
        refresh_token: refresh.then(|| Secret::new("canary-refresh".to_owned())),
    }
}

#[test]
fn a_token_is_told_by_its_life_alone() {
    for (token, held_back, level, text) in [
        (issued(true, false), None, Level::Ok, "issued for 3 h, with a refresh token"),
        (issued(false, false), None, Level::Ok, "issued for 3 h, without a refresh token"),
        (
            issued(true, true),
            None,
            Level::Warning,
            "issued for 3 h, with a refresh token: the reply has no `expires_in`, so 300 s are assumed",
        ),
        (
            issued(true, false),
            Some(("HTTP 503", 42)),
            Level::Warning,
            "issued for 3 h, with a refresh token; other calls back off for 42 s more after \"HTTP 503\"",
        ),
    ] {
        let found = judge_token(&token, held_back);
        assert_eq!((found.level, found.text.as_str()), (level, text));
    }
}

#[test]
fn a_refresh_token_that_is_refused_costs_no_token() {
    let failed = |denied: bool| Err((denied, "HTTP 400 invalid_grant".to_owned()));
    let refused = "HTTP 400 invalid_grant; renewal uses client_credentials";
    for (renewed, level, text, fix) in [
        (Ok(issued(true, false)), Level::Ok, "renewed for 3 h, a new refresh token", ""),
        (Ok(issued(false, false)), Level::Ok, "renewed for 3 h, the same refresh token", ""),
        (failed(true), Level::Warning, refused, "set \"use_refresh_token\": false"),
        (failed(false), Level::Warning, refused, "retry"),
    ] {
        let found = judge_refresh(&renewed);
        assert_eq!((found.level, found.text.as_str(), found.status), (level, text, 0));
        assert!(found.fix.unwrap_or_default().starts_with(fix), "{fix}");
    }
}

#[test]
fn the_api_is_on_the_tenants_own_host_and_path() {
    let url = |preset, tenant| admin_api(&profile(preset, tenant)).map(|url| url.to_string());
    for (preset, tenant, expected) in [
        (
            Preset::Access,
            "acme.example.com",
            Some("https://acme.example.com/SAAS/jersey/manager/api/scim/Users?count=1"),
        ),
        (
            Preset::Access,
            "https://h.example.com/SAAS/t/X",
            Some("https://h.example.com/SAAS/t/X/jersey/manager/api/scim/Users?count=1"),
        ),
        (Preset::Acs, "acme.example.com", Some("https://acme.example.com/SAAS/jersey/manager/api/scim/Users?count=1")),
        (Preset::Vidb, "vc.example.com", None),
        (Preset::Uem, "na.uemauth.workspaceone.com", None),
    ] {
        assert_eq!(url(preset, tenant).as_deref(), expected, "{tenant}");
    }
    let mut elsewhere = profile(Preset::Access, "acme.example.com");
    elsewhere.token_url.origin.host = "login.example.com".to_owned();
    assert_eq!(admin_api(&elsewhere), None, "the token is the tenant's");
}

#[test]
fn the_apis_answers_are_no_failures() {
    for (status, scope, level, words) in [
        (200, None, Level::Ok, ""),
        (401, None, Level::Warning, "check that `tenant`"),
        (403, None, Level::Warning, "for administration, give the client"),
        (403, Some("user"), Level::Warning, "for administration, add `admin` to `scope`"),
        (404, None, Level::Warning, "check that `tenant`"),
        (429, None, Level::Warning, "wait"),
        (503, None, Level::Warning, "retry"),
    ] {
        let found = judge_api(status, scope);
        assert_eq!((found.level, found.status), (level, 0), "{status}");
        assert!(found.fix.unwrap_or_default().starts_with(words), "{status}");
    }
}
