//! Table tests of the configuration: layers, mistakes, who may have the token.

use super::*;
use crate::origin::Origin;
use crate::secret::Secret;
use crate::secret::source::SecretSource;

/// A run's sources over a temporary configuration file.
struct World {
    dir: tempfile::TempDir,
    vars: Vec<(&'static str, String)>,
    overrides: Overrides,
}

impl World {
    fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ws1-token");
        std::fs::create_dir(&file).unwrap();
        if !config.is_empty() {
            std::fs::File::create(file.join("config.json"))
                .and_then(|mut file| std::io::Write::write_all(&mut file, config.as_bytes()))
                .unwrap();
        }
        Self { dir, vars: Vec::new(), overrides: Overrides::default() }
    }

    fn var(mut self, name: &'static str, value: &str) -> Self {
        self.vars.push((name, value.to_owned()));
        self
    }

    fn flags(mut self, overrides: Overrides) -> Self {
        self.overrides = overrides;
        self
    }

    fn profile(&self) -> Result<Profile, Error> {
        let env = |name: &str| self.vars.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        Sources {
            overrides: &self.overrides,
            env: &env,
            config_dir: Some(self.dir.path()),
            home: Some(Path::new("/home/ana")),
            working_dir: &|| Some("/cwd".into()),
        }
        .profile(None)
    }

    fn report(&self) -> String {
        self.profile().unwrap_err().report().replace(&self.dir.path().display().to_string(), "$CONFIG")
    }
}

const TWO: &str = r#"{ "default_profile": "prod", "profiles": {
    "prod": { "tenant": "acme.example.com", "client_id": "ci-bot", "client_secret": {"file": "prod.secret"},
              "scope": "admin", "hosts": ["git.example.com", "api.example.com:8443", "127.0.0.1:9000"], "ca_file": "~/ca.pem" },
    "other": { "tenant": "other.example.com", "client_id": "o", "client_secret": {"command": ["pass", "x"]} } } }"#;

#[test]
fn a_profile_of_the_file() {
    let world = World::new(TWO);
    let profile = world.profile().unwrap();
    assert_eq!(profile.name, "prod");
    assert_eq!(profile.token_url.to_string(), "https://acme.example.com/SAAS/auth/oauthtoken");
    assert_eq!(profile.scope.as_deref(), Some("admin"));
    let path = world.dir.path().join("ws1-token/prod.secret");
    assert_eq!(profile.client_secret, Some(SecretSource::File { path, shared: false }));
    assert_eq!(profile.ca_file.as_deref(), Some(Path::new("/home/ana/ca.pem")));
    assert!(profile.use_refresh_token);
    assert_eq!(profile.git_username, "oauth2");
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let world = World::new(TWO)
        .var("WS1_TOKEN_PROFILE", "other")
        .var("WS1_TOKEN_TENANT", "env.example.com")
        .var("WS1_TOKEN_CLIENT_SECRET_FILE", "env.secret")
        .var("WS1_TOKEN_SCOPE", "user");
    let profile = world.profile().unwrap();
    assert_eq!((profile.name.as_str(), profile.tenant.host.as_str()), ("other", "env.example.com"));
    assert_eq!(profile.scope.as_deref(), Some("user"));
    assert_eq!(profile.client_secret, Some(SecretSource::File { path: "/cwd/env.secret".into(), shared: false }));
    let flags = Overrides {
        profile: Some("prod".to_owned()),
        tenant: Some("flag.example.com".to_owned()),
        client_secret_file: Some("/flag.secret".into()),
        ..Overrides::default()
    };
    let profile = world.flags(flags).profile().unwrap();
    assert_eq!((profile.name.as_str(), profile.tenant.host.as_str()), ("prod", "flag.example.com"));
    assert_eq!(profile.client_secret, Some(SecretSource::File { path: "/flag.secret".into(), shared: false }));
}

#[test]
fn the_environment_alone_is_enough() {
    let world = World::new("")
        .var("WS1_TOKEN_TENANT", "acme.example.com")
        .var("WS1_TOKEN_CLIENT_ID", "ci-bot")
        .var("WS1_TOKEN_CLIENT_SECRET", "s3cret");
    let profile = world.profile().unwrap();
    assert_eq!(profile.name, "environment");
    assert_eq!(profile.client_secret, Some(SecretSource::Given(Secret::new("s3cret".to_owned()))));
}

