//! `login` as a person meets it: questions at a terminal, answers shown or not, and every way out.

use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::Value;
use ws1_emulator::{Emulator, Fault};

use crate::sandbox::{Output, PROFILE, SECRET, Sandbox, assert_snapshot, names_in, write};
use crate::terminal::{CTRL_C, CTRL_D, CTRL_Z, Terminal};

/// A home without configuration, with a tenant that its outputs call `$TENANT`.
fn empty(emulator: &Emulator) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.name(&emulator.host(), "$TENANT");
    sandbox
}

/// A login at a terminal.
fn login(sandbox: &Sandbox, args: &[&str]) -> Terminal {
    Terminal::start(&sandbox.command(&[&["login"], args].concat()))
}

/// The configuration as JSON.
fn config(sandbox: &Sandbox) -> Value {
    serde_json::from_slice(&std::fs::read(sandbox.config_file()).unwrap()).unwrap()
}

/// Where `login` keeps the secret of a profile.
fn stored(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.stored_secret(name)
}

/// Names of what is in the configuration's directory, if it is there.
fn kept(sandbox: &Sandbox) -> Vec<String> {
    let dir = sandbox.config_file().parent().unwrap().to_owned();
    if dir.exists() { names_in(&dir) } else { Vec::new() }
}

/// The end of a login, on whose screen no secret may be.
fn finish(terminal: Terminal, sandbox: &Sandbox) -> Output {
    let output = terminal.finish(sandbox);
    for secret in [SECRET, "wrong-secret", "eyJ"] {
        assert!(!output.to_string().contains(secret), "{output}");
    }
    output
}

/// Answers the questions of a new profile up to the secret.
fn up_to_the_secret(terminal: &mut Terminal, tenant: &str) {
    terminal.expect("Tenant").expect(": ").type_line(tenant);
    terminal.expect("Client ID: ").type_line("ci-bot");
    terminal.expect("Client secret (not shown): ");
}

#[test]
fn a_person_is_asked_for_everything() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let mut terminal = login(&sandbox, &[]);
    up_to_the_secret(&mut terminal, &format!("{}/SAAS/apps/#!/bookmarks?x=1", emulator.url()));
    assert!(!terminal.is_cooked());
    terminal.type_line(SECRET).expect("Scopes");
    assert!(terminal.is_cooked());
    terminal.expect(": ").type_line("user");
    let output = finish(terminal, &sandbox);
    assert_eq!(output.status, 0, "{output}");
    assert_eq!(std::fs::read_to_string(stored(&sandbox, "default")).unwrap(), format!("{SECRET}\n"));
    assert_eq!(config(&sandbox)["profiles"]["default"]["scope"], "user");
    sandbox.run(&["get"]).token();
    assert_eq!(emulator.counters().token_requests, 1);
    assert_snapshot!("dialogue-new", output);
}

#[test]
fn the_answer_goes_to_standard_output_and_the_questions_do_not() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let mut terminal = Terminal::start_piped(&sandbox.command(&["login"]));
    up_to_the_secret(&mut terminal, &emulator.url());
    terminal.type_line(SECRET).expect("Scopes").expect(": ").type_line("");
    let output = finish(terminal, &sandbox);
    assert_eq!(output.status, 0, "{output}");
    assert!(output.stdout.starts_with("logged in to ") && output.stdout.ends_with("--write\n"), "{output}");
    assert!(!output.stdout.contains("Client") && !output.stderr.contains("logged in"), "{output}");
}

#[test]
fn a_wrong_secret_is_told_and_asked_for_again() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let mut terminal = login(&sandbox, &["prod"]);
    up_to_the_secret(&mut terminal, &emulator.url());
    terminal.type_line("wrong-secret").expect("Scopes").expect(": ").type_line("");
    terminal.expect("rejected client `ci-bot`").expect("Try again").expect("Client ID [ci-bot]: ");
    assert_eq!(kept(&sandbox), Vec::<String>::new(), "nothing half-written");
    terminal.type_line("").expect("Client secret (not shown): ").type_line(SECRET);
    let output = finish(terminal, &sandbox);
    assert_eq!((output.status, emulator.counters().token_requests), (0, 2), "{output}");
    sandbox.run(&["get"]).token();
    assert_snapshot!("dialogue-wrong-secret", output);
}

