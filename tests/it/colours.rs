//! Colours: only for people at a terminal who want them.

use ws1_emulator::Emulator;

use crate::sandbox::{Sandbox, assert_snapshot};

/// Escape sequences as something that can be read.
fn visible(text: &str) -> String {
    text.replace('\u{1b}', "^")
}

/// A sandbox that is coloured wherever it may be.
fn coloured(emulator: &Emulator) -> Sandbox {
    let mut sandbox = Sandbox::with_tenant(emulator);
    sandbox.set("CLICOLOR_FORCE", "1");
    sandbox
}

#[test]
fn reports_and_states_are_coloured() {
    let emulator = Emulator::start();
    let sandbox = coloured(&emulator);
    sandbox.add_profile("typo", |profile| profile["tennant"] = "x".into());
    sandbox.add_profile("wrong", |profile| profile["client_id"] = "nobody".into());
    sandbox.run(&["get"]).token();
    let all: String =
        [&["get", "--profile", "wrong"][..], &["get", "--profile", "pord"], &["gte"], &["status"], &["whoami"]]
            .iter()
            .map(|args| format!("# {}\n{}\n", args.join(" "), visible(&sandbox.run(args).to_string())))
            .collect();
    assert_snapshot!(
        "colours",
        all,
        (r"([\w-]) {2,}", "$1  "),
        (r"column \d+", "column $$NUMBER"),
        (r"next attempt in .*", "next attempt in $$TIME"),
        (r"no new attempt for \d+ s", "no new attempt for $$TIME"),
        (r"in (2 h \d+ min|3 h)", "in $$TIME"),
        (r"(issued.*  )(now|\d+ s ago)", "$1$$AGO"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "$$UUID")
    );
}

#[test]
fn a_warning_is_coloured() {
    let emulator = Emulator::start();
    let sandbox = coloured(&emulator);
    sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    drop(emulator);
    let output = sandbox.run(&["get"]);
    assert!(output.stderr.starts_with("\u{1b}[33mwarning:\u{1b}[0m "), "{output}");
    assert!(!output.stdout.contains('\u{1b}'), "the answer is no word to anybody");
}

#[test]
fn programs_get_plain_lines() {
    let emulator = Emulator::start();
    let sandbox = coloured(&emulator);
    sandbox.write_secret("wrong");
    // Terraform names hosts of https only.
    sandbox.edit_profile(|profile| profile["hosts"] = vec![emulator.host()].into());
    let git = format!("protocol=http\nhost={}\n\n", emulator.host());
    let bazel = format!("{{\"uri\":\"{}/x\"}}", emulator.url());
    for (args, stdin, status) in [
        (&["kubectl"][..], "", 4),
        (&["git", "get"], git.as_str(), 1),
        (&["bazel", "get"], bazel.as_str(), 4),
        (&["terraform", "get", &emulator.host()], "", 4),
        (&["google"], "", 0),
    ] {
        let output = sandbox.run_with_stdin(args, stdin.as_bytes());
        assert_eq!(output.status, status, "{args:?}: {output}");
        assert!(output.stderr.contains("error:") || args == ["google"], "{args:?}: {output}");
        assert!(!output.stderr.contains('\u{1b}') && !output.stdout.contains('\u{1b}'), "{args:?}: {output}");
    }
    for args in [&["status", "--json"][..], &["get", "--format", "json"], &["completions", "bash"]] {
        assert!(!sandbox.run(args).stdout.contains('\u{1b}'), "{args:?}");
    }
}

#[test]
fn the_environment_decides() {
    let emulator = Emulator::start();
    let is_coloured = |vars: &[(&str, &str)]| {
        let mut sandbox = Sandbox::with_tenant(&emulator);
        for (name, value) in vars {
            sandbox.set(name, *value);
        }
        let outputs = [sandbox.run(&["status"]).stdout, sandbox.run(&["get", "--profile", "x"]).stderr];
        let [status, error] = outputs.map(|text| text.contains('\u{1b}'));
        assert_eq!(status, error, "{vars:?}");
        status
    };
    for (vars, expected) in [
        (&[][..], false),
        (&[("TERM", "xterm")], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "0")], false),
        (&[("CLICOLOR_FORCE", "")], false),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")], true),
        (&[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], true),
    ] {
        assert_eq!(is_coloured(vars), expected, "{vars:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_is_coloured_unless_it_cannot_be() {
    use crate::terminal::Terminal;
    let emulator = Emulator::start();
    for (vars, expected) in [
        (&[("TERM", "xterm-256color")][..], true),
        (&[("TERM", "dumb")], false),
        (&[], false),
        (&[("TERM", "xterm"), ("NO_COLOR", "1")], false),
    ] {
        let mut sandbox = Sandbox::with_tenant(&emulator);
        for (name, value) in vars {
            sandbox.set(name, *value);
        }
        for args in [&["status"][..], &["get", "--profile", "x"], &["gte"]] {
            let shown = Terminal::start(&sandbox.command(args)).finish(&sandbox).stderr;
            assert_eq!(shown.contains('\u{1b}'), expected, "{vars:?} {args:?}: {shown:?}");
        }
        // Standard error is a terminal, standard output is not.
        let piped = Terminal::start_piped(&sandbox.command(&["status"])).finish(&sandbox);
        assert!(!piped.stdout.contains('\u{1b}'), "{vars:?}: {piped}");
    }
}
