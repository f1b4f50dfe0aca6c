//! Table tests of the configuration: layers, mistakes, who may have the token.

use super::*;
use crate::origin::Origin;
use crate::secret::Secret;
use crate::secret::source::SecretSource;

mod services;

/// A run's sources over a temporary configuration file.
struct World {
    dir: tempfile::TempDir,
    vars: Vec<(&'static str, OsString)>,
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
        self.vars.push((name, value.into()));
        self
    }

    fn flags(mut self, overrides: Overrides) -> Self {
        self.overrides = overrides;
        self
    }

    fn profile(&self) -> Result<Profile, Error> {
        self.with(|sources| sources.profile(None))
    }

    fn with<T>(&self, work: impl FnOnce(&Sources<'_>) -> T) -> T {
        let env = |name: &str| self.vars.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        work(&Sources {
            overrides: &self.overrides,
            env: &env,
            config_dir: Some(self.dir.path()),
            home: Some(Path::new("/home/ana")),
            working_dir: &|| Some("/cwd".into()),
        })
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
    assert_eq!(profile.client_secret, Some(SecretSource::File { path, shared: false, named_by: None }));
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
    assert_eq!(
        profile.client_secret,
        Some(SecretSource::File {
            path: "/cwd/env.secret".into(),
            shared: false,
            named_by: Some("WS1_TOKEN_CLIENT_SECRET_FILE")
        })
    );
    let flags = Overrides {
        profile: Some("prod".to_owned()),
        tenant: Some("flag.example.com".to_owned()),
        client_secret_file: Some("/flag.secret".into()),
        ..Overrides::default()
    };
    let profile = world.flags(flags).profile().unwrap();
    assert_eq!((profile.name.as_str(), profile.tenant.host.as_str()), ("prod", "flag.example.com"));
    assert_eq!(
        profile.client_secret,
        Some(SecretSource::File { path: "/flag.secret".into(), shared: false, named_by: Some("--client-secret-file") })
    );
}

#[test]
fn a_stored_secret_stays_with_its_tenant_and_client() {
    /// Who sets a value.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum By {
        Nobody,
        Variable,
        Flag,
    }
    const ALL: [By; 3] = [By::Nobody, By::Variable, By::Flag];
    for case in 0..54 {
        let (tenant, client, secret) = (ALL[case % 3], ALL[case / 3 % 3], ALL[case / 9 % 3]);
        let is_explicit = case >= 27;
        let flag = |by: By, value: &str| (by == By::Flag).then(|| value.to_owned());
        let mut world = World::new(TWO).flags(Overrides {
            profile: is_explicit.then(|| "prod".to_owned()),
            tenant: flag(tenant, "evil.example.com"),
            client_id: flag(client, "evil"),
            client_secret_file: flag(secret, "/evil.secret").map(PathBuf::from),
            ..Overrides::default()
        });
        for (by, name, value) in [
            (tenant, "WS1_TOKEN_TENANT", "evil.example.com"),
            (client, "WS1_TOKEN_CLIENT_ID", "evil"),
            (secret, "WS1_TOKEN_CLIENT_SECRET_FILE", "/evil.secret"),
        ] {
            if by == By::Variable {
                world = world.var(name, value);
            }
        }
        let counts = |by: By| by == By::Flag || (by == By::Variable && !is_explicit);
        let is_strange = counts(tenant) || counts(client);
        match world.profile() {
            Ok(profile) => {
                assert!(counts(secret) || !is_strange, "{case}");
                assert_eq!(profile.tenant.host == "evil.example.com", counts(tenant), "{case}");
                assert_eq!(profile.client_id == "evil", counts(client), "{case}");
                let path =
                    if counts(secret) { "/evil.secret".into() } else { world.dir.path().join("ws1-token/prod.secret") };
                let named_by = match secret {
                    _ if !counts(secret) => None,
                    By::Flag => Some("--client-secret-file"),
                    _ => Some("WS1_TOKEN_CLIENT_SECRET_FILE"),
                };
                assert_eq!(profile.client_secret, Some(SecretSource::File { path, shared: false, named_by }), "{case}");
            }
            Err(error) => {
                assert!(is_strange && !counts(secret), "{case}");
                let report = error.report();
                let setting = match (counts(tenant), tenant, client) {
                    (true, By::Flag, _) => "--tenant",
                    (true, ..) => "WS1_TOKEN_TENANT",
                    (false, _, By::Flag) => "--client-id",
                    (false, ..) => "WS1_TOKEN_CLIENT_ID",
                };
                assert!(
                    report.starts_with(&format!("error: {setting} is not the ")) && report.contains("`prod`"),
                    "{report}"
                );
                assert_eq!(error.exit_code(), 2);
            }
        }
    }
}

#[test]
fn a_tenant_spelled_differently_is_no_other_tenant() {
    let path =
        r#"{"profiles": {"p": {"tenant": "a.example.com/SAAS/t/X", "client_id": "c", "client_secret": {"env": "S"}}}}"#;
    for (config, tenant, is_home) in [
        (TWO, "https://ACME.example.com:443/", true),
        (TWO, "acme.example.com/SAAS", true),
        (TWO, "acme.example.com:8443", false),
        (TWO, "acme.example.com.evil.example", false),
        (path, "a.example.com/SAAS/t/X", true),
        (path, "a.example.com/SAAS/t/Y", false),
        (path, "a.example.com", false),
    ] {
        assert_eq!(World::new(config).var("WS1_TOKEN_TENANT", tenant).profile().is_ok(), is_home, "{tenant}");
    }
    let elsewhere =
        r#"{"profiles": {"p": {"tenant": "a.example.com", "client_id": "c", "token_url": "https://t.example.com/"}}}"#;
    let report = World::new(elsewhere).var("WS1_TOKEN_TENANT", "b.example.com").report();
    assert!(report.contains("WS1_TOKEN_TENANT is not the tenant"), "the token would go there: {report}");
    let other = World::new(elsewhere).var("WS1_TOKEN_TENANT", "b.example.com").var("WS1_TOKEN_CLIENT_SECRET", "s");
    assert_eq!(other.profile().unwrap().token_url.origin.host, "b.example.com", "not a token of the stored tenant's");
}

#[test]
fn what_a_profile_leaves_open_may_be_added_but_no_tenant_to_a_secret() {
    let with = |keys: &str| {
        World::new(&format!(r#"{{"profiles": {{"p": {{{keys}}}}}}}"#))
            .var("WS1_TOKEN_TENANT", "a.example.com")
            .var("WS1_TOKEN_CLIENT_ID", "c")
            .var("WS1_TOKEN_PROFILE", "p")
    };
    assert!(with("").profile().is_ok());
    assert!(with(r#""tenant": "a.example.com", "client_secret": {"env": "S"}"#).profile().is_ok());
    insta::assert_snapshot!(with(r#""client_secret": {"env": "S"}"#).report(), @r#"
    error: WS1_TOKEN_TENANT is not the tenant of profile `p`
      caused by: a secret that is stored for one tenant never goes to another
    hint: set `tenant` in the profile
    "#);
    assert!(with(r#""client_secret": {"env": "S"}"#).var("WS1_TOKEN_CLIENT_SECRET", "s").profile().is_ok());
}

#[test]
fn the_variable_of_the_profiles_secret_is_known_whatever_source_is_used() {
    let config = r#"{"profiles": {"p": {"tenant": "a.example.com", "client_id": "c", "client_secret": {"env": "WS1_TOKEN_CLIENT_SECRET"}}}}"#;
    let flags = Overrides { profile: Some("p".to_owned()), ..Overrides::default() };
    let named = World::new(config).var("WS1_TOKEN_CLIENT_SECRET", "s").flags(flags).profile().unwrap();
    let secret = Ok(Secret::new("s".to_owned()));
    let source = SecretSource::Env { name: "WS1_TOKEN_CLIENT_SECRET".to_owned(), value: secret };
    assert_eq!(named.client_secret, Some(source), "the profile names the variable: it is used");
    let replaced = World::new(&config.replace("WS1_TOKEN_CLIENT_SECRET", "MINE")).var("WS1_TOKEN_CLIENT_SECRET", "s");
    replaced.with(|sources| assert_eq!(sources.secret_variables(), ["MINE"]));
}

#[test]
fn one_newline_at_the_end_of_a_variable_is_dropped() {
    for (end, is_usable) in [("", true), ("\n", true), ("\r\n", true), ("\n\n", false), ("\r", false)] {
        let world = World::new("")
            .var("WS1_TOKEN_TENANT", &format!("a.example.com{end}"))
            .var("WS1_TOKEN_CLIENT_ID", &format!("c{end}"))
            .var("WS1_TOKEN_SCOPE", &format!("admin{end}"))
            .var("WS1_TOKEN_CLIENT_SECRET", &format!("s{end}"))
            .var("WS1_TOKEN_CA_FILE", &format!("/ca{end}"));
        match world.profile() {
            Ok(profile) => {
                assert!(is_usable, "{end:?}");
                assert_eq!((profile.client_id.as_str(), profile.scope.as_deref()), ("c", Some("admin")));
                assert_eq!(profile.ca_file.as_deref(), Some(Path::new("/ca")));
                let secret = profile
                    .client_secret
                    .unwrap()
                    .read(std::time::Duration::ZERO, crate::child::Stderr::Dropped)
                    .unwrap();
                assert_eq!(secret, Secret::new("s".to_owned()));
            }
            Err(_) => assert!(!is_usable, "{end:?}"),
        }
    }
    let blank = World::new(TWO).var("WS1_TOKEN_PROFILE", "\n").var("WS1_TOKEN_CLIENT_SECRET_FILE", "\n");
    assert_eq!(blank.profile().unwrap().name, "prod", "a newline alone is nothing");
}

#[test]
fn names_that_look_like_ours_are_found() {
    for (name, found) in [
        ("WS1_TOKEN_TENAT", Some("WS1_TOKEN_TENANT")),
        ("WS1_TOKEN_CLIENTID", Some("WS1_TOKEN_CLIENT_ID")),
        ("WS1_TOKEN_CACHEDIR", Some("WS1_TOKEN_CACHE_DIR")),
        ("WS1_TOKEN_", None),
        ("WS1_TOKEN_XYZ", None),
    ] {
        assert!(is_unknown(name), "{name}");
        assert_eq!(nearest_variable(name).as_deref(), found, "{name}");
    }
    assert!(!["WS1_TOKEN_VERBOSE", "WS1_ACCESS_TOKEN", "HOME"].into_iter().any(is_unknown));
}

#[test]
fn the_environment_alone_is_enough() {
    let world = World::new("")
        .var("WS1_TOKEN_TENANT", "acme.example.com")
        .var("WS1_TOKEN_CLIENT_ID", "ci-bot")
        .var("WS1_TOKEN_CLIENT_SECRET", "s3cret");
    let profile = world.profile().unwrap();
    assert_eq!(profile.name, "environment");
    assert_eq!(profile.client_secret, Some(SecretSource::given(Secret::new("s3cret".to_owned()))));
}

#[test]
fn a_single_profile_needs_no_default() {
    let world = World::new(r#"{"profiles": {"only": {"tenant": "a.example.com", "client_id": "c"}}}"#);
    assert_eq!(world.profile().unwrap().name, "only");
}

#[cfg_attr(windows, ignore = "the paths of the example are Unix'")]
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
        "{ \"profiles\": { \"prod\": { \"tenant\": \"a.example.com\", \"client_id\": \"c\", \"proxy\": \"socks4://p\" } } }",
    ]
    .into_iter()
    .map(|config| format!("{config}\n{}", World::new(config).report()))
    .collect();
    let all = reports.join("\n");
    assert_eq!(all.matches("hunter2").count(), 3, "only where the test itself quotes the file");
    matches_snapshot("config-mistakes", &all);
}

fn matches_snapshot(name: &str, text: &str) {
    insta::with_settings!({snapshot_path => "../../snapshots", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(name, text);
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
    let twice = World::new(config).flags(flags("z")).report();
    assert!(twice.contains("line 1, column 71\n  caused by: the key `profiles.z` stands twice\n"), "{twice}");
    let report = World::new(config).flags(flags("bad")).report();
    assert!(
        report.starts_with("error: profile `bad` has no tenant\n"),
        "found by its name without the escape: {report}"
    );
    let raw: RawConfig = serde_json::from_str(config).unwrap();
    assert_eq!(raw.profiles.names(), ["a", "bad", "z"], "sorted, each once");
    assert!(World::new(r#"{"profiles": []}"#).profile().is_err());
}

/// Three profiles, two of them with the same host, and one that nobody can use.
const BY_HOST: &str = r#"{ "profiles": {
    "a": { "tenant": "a.example.com", "client_id": "a", "hosts": ["git.example.com", "both.example.com"] },
    "b": { "tenant": "B.example.com:8443", "client_id": "b", "hosts": ["both.example.com", "127.0.0.1:9000"] },
    "broken": { "tenant": "c.example.com", "client_idd": "c", "ca_file": "C:\\ca.pem" },
    "half": { "tenant": "\u0064.Example.com" } } }"#;

#[cfg_attr(windows, ignore = "the paths of the example are Unix'")]
#[test]
fn a_target_finds_its_profile() {
    let with_default = |name: &str| BY_HOST.replacen('{', &format!("{{ \"default_profile\": \"{name}\","), 1);
    let find = |world: &World, url: &str| {
        let target = crate::origin::Target::parse(url).unwrap().origin;
        match world.with(|sources| sources.profile_for(&target)) {
            Ok(profile) => profile.name,
            Err(TargetError::Foreign(_)) => "-".to_owned(),
            Err(TargetError::Unknown(_)) => "?".to_owned(),
            Err(TargetError::Unusable(error)) => format!("! {error}"),
        }
    };
    let (none, a, b, unknown) = (BY_HOST.to_owned(), with_default("a"), with_default("b"), with_default("z"));
    for (url, expected) in [
        // Without a default; with `a`, `b` or an unknown profile as the default.
        ("https://a.example.com", ["a"; 4]),
        ("https://b.example.com:8443", ["b"; 4]),
        ("https://git.example.com", ["a"; 4]),
        ("http://127.0.0.1:9000", ["b"; 4]),
        ("https://b.example.com", ["-", "-", "-", "?"]),
        ("https://github.com", ["-", "-", "-", "?"]),
        ("http://git.example.com", ["-", "-", "-", "?"]),
        ("https://c.example.com", ["! `CONFIG` is not valid: line 4, column 55"; 4]),
        ("https://d.example.com", ["! profile `half` has no client ID"; 4]),
        ("https://both.example.com", {
            let several = "! more than one profile may send its token to `both.example.com`";
            [several, "a", "b", several]
        }),
    ] {
        for (config, expected) in [&none, &a, &b, &unknown].into_iter().zip(expected) {
            let world = World::new(config);
            let file = world.dir.path().join("ws1-token/config.json").display().to_string();
            assert_eq!(find(&world, url).replace(&file, "CONFIG"), expected, "{url} {config}");
        }
    }
    for (world, url, expected) in [
        (World::new(&none).var("WS1_TOKEN_PROFILE", "a"), "https://b.example.com:8443", "-"),
        (
            World::new(&none).flags(Overrides { profile: Some("a".to_owned()), ..Overrides::default() }),
            "https://git.example.com",
            "a",
        ),
        // One profile needs no search, and its mistakes are told whatever the target.
        (World::new(r#"{"profiles":{"a":{"tenant":"a.example.com"}}}"#), "https://github.com", "?"),
        (World::new(r#"{"profiles":{}}"#), "https://github.com", "?"),
        (World::new(""), "https://github.com", "?"),
        (World::new("{"), "https://github.com", "?"),
    ] {
        assert_eq!(find(&world, url), expected, "{url}");
    }
}

#[test]
fn a_tenant_beside_the_file_is_the_only_one_of_a_run() {
    let find = |world: &World, host: &str| {
        let target = Origin { https: true, host: host.to_owned(), port: 443 };
        world.with(|sources| sources.profile_for(&target)).map(|profile| profile.name).map_err(TargetError::into_error)
    };
    let own = |config: &str| {
        World::new(config)
            .var("WS1_TOKEN_TENANT", "env.example.com")
            .var("WS1_TOKEN_CLIENT_ID", "e")
            .var("WS1_TOKEN_CLIENT_SECRET", "s")
    };
    for config in ["", BY_HOST] {
        assert_eq!(find(&own(config), "env.example.com").unwrap(), "environment");
        assert!(
            find(&own(config), "git.example.com").is_err(),
            "no host of a profile gets the token of another tenant"
        );
    }
    // A stored secret stays with its tenant and client (I13).
    let stranger = World::new(BY_HOST).var("WS1_TOKEN_CLIENT_ID", "stranger");
    let error = find(&stranger, "git.example.com").unwrap_err();
    assert_eq!(error.to_string(), "WS1_TOKEN_CLIENT_ID is not the client of profile `a`");
    let stranger = World::new(TWO).var("WS1_TOKEN_TENANT", "evil.example.com");
    assert!(find(&stranger, "evil.example.com").is_err() && find(&stranger, "git.example.com").is_err());
}