#[test]
fn three_wrong_secrets_are_enough() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let mut terminal = login(&sandbox, &["--scope", ""]);
    up_to_the_secret(&mut terminal, &emulator.url());
    terminal.type_line("wrong-secret");
    for _ in 0..2 {
        terminal.expect("Client ID [ci-bot]: ").type_line("").expect("(not shown): ").type_line("wrong-secret");
    }
    let output = finish(terminal, &sandbox);
    assert_eq!((output.status, emulator.counters().token_requests), (4, 3), "{output}");
    assert_eq!(kept(&sandbox), Vec::<String>::new());
    assert!(
        output.stderr.ends_with("hint: compare the client ID and secret with the tenant's OAuth client settings\n")
    );
}

#[test]
fn every_question_can_be_left() {
    let emulator = Emulator::start();
    let questions = ["Tenant", "Client ID", "Client secret (not shown)", "Scopes"];
    for (key, status) in [(CTRL_C, 130), (CTRL_D, 2)] {
        for leave in 0..questions.len() {
            let sandbox = empty(&emulator);
            let mut terminal = login(&sandbox, &[]);
            for (at, answer) in [emulator.url().as_str(), "ci-bot", SECRET].iter().enumerate().take(leave) {
                terminal.expect(questions[at]).expect(": ").type_line(answer);
            }
            terminal.expect(questions[leave]).expect(": ").press(key);
            let output = finish(terminal, &sandbox);
            assert_eq!(output.status, status, "{}: {output}", questions[leave]);
            assert!(!output.stderr.contains("logged in"), "{output}");
            assert_eq!(output.stderr.ends_with("nothing was changed\n"), key == CTRL_D, "{output}");
            assert_eq!(kept(&sandbox), Vec::<String>::new());
            assert!(!sandbox.cache_dir().exists());
        }
    }
    assert_eq!(emulator.counters().token_requests, 0);
}

#[test]
fn half_a_secret_can_be_left_too() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    for half in ["", SECRET, "wrong-secret\u{15}"] {
        let mut terminal = login(&sandbox, &[]);
        up_to_the_secret(&mut terminal, &emulator.url());
        terminal.type_text(half).press(CTRL_C);
        let output = finish(terminal, &sandbox);
        assert_eq!((output.status, kept(&sandbox).len()), (130, 0), "{output}");
    }
}

#[test]
fn whatever_ends_a_login_the_terminal_shows_again_what_is_typed() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT, Signal::KILL] {
        for whole_group in [false, true] {
            let mut terminal = login(&sandbox, &[]);
            up_to_the_secret(&mut terminal, &emulator.url());
            assert!(!terminal.is_cooked());
            terminal.type_text("half").signal(signal, whole_group);
            // Checks the terminal when all processes that had it open have ended.
            let output = finish(terminal, &sandbox);
            assert_eq!((output.status, kept(&sandbox).len()), (128 + signal.as_raw(), 0), "{output}");
        }
    }
}

#[test]
fn a_login_without_a_guard_is_as_good_until_a_signal_comes() {
    if !crate::strace::is_there() {
        return;
    }
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    // The guard cannot leave the session, so it ends before it is ready.
    let args = ["login", "--tenant", &emulator.url(), "--client-id", "ci-bot", "--scope", ""];
    let mut terminal = Terminal::start(&crate::strace::command(&sandbox, &["-e", "inject=setsid:error=EPERM"], &args));
    terminal.expect("(not shown): ");
    assert!(!terminal.is_cooked());
    terminal.type_line(SECRET);
    assert_eq!(finish(terminal, &sandbox).status, 0);
}

#[test]
fn a_login_can_be_stopped_at_the_secret_and_goes_on() {
    if !crate::skip::has("bash") {
        return;
    }
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let args = format!("login --tenant {} --client-id ci-bot --scope ''", emulator.url());
    let mut shell = sandbox.program("bash");
    let line =
        format!("set -m; '{}' {args}; echo \"status $?\"; read -r x; fg; echo \"end $?\"", crate::sandbox::binary());
    shell.args(["-c", &line]);
    let mut terminal = Terminal::start(&shell);
    terminal.expect("Client secret (not shown): ").type_text("wrong-").press(CTRL_Z).expect("status 148");
    assert!(terminal.is_cooked());
    terminal.type_line("").expect("Client secret (not shown): ").type_line(SECRET).expect("end 0");
    assert_eq!(finish(terminal, &sandbox).status, 0);
    assert!(stored(&sandbox, "default").exists());
}

