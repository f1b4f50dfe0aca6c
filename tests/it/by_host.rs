//! Several profiles, none chosen: the one whose tenant or `hosts` the target is gives its token.

use serde_json::{Value, json};
use ws1_emulator::Emulator;

use crate::sandbox::{Output, Sandbox, assert_snapshot};
use crate::stub::Stub;

/// Two tenants, and a home with a profile for each: `prod` and `other`, none of them the default. `git.example.com` is
/// `other`'s, and both have `both.example.com`.
struct TwoTenants {
    prod: Emulator,
    other: Emulator,
    sandbox: Sandbox,
}

impl TwoTenants {
    fn start() -> Self {
        let (prod, other) = (Emulator::start(), Emulator::start());
        let mut sandbox = Sandbox::with_tenant(&prod);
        sandbox.edit_profile(|profile| profile["hosts"] = json!(["both.example.com"]));
        sandbox.add_profile("other", |profile| {
            profile["tenant"] = other.url().into();
            profile["hosts"] = json!(["both.example.com", "git.example.com"]);
        });
        sandbox.name(&other.host(), "$OTHER");
        let world = Self { prod, other, sandbox };
        world.set_default(None);
        world
    }

    /// Sets or removes `default_profile`.
    fn set_default(&self, name: Option<&str>) {
        let config = std::fs::read(self.sandbox.config_file()).unwrap();
        let mut config: Value = serde_json::from_slice(&config).unwrap();
        config["default_profile"] = json!(name);
        self.sandbox.write_config(&config);
    }

    /// The token of a profile.
    fn token(&self, profile: &str) -> String {
        self.sandbox.run(&["get", "--profile", profile]).token()
    }

    /// Runs one command on a URL through every protocol that names a target: git, bazel, terraform, in this order.
    fn ask(&self, url: &str) -> [Output; 3] {
        let (scheme, host) = url.split_once("://").unwrap();
        let git = format!("protocol={scheme}\nhost={host}\n\n");
        [
            self.sandbox.run_with_stdin(&["git", "get"], git.as_bytes()),
            self.sandbox.run_with_stdin(&["bazel", "get"], json!({ "uri": url }).to_string().as_bytes()),
            self.sandbox.run(&["terraform", "get", host]),
        ]
    }
}

#[test]
fn every_protocol_finds_the_profile_by_the_host() {
    let world = TwoTenants::start();
    for (url, profile) in
        [(world.prod.url(), "prod"), (world.other.url(), "other"), ("https://git.example.com".to_owned(), "other")]
    {
        let token = world.token(profile);
        let [git, bazel, terraform] = world.ask(&url);
        for answer in [git, bazel] {
            assert_eq!((answer.status, answer.stderr.as_str()), (0, ""), "{url}: {answer}");
            assert!(answer.stdout.contains(&token), "{url}: {answer}");
        }
        // Terraform's hosts are reached by https alone.
        assert_eq!(terraform.stdout.contains(&token), url.starts_with("https"), "{url}: {terraform}");
    }
    let counters = [&world.prod, &world.other].map(|emulator| emulator.counters().token_requests);
    assert_eq!(counters, [1, 1]);
}

#[test]
fn a_host_of_no_profile_is_nobodys() {
    let world = TwoTenants::start();
    for default in [None, Some("prod")] {
        world.set_default(default);
        let [git, bazel, terraform] = world.ask("https://github.com");
        assert_eq!(git.to_string(), "", "silence, so that the next helper gets its turn");
        assert_eq!(terraform.to_string(), "{}\n");
        assert_snapshot!(format!("by-host-none-{}", default.unwrap_or("default")), bazel);
    }
    // An erase of such a host changes nothing and says nothing.
    let erase = world.sandbox.run_with_stdin(&["git", "erase"], b"protocol=https\nhost=github.com\npassword=x\n\n");
    assert_eq!(erase.to_string(), "");
    assert_eq!(world.prod.counters().connections + world.other.counters().connections, 0);
}

#[test]
fn a_host_of_several_profiles_is_the_defaults_or_an_error_that_names_them() {
    let world = TwoTenants::start();
    let names = ["git", "bazel", "terraform"];
    let outputs = world.ask("https://both.example.com");
    let all: String = names.iter().zip(outputs).map(|(name, output)| format!("$ {name}\n{output}\n")).collect();
    assert_snapshot!("by-host-several", all);
    assert_eq!(world.prod.counters().connections + world.other.counters().connections, 0);
    world.set_default(Some("other"));
    let token = world.token("other");
    for output in world.ask("https://both.example.com") {
        assert!(output.status == 0 && output.stdout.contains(&token), "{output}");
    }
}

#[test]
fn a_chosen_profile_is_the_only_one() {
    let mut world = TwoTenants::start();
    let request = format!("protocol=http\nhost={}\n\n", world.other.host());
    let chosen = |sandbox: &Sandbox, args: &[&str]| sandbox.run_with_stdin(args, request.as_bytes()).to_string();
    assert_eq!(chosen(&world.sandbox, &["git", "--profile", "prod", "get"]), "");
    assert!(chosen(&world.sandbox, &["git", "get"]).contains("password="));
    world.sandbox.set("WS1_TOKEN_PROFILE", "prod");
    assert_eq!(chosen(&world.sandbox, &["git", "get"]), "");
}

#[test]
fn a_profile_that_is_found_and_cannot_be_used_is_an_error_that_ends_the_matter() {
    let world = TwoTenants::start();
    world.sandbox.add_profile("broken", |profile| {
        profile["tenant"] = "broken.example.com".into();
        profile["hosts"] = json!([]);
        profile["client_id"] = Value::Null;
    });
    let request = "protocol=https\nhost=broken.example.com\n\n";
    let answer = world.sandbox.run_with_stdin(&["git", "get"], request.as_bytes());
    assert_snapshot!("by-host-broken", answer);
    // The others do not suffer.
    let [git, ..] = world.ask("https://git.example.com");
    assert_eq!((git.status, git.stderr.as_str()), (0, ""));
}

#[test]
fn curl_finds_the_profile_by_the_host_of_a_url() {
    if !crate::skip::has("curl") {
        return;
    }
    let world = TwoTenants::start();
    let api = Stub::ok();
    world.sandbox.add_profile("other", |profile| {
        profile["tenant"] = world.other.url().into();
        profile["hosts"] = json!([api.host()]);
    });
    let called = world.sandbox.run(&["curl", &format!("http://{}/v1", api.host()), "-s"]);
    assert_eq!(called.to_string(), "ok\n");
    let head = api.heads().remove(0);
    assert!(head.contains(&format!("\r\nAuthorization: Bearer {}\r\n", world.token("other"))), "{head}");
    // A path is the tenant's, and without a profile there is none.
    assert_snapshot!("by-host-curl-path", world.sandbox.run(&["curl", "/SAAS/x", "-s"]));
    assert_eq!(world.prod.counters().connections, 0);
}
