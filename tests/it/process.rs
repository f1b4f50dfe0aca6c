//! The program as a process: signals, its input, its user and home, and what others can see of it.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use ws1_emulator::{Emulator, Fault};

use crate::nobody;
use crate::sandbox::{Output, SECRET, Sandbox, assert_snapshot, binary, names_in, set_mode, wait_until};
use crate::skip::{can, can_mount, is_root, skip};
use crate::strace;
use crate::terminal::Terminal;

/// A tenant and a sandbox for it.
fn tenant() -> (Emulator, Sandbox) {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    (emulator, sandbox)
}

/// Sends a signal to a process that the test started.
fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

/// Starts a program, named by further arguments, with the signals as a terminal's user has them: tests that run in the
/// background of a script inherit some of them ignored, and so would the program.
fn with_default_signals(sandbox: &Sandbox) -> Command {
    let mut env = sandbox.program("env");
    env.arg("--default-signal=INT,TERM,HUP,QUIT");
    env
}

#[test]
fn a_signal_while_waiting_ends_the_run_and_costs_one_request() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129), (Signal::QUIT, 131)] {
        let (emulator, sandbox) = tenant();
        let first = sandbox.run(&["get"]).token();
        sandbox.age_until(60);
        emulator.play(Fault::HangAfterIssue);
        let mut get = with_default_signals(&sandbox);
        get.args([binary(), "get"]);
        let child = sandbox.start(get);
        wait_until("the refresh token is sent", || emulator.counters().refresh == 1);
        send(&child, signal);
        let output = sandbox.wait(child);
        assert_eq!((output.status, output.to_string()), (status, format!("[exit status: {status}]\n")));
        assert_eq!(sandbox.entry()["refresh_in_flight"], true, "the next process knows that it may be spent");
        let lock = std::fs::File::open(sandbox.lock_file()).unwrap();
        fs2::FileExt::try_lock_exclusive(&lock).expect("the kernel freed the lock");
        drop(lock);
        let next = sandbox.run(&["get"]).token();
        assert_ne!(next, first);
        let counters = emulator.counters();
        assert_eq!((counters.client_credentials, counters.refresh, counters.refresh_reuse), (2, 1, 0));
        assert_eq!(sandbox.cached().len(), 2, "the entry, the lock and nothing else");
    }
}

#[test]
fn a_signal_between_the_answer_and_the_cache_leaves_the_old_entry_or_the_new_one() {
    if !strace::is_there() {
        return;
    }
    let mut struck = 0;
    for call in ["fsync", "renameat,renameat2,rename", "openat"] {
        for place in 1..=if call == "openat" { 24 } else { 3 } {
            let (emulator, sandbox) = tenant();
            let first = sandbox.run(&["get"]).token();
            sandbox.age_until(60);
            let mut strace = with_default_signals(&sandbox);
            let inject = format!("inject={call}:signal=SIGINT:when={place}");
            strace.args(["strace", "-f", "-qq", "-e", &inject, "-o", "/dev/null", binary(), "get"]);
            let output = sandbox.finish(strace);
            let title = format!("{call} {place}: {output}");
            if output.status == 0 {
                continue;
            }
            struck += 1;
            assert_eq!((output.status, output.stdout.as_str(), output.stderr.as_str()), (130, "", ""), "{title}");
            let kept = sandbox.entry()["token"]["access_token"].as_str().unwrap().to_owned();
            assert!(kept == first || emulator.issued().contains(&kept), "{title}");
            let before = emulator.counters();
            let next = sandbox.run(&["get"]).token();
            assert!(emulator.is_valid(&next), "{title}");
            let counters = emulator.counters();
            assert_eq!(counters.refresh_reuse, 0, "{title}");
            assert!(counters.token_requests - before.token_requests <= 1, "{title}");
            assert_eq!(sandbox.run(&["get"]).token(), next, "{title}");
        }
    }
    assert!(struck >= 8, "the places that were looked for are there: {struck}");
}