#[test]
fn what_is_left_of_a_secret_does_not_go_to_the_shell() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let mut shell = sandbox.program("sh");
    shell.args([
        "-c",
        "\"$0\" login; echo \"status $?\"; read -r next; echo \"next: $next\"",
        crate::sandbox::binary(),
    ]);
    let mut terminal = Terminal::start(&shell);
    up_to_the_secret(&mut terminal, &emulator.url());
    terminal.type_text("wrong\u{3}-secret\rwrong-secret\r").expect("status 130").type_line("ls").expect("next: ls");
    assert_eq!(finish(terminal, &sandbox).status, 0);
}

#[test]
fn enter_keeps_what_is_there() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| profile["scope"] = "user".into());
    let before = std::fs::read(sandbox.config_file()).unwrap();
    let mut terminal = login(&sandbox, &[]);
    terminal.expect(&format!("Tenant [{}]: ", emulator.url())).type_line("");
    terminal.expect("Client ID [ci-bot]: ").type_line("");
    terminal.expect("Client secret (not shown; Enter keeps that of file ").expect("): ").type_line("");
    terminal.expect("Scopes (- for the client's own) [user]: ").type_line("");
    let output = finish(terminal, &sandbox);
    assert_eq!((output.status, emulator.counters().token_requests), (0, 1), "{output}");
    assert_eq!(std::fs::read(sandbox.config_file()).unwrap(), before);
    assert!(!stored(&sandbox, PROFILE).exists());
    assert_snapshot!("dialogue-kept", output);
}

#[test]
fn a_scope_can_be_taken_away_and_a_secret_renewed() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| profile["scope"] = "user".into());
    sandbox.write_secret("wrong-secret");
    let mut terminal = login(&sandbox, &[]);
    terminal.expect("Tenant [").type_line("").expect("Client ID [").type_line("");
    // What is there is refused, so it is not offered again.
    terminal.expect("Enter keeps").expect("): ").type_line("").expect("[user]: ").type_line("-");
    terminal.expect("rejected").expect("Client ID [ci-bot]: ").type_line("");
    terminal.expect("Client secret (not shown): ").type_line(SECRET);
    let output = finish(terminal, &sandbox);
    assert_eq!(output.status, 0, "{output}");
    let profile = &config(&sandbox)["profiles"][PROFILE];
    assert_eq!(profile.get("scope"), None);
    assert!(stored(&sandbox, PROFILE).exists());
    sandbox.run(&["get"]).token();
}

#[test]
fn after_a_logout_the_secret_alone_is_asked_for() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let args = ["login", "prod", "--tenant", &emulator.url(), "--client-id", "ci-bot", "--secret-stdin"];
    assert_eq!(sandbox.run_with_stdin(&args, SECRET.as_bytes()).status, 0);
    assert_eq!(sandbox.run(&["logout"]).status, 0);
    let mut terminal = login(&sandbox, &["prod"]);
    terminal.expect(" as ci-bot: only the secret is missing").expect("Client secret (not shown): ").type_line(SECRET);
    let output = finish(terminal, &sandbox);
    assert_eq!(output.status, 0, "{output}");
    assert!(!output.stderr.contains("Client ID") && !output.stderr.contains("Scopes"), "{output}");
    sandbox.run(&["get"]).token();
}

#[test]
fn a_pasted_secret_may_have_line_breaks_around_it() {
    for paste in [
        "emulator-secret\r",
        "\remulator-secret\r",
        "\r\r\nemulator-secret\r\n\r",
        "\n\nemulator-secret\n \n",
        "wrong\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}emulator-secret\r",
        "wrong-secret\u{15}emulator-secret\r",
    ] {
        let emulator = Emulator::start();
        let sandbox = empty(&emulator);
        let mut terminal = login(&sandbox, &[]);
        up_to_the_secret(&mut terminal, &emulator.url());
        terminal.type_text(paste).expect("Scopes").expect(": ").type_line("");
        let output = finish(terminal, &sandbox);
        assert_eq!(output.status, 0, "{paste:?}: {output}");
        let scope = config(&sandbox)["profiles"]["default"].get("scope").cloned();
        assert_eq!((scope, emulator.counters().token_requests), (None, 1), "{paste:?}: nothing of it went elsewhere");
    }
}