#[test]
fn a_single_profile_needs_no_default() {
    let world = World::new(r#"{"profiles": {"only": {"tenant": "a.example.com", "client_id": "c"}}}"#);
    assert_eq!(world.profile().unwrap().name, "only");
}

#[test]
fn mistakes_are_named_with_their_place() {
    let reports: Vec<String> = [
        "",
        "{",
        "{\n  \"profiles\": {\n    \"prod\": {\n      \"tennant\": \"x\" } } }",
        "{ \"profile\": {} }",
        "[]",
        "{ \"profiles\": { \"prod\": 5 } }",
        "{ \"profiles\": { \"prod\": { \"client_id\": 5 } } }",
        "{ \"profiles\": { \"prod\": { \"preset\": \"hunter2\" } } }",
        "{ \"profiles\": { \"prod\": { \"client_secret\": \"hunter2\" } } }",
        "{ \"profiles\": { \"prod\": { \"client_secret\": {\"fiel\": \"x\"} } } }",
        "{ \"profiles\": { \"prod\": { \"tenant\": \"a\", \"tenant\": \"b\" } } }",
        "{ \"profiles\": { \"prod\": {}, } }",
        "{ \"profiles\": {} }",
        "{ \"profiles\": { \"a\": {}, \"b\": {} } }",
        "{ \"default_profile\": \"prdo\", \"profiles\": { \"prod\": {}, \"staging\": {} } }",
        "{ \"profiles\": { \"prod\": {} } }",
        "{ \"profiles\": { \"prod\": { \"tenant\": \"a.example.com\" } } }",
        "{ \"profiles\": { \"prod\": { \"tenant\": \"http://a.example.com\" } } }",
        "{ \"profiles\": { \"prod\": { \"tenant\": \"https://u:hunter2@a.example.com\" } } }",
        "{ \"profiles\": { \"prod\": { \"tenant\": \"a.example.com\", \"client_id\": \"a:b\" } } }",
        "{ \"profiles\": { \"prod\": { \"tenant\": \"a.example.com\", \"client_id\": \"c\", \"client_secret\": {} } } }",
        "{ \"profiles\": { \"prod\": { \"tenant\": \"a.example.com\", \"client_id\": \"c\", \"client_secret\": {\"env\": \"A\", \"file\": \"b\"} } } }",
        "{ \"profiles\": { \"prod\": { \"tenant\": \"a.example.com\", \"client_id\": \"c\", \"client_secret\": {\"command\": []} } } }",
        "{ \"profiles\": { \"prod\": { \"tenant\": \"a.example.com\", \"client_id\": \"c\", \"hosts\": [\"https://b\"] } } }",
        "{ \"profiles\": { \"prod\": { \"tenant\": \"a.example.com\", \"client_id\": \"c\", \"ca_only\": true } } }",
        "{ \"profiles\": { \"prod\": { \"tenant\": \"a.example.com\", \"client_id\": \"c\", \"proxy\": \"socks5://p\" } } }",
    ]
    .into_iter()
    .map(|config| format!("{config}\n{}", World::new(config).report()))
    .collect();
    let all = reports.join("\n");
    assert_eq!(all.matches("hunter2").count(), 3, "only where the test itself quotes the file");
    insta::with_settings!({snapshot_path => "../../snapshots", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("config-mistakes", all);
    });
}

#[test]
fn the_token_goes_to_the_tenant_and_to_listed_hosts_only() {
    let profile = World::new(TWO).profile().unwrap();
    let allows =
        |authority: &str, https: bool| Origin::parse(authority, https).is_ok_and(|origin| profile.allows(&origin));
    for (authority, https, allowed) in [
        ("acme.example.com", true, true),
        ("ACME.example.com:443", true, true),
        ("acme.example.com:8443", true, false),
        ("acme.example.com", false, false),
        ("git.example.com", true, true),
        ("git.example.com", false, false),
        ("api.example.com:8443", true, true),
        ("api.example.com", true, false),
        ("evil.example.com", true, false),
        ("acme.example.com.evil.example", true, false),
        ("127.0.0.1:9000", true, true),
        ("127.0.0.1:9000", false, true),
        ("127.0.0.1:9001", false, false),
        ("127.0.0.1", false, false),
    ] {
        assert_eq!(allows(authority, https), allowed, "{authority} {https}");
    }
}

#[test]
fn the_identity_is_what_the_token_depends_on() {
    let identity = |config: &str| World::new(config).profile().unwrap().identity();
    let base = r#"{"profiles": {"p": {"tenant": "a.example.com", "client_id": "c"}}}"#;
    let first = identity(base);
    assert_eq!(first.len(), 64);
    assert_eq!(first, identity(&base.replace("\"p\"", "\"renamed\"")), "the name does not matter");
    assert_eq!(first, identity(&base.replace("\"c\"", "\"c\", \"client_secret\": {\"env\": \"X\"}")));
    for (from, to) in [
        ("a.example.com", "b.example.com"),
        ("\"c\"", "\"d\""),
        ("\"c\"", "\"c\", \"scope\": \"admin\""),
        ("\"c\"", "\"c\", \"auth_style\": \"post\""),
        ("\"c\"", "\"c\", \"preset\": \"acs\""),
    ] {
        assert_ne!(first, identity(&base.replace(from, to)), "{to}");
    }
}

#[test]
fn paths_are_relative_to_their_origin() {
    let home = Some(Path::new("/home/ana"));
    for (path, expected) in
        [("x", "/etc/x"), ("/x", "/x"), ("~", "/home/ana"), ("~/x", "/home/ana/x"), ("~x", "/etc/~x")]
    {
        assert_eq!(resolve(path, Some(Path::new("/etc")), home), Path::new(expected));
    }
}

#[test]
fn names_of_profiles_are_read_as_json_has_them() {
    let config = r#"{ "profiles": { "b\u0061d": {}, "z": {"tenant": "old"}, "a": {}, "z": {"tenant": "acme.example.com", "client_id": "c"} } }"#;
    let flags = |name: &str| Overrides { profile: Some(name.to_owned()), ..Overrides::default() };
    let last = World::new(config).flags(flags("z")).profile().unwrap();
    assert_eq!(last.tenant.to_string(), "https://acme.example.com", "the last of two counts");
    let report = World::new(config).flags(flags("bad")).report();
    assert!(
        report.starts_with("error: profile `bad` has no tenant\n"),
        "found by its name without the escape: {report}"
    );
    let raw: RawConfig = serde_json::from_str(config).unwrap();
    assert_eq!(raw.profiles.names(), ["a", "bad", "z"], "sorted, each once");
    assert!(World::new(r#"{"profiles": []}"#).profile().is_err());
}