#[test]
fn input_that_does_not_end_is_not_waited_for() {
    let (emulator, sandbox) = tenant();
    let start = |operation: &str| {
        let mut command = sandbox.command(&["git", operation]);
        command.stdin(Stdio::piped());
        let mut child = sandbox.start(command);
        let stdin = child.stdin.take().unwrap();
        (child, stdin)
    };
    let (silent, silence) = start("get");
    let (erasing, erasure) = start("erase");
    let (mut slow, mut drops) = start("get");
    // Never a whole line: every byte comes soon enough after the one before it.
    let mut dripped = 0;
    while slow.try_wait().unwrap().is_none() && dripped < 200 {
        let _ = drops.write_all(b"x");
        dripped += 1;
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(dripped < 200, "it gave up by itself");
    drop(drops);
    for (title, child) in [("silent", silent), ("erase", erasing), ("slow", slow)] {
        assert_eq!(sandbox.wait(child).to_string(), "", "{title}: nothing, and no failure");
    }
    drop((silence, erasure));
    assert_eq!(emulator.counters().connections, 0);
}

#[test]
fn closed_and_empty_input_is_an_empty_request() {
    let (emulator, sandbox) = tenant();
    for line in ["exec \"$0\" git get <&-", "exec \"$0\" git get </dev/null", "exec \"$0\" git store </dev/null"] {
        let mut shell = sandbox.program("sh");
        shell.args(["-c", line, binary()]);
        assert_eq!(sandbox.finish(shell).to_string(), "", "{line}");
    }
    assert_eq!(emulator.counters().connections, 0);
    // Commands that need no input work without any.
    for args in ["get", "kubectl", "status"] {
        let mut shell = sandbox.program("sh");
        shell.args(["-c", &format!("exec \"$0\" {args} <&-"), binary()]);
        let output = sandbox.finish(shell);
        assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{args}");
    }
}

#[test]
fn a_terminal_gets_the_token_and_nothing_that_it_could_act_on() {
    if !can("script", &["-qec", "true", "/dev/null"]) {
        return;
    }
    let (_emulator, sandbox) = tenant();
    let token = sandbox.run(&["get"]).token();
    let mut script = sandbox.program("script");
    script.args(["-qec", &format!("{} get", binary()), "/dev/null"]);
    let output = sandbox.finish(script);
    assert_eq!((output.stdout.as_str(), output.status), (format!("{token}\r\n").as_str(), 0));
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)));
}

#[test]
fn without_a_home_variable_the_user_database_names_it() {
    if !can_mount() || !can("getent", &["passwd", "0"]) {
        return;
    }
    // A home directory of the real user's, but empty: what is mounted there goes with the namespace.
    let line = "home=$(getent passwd \"$(id -u)\" | cut -d: -f6) && mount -t tmpfs none \"$home\" && \
                cp \"$1\" \"$home/ws1-token\" && \"$home/ws1-token\" get && ls -A \"$home/.cache/ws1-token\" | wc -l";
    for home in [None, Some("")] {
        let emulator = Emulator::start();
        let mut sandbox = Sandbox::new();
        sandbox.set_profile(&emulator.url());
        match home {
            Some(home) => sandbox.set("HOME", home),
            None => sandbox.unset("HOME"),
        };
        let copy = nobody::copy_binary(&sandbox);
        let mut shell = sandbox.program("unshare");
        shell.args(["-m", "sh", "-c", line, "sh"]).arg(copy);
        let output = sandbox.finish(shell);
        assert_eq!(output.to_string(), format!("{}\n2\n", emulator.issued()[0]), "{home:?}");
    }
}

#[test]
fn relative_xdg_directories_do_not_count() {
    let (emulator, mut sandbox) = tenant();
    sandbox.set("XDG_CACHE_HOME", "cache").set("XDG_CONFIG_HOME", "config").set("XDG_RUNTIME_DIR", "run");
    let before = names_in(&sandbox.path(""));
    let token = sandbox.run(&["get"]).token();
    assert_eq!(sandbox.run(&["get"]).token(), token);
    assert_eq!(names_in(&sandbox.path("")), before, "nothing is written into the working directory");
    assert_eq!(sandbox.entry()["token"]["access_token"], token, "but below the home");
    // An absolute one counts.
    let elsewhere = sandbox.path("elsewhere");
    sandbox.set("XDG_CACHE_HOME", elsewhere.display().to_string());
    assert_ne!(sandbox.run(&["get"]).token(), token);
    assert_eq!(names_in(&elsewhere), ["ws1-token"]);
    assert_eq!(emulator.counters().token_requests, 2);
}

