//! The sibling services: API, API tokens, every setting from the environment.

use super::*;

/// A profile of UEM, whose API is elsewhere, and one of Connect with an API token.
const SIBLINGS: &str = r#"{ "default_profile": "uem", "profiles": {
    "uem": { "preset": "uem", "tenant": "na.uemauth.workspaceone.com", "api": "https://uem.example.com/base/",
             "client_id": "u", "client_secret": {"file": "uem.secret"} },
    "connect": { "preset": "connect", "tenant": "connect.omnissa.com", "api_token": {"file": "/s/connect.token"},
                 "org_id": "0a1b-2c" } } }"#;

#[test]
fn the_host_of_the_api_may_have_the_token() {
    let profile = World::new(SIBLINGS).profile().unwrap();
    assert_eq!(profile.api.as_ref().unwrap().to_string(), "https://uem.example.com/base");
    for (target, allowed) in [("uem.example.com", true), ("uem.example.com:8443", false), ("example.com", false)] {
        assert_eq!(profile.allows(&Origin::parse(target, true).unwrap()), allowed, "{target}");
    }
    let found = |url: &str| {
        let target = crate::origin::Target::parse(url).unwrap().origin;
        World::new(&SIBLINGS.replace("\"default_profile\": \"uem\", ", ""))
            .with(|sources| sources.profile_for(&target))
            .map(|profile| profile.name)
            .ok()
    };
    assert_eq!(found("https://uem.example.com/").as_deref(), Some("uem"), "by the host of its API");
    assert_eq!(found("https://connect.omnissa.com/").as_deref(), Some("connect"));
}

#[cfg_attr(windows, ignore = "the paths of the example are Unix'")]
#[test]
fn an_api_token_stands_for_client_and_secret() {
    let connect =
        || World::new(SIBLINGS).flags(Overrides { profile: Some("connect".to_owned()), ..Overrides::default() });
    let world = connect();
    let profile = world.profile().unwrap();
    let path = "/s/connect.token".into();
    assert_eq!(profile.client_secret, Some(SecretSource::File { path, shared: false, named_by: None }));
    assert_eq!((profile.auth_style, profile.client_id.as_str()), (AuthStyle::ApiToken, ""));
    assert_eq!(profile.token_url.path, "/csp/gateway/am/api/auth/api-tokens/authorize");
    assert!(!profile.use_refresh_token, "what comes as refresh token may be the API token");
    let other = |text: &str, by: &str| {
        let world = World::new(&SIBLINGS.replace(text, by)).flags(connect().overrides);
        world.profile().unwrap().identity()
    };
    assert_ne!(other("", ""), other("connect.token", "other.token"), "no client tells two API tokens apart");
    assert_ne!(other("", ""), other("0a1b", "0a1c"), "an organisation has its own token");
    let refused = |text: &str, by: &str| World::new(&SIBLINGS.replace(text, by)).flags(connect().overrides).report();
    matches_snapshot(
        "config-siblings",
        &[
            refused("\"connect\", \"tenant\"", "\"access\", \"tenant\""),
            refused("\"org_id\"", "\"client_id\""),
            refused("0a1b-2c", "0a1b&x=y"),
        ]
        .join("\n"),
    );
}

