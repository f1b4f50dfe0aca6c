//! What is different on Windows: held files, devices, line ends, PATHEXT, the console's shells. These tests run on Windows and
//! under Wine.

use std::fs::{File, OpenOptions};
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use ws1_emulator::Emulator;

use crate::sandbox::{Output, Sandbox, write};
use crate::skip::skip;

/// A tenant and a home whose places are named: Windows itself knows them by no variable.
fn world() -> (Emulator, Sandbox) {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    for (name, place) in [("WS1_TOKEN_CONFIG", sandbox.config_file()), ("WS1_TOKEN_CACHE_DIR", sandbox.cache_dir())] {
        sandbox.set(name, place.display().to_string());
    }
    for name in ["SystemRoot", "PATHEXT", "ComSpec"] {
        if let Ok(value) = std::env::var(name) {
            sandbox.set(name, value);
        }
    }
    (emulator, sandbox)
}

/// Opens a file as another program does that shares it so far: 0 not at all, 1 for reading, 3 for writing, 7 for removal too.
fn hold(path: &Path, shared: u32) -> File {
    OpenOptions::new().read(true).share_mode(shared).open(path).unwrap()
}

/// A batch file in a directory that is the only one on PATH besides the system's.
fn batch(sandbox: &mut Sandbox, name: &str, lines: &str) {
    let dir = sandbox.path("bin");
    std::fs::create_dir_all(&dir).unwrap();
    write(&dir.join(name), lines.replace('\n', "\r\n").as_bytes());
    let system = std::env::var("SystemRoot").unwrap();
    sandbox.set("PATH", format!("{};{system}\\System32", dir.display()));
}

/// A command line of cmd.
fn cmd(sandbox: &Sandbox, line: &str) -> Output {
    let mut shell = sandbox.program("cmd");
    shell.args(["/d", "/c", line]);
    sandbox.finish(shell)
}

#[test]
fn requests_may_end_their_lines_as_windows_does() {
    let (emulator, sandbox) = world();
    let ask = |text: &str| sandbox.run_with_stdin(&["git", "get"], text.replace("HOST", &emulator.host()).as_bytes());
    // The moment of expiry is reckoned from two clocks, and may be a second off.
    let answer = |text: &str| {
        let answer = ask(text).stdout;
        answer.split_once("password_expiry_utc=").map(|(password, _)| password.to_owned()).unwrap_or(answer)
    };
    let expected = answer("protocol=http\nhost=HOST\n\n");
    assert!(expected.contains("password=eyJ"), "{expected}");
    assert_eq!(answer("protocol=http\r\nhost=HOST\r\n\r\n"), expected);
    assert_eq!(answer("protocol=http\r\nhost=HOST\r\n"), expected);
    for mixed in
        ["protocol=http\nhost=HOST\r\n\n", "protocol=http\r\nhost=HOST\n\n", "protocol=http\r\nhost=HO\rST\r\n"]
    {
        assert_eq!(ask(mixed).to_string(), "", "{mixed:?}");
    }
    let request = format!("{{\r\n\"uri\":\r\n\"{}/x\"}}\r\n", emulator.url());
    let bazel = sandbox.run_with_stdin(&["bazel", "get"], request.as_bytes());
    assert!(bazel.stdout.contains("Bearer eyJ"), "{bazel}");
    let login = ["login", "crlf", "--tenant", &emulator.url(), "--client-id", "ci-bot", "--secret-stdin"];
    assert_eq!(sandbox.run_with_stdin(&login, b"emulator-secret\r\n").status, 0);
}

#[test]
fn a_request_that_never_comes_is_not_waited_for() {
    let (_emulator, sandbox) = world();
    let mut command = sandbox.command(&["git", "get"]);
    let mut child = sandbox.start({
        command.stdin(Stdio::piped());
        command
    });
    let held_open = child.stdin.take();
    assert_eq!(sandbox.wait(child).to_string(), "");
    drop(held_open);
}