#[test]
fn no_flag_takes_a_secret() {
    let sandbox = Sandbox::new();
    let main = sandbox.run(&["--help"]).stdout;
    let mut pages = vec![main.clone()];
    pages.extend(crate::commands::listed(&main).iter().map(|name| sandbox.run(&[name, "--help"]).stdout));
    assert!(pages.len() > 6, "{}", pages.len());
    let mut flags: Vec<&str> = pages
        .iter()
        .flat_map(|page| page.lines().filter(|line| line.starts_with("  ")))
        .flat_map(|line| line.split([' ', ',', '[', ']', '=']).filter(|word| word.starts_with("--") && word.len() > 2))
        .collect();
    flags.sort_unstable();
    flags.dedup();
    assert!(flags.contains(&"--force-refresh"), "{flags:?}");
    let suspicious =
        |flag: &&&str| ["secret", "token", "password", "key", "auth"].iter().any(|word| flag.contains(word));
    // A file, a URL, a word of a list, a yes or no, or no value.
    let known = [
        "--api-token-file",
        "--api-token-stdin",
        "--auth-style",
        "--client-secret-file",
        "--no-refresh-token",
        "--secret-stdin",
        "--token-url",
        "--use-refresh-token",
    ];
    assert_eq!(flags.iter().filter(suspicious).copied().collect::<Vec<_>>(), known);
    for flag in ["--client-secret", "--secret", "--password", "--token", "--access-token", "--refresh-token"] {
        let output = sandbox.run(&["get", flag, "hunter2"]);
        assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{flag}");
        assert!(!output.stderr.contains("hunter2"), "{output}");
    }
}

