//! The services of Workspace ONE: each from `login`, a file and the environment to an answer of its API.

use serde_json::{Value, json};
use ws1_emulator::{Emulator, Service};

use crate::sandbox::{Output, PROFILE, SECRET, Sandbox, assert_snapshot, names_in, set_mode};
use crate::skip::has;

/// The API token of these tests; Connect says its last five characters when it denies it.
const API_TOKEN: &str = "ApiToken0Canary-7Zq4Xw9Kd8Vb";
/// What Connect says of it.
const SAID: &str = "Kd8Vb";
/// The organisation of Connect.
const ORGANISATION: &str = "0a1b2c3d-0000-4000-8000-00000000000e";
/// `ci-bot:emulator-secret` in Base64.
const BASIC: &str = "Basic Y2ktYm90OmVtdWxhdG9yLXNlY3JldA==";

/// A service and a way to ask it for tokens.
#[derive(Clone, Copy)]
struct Case {
    service: Service,
    /// Its preset.
    preset: &'static str,
    /// Whether an API token stands for client ID and secret.
    has_api_token: bool,
    /// Path and query of the token request.
    asked: &'static str,
    /// Its form.
    form: &'static [(&'static str, &'static str)],
    /// A route of the API, behind options of curl.
    route: &'static [&'static str],
    /// A part of the API's answer.
    answer: &'static str,
    /// Whether `login` tries the API too.
    is_tried: bool,
}

/// Client credentials in the form.
const CLIENT: &[(&str, &str)] = &[("grant_type", "client_credentials")];

const ACCESS: Case = Case {
    service: Service::Access,
    preset: "access",
    has_api_token: false,
    asked: "/SAAS/auth/oauthtoken",
    form: CLIENT,
    route: &["/SAAS/jersey/manager/api/scim/Users"],
    answer: "\"totalResults\":2",
    is_tried: false,
};

const UEM: Case = Case {
    service: Service::Uem,
    preset: "uem",
    asked: "/connect/token",
    route: &["-H", "Accept: application/json;version=2", "/API/mdm/devices/search?pagesize=1"],
    answer: "EMU00001",
    is_tried: true,
    ..ACCESS
};

const INTELLIGENCE: Case = Case {
    service: Service::Intelligence,
    preset: "intelligence",
    asked: "/oauth/token?grant_type=client_credentials",
    form: &[],
    route: &["-X", "POST", "/v2/reports/r1/run"],
    answer: "\"report_id\":\"r1\"",
    ..ACCESS
};

const CONNECT: Case = Case {
    service: Service::Connect,
    preset: "connect",
    asked: "/csp/gateway/am/api/auth/authorize",
    route: &["/csp/gateway/am/api/loggedin/user/orgs"],
    answer: ORGANISATION,
    is_tried: true,
    ..ACCESS
};

const CONNECT_API_TOKEN: Case = Case {
    has_api_token: true,
    asked: "/csp/gateway/am/api/auth/api-tokens/authorize",
    form: &[("api_token", API_TOKEN)],
    ..CONNECT
};

const VIDB: Case = Case {
    service: Service::Vidb,
    preset: "vidb",
    asked: "/acs/t/CUSTOMER/token",
    route: &["/usergroup/t/CUSTOMER/scim/v2/Users"],
    answer: "grace",
    ..ACCESS
};

const VIDB_API_TOKEN: Case = Case {
    has_api_token: true,
    form: &[("grant_type", "urn:custom:vcf:params:oauth:grant-type:api-token"), ("api_token", API_TOKEN)],
    ..VIDB
};

/// The cases with an API token.
const WITH_API_TOKEN: [Case; 2] = [CONNECT_API_TOKEN, VIDB_API_TOKEN];

impl Case {
    /// The service.
    fn start(&self) -> Emulator {
        let builder = Emulator::builder().service(self.service).organisation(ORGANISATION);
        builder.api_token(API_TOKEN).start().unwrap()
    }

    /// A home without a profile.
    fn home(emulator: &Emulator) -> Sandbox {
        let mut sandbox = Sandbox::new();
        sandbox.name(&emulator.host(), "$TENANT");
        sandbox
    }

    /// A home with the profile of [`Self::profile`] and its secret.
    fn home_with_file(&self, emulator: &Emulator) -> Sandbox {
        let sandbox = Self::home(emulator);
        sandbox.write_secret(self.secret());
        let profile = self.profile(emulator, &sandbox);
        sandbox.write_config(&json!({ "default_profile": PROFILE, "profiles": { PROFILE: profile } }));
        sandbox
    }