#[test]
fn a_clock_that_is_set_back_lengthens_no_life() {
    let (emulator, sandbox) = world();
    let first = sandbox.run(&["get"]).token();
    if sandbox.entry()["token"]["boot_id"].is_null() {
        return skip("boot-number", "the registry has no BootId");
    }
    let shift = |names: &[&str], seconds: i64| {
        sandbox.edit_entry(|entry| {
            for name in names {
                entry["token"][name] = (entry["token"][name].as_i64().unwrap() + seconds).into();
            }
        });
    };
    // An hour ago, by both clocks; then the wall clock was set back by that hour, and by another.
    for back in [3600, 3600] {
        shift(&["issued_at", "expires_at"], back);
        assert_eq!(sandbox.run(&["get"]).token(), first, "still good by the boot clock");
    }
    shift(&["issued_boot"], -10_800);
    assert_ne!(sandbox.run(&["get"]).token(), first, "its three hours are over by the boot clock");
    assert_eq!(emulator.counters().token_requests, 2);
    // In another boot nothing tells how old a token from the future is.
    shift(&["issued_at", "expires_at"], 7200);
    sandbox.edit_entry(|entry| entry["token"]["boot_id"] = "another".into());
    sandbox.run(&["get"]).token();
    assert_eq!(emulator.counters().token_requests, 3);
}

#[test]
fn an_entry_that_another_program_holds_costs_one_request() {
    for shared in [0, 1, 3, 7] {
        let (emulator, sandbox) = world();
        let old = sandbox.run(&["get"]).token();
        sandbox.age_until(-1);
        let entry = sandbox.entry_file();
        let held = hold(&entry, shared);
        let runs = sandbox.run_many(6, &["get"]);
        let new = runs[0].stdout.trim_end().to_owned();
        let is_fine = |run: &Output| run.status == 0 && run.stdout.trim_end() == new && run.stderr.lines().count() <= 1;
        assert!(new != old && runs.iter().all(is_fine), "{shared}: {runs:?}");
        assert_eq!(emulator.counters().token_requests, 2, "{shared}");
        assert!(is_fine(&sandbox.run(&["get"])), "{shared}");
        drop(held);
        let newest = sandbox.run(&["get", "--force-refresh"]).token();
        assert_eq!(sandbox.run(&["get"]).token(), newest);
        assert_eq!(sandbox.cached().len(), 2, "entry and lock: {:?}", sandbox.cached());
    }
}

#[test]
fn a_good_entry_that_cannot_even_be_read_costs_one_request() {
    let (emulator, sandbox) = world();
    sandbox.run(&["get"]).token();
    let _held = hold(&sandbox.entry_file(), 0);
    let runs = sandbox.run_many(6, &["get"]);
    assert!(runs.iter().all(|run| run.status == 0 && run.stdout == runs[0].stdout), "{runs:?}");
    assert_eq!(emulator.counters().token_requests, 2);
}

#[test]
fn failures_are_remembered_while_another_program_holds_the_entry() {
    let (emulator, sandbox) = world();
    sandbox.run(&["get"]).token();
    sandbox.age_until(-1);
    sandbox.write_secret("wrong");
    emulator.revoke_refresh_tokens();
    let _held = hold(&sandbox.entry_file(), 0);
    let before = emulator.counters().token_requests;
    let runs = sandbox.run_many(6, &["get"]);
    assert!(runs.iter().all(|run| run.status == 4), "{runs:?}");
    assert!(emulator.counters().token_requests - before <= 2);
}

#[test]
fn forget_says_that_another_program_holds_the_entry() {
    let (_emulator, sandbox) = world();
    sandbox.run(&["get"]).token();
    let held = hold(&sandbox.entry_file(), 3);
    let refused = sandbox.run(&["forget"]);
    assert!(refused.status == 1 && refused.stderr.starts_with("error: "), "{refused}");
    drop(held);
    assert_eq!(sandbox.run(&["forget"]).status, 0);
    assert_eq!(sandbox.cached().len(), 1, "the lock file");
}

#[test]
fn a_token_file_that_is_held_for_a_moment_is_replaced_and_one_that_stays_held_is_left() {
    let (_emulator, sandbox) = world();
    let token = sandbox.run(&["get"]).token();
    let file = sandbox.path("token");
    write(&file, b"old");
    let held = hold(&file, 1);
    let refused = sandbox.run(&["get", "--output", "token"]);
    assert!(refused.status == 1 && refused.stderr.contains("cannot write `"), "{refused}");
    let child = sandbox.start(sandbox.command(&["get", "--output", "token"]));
    drop(held);
    assert_eq!(sandbox.wait(child).to_string(), "");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), token);
    let names: Vec<_> = std::fs::read_dir(sandbox.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().ends_with(".tmp")), "{names:?}");
}