#[test]
fn others_of_the_same_user_cannot_look_into_a_run() {
    if !nobody::is_there() {
        return;
    }
    let (emulator, mut sandbox) = tenant();
    sandbox.set("WS1_TOKEN_CLIENT_SECRET", SECRET);
    emulator.play_always(Fault::Hang);
    let copy = nobody::give_away(&sandbox);
    let mut waiting = sandbox.start(nobody::shell(&sandbox, &copy, "exec \"$0\" get"));
    wait_until("the request is sent", || emulator.requests().len() == 1);
    let mut sleeping = sandbox.start(nobody::shell(&sandbox, &copy, "exec sleep 60"));
    let open = |child: &Child, file: &str| {
        let line = format!("exec head -c 1 < /proc/{}/{file} > /dev/null", child.id());
        sandbox.finish(nobody::shell(&sandbox, &copy, &line)).status == 0
    };
    wait_until("the other one sleeps", || {
        std::fs::read_to_string(format!("/proc/{}/comm", sleeping.id())).is_ok_and(|name| name == "sleep\n")
    });
    for file in ["environ", "maps"] {
        assert!(open(&sleeping, file), "{file} of an ordinary process can be read");
        assert!(!open(&waiting, file), "{file}");
    }
    for file in ["mem", "auxv", "fd/0"] {
        assert!(!open(&waiting, file), "{file}");
    }
    for child in [&mut waiting, &mut sleeping] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_crash_leaves_no_core() {
    let (emulator, sandbox) = tenant();
    emulator.play_always(Fault::Hang);
    let crash = |line: &str, ready: &dyn Fn(&Child)| {
        let dir = sandbox.path("crash");
        std::fs::create_dir(&dir).unwrap();
        let mut shell = sandbox.program("sh");
        shell.args(["-c", &format!("ulimit -c unlimited 2> /dev/null; exec {line}"), binary()]).current_dir(&dir);
        let mut child = shell.spawn().unwrap();
        ready(&child);
        send(&child, Signal::ABORT);
        let status = child.wait().unwrap();
        let files = names_in(&dir);
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(status.signal(), Some(6), "{line}");
        (status.core_dumped(), files.len())
    };
    let (dumped, files) =
        crash("\"$0\" get", &|_| wait_until("the request is sent", || emulator.requests().len() == 1));
    assert_eq!((dumped, files), (false, 0));
    let (dumped, _) = crash("sleep 60", &|child| {
        wait_until("it sleeps", || {
            std::fs::read_to_string(format!("/proc/{}/comm", child.id())).is_ok_and(|name| name == "sleep\n")
        });
    });
    if !dumped {
        skip("core-dump", "no process leaves a core here, so that none was seen proves nothing");
    }
}

#[test]
fn a_run_without_a_thread_is_told_in_plain_words() {
    if !nobody::is_there() {
        return;
    }
    let (emulator, mut sandbox) = tenant();
    // If no thread can be started, the HTTP library would panic.
    sandbox.set("RUST_BACKTRACE", "full");
    let copy = nobody::give_away(&sandbox);
    let output = sandbox.finish(nobody::shell(&sandbox, &copy, "exec prlimit --nproc=1 \"$0\" get"));
    assert_snapshot!("process-no-thread", output);
    assert_eq!(emulator.counters().connections, 0);
    let unlimited = sandbox.finish(nobody::shell(&sandbox, &copy, "exec \"$0\" get"));
    assert_eq!(unlimited.token(), emulator.issued()[0], "it was the limit");
}

#[test]
fn a_wait_without_a_thread_is_not_told_and_does_no_harm() {
    if !nobody::is_there() {
        return;
    }
    let (emulator, mut sandbox) = tenant();
    sandbox.set("TERM", "xterm");
    let token = sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    let copy = nobody::give_away(&sandbox);
    let lock = std::fs::File::open(sandbox.lock_file()).unwrap();
    fs2::FileExt::try_lock_exclusive(&lock).unwrap();
    let limited = Terminal::start_piped(&nobody::shell(&sandbox, &copy, "exec prlimit --nproc=1 \"$0\" get"));
    let mut witness = Terminal::start_piped(&nobody::shell(&sandbox, &copy, "exec \"$0\" get"));
    witness.expect("another ws1-token is renewing");
    // Another process has renewed: both need nothing more.
    sandbox.age_until(5000);
    for (terminal, told) in [(limited, false), (witness, true)] {
        let output = terminal.finish(&sandbox);
        assert_eq!((output.status, output.stdout.trim_end()), (0, token.as_str()), "{output}");
        assert_eq!(output.stderr.contains("renewing"), told, "{output}");
    }
    assert_eq!(emulator.counters().token_requests, 1);
}

#[test]
fn logs_that_libraries_offer_are_not_written() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let log = sandbox.path("keys.log").display().to_string();
    sandbox.set("RUST_LOG", "trace").set("SSLKEYLOGFILE", log).set("RUST_LOG_STYLE", "always").set("SSL_DEBUG", "1");
    let before = names_in(&sandbox.path(""));
    sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    sandbox.run(&["get"]).token();
    assert_eq!(names_in(&sandbox.path("")), before);
    assert_eq!(sandbox.cached().len(), 2);
}