    /// The client secret or the API token.
    fn secret(&self) -> &'static str {
        if self.has_api_token { API_TOKEN } else { SECRET }
    }

    /// Whether the API is on a host of its own.
    fn has_api_host(&self) -> bool {
        self.service.has_api_host()
    }

    /// The profile, as somebody writes it.
    fn profile(&self, emulator: &Emulator, sandbox: &Sandbox) -> Value {
        let mut profile = json!({ "preset": self.preset, "tenant": emulator.url() });
        let secret = json!({ "file": sandbox.secret_file() });
        if self.has_api_token {
            profile["api_token"] = secret;
        } else {
            profile["client_id"] = "ci-bot".into();
            profile["client_secret"] = secret;
        }
        if self.has_api_host() {
            profile["api"] = emulator.api_url().into();
        }
        profile
    }

    /// Makes the environment the profile.
    fn set_profile(&self, emulator: &Emulator, sandbox: &mut Sandbox) {
        sandbox.set("WS1_TOKEN_PRESET", self.preset).set("WS1_TOKEN_TENANT", emulator.url());
        if self.has_api_token {
            sandbox.set("WS1_TOKEN_API_TOKEN", API_TOKEN);
        } else {
            sandbox.set("WS1_TOKEN_CLIENT_ID", "ci-bot").set("WS1_TOKEN_CLIENT_SECRET", SECRET);
        }
        if self.has_api_host() {
            sandbox.set("WS1_TOKEN_API", emulator.api_url());
        }
    }

    /// Logs in.
    fn log_in(&self, emulator: &Emulator, sandbox: &Sandbox) -> Output {
        let (url, api) = (emulator.url(), emulator.api_url());
        let mut args = vec!["login", PROFILE, "--preset", self.preset, "--tenant", &url];
        if self.has_api_token {
            args.push("--api-token-stdin");
        } else {
            args.extend(["--client-id", "ci-bot", "--secret-stdin"]);
        }
        if self.has_api_host() {
            args.extend(["--api", &api]);
        }
        sandbox.run_with_stdin(&args, self.secret().as_bytes())
    }

    /// The whole URL of the route.
    fn url(&self, emulator: &Emulator) -> String {
        let base = if self.has_api_host() { emulator.api_url() } else { emulator.url() };
        format!("{base}{}", self.route.last().unwrap())
    }

    /// Asks the API in every way, with one token for all of them.
    fn use_api(&self, emulator: &Emulator, sandbox: &Sandbox, place: &str) {
        let (options, url) = (&self.route[..self.route.len() - 1], self.url(emulator));
        let check = |output: &Output, way: &str| {
            assert!(output.stdout.contains(self.answer), "{} {place} {way}: {output}", self.preset);
            assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{} {place} {way}", self.preset);
        };
        let script = |authorization: &str| {
            let quoted: String = options.iter().map(|word| format!("'{word}' ")).collect();
            format!("curl -sS --fail {quoted} -H \"Authorization: Bearer {authorization}\" '{url}'")
        };
        check(&sandbox.run(&["exec", "sh", "-c", &script("$WS1_ACCESS_TOKEN")]), "exec");
        assert_eq!(sandbox.run(&["get", "--output", "ws1.token"]).to_string(), "");
        let mut shell = sandbox.program("sh");
        shell.args(["-c", &script("$(cat ws1.token)")]);
        check(&sandbox.finish(shell), "get --output");
        check(&sandbox.run(&[&["curl", "-sS", "--fail"], self.route].concat()), "curl /path");
        check(&sandbox.run(&[&["curl", "-sS", "--fail"], options, &[&url]].concat()), "curl URL");
        let counters = emulator.counters();
        let expected = (1, 4 + u64::from(self.is_tried && place == "login"));
        assert_eq!((counters.token_requests, counters.api), expected, "{} {place}", self.preset);
    }

    /// Fails unless every token request had the credentials where they belong, and nothing keeps the API token.
    fn check_requests(&self, emulator: &Emulator, sandbox: &Sandbox) {
        let requests = emulator.requests();
        let asked: Vec<_> = requests.iter().filter(|request| request.target == self.asked).collect();
        assert_eq!(asked.len() as u64, emulator.counters().token_requests, "{}: {requests:?}", self.preset);
        let form: Vec<_> = self.form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        for request in asked {
            assert_eq!((request.method.as_str(), request.form()), ("POST", form.clone()), "{}", self.preset);
            assert_eq!(request.header("authorization"), (!self.has_api_token).then_some(BASIC), "{}", self.preset);
            assert_eq!(request.header("accept"), Some("application/json"));
        }
        for request in &requests {
            let headers = format!("{} {:?}", request.target, request.headers);
            assert!(!headers.contains(API_TOKEN) && !headers.contains(SECRET), "{headers}");
        }
        let refresh_token = &sandbox.entry()["refresh_token"];
        assert_eq!(refresh_token.is_null(), self.service != Service::Access, "{}: {refresh_token}", self.preset);
        for name in sandbox.cached() {
            let content = std::fs::read(sandbox.cache_dir().join(&name)).unwrap();
            assert!(!String::from_utf8_lossy(&content).contains(API_TOKEN), "{}: {name}", self.preset);
        }
    }

    /// From each kind of profile to the API; when the token is due, a new one comes in the same way.
    fn check(&self) {
        if !has("curl") {
            return;
        }
        for place in ["file", "login", "environment"] {
            let emulator = self.start();
            let mut sandbox = if place == "file" { self.home_with_file(&emulator) } else { Self::home(&emulator) };
            match place {
                "login" => assert_eq!(self.log_in(&emulator, &sandbox).status, 0, "{}", self.preset),
                "environment" => self.set_profile(&emulator, &mut sandbox),
                _ => {}
            }
            self.use_api(&emulator, &sandbox, place);
            if self.service != Service::Access {
                sandbox.age_until(1);
                sandbox.run(&["get"]).token();
                assert_eq!((emulator.counters().token_requests, emulator.counters().refresh), (2, 0));
            }
            self.check_requests(&emulator, &sandbox);
        }
    }
}