#[test]
fn what_a_killed_run_left_beside_a_token_file_is_removed_and_nothing_else() {
    let (_emulator, sandbox) = world();
    let old = SystemTime::now() - Duration::from_secs(3600);
    let left = |name: &str| {
        write(&sandbox.path(name), b"x");
        OpenOptions::new().write(true).open(sandbox.path(name)).unwrap().set_modified(old).unwrap();
        sandbox.path(name)
    };
    let gone = left(".token.4.0123456789abcdef.tmp");
    let kept = [left(".token.4.0123456789abcde.tmp"), left(".other.4.0123456789abcdef.tmp"), left("token.tmp")];
    let written = left(".token.5.0123456789abcdef.tmp");
    let held = hold(&written, 3);
    assert_eq!(sandbox.run(&["get", "--output", "token"]).to_string(), "");
    assert!(!gone.exists() && written.exists() && kept.iter().all(|file| file.exists()));
    drop(held);
    assert_eq!(sandbox.run(&["get", "--output", "token"]).to_string(), "");
    assert!(!written.exists());
}

#[test]
fn devices_are_written_into_and_never_replaced() {
    let (_emulator, sandbox) = world();
    for device in ["NUL", "nul", r"\\.\NUL", "C:NUL"] {
        assert_eq!(sandbox.run(&["get", "--output", device]).to_string(), "", "{device}");
    }
    let watched = sandbox.run(&["get", "--output", "NUL", "--watch"]);
    assert!(watched.status == 2 && watched.stderr.contains("cannot be replaced"), "{watched}");
    let stream = sandbox.run(&["get", "--output", r".\file:stream"]);
    assert!(stream.status == 1 && stream.stderr.contains("names a stream"), "{stream}");
    let secret = sandbox.run(&["get", "--no-cache", "--client-secret-file", "NUL"]);
    assert!(secret.status == 2 && secret.stderr.contains("not a regular file"), "{secret}");
    let login =
        sandbox.run(&["login", "con.prod", "--tenant", "acme.example.com", "--client-id", "x", "--secret-stdin"]);
    assert!(login.status == 2 && login.stderr.contains("takes a file of that name for a device"), "{login}");
}

#[test]
fn paths_of_every_kind_lead_to_their_files() {
    let (_emulator, sandbox) = world();
    let dir = std::path::absolute(sandbox.path("")).unwrap().display().to_string();
    let dir = dir.trim_end_matches('\\');
    std::fs::create_dir(sandbox.path("sub dir")).unwrap();
    for path in [
        r"sub dir\a".to_owned(),
        "sub dir/b".to_owned(),
        format!(r"{dir}\sub dir\c"),
        format!("{}/sub dir/d", dir.replace('\\', "/")),
        format!(r"\\?\{dir}\sub dir\e"),
        format!("{}sub dir\\f", &dir[..2]),
        format!(r"{}\sub dir\g", &dir[2..]),
    ] {
        let token = sandbox.run(&["get"]).token();
        assert_eq!(sandbox.run(&["get", "--output", &path]).to_string(), "", "{path}");
        let name = path.chars().last().unwrap().to_string();
        let file = sandbox.path("sub dir").join(&name);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), token, "{path}");
        write(&file, crate::sandbox::SECRET.as_bytes());
        sandbox.edit_profile(|profile| profile["client_secret"]["file"] = path.clone().into());
        // Relative ones are relative to the configuration file.
        if Path::new(&path).has_root() {
            sandbox.run(&["get", "--force-refresh"]).token();
        }
        let flag = sandbox.run(&["get", "--no-cache", "--client-secret-file", &path]);
        assert_eq!((flag.status, &*flag.stderr), (0, ""), "{path}");
    }
}

#[test]
fn exec_finds_what_the_shell_finds_and_passes_the_whole_status_on() {
    let (_emulator, mut sandbox) = world();
    batch(&mut sandbox, "tool.cmd", "@echo %1 %WS1_ACCESS_TOKEN:~0,3%\n@exit /b 3\n");
    let run = |args: &[&str]| sandbox.run(&[&["exec", "--"], args].concat());
    assert_eq!(run(&["tool", "x"]).to_string(), "x eyJ\r\n[exit status: 3]\n");
    assert_eq!(run(&[r"bin\tool", "x"]).status, 3);
    for status in [0, 1, 300, -1_073_741_510] {
        assert_eq!(run(&["cmd", "/d", "/c", &format!("exit {status}")]).status, status);
    }
    assert_eq!(run(&["nothing-of-this-name"]).status, 127);
    write(&sandbox.path("text.exe"), b"no program");
    assert_eq!(run(&[r".\text.exe"]).status, 126);
}