#[test]
fn every_setting_can_come_from_the_environment_alone() {
    let tenant = || World::new("").var("WS1_TOKEN_TENANT", "t.example.com");
    let world = tenant()
        .var("WS1_TOKEN_CLIENT_ID", "c")
        .var("WS1_TOKEN_CLIENT_SECRET", "s")
        .var("WS1_TOKEN_PRESET", "uem")
        .var("WS1_TOKEN_TOKEN_URL", "https://login.example.com/token?tenant=x\n")
        .var("WS1_TOKEN_AUTH_STYLE", "post")
        .var("WS1_TOKEN_API", "uem.example.com")
        .var("WS1_TOKEN_HOSTS", "git.example.com, 127.0.0.1:9000,");
    let profile = world.profile().unwrap();
    assert_eq!((profile.preset, profile.auth_style), (Preset::Uem, AuthStyle::Post));
    assert_eq!(profile.token_url.to_string(), "https://login.example.com/token?tenant=x");
    assert_eq!(profile.api.unwrap().to_string(), "https://uem.example.com");
    let hosts: Vec<String> = profile.hosts.iter().map(Origin::host_and_port).collect();
    assert_eq!(hosts, ["git.example.com", "127.0.0.1:9000"]);
    let connect = || tenant().var("WS1_TOKEN_PRESET", "connect");
    let profile = connect().var("WS1_TOKEN_API_TOKEN", "t\n").profile().unwrap();
    assert_eq!(profile.auth_style, AuthStyle::ApiToken);
    let secret = profile.client_secret.unwrap().read(std::time::Duration::ZERO, crate::child::Stderr::Dropped).unwrap();
    assert_eq!(secret.expose(), "t");
    let profile = connect().var("WS1_TOKEN_API_TOKEN", "t").var("WS1_TOKEN_ORG_ID", "4a1c-09\n").profile().unwrap();
    assert_eq!(profile.org_id.as_deref(), Some("4a1c-09"));
    let profile = connect().var("WS1_TOKEN_API_TOKEN_FILE", "t").profile().unwrap();
    let named_by = Some("WS1_TOKEN_API_TOKEN_FILE");
    assert_eq!(profile.client_secret, Some(SecretSource::File { path: "/cwd/t".into(), shared: false, named_by }));
    matches_snapshot(
        "config-environment",
        &[
            tenant().var("WS1_TOKEN_API_TOKEN", "t").report(),
            connect().var("WS1_TOKEN_CLIENT_ID", "c").var("WS1_TOKEN_API_TOKEN", "t").report(),
            connect().var("WS1_TOKEN_API_TOKEN", "t").var("WS1_TOKEN_ORG_ID", "a b").report(),
            World::new(TWO).var("WS1_TOKEN_ORG_ID", "4a1c-09").report(),
            tenant().var("WS1_TOKEN_CLIENT_ID", "c").var("WS1_TOKEN_PRESET", "uemm").report(),
            tenant().var("WS1_TOKEN_CLIENT_ID", "c").var("WS1_TOKEN_API", "http://a.example.com").report(),
            tenant().var("WS1_TOKEN_CLIENT_ID", "c").var("WS1_TOKEN_HOSTS", "https://a.example.com").report(),
            tenant().var("WS1_TOKEN_CLIENT_ID", "c").var("WS1_TOKEN_TOKEN_URL", "https://a.example.com/#x").report(),
        ]
        .join("\n"),
    );
}

/// I13: who may get a stored profile's token, and where its secret goes, is said by the profile alone.
#[test]
fn the_environment_moves_no_stored_secret_and_widens_no_stored_profile() {
    for (variable, value, secret, refused) in [
        ("WS1_TOKEN_TOKEN_URL", "https://evil.example.com/token", None, true),
        ("WS1_TOKEN_TOKEN_URL", "https://evil.example.com/token", Some("WS1_TOKEN_CLIENT_SECRET"), false),
        ("WS1_TOKEN_TOKEN_URL", "https://evil.example.com/token", Some("WS1_TOKEN_API_TOKEN"), true),
        ("WS1_TOKEN_TOKEN_URL", "https://acme.example.com/SAAS/auth/oauthtoken", None, false),
        ("WS1_TOKEN_PRESET", "connect", None, true),
        ("WS1_TOKEN_PRESET", "access", None, false),
    ] {
        let world = World::new(TWO).var(variable, value);
        let world = match secret {
            Some(name) => world.var(name, "s"),
            None => world,
        };
        assert_eq!(world.profile().is_err(), refused, "{variable}={value} {secret:?}");
    }
    let moved = World::new(SIBLINGS)
        .var("WS1_TOKEN_PROFILE", "connect")
        .var("WS1_TOKEN_TENANT", "evil.example.com")
        .var("WS1_TOKEN_CLIENT_SECRET", "s");
    assert!(moved.profile().is_err(), "a client secret is not the API token's own");
    let wide = World::new(TWO)
        .var("WS1_TOKEN_HOSTS", "evil.example.com")
        .var("WS1_TOKEN_API", "evil.example.com")
        .profile()
        .unwrap();
    assert!(!wide.allows(&Origin::parse("evil.example.com", true).unwrap()));
    let explicit = Overrides { profile: Some("prod".to_owned()), ..Overrides::default() };
    let chosen = World::new(TWO).var("WS1_TOKEN_PRESET", "uem").var("WS1_TOKEN_AUTH_STYLE", "post").flags(explicit);
    assert_eq!(chosen.profile().unwrap().auth_style, AuthStyle::Basic, "--profile hides them");
}