#[test]
fn access_from_login_to_its_api() {
    ACCESS.check();
}

#[test]
fn uem_from_login_to_its_api() {
    UEM.check();
}

#[test]
fn intelligence_from_login_to_its_api() {
    INTELLIGENCE.check();
}

#[test]
fn connect_with_a_client_from_login_to_its_api() {
    CONNECT.check();
}

#[test]
fn connect_with_an_api_token_from_login_to_its_api() {
    CONNECT_API_TOKEN.check();
}

#[test]
fn vidb_with_a_client_from_login_to_its_api() {
    VIDB.check();
}

#[test]
fn vidb_with_an_api_token_from_login_to_its_api() {
    VIDB_API_TOKEN.check();
}

#[test]
fn the_organisation_is_asked_for_and_has_a_token_of_its_own() {
    let emulator = CONNECT.start();
    let sandbox = CONNECT.home_with_file(&emulator);
    sandbox.add_profile("org", |profile| profile["org_id"] = ORGANISATION.into());
    sandbox.add_profile("other", |profile| profile["org_id"] = "0a-1b".into());
    sandbox.run(&["get"]).token();
    sandbox.run(&["get", "--profile", "org"]).token();
    let form = emulator.requests()[1].form();
    assert_eq!(form[1], ("orgId".to_owned(), ORGANISATION.to_owned()), "{form:?}");
    let refused = sandbox.run(&["get", "--profile", "other"]);
    assert_eq!((refused.status, refused.stdout.as_str()), (4, ""), "{refused}");
    assert_eq!(emulator.counters().token_requests, 3, "no two of them share a token");
    assert_snapshot!("services-organisation", refused);
    let mut variables = Sandbox::new();
    CONNECT.set_profile(&emulator, &mut variables);
    variables.set("WS1_TOKEN_ORG_ID", ORGANISATION).run(&["get"]).token();
    assert!(emulator.requests()[3].form().contains(&("orgId".to_owned(), ORGANISATION.to_owned())));
}

