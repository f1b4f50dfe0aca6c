//! The other commands: `forget`, `exec`, and the help pages.

use ws1_emulator::Emulator;

use crate::sandbox::{Sandbox, assert_snapshot};

#[test]
fn forget_drops_one_token_and_with_all_every_one() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.add_profile("other", |profile| profile["scope"] = "user".into());
    let tokens = |sandbox: &Sandbox| ["prod", "other"].map(|name| sandbox.run(&["get", "--profile", name]).token());
    let first = tokens(&sandbox);
    assert_eq!(sandbox.run(&["forget"]).to_string(), "");
    let second = tokens(&sandbox);
    assert!(second[0] != first[0] && second[1] == first[1]);
    assert_eq!(emulator.counters().refresh, 0, "the refresh token is dropped too");
    assert_eq!(sandbox.run(&["forget", "--all"]).to_string(), "");
    assert_eq!(sandbox.cached().iter().filter(|name| name.ends_with(".json")).count(), 0);
    let third = tokens(&sandbox);
    assert!(third[0] != second[0] && third[1] != second[1]);
}

#[test]
fn forget_needs_neither_a_token_nor_for_all_a_profile() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&["forget", "--all"]).to_string(), "");
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    for _ in 0..2 {
        assert_eq!(sandbox.run(&["forget"]).to_string(), "");
    }
    assert_snapshot!("forget-both", sandbox.run(&["forget", "--all", "--profile", "prod"]));
}

#[cfg(unix)]
#[test]
fn exec_hands_the_token_to_the_command_alone() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.set("WS1_TOKEN_CLIENT_SECRET", crate::sandbox::SECRET).set("KEPT", "yes");
    let token = sandbox.run(&["get"]).token();
    let script = "echo \"$WS1_ACCESS_TOKEN|$KEPT|${WS1_TOKEN_CLIENT_SECRET-unset}|$1\"; cat; echo err >&2; exit 7";
    let output = sandbox.run_with_stdin(&["exec", "--", "sh", "-c", script, "sh", "--profile"], b"input\n");
    assert_eq!(output.stdout, format!("{token}|yes|unset|--profile\ninput\n"));
    assert_eq!((output.stderr.as_str(), output.status), ("err\n", 7));

    let environment = |args: &[&str]| {
        let mut all = vec!["exec"];
        all.extend(args);
        all.extend(["--", "env"]);
        let output = sandbox.run(&all);
        let mut names: Vec<String> =
            output.stdout.lines().filter(|line| line.ends_with(&token)).map(str::to_owned).collect();
        names.sort();
        assert!(!output.stdout.contains(crate::sandbox::SECRET));
        names
    };
    assert_eq!(environment(&[]), [format!("WS1_ACCESS_TOKEN={token}")]);
    assert_eq!(environment(&["--var", "TF_VAR_token"]), [format!("TF_VAR_token={token}")]);
    assert_eq!(emulator.counters().token_requests, 1);
}

#[cfg(unix)]
#[test]
fn exec_ends_as_the_command_does() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    for (script, status) in [("exit 0", 0), ("exit 255", 255), ("kill -TERM $$", 128 + 15), ("kill -KILL $$", 128 + 9)]
    {
        let output = sandbox.run(&["exec", "--", "sh", "-c", script]);
        assert_eq!((output.status, output.stderr.as_str()), (status, ""), "{script}");
    }
    sandbox.write_secret("wrong");
    sandbox.age_until(0);
    emulator.revoke_refresh_tokens();
    let output = sandbox.run(&["exec", "--", "sh", "-c", "echo started"]);
    assert_eq!((output.status, output.stdout.as_str()), (4, ""), "no token, no command");
}

#[cfg(unix)]
#[test]
fn exec_needs_no_dashes_and_leaves_the_commands_own_alone() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let script = "echo \"$@\"";
    for (args, words) in [
        (&["exec", "sh", "-c", script, "sh", "-l", "--profile", "x", "--", "--help"][..], "-l --profile x -- --help"),
        (&["exec", "--", "sh", "-c", script, "sh", "--", "-v"], "-- -v"),
        (&["--profile", "prod", "exec", "--var", "A", "--min-ttl", "5m", "sh", "-c", script, "sh", "get"], "get"),
    ] {
        let output = sandbox.run(args);
        assert_eq!((output.stdout, output.stderr.as_str()), (format!("{words}\n"), ""), "{args:?}");
    }
    let requests = emulator.counters().token_requests;
    sandbox.age_until(900);
    assert_eq!(sandbox.run(&["exec", "--min-ttl", "10m", "true"]).status, 0);
    assert_eq!(emulator.counters().token_requests, requests);
    assert_eq!(sandbox.run(&["exec", "--min-ttl", "20m", "true"]).status, 0);
    assert_eq!(emulator.counters().token_requests, requests + 1);
}

#[cfg(unix)]
#[test]
fn exec_ends_as_env_does_with_what_cannot_be_run() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let script = |name: &str, text: &[u8], mode| {
        let path = sandbox.path(name);
        crate::sandbox::write(&path, text);
        crate::sandbox::set_mode(&path, mode);
        path.display().to_string()
    };
    let commands = [
        "no-such-program".to_owned(),
        "./no-such-program".to_owned(),
        "/".to_owned(),
        format!("{}/below", script("plain", b"#!/bin/sh\n", 0o644)),
        sandbox.path("plain").display().to_string(),
        script("no-interpreter", b"#!/nowhere/sh\n", 0o755),
    ];
    for command in commands {
        let mut env = sandbox.program("env");
        env.arg(&command);
        let (env, exec) = (sandbox.finish(env), sandbox.run(&["exec", &command]));
        assert_eq!((exec.status, exec.stdout.as_str()), (env.status, ""), "{command}: {exec}");
        assert!(matches!(exec.status, 126 | 127) && exec.stderr.starts_with("error: cannot run `"), "{exec}");
    }
}

#[test]
fn exec_says_what_it_cannot_run() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let all: String = [
        &["exec", "--", "no-such-program"][..],
        &["exec", "--", "/"],
        &["exec"],
        &["exec", "--"],
        &["exec", "--var", "1A", "--", "true"],
        &["exec", "--var", "A=B", "--", "true"],
    ]
    .iter()
    .map(|args| format!("# {}\n{}\n", args.join(" "), sandbox.run(args)))
    .collect();
    assert_snapshot!("exec-errors", all);
}

#[test]
fn every_help_page() {
    let sandbox = Sandbox::new();
    let main = sandbox.run(&["--help"]);
    let commands = main.stdout.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let commands: Vec<&str> = commands.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    assert!(commands.contains(&"get") && commands.contains(&"help"), "{commands:?}");
    let mut all = format!("# ws1-token -h\n{}\n# ws1-token --help\n{main}", sandbox.run(&["-h"]));
    for command in commands.iter().filter(|command| !command.is_empty() && **command != "help") {
        let page = sandbox.run(&[command, "--help"]);
        assert_eq!(sandbox.run(&["help", command]).to_string(), page.to_string(), "{command}");
        all.push_str(&format!("\n# ws1-token {command} --help\n{page}"));
    }
    assert_snapshot!("help", all);
}
