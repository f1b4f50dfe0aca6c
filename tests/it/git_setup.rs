//! `setup git`, applied and pasted, with every git that is here.

use ws1_emulator::Emulator;

use crate::git::{Forge, gits};
use crate::sandbox::{self, Sandbox, assert_snapshot};

/// Names of directories and profiles that shells, git and people read in more than one way.
const NASTY: [&str; 14] = [
    "my dir",
    "it's",
    "ünï cödé",
    "a\"b",
    "$HOME",
    "`id`",
    "back\\slash",
    "(a)&b;c|d",
    "*?[x]",
    "!history",
    "#comment",
    "~tilde",
    "-p",
    "a%20b=c",
];

/// Forgets the settings of earlier rounds.
fn reset(forge: &Forge) {
    for section in [format!("credential.{}", forge.emulator.url()), format!("http.{}/", forge.emulator.url())] {
        forge.run(&["config", "--global", "--remove-section", &section]);
    }
}

#[test]
fn a_helper_runs_from_wherever_it_is_with_whatever_profile() {
    for git in gits() {
        let forge = Forge::start(git);
        let mut dir = forge.sandbox.path("plain");
        std::fs::create_dir(&dir).unwrap();
        sandbox::copy_program(&dir.join("ws1-token"));
        for name in NASTY {
            let moved = forge.sandbox.path(name);
            std::fs::rename(&dir, &moved).unwrap();
            dir = moved;
            let profile = name.trim_start_matches('-');
            forge.sandbox.add_profile(profile, |_| {});
            let profile = format!("--profile={profile}");
            let setup = |more: &[&str]| {
                let mut command = forge.sandbox.program(dir.join("ws1-token"));
                command.args([&["setup", "git", &profile], more].concat());
                forge.sandbox.finish(command)
            };
            let written = setup(&["--write"]);
            assert_eq!((written.status, written.stderr.as_str()), (0, ""), "{name}: {written}");
            let listed = forge.run(&["ls-remote", &forge.url("git")]);
            assert!(listed.status == 0 && listed.stderr.is_empty(), "{}: {name}: {listed}", forge.git.version);
            reset(&forge);
            let mut shell = forge.sandbox.program("sh");
            shell.args(["-ec", &setup(&[]).stdout]);
            assert_eq!(forge.sandbox.finish(shell).to_string(), "", "{name}");
            let again = setup(&["--write"]).stdout;
            assert_eq!(again.matches("is set already").count(), 2, "{name}: {again}");
            let listed = forge.run(&["ls-remote", &forge.url("git")]);
            assert!(listed.status == 0 && listed.stderr.is_empty(), "{}: {name}: {listed}", forge.git.version);
            reset(&forge);
        }
        forge.assert_nobody_was_asked();
        assert_eq!(forge.token_requests(), 1, "one identity, whatever its name");
    }
}

/// A tenant by https that serves repositories, and a home whose git knows nothing of its CA.
fn https_forge() -> (Emulator, Sandbox, tempfile::TempDir) {
    let root = sandbox::temporary();
    let emulator = Emulator::builder().tls().git_root(root.path()).start().unwrap();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.set("GIT_CONFIG_NOSYSTEM", "1").set("GIT_TERMINAL_PROMPT", "0");
    (emulator, sandbox, root)
}

#[test]
fn git_trusts_the_ca_of_a_server_that_needs_it() {
    for git in gits() {
        for ca_only in [true, false] {
            let (emulator, sandbox, root) = https_forge();
            sandbox.edit_profile(|profile| profile["ca_only"] = ca_only.into());
            let run = |args: &[&str]| {
                let mut command = sandbox.program(&git.program);
                command.args(args);
                sandbox.finish(command)
            };
            run(&["init", "--quiet", "--bare", &root.path().join("demo.git").display().to_string()]);
            let url = format!("{}/git/demo.git", emulator.url());
            let refused = run(&["ls-remote", &url]);
            assert!(refused.stderr.contains("certificate"), "{refused}");
            let written = sandbox.run(&["setup", "git", "--write"]);
            let key = format!("http.{}/.sslCAInfo", emulator.url());
            assert!(written.status == 0 && written.stdout.contains(&format!("set {key}\n")), "{written}");
            assert_eq!(run(&["ls-remote", &url]).to_string(), "", "{}", git.version);
            let before = emulator.counters().connections;
            let again = sandbox.run(&["setup", "git", "--write"]);
            assert!(again.stdout.contains(&format!("{key} is set already\n")), "{again}");
            assert_eq!(emulator.counters().connections, before, "it is not looked at again");
        }
    }
}

#[test]
fn git_keeps_its_roots_where_the_ca_is_not_needed() {
    let (emulator, mut sandbox, _root) = https_forge();
    let other = Emulator::builder().tls().start().unwrap();
    sandbox.edit_profile(|profile| {
        profile["ca_only"] = false.into();
        // One that no root here knows, one that is down.
        profile["hosts"] = vec![other.host(), "localhost:1".to_owned()].into();
    });
    // The platform itself trusts the tenant.
    let ca = sandbox.path("ca.pem").display().to_string();
    sandbox.set("SSL_CERT_FILE", ca);
    sandbox.name(&other.host(), "$OTHER");
    let written = sandbox.run(&["setup", "git", "--write"]);
    assert_snapshot!("setup-git-ca-not-needed", written);
    assert_eq!(emulator.counters().token_requests, 0);
    sandbox.unset("SSL_CERT_FILE");
    sandbox.name(crate::sandbox::binary(), "/opt/bin/ws1-token");
    assert_snapshot!("setup-git-ca-printed", sandbox.run(&["setup", "git"]));
}