#[test]
fn what_cannot_be_a_secret_is_not_sent() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let mut terminal = login(&sandbox, &["--scope", ""]);
    up_to_the_secret(&mut terminal, &emulator.url());
    terminal.type_text("wrong-secret\rwrong-secret, its second line\r").expect("try again");
    terminal.expect("Client secret (not shown): ").type_text("wrong-\u{1b}[Asecret\r").expect("try again");
    terminal.expect("Client secret (not shown): ").type_line("").expect("a value is required");
    terminal.expect("Client secret (not shown): ").type_line(SECRET);
    let output = finish(terminal, &sandbox);
    assert_eq!((output.status, emulator.counters().token_requests), (0, 1), "{output}");
    assert_snapshot!("dialogue-no-secret", output);
}

#[test]
fn answers_that_cannot_be_are_asked_for_again() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let mut terminal = login(&sandbox, &[]);
    terminal.expect("Tenant").expect(": ").type_line("").expect("a value is required");
    for tenant in ["https://ana:hunter2@acme.example.com", "http://acme.example.com"] {
        terminal.expect("Tenant").expect(": ").type_line(tenant).expect("error: ");
    }
    terminal.expect("Tenant").expect(": ").type_line(&emulator.url());
    terminal.expect("Client ID: ").type_line("ci:bot").expect("error: ");
    terminal.expect("Client ID: ").type_line("").expect("a value is required");
    terminal.expect("Client ID: ").type_line("ci-bot");
    terminal.expect("(not shown): ").type_line(SECRET);
    terminal.expect("Scopes").expect(": ").type_line("ü").expect("error: ");
    terminal.expect("Scopes").expect(": ").type_line("");
    let output = finish(terminal, &sandbox);
    assert_eq!(output.status, 0, "{output}");
    // The terminal itself shows what was typed; the program does not repeat it.
    assert_eq!(output.stderr.matches("hunter2").count(), 1, "{output}");
    assert_snapshot!("dialogue-answers", output);
}

#[test]
fn a_wrong_tenant_can_be_corrected() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let mut terminal = login(&sandbox, &["--client-id", "ci-bot", "--scope", ""]);
    terminal.expect("Tenant").expect(": ").type_line("http://127.0.0.1:1");
    terminal.expect("(not shown): ").type_line(SECRET);
    terminal.expect("connection refused").expect("Tenant [http://127.0.0.1:1]: ");
    emulator.play(Fault::Html);
    terminal.type_line(&emulator.url()).expect("HTML").expect("Tenant [").expect("]: ").type_line("");
    let output = finish(terminal, &sandbox);
    assert_eq!((output.status, emulator.counters().token_requests), (0, 2), "{output}");
    assert_eq!(config(&sandbox)["profiles"]["default"]["tenant"], emulator.url());
    assert_snapshot!("dialogue-wrong-tenant", output);
}

#[test]
fn a_stored_secret_stays_when_the_tenant_is_changed() {
    let (emulator, other) = (Emulator::start(), Emulator::builder().client("ci-bot", "new-secret").start().unwrap());
    for store in [&["--scope", ""][..], &["--scope", "", "--store", "file"]] {
        let sandbox = Sandbox::with_tenant(&emulator);
        let sent = other.requests().len();
        let mut terminal = login(&sandbox, store);
        terminal.expect("Tenant [").type_line("").expect("Client ID [").type_line("");
        emulator.play(Fault::Html);
        terminal.expect("Enter keeps").expect("): ").type_line("").expect("HTML");
        terminal.expect("Tenant [").expect("]: ").type_line(&other.url());
        terminal.expect("Client secret (not shown): ");
        assert_eq!(other.requests().len(), sent);
        terminal.type_line("new-secret");
        let output = finish(terminal, &sandbox);
        assert_eq!(output.status, 0, "{output}");

        let sandbox = Sandbox::with_tenant(&emulator);
        let mut terminal = login(&sandbox, &[&["--tenant", &other.url()], store].concat());
        terminal.expect("Client ID [").type_line("").expect("Client secret (not shown): ").type_line("new-secret");
        assert_eq!(finish(terminal, &sandbox).status, 0);
    }
}