#[test]
fn little_memory_costs_a_run_but_never_the_cache() {
    let (emulator, sandbox) = tenant();
    let token = sandbox.run(&["get"]).token();
    let entry = std::fs::read(sandbox.entry_file()).unwrap();
    let limited = |kib: usize| {
        let mut shell = sandbox.program("sh");
        shell.args(["-c", &format!("ulimit -c 0; ulimit -v {kib} && exec \"$0\" get"), binary()]);
        sandbox.finish(shell)
    };
    let mut outcomes = [0, 0];
    for kib in (3_000..40_000).step_by(1_000) {
        let output = limited(kib);
        let whole = output.status == 0 && output.stdout == format!("{token}\n");
        assert!(whole || (output.status != 0 && output.stdout.is_empty()), "{kib}: {output}");
        assert_eq!(std::fs::read(sandbox.entry_file()).unwrap(), entry, "{kib}");
        outcomes[usize::from(whole)] += 1;
    }
    assert!(outcomes.iter().all(|count| *count > 0), "{outcomes:?}");
    // The same while renewing: an answer that cannot be taken in leaves the old entry, with its mark, or the new one.
    for kib in (10_000..140_000).step_by(10_000) {
        sandbox.age_until(60);
        let output = limited(kib);
        assert!(output.stdout.is_empty() || output.stdout.ends_with('\n'), "{kib}: {output}");
        assert_eq!(output.stdout.is_empty(), output.status != 0, "{kib}: {output}");
        assert!(sandbox.entry()["token"]["access_token"].is_string(), "{kib}");
        assert!(emulator.is_valid(sandbox.run(&["get"]).stdout.trim_end()), "{kib}");
        sandbox.edit_entry(|entry| entry["failure"] = serde_json::Value::Null);
    }
    assert_eq!(emulator.counters().refresh_reuse, 0);
}

#[test]
fn an_endless_answer_does_not_fill_the_memory() {
    let (emulator, sandbox) = tenant();
    for (title, fault) in [
        ("endless", Fault::EndlessChunked),
        ("large", Fault::Oversize { bytes: 400_000_000 }),
        ("compressed", Fault::GzipBomb),
        ("headers", Fault::HugeHeaders { bytes: 100_000_000 }),
    ] {
        emulator.play(fault);
        let mut shell = sandbox.program("sh");
        shell.args(["-c", "ulimit -v 200000 && exec \"$0\" get --force-refresh", binary()]);
        let output = sandbox.finish(shell);
        assert_eq!((output.status, output.stdout.as_str()), (5, ""), "{title}: {output}");
    }
}

#[test]
fn a_copy_with_the_rights_of_another_user_refuses() {
    if !is_root("only root can give a program away") || !nobody::is_there() {
        return;
    }
    let (emulator, sandbox) = tenant();
    let copy = nobody::give_away(&sandbox);
    let run = |mode: u32, owner: &str, args: &[&str]| -> Output {
        let owned = Command::new("chown").arg(owner).arg(&copy).status().unwrap();
        assert!(owned.success());
        set_mode(Path::new(&copy), mode);
        sandbox.finish(nobody::shell(&sandbox, &copy, &format!("exec \"$0\" {}", args.join(" "))))
    };
    let by_user = run(0o4755, "0:0", &["get"]);
    if by_user.status == 0 {
        skip("set-user-id", "the bit has no effect here");
        return;
    }
    assert_snapshot!("process-elevated", by_user);
    for args in [&["get"][..], &["status"], &["exec", "--", "true"], &["kubectl"], &["git", "get"], &["forget"]] {
        for (mode, owner) in [(0o4755, "0:0"), (0o2755, "0:0"), (0o4755, "65534:65534")] {
            let output = run(mode, owner, args);
            assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{mode:o} {owner} {args:?}: {output}");
        }
    }
    assert_eq!(emulator.counters().connections, 0);
    assert_eq!(run(0o755, "0:0", &["get"]).status, 0, "without the bit it works");
}

/// std takes a clock that fails for impossible, and panics.
#[test]
fn a_bug_ends_the_process_and_is_told_by_its_place() {
    let (_emulator, mut sandbox) = tenant();
    if !crate::time::load_shim(&mut sandbox) {
        return;
    }
    sandbox.set("MONOTONIC_FAILS", "1");
    let output = sandbox.run(&["get"]);
    assert_eq!((output.status, output.stdout.as_str()), (1, ""));
    let place = output.stderr.strip_prefix("error: ws1-token stopped on a bug of its own (").unwrap();
    let (place, rest) = place.split_once(')').unwrap();
    assert!(place.contains(".rs:") && !place.contains(' '), "{place}");
    assert_eq!(rest, "\nhint: rerun with -v and report the output\n", "nothing of the panic's words");
}