#[test]
fn curl_gets_the_token_from_a_file_that_is_gone_afterwards_and_keeps_its_input() {
    let (_emulator, mut sandbox) = world();
    batch(&mut sandbox, "curl.cmd", "@set /p line=\n@echo %*\n@type %5\n@echo read %line%\n@exit /b 35\n");
    let token = sandbox.run(&["get"]).token();
    // What an ended run left, whose name nobody else makes.
    let left = sandbox.cache_dir().join(".handed-over.4.0123456789abcdef.tmp");
    write(&left, b"x");
    let old = SystemTime::now() - Duration::from_secs(3600);
    OpenOptions::new().write(true).open(&left).unwrap().set_modified(old).unwrap();
    let run = sandbox.run_with_stdin(&["curl", "/x"], b"the caller's line\r\n");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("--disable") && lines[0].contains("--config") && !lines[0].contains(&token), "{run}");
    assert_eq!(
        lines[1..],
        [&*format!("header = \"Authorization: Bearer {token}\""), "read the caller's line"],
        "{run}"
    );
    assert_eq!((run.status, &*run.stderr), (35, ""));
    assert_eq!(sandbox.cached().len(), 2, "{:?}", sandbox.cached());
}

#[test]
fn a_secret_command_may_be_a_batch_file() {
    let (_emulator, mut sandbox) = world();
    batch(&mut sandbox, "vault.cmd", "@echo emulator-secret\n");
    sandbox.edit_profile(|profile| profile["client_secret"] = serde_json::json!({ "command": ["vault", "x y"] }));
    sandbox.run(&["get"]).token();
}

#[test]
fn what_setup_prints_can_be_run_by_the_shell_of_the_system() {
    let (emulator, mut sandbox) = world();
    sandbox.edit_profile(|profile| profile["hosts"] = serde_json::json!(["registry.example.com"]));
    batch(&mut sandbox, "nothing.cmd", "");
    let text = sandbox.run(&["setup", "terraform"]).stdout;
    let settings = text.lines().find_map(|line| line.strip_prefix("# ")?.strip_suffix(r"\terraform.rc:")).unwrap();
    let here = sandbox.path("roaming");
    for line in text.lines().filter(|line| line.starts_with("mkdir") || line.starts_with("copy")) {
        let line = line.replace(settings, &here.display().to_string());
        write(&sandbox.path("line.bat"), format!("@{line}\r\n").as_bytes());
        assert_eq!(cmd(&sandbox, "line.bat").status, 0, "{line}");
    }
    let mut helper = sandbox.program(here.join(r"terraform.d\plugins\terraform-credentials-ws1.exe"));
    helper.args(["get", "registry.example.com"]);
    let answer = sandbox.finish(helper);
    assert!(answer.stdout.contains("\"token\""), "{answer}");

    let text = sandbox.run(&["setup", "bazel", "--cache-dir", &sandbox.path("cache of bazel").display().to_string()]);
    let script = text.stdout.split("\n\n").next().unwrap().split_once(":\n").unwrap().1;
    write(&sandbox.path("helper.bat"), format!("{script}\r\n").as_bytes());
    let mut helper = sandbox.program("cmd");
    helper.args(["/d", "/c", "helper.bat", "get"]);
    let request = format!("{{\"uri\":\"{}/x\"}}", emulator.url());
    let answer = sandbox.finish_with_stdin(helper, request.as_bytes());
    let answer: Value = serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{answer}"));
    assert!(answer["headers"]["Authorization"][0].as_str().unwrap().starts_with("Bearer "));
    assert!(sandbox.path("cache of bazel").is_dir());
}

#[test]
fn setup_writes_paths_that_no_shell_and_no_parser_unquotes() {
    let (_emulator, sandbox) = world();
    for caller in ["kubectl", "git", "cargo", "rclone", "google", "bazel", "curl"] {
        let text = sandbox.run(&["setup", caller]);
        let config = sandbox.config_file().display().to_string();
        assert!(text.stdout.contains(&config.replace('\\', "/")) && !text.stdout.contains(&config), "{caller}: {text}");
    }
}

#[test]
fn a_lock_that_a_killed_process_held_is_free() {
    let (emulator, sandbox) = world();
    emulator.play_always(ws1_emulator::Fault::Hang);
    let mut leader = sandbox.start(sandbox.command(&["get"]));
    crate::sandbox::wait_until("the request is in flight", || emulator.counters().token_requests == 1);
    let lock = sandbox.cache_dir().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let lock = lock.into_iter().find(|path| path.extension().is_some_and(|end| end == "lock")).unwrap();
    assert!(std::fs::remove_file(&lock).is_err() && lock.exists(), "a held lock file cannot be removed");
    leader.kill().unwrap();
    leader.wait().unwrap();
    emulator.play_normally();
    sandbox.run(&["get"]).token();
    assert_eq!(emulator.counters().token_requests, 2);
}