#[test]
fn a_token_url_stays_while_its_tenant_does() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let url = format!("{}/acs/token", emulator.url());
    sandbox.edit_profile(|profile| profile["token_url"] = url.clone().into());
    emulator.play(Fault::Html);
    let mut terminal = login(&sandbox, &["--scope", "user"]);
    terminal
        .expect("Tenant [")
        .type_line("")
        .expect("Client ID [")
        .type_line("")
        .expect("keeps")
        .expect("): ")
        .type_line("");
    terminal.expect("HTML").expect("Tenant [").expect("]: ").type_line("");
    let output = finish(terminal, &sandbox);
    assert_eq!(output.status, 0, "{output}");
    assert_eq!(config(&sandbox)["profiles"][PROFILE]["token_url"], url);
}

#[test]
fn a_scope_that_the_client_has_not_can_be_corrected() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    emulator.play(Fault::oauth_error(400, "invalid_scope", "unknown scope"));
    let mut terminal = login(&sandbox, &["--tenant", &emulator.url(), "--client-id", "ci-bot"]);
    terminal.expect("(not shown): ").type_line(SECRET).expect("Scopes").expect(": ").type_line("amdin");
    terminal.expect("invalid_scope").expect("[amdin]: ").type_line("admin");
    let output = finish(terminal, &sandbox);
    assert_eq!(output.status, 0, "{output}");
    assert_eq!(config(&sandbox)["profiles"]["default"]["scope"], "admin");
}

#[test]
fn an_unknown_certificate_can_be_trusted_by_a_file() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let stranger = Emulator::builder().tls().start().unwrap();
    let sandbox = empty(&emulator);
    write(&sandbox.path("ca.pem"), emulator.ca_pem().unwrap().as_bytes());
    write(&sandbox.path("other.pem"), stranger.ca_pem().unwrap().as_bytes());
    let args = ["--tenant", &emulator.url(), "--client-id", "ci-bot", "--scope", ""];
    let mut terminal = login(&sandbox, &args);
    terminal.expect("(not shown): ").type_line(SECRET);
    terminal.expect("unknown issuer").expect("CA file").expect(": ").type_line("other.pem");
    terminal.expect("cannot verify").expect("CA file").expect(": ").type_line("ca.pem");
    let output = finish(terminal, &sandbox);
    assert_eq!(output.status, 0, "{output}");
    assert_eq!(config(&sandbox)["profiles"]["default"]["ca_file"], sandbox.path("ca.pem").display().to_string());
    sandbox.run(&["get"]).token();
    assert_snapshot!("dialogue-certificate", output);

    let sandbox = empty(&emulator);
    let mut terminal = login(&sandbox, &args);
    terminal.expect("(not shown): ").type_line(SECRET).expect("CA file").expect(": ").type_line("");
    let output = finish(terminal, &sandbox);
    assert_eq!((output.status, kept(&sandbox).len()), (2, 0), "{output}");
}

#[test]
fn what_was_given_is_neither_asked_for_nor_asked_for_again() {
    let emulator = Emulator::start();
    let mut sandbox = empty(&emulator);
    sandbox.set_profile(&emulator.url()).set("WS1_TOKEN_CLIENT_SECRET", "wrong-secret");
    let mut terminal = login(&sandbox, &["--scope", ""]);
    terminal.expect("rejected");
    let output = finish(terminal, &sandbox);
    assert_eq!((output.status, emulator.counters().token_requests), (4, 1), "{output}");
    assert!(!output.stderr.contains("Client ID"), "{output}");
}

#[test]
fn a_secret_for_standard_input_is_hidden_where_that_is_a_terminal() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let args = ["--tenant", &emulator.url(), "--client-id", "ci-bot", "--scope", "", "--secret-stdin"];
    let mut terminal = login(&sandbox, &args);
    terminal.expect("Secret (not shown): ").type_line(SECRET);
    let output = finish(terminal, &sandbox);
    assert_eq!(output.status, 0, "{output}");
}

#[test]
fn a_failure_that_no_answer_mends_ends_the_login() {
    let emulator = Emulator::start();
    for (fault, status) in [
        (Fault::status(503), 3),
        (Fault::retry_after("30"), 3),
        (Fault::oauth_error(400, "unauthorized_client", "not allowed this grant"), 4),
    ] {
        let sandbox = empty(&emulator);
        emulator.play(fault);
        let mut terminal = login(&sandbox, &["--tenant", &emulator.url(), "--client-id", "ci-bot", "--scope", ""]);
        terminal.expect("(not shown): ").type_line(SECRET);
        let output = finish(terminal, &sandbox);
        assert_eq!((output.status, kept(&sandbox).len()), (status, 0), "{output}");
    }
}