#[test]
fn a_download_of_intelligence_leaves_the_token_behind() {
    if !has("curl") {
        return;
    }
    let emulator = INTELLIGENCE.start();
    let sandbox = INTELLIGENCE.home_with_file(&emulator);
    let run = ["curl", "-sS", "--fail", "-X", "POST", "/v2/reports/r1/run"];
    assert_eq!(sandbox.run(&run).status, 0);
    let search =
        ["curl", "-sS", "--fail", "--json", r#"{"offset":0,"page_size":1}"#, "/v2/reports/r1/downloads/search"];
    let found: Value = serde_json::from_str(&sandbox.run(&search).stdout).unwrap();
    let path = format!("/v2/reports/tracking/{}/download", found["data"]["results"][0]["id"].as_str().unwrap());
    let report = sandbox.run(&["curl", "-sS", "--fail", "--location", &path]);
    assert_eq!((report.status, report.stdout.lines().count()), (0, 3), "{report}");
    let requests = emulator.requests();
    let stored = requests.last().unwrap();
    assert!(stored.header("host").unwrap().starts_with("localhost:"), "{stored:?}");
    assert_eq!(stored.header("authorization"), None);
}

/// Fails if a text has the API token, a part that the service says of it, or a longer part.
fn assert_clean(text: &str, place: &str) {
    assert!(!text.contains(SAID) && !text.contains(&API_TOKEN[..5]), "{place}: {text}");
}

#[test]
fn a_denied_api_token_is_explained_and_no_part_of_it_is_repeated() {
    let mut page = String::new();
    for case in WITH_API_TOKEN {
        let emulator = case.start();
        emulator.remove_api_token(API_TOKEN);
        let mut sandbox = case.home_with_file(&emulator);
        for (args, status) in [
            (&["get"][..], 4),
            (&["get"], 4),
            (&["get", "--force-refresh", "--verbose"], 4),
            (&["exec", "--", "true"], 4),
            (&["curl", "/"], 4),
            (&["doctor"], 4),
            (&["doctor", "--json"], 4),
            (&["status"], 0),
            (&["status", "--json"], 0),
        ] {
            let output = sandbox.run(args);
            assert_clean(&format!("{}{}", output.stdout, output.stderr), &format!("{} {args:?}", case.preset));
            assert_eq!(output.status, status, "{} {args:?}: {output}", case.preset);
            if args.len() == 1 && args[0] == "get" {
                assert_eq!(output.stdout, "");
                page.push_str(&format!("# {}: get\n{output}\n", case.preset));
            }
        }
        for name in sandbox.cached() {
            let content = std::fs::read(sandbox.cache_dir().join(&name)).unwrap();
            assert_clean(&String::from_utf8_lossy(&content), &name);
        }
        let empty = Case::home(&emulator);
        let login = case.log_in(&emulator, &empty);
        assert_clean(&login.stderr, "login");
        assert_eq!((login.status, login.stdout.as_str()), (4, ""), "{login}");
        assert!(!empty.config_file().exists());
        page.push_str(&format!("# {}: login\n{login}\n", case.preset));

        case.set_profile(&emulator, &mut sandbox);
        std::fs::remove_file(sandbox.config_file()).unwrap();
        let output = sandbox.run(&["get"]);
        assert_clean(&output.stderr, "environment");
        assert_eq!((output.status, output.stdout.as_str()), (4, ""), "{output}");
        page.push_str(&format!("# {}: get from the environment\n{output}\n", case.preset));
    }
    assert_snapshot!("services-denied", page, (r"no new attempt for \d+ s", "no new attempt for $$N s"));
}

#[test]
fn an_api_token_that_is_not_there_is_called_by_its_name() {
    let mut page = String::new();
    for (name, write_it) in [
        ("missing", (|sandbox: &Sandbox| std::fs::remove_file(sandbox.secret_file()).unwrap()) as fn(&Sandbox)),
        ("empty", |sandbox| sandbox.write_secret("")),
        ("two lines", |sandbox| sandbox.write_secret("a\nb\n")),
        ("a placeholder", |sandbox| sandbox.write_secret("<token>")),
        ("no source", |sandbox| sandbox.edit_profile(|profile| profile["api_token"] = json!({}))),
        ("beside a client", |sandbox| sandbox.edit_profile(|profile| profile["client_id"] = "ci-bot".into())),
        ("of another service", |sandbox| sandbox.edit_profile(|profile| profile["preset"] = "uem".into())),
        ("a variable that is not set", |sandbox| {
            sandbox.edit_profile(|profile| profile["api_token"] = json!({ "env": "NO_SUCH" }));
        }),
    ] {
        let emulator = CONNECT_API_TOKEN.start();
        let sandbox = CONNECT_API_TOKEN.home_with_file(&emulator);
        write_it(&sandbox);
        let output = sandbox.run(&["get"]);
        assert!(!output.stderr.contains("client secret ") && output.stdout.is_empty(), "{name}: {output}");
        page.push_str(&format!("# {name}\n{output}\n"));
    }
    assert_snapshot!("services-api-token", page);
}

#[test]
fn a_token_url_may_have_a_query() {
    for (case, query, expected) in [
        (UEM, "?tenant=a%20b&x=", "/connect/token?tenant=a%20b&x="),
        // What the query lacks is in the form.
        (INTELLIGENCE, "?tenant=x", "/oauth/token?tenant=x"),
        (VIDB_API_TOKEN, "?tenant=x", "/acs/t/CUSTOMER/token?tenant=x"),
    ] {
        for in_file in [true, false] {
            let emulator = case.start();
            let url = format!("{}{query}", emulator.token_url());
            let mut sandbox = Case::home(&emulator);
            if in_file {
                sandbox = case.home_with_file(&emulator);
                sandbox.edit_profile(|profile| profile["token_url"] = url.into());
            } else {
                case.set_profile(&emulator, &mut sandbox);
                sandbox.set("WS1_TOKEN_TOKEN_URL", url);
            }
            sandbox.run(&["get"]).token();
            let request = &emulator.requests()[0];
            assert_eq!(request.target, expected, "{}", case.preset);
            assert!(request.form().iter().any(|(name, _)| name == "grant_type"), "{request:?}");
        }
    }
}

#[test]
fn variables_never_widen_who_gets_the_token_of_a_stored_profile() {
    if !has("curl") {
        return;
    }
    let stranger = Emulator::start();
    for case in [UEM, CONNECT_API_TOKEN] {
        let emulator = case.start();
        let mut sandbox = case.home_with_file(&emulator);
        sandbox.set("WS1_TOKEN_HOSTS", stranger.host()).set("WS1_TOKEN_API", stranger.url());
        let git = format!("protocol=http\nhost={}\n\n", stranger.host());
        let bazel = format!(r#"{{"uri":"{}/"}}"#, stranger.url());
        for (args, stdin) in [
            (&["curl", "-sS", &stranger.url()][..], ""),
            (&["git", "get"], git.as_str()),
            (&["bazel", "get"], &bazel),
            (&["terraform", "get", &stranger.host()], ""),
        ] {
            for chosen in [&[][..], &["--profile", PROFILE]] {
                let output = sandbox.run_with_stdin(&[chosen, args].concat(), stdin.as_bytes());
                assert!(!output.stdout.contains("eyJ"), "{} {args:?}: {output}", case.preset);
            }
        }
        let answer = sandbox.run(&[&["curl", "-sS", "--fail"], case.route].concat());
        assert!(answer.stdout.contains(case.answer), "{answer}");
    }
    assert_eq!(stranger.counters().connections, 0);
    // A profile of variables alone has them.
    let emulator = UEM.start();
    let mut sandbox = Case::home(&emulator);
    UEM.set_profile(&emulator, &mut sandbox);
    sandbox.set("WS1_TOKEN_HOSTS", format!("git.example.com, {}", stranger.host()));
    let git = format!("protocol=http\nhost={}\ncapability[]=authtype\n\n", stranger.host());
    let output = sandbox.run_with_stdin(&["git", "get"], git.as_bytes());
    assert!(output.stdout.contains("eyJ"), "{output}");
}

#[test]
fn another_token_url_or_service_is_refused_for_a_stored_secret() {
    let stranger = Emulator::start();
    let mut page = String::new();
    for case in [UEM, CONNECT_API_TOKEN, VIDB] {
        let emulator = case.start();
        let mut sandbox = case.home_with_file(&emulator);
        sandbox.name(&stranger.host(), "$STRANGER");
        for (name, value) in [
            ("WS1_TOKEN_TOKEN_URL", format!("{}/token", stranger.url())),
            ("WS1_TOKEN_TOKEN_URL", format!("{}?x=y", emulator.token_url())),
            ("WS1_TOKEN_PRESET", "acs".to_owned()),
            ("WS1_TOKEN_TENANT", stranger.url()),
        ] {
            let asked = emulator.counters().token_requests;
            sandbox.set(name, value);
            let output = sandbox.run(&["get"]);
            assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{} {name}: {output}", case.preset);
            page.push_str(&format!("# {} {name}\n{output}\n", case.preset));
            for args in [&["doctor"][..], &["logout", "--revoke"], &["git", "get"], &["exec", "--", "true"]] {
                sandbox.run(args);
            }
            assert_eq!(emulator.counters().token_requests, asked, "{} {name}", case.preset);
            // With `--profile` they are not used at all.
            sandbox.run(&["get", "--profile", PROFILE]).token();
            sandbox.run(&["forget", "--profile", PROFILE]);
            sandbox.unset(name);
        }
        // Those that say the same are no trouble.
        sandbox.set("WS1_TOKEN_PRESET", case.preset).set("WS1_TOKEN_TENANT", emulator.url());
        sandbox.set("WS1_TOKEN_TOKEN_URL", format!("{}{}", emulator.url(), case.asked));
        sandbox.run(&["get"]).token();
    }
    assert_eq!(stranger.counters().connections, 0);
    assert_snapshot!("services-refused", page);
}

#[test]
fn no_two_api_tokens_share_a_cache_entry() {
    for case in WITH_API_TOKEN {
        let emulator = case.start();
        emulator.add_api_token("another-api-token");
        let mut sandbox = case.home_with_file(&emulator);
        let file = sandbox.secret_file();
        sandbox.set("FIRST", API_TOKEN).set("SECOND", "another-api-token");
        let copy = sandbox.path("again.secret");
        std::fs::copy(&file, &copy).unwrap();
        let script = format!("#!/bin/sh\necho another-api-token; : > '{}'\n", sandbox.path("ran").display());
        let sources = [
            json!({ "file": copy }),
            json!({ "env": "FIRST" }),
            json!({ "env": "SECOND" }),
            json!({ "command": ["echo", API_TOKEN] }),
            json!({ "command": ["echo", "another-api-token"] }),
        ];
        let mut tokens = vec![sandbox.run(&["get"]).token()];
        for (number, source) in sources.iter().enumerate() {
            let name = format!("p{number}");
            sandbox.add_profile(&name, |profile| profile["api_token"] = source.clone());
            tokens.push(sandbox.run(&["get", "--profile", &name]).token());
            assert_eq!(sandbox.run(&["get", "--profile", &name]).token(), tokens[number + 1], "it is cached");
        }
        // A program in the place of the file of `prod`: the path alone is no difference.
        std::fs::write(&file, script).unwrap();
        set_mode(&file, 0o700);
        sandbox.add_profile("program", |profile| profile["api_token"] = json!({ "command": [&file] }));
        tokens.push(sandbox.run(&["get", "--profile", "program"]).token());
        assert!(sandbox.path("ran").exists());
        // The environment alone, with the tenant of the profiles.
        std::fs::remove_file(sandbox.config_file()).unwrap();
        case.set_profile(&emulator, &mut sandbox);
        sandbox.set("WS1_TOKEN_API_TOKEN", "another-api-token");
        let same = sandbox.run(&["get"]).token();
        assert!(tokens.contains(&same), "a variable of whatever name with the same API token has the same tokens");
        let last = sandbox.path("last.secret");
        sandbox.write_secret(API_TOKEN);
        std::fs::rename(&file, &last).unwrap();
        sandbox.unset("WS1_TOKEN_API_TOKEN").set("WS1_TOKEN_API_TOKEN_FILE", last.display().to_string());
        tokens.push(sandbox.run(&["get"]).token());
        let asked = emulator.counters().token_requests;
        assert_eq!((tokens.len() as u64, emulator.counters().denied), (asked, 0), "{}", case.preset);
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len() as u64, asked, "{}", case.preset);
    }
}

#[test]
fn a_new_api_token_takes_the_place_of_the_old_one_with_its_cached_token() {
    for case in WITH_API_TOKEN {
        let emulator = case.start();
        emulator.add_api_token("another-api-token");
        let sandbox = Case::home(&emulator);
        assert_eq!(case.log_in(&emulator, &sandbox).status, 0);
        let old = sandbox.run(&["get"]).token();
        let again = sandbox.run_with_stdin(&["login", PROFILE, "--api-token-stdin"], b"another-api-token\n");
        assert_eq!(again.status, 0, "{again}");
        assert_ne!(sandbox.run(&["get"]).token(), old);
        assert_eq!(emulator.counters().token_requests, 2, "that of `login` is used");
        assert_eq!(sandbox.cached().iter().filter(|name| name.ends_with(".json")).count(), 1, "the old one is dropped");
        let out = sandbox.run(&["logout"]);
        assert_eq!((out.status, sandbox.run(&["get"]).status), (0, 2), "{out}");
        assert!(!sandbox.cached().iter().any(|name| name.ends_with(".json")), "{:?}", sandbox.cached());
        let left = names_in(sandbox.config_file().parent().unwrap());
        assert!(!left.iter().any(|name| name.ends_with(".secret")), "{left:?}");
    }
}
