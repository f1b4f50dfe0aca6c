//! The other commands: `forget`, `exec`, and the help pages.

use ws1_emulator::Emulator;

use crate::sandbox::{Sandbox, assert_snapshot};

/// The commands in the overview of a help page.
pub(crate) fn listed(help: &str) -> Vec<&str> {
    let list = help.split("\nStart:\n").nth(1).unwrap().split("\nOptions").next().unwrap();
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn forget_drops_one_token_and_with_all_every_one() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.add_profile("other", |profile| profile["scope"] = "user".into());
    let tokens = |sandbox: &Sandbox| ["prod", "other"].map(|name| sandbox.run(&["get", "--profile", name]).token());
    let first = tokens(&sandbox);
    assert_eq!(sandbox.run(&["forget"]).to_string(), "dropped the cached token of profile `prod`\n");
    let second = tokens(&sandbox);
    assert!(second[0] != first[0] && second[1] == first[1]);
    assert_eq!(emulator.counters().refresh, 0, "the refresh token is dropped too");
    assert_eq!(sandbox.run(&["forget", "--all"]).to_string(), "dropped 2 cached tokens\n");
    assert_eq!(sandbox.cached().iter().filter(|name| name.ends_with(".json")).count(), 0);
    let third = tokens(&sandbox);
    assert!(third[0] != second[0] && third[1] != second[1]);
    assert_eq!(sandbox.run(&["forget", "other"]).to_string(), "dropped the cached token of profile `other`\n");
    assert_eq!(sandbox.run(&["forget", "--all"]).to_string(), "dropped 1 cached token\n");
}

#[test]
fn forget_needs_neither_a_token_nor_for_all_a_profile() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&["forget", "--all"]).to_string(), "no token was cached\n");
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    for _ in 0..2 {
        assert_eq!(sandbox.run(&["forget"]).to_string(), "profile `prod` had no cached token\n");
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

#[cfg_attr(windows, ignore = "a root directory is no program's name there")]
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
    let commands = listed(&main.stdout);
    assert!(commands.starts_with(&["login"]) && commands.contains(&"get"), "{commands:?}");
    let mut all = format!("# ws1-token -h\n{}\n# ws1-token --help\n{main}", sandbox.run(&["-h"]));
    for command in &commands {
        let page = sandbox.run(&[command, "--help"]);
        assert_eq!(sandbox.run(&["help", command]).to_string(), page.to_string(), "{command}");
        all.push_str(&format!("\n# ws1-token {command} --help\n{page}"));
    }
    let wide = all.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None, "wider than a terminal");
    assert_snapshot!("help", all);
}

#[test]
fn without_a_command_the_overview_is_the_answer() {
    let sandbox = Sandbox::new();
    let overview = sandbox.run(&[]);
    assert_eq!((overview.status, overview.stderr.as_str()), (0, ""), "{overview}");
    assert_snapshot!("overview", overview);
    let help = sandbox.run(&["-h"]).stdout;
    assert_eq!(listed(&overview.stdout), listed(&help));
    let half = sandbox.run(&["-p", "prod"]);
    assert_eq!((half.status, half.stdout.as_str()), (2, ""), "something else was meant: {half}");
}

#[cfg_attr(windows, ignore = "it runs programs of POSIX")]
#[test]
fn what_people_try_does_what_they_mean() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.add_profile("other", |profile| profile["client_id"] = "other".into());
    let token = sandbox.run(&["get"]).token();
    for args in [
        &["get", "-p", "prod"][..],
        &["-p", "prod", "get"],
        &["-pprod", "get"],
        &["get", "--profile=prod"],
        &["exec", "printenv", "WS1_ACCESS_TOKEN"],
        &["exec", "-p", "prod", "printenv", "WS1_ACCESS_TOKEN"],
        &["-p", "prod", "exec", "--", "printenv", "WS1_ACCESS_TOKEN"],
    ] {
        assert_eq!(sandbox.run(args).stdout, format!("{token}\n"), "{args:?}");
    }
    let status = sandbox.run(&["status", "prod"]);
    assert_eq!(status.to_string(), sandbox.run(&["--profile", "prod", "status"]).to_string());
    assert!(status.stdout.contains("prod") && !status.stdout.contains("other"), "{status}");
    assert!(sandbox.run(&["whoami", "prod"]).stdout.contains("ci-bot"));
    assert_eq!(sandbox.run(&["whoami", "other"]).status, 2, "nothing is cached for it");
    assert_eq!(sandbox.run(&["version"]).stdout, sandbox.run(&["--version"]).stdout);
    assert_eq!(sandbox.run(&["help", "get"]).stdout, sandbox.run(&["get", "--help"]).stdout);
    assert_eq!(sandbox.run(&["forget", "prod"]).status, 0);
    assert_ne!(sandbox.run(&["get"]).token(), token);
    assert_eq!(sandbox.run(&["-p", "other", "forget", "prod"]).status, 2, "which one?");
    assert_eq!(sandbox.run(&["-p", "other", "forget", "--all"]).status, 2, "which ones?");
}

#[cfg(target_os = "linux")]
#[test]
fn help_is_as_wide_as_the_terminal_with_bold_headings() {
    use crate::terminal::Terminal;

    let mut sandbox = Sandbox::new();
    sandbox.set("TERM", "xterm");
    for (columns, longest) in [(60, 60), (90, 90), (200, 100)] {
        let mut shell = sandbox.program("sh");
        shell.args(["-c", &format!("stty cols {columns}; exec '{}' login --help", crate::sandbox::binary())]);
        let page = Terminal::start(&shell).finish(&sandbox).stderr;
        let plain = page.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "").replace('\r', "");
        let wide = plain.lines().filter(|line| !line.contains("ws1-token login")).map(|line| line.chars().count());
        let widest = wide.max().unwrap();
        assert!((longest - 12..=longest).contains(&widest), "{widest} of {columns} columns:\n{plain}");
        assert!(page.contains("\u{1b}[1mExamples:\u{1b}[0m") && page.contains("\u{1b}[1mUsage:\u{1b}[0m "), "{page}");
        for word in ["removes that setting", "service-account.json"] {
            assert!(plain.replace('\n', " ").contains(word), "no word is broken: {plain}");
        }
    }
    sandbox.set("NO_COLOR", "1");
    let page = Terminal::start(&sandbox.command(&["-h"])).finish(&sandbox).stderr;
    assert!(!page.contains('\u{1b}'), "{page}");
}
