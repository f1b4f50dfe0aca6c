//! `get`: the life of a token, and every way to print it.

use serde_json::Value;
use ws1_emulator::{Emulator, Fault};

use crate::sandbox::{Sandbox, assert_snapshot, names_in, now, set_mode, write};

#[test]
fn a_token_lives_through_grant_hit_refresh_and_fallback() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let first = sandbox.run(&["get"]).token();
    assert_eq!(sandbox.run(&["get"]).token(), first, "served from the cache");
    sandbox.age_until(60);
    let second = sandbox.run(&["get"]).token();
    assert_ne!(second, first, "renewed by the refresh token");
    sandbox.age_until(60);
    emulator.revoke_refresh_tokens();
    let third = sandbox.run(&["get"]).token();
    assert_ne!(third, second, "renewed by the client's credentials");
    let counters = emulator.counters();
    assert_eq!((counters.token_requests, counters.refresh, counters.refresh_reuse), (4, 2, 0));
}

#[test]
fn every_format_is_exact() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let all: String = ["token", "header", "header-value", "headers-json", "curl", "env", "powershell"]
        .iter()
        .map(|format| sandbox.run(&["get", "--format", format]).to_string())
        .collect();
    assert_snapshot!("get-formats", all);
}

#[test]
fn github_masks_the_token_and_sets_it_for_later_steps() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let file = sandbox.path("set_env");
    sandbox.set("GITHUB_ENV", file.display().to_string());
    let token = sandbox.run(&["get"]).token();
    let (mask, line) = (format!("::add-mask::{token}"), format!("WS1_ACCESS_TOKEN={token}\n"));
    for (before, between) in [("", ""), ("A=1\n", ""), ("A=1", "\n"), ("A<<E\r\n1\r\nE\r\n", "")] {
        write(&file, before.as_bytes());
        set_mode(&file, 0o644);
        assert_eq!(sandbox.run(&["get", "--format", "github"]).token(), mask);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{before}{between}{line}"), "{before:?}");
        #[cfg(unix)]
        assert_eq!(crate::sandbox::mode(&file), 0o600, "what the runner made for everybody to read");
    }
}

#[test]
fn github_prints_nothing_where_the_variable_cannot_be_set() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let get = |sandbox: &Sandbox| sandbox.run(&["get", "--format", "github"]).to_string();
    let mut all = format!("# no GITHUB_ENV\n{}\n", get(&sandbox));
    sandbox.set("GITHUB_ENV", sandbox.path("set_env").display().to_string());
    let output = sandbox.run(&["get", "--format", "github", "--output", "token"]);
    all += &format!("# --output\n{output}\n");
    assert_eq!(emulator.counters().token_requests, 0, "usage comes first");
    all += &format!("# no file\n{}\n", get(&sandbox));
    std::fs::create_dir(sandbox.path("set_env")).unwrap();
    all += &format!("# a directory\n{}\n", get(&sandbox));
    #[cfg(unix)]
    {
        std::fs::remove_dir(sandbox.path("set_env")).unwrap();
        assert!(sandbox.program("mkfifo").arg(sandbox.path("set_env")).status().unwrap().success());
        all += &format!("# a pipe\n{}\n", get(&sandbox));
        assert_snapshot!("get-github-errors", all);
    }
}

#[test]
fn json_tells_the_life_and_never_the_refresh_token() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.run(&["get"]).token();
    sandbox.age_until(5000);
    let output = sandbox.run(&["get", "--format", "json"]);
    let json: Value = serde_json::from_str(&output.stdout).unwrap();
    let left = json["expires_in"].as_i64().unwrap();
    assert!((4990..=5000).contains(&left), "{left}");
    assert_snapshot!("get-json", output, (r#""expires_in":\d+,"#, r#""expires_in":$$SECONDS,"#));
}

#[cfg_attr(windows, ignore = "it runs programs of POSIX")]
#[test]
fn the_time_in_json_is_when_the_token_ends() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    // Ends long after this test: the second that the answer is given in must not matter.
    emulator.play(Fault::Json(serde_json::json!({ "access_token": "opaque", "expires_in": 30 * 24 * 3600 })));
    let before = now();
    let output = sandbox.run(&["get", "--format", "json"]);
    let json: Value = serde_json::from_str(&output.stdout).unwrap();
    let date = |unix: i64| {
        let output = sandbox.finish({
            let mut date = sandbox.program("date");
            date.args(["-u", "-d", &format!("@{unix}"), "+%Y-%m-%dT%H:%M:%SZ"]);
            date
        });
        output.stdout.trim_end().to_owned()
    };
    let expected: Vec<String> = (before..=now()).map(|start| date(start + 30 * 24 * 3600)).collect();
    assert!(expected.iter().any(|date| json["expires_at"] == **date), "{json} {expected:?}");
}

#[test]
fn output_goes_to_a_file_without_a_newline_unless_a_format_is_named() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let token = sandbox.run(&["get"]).token();
    let file = sandbox.path("out/token");
    std::fs::create_dir(sandbox.path("out")).unwrap();
    for (format, content) in [
        (None, token.clone()),
        (Some("token"), format!("{token}\n")),
        (Some("header"), format!("Authorization: Bearer {token}\n")),
        (Some("headers-json"), format!("{{\"Authorization\":\"Bearer {token}\"}}\n")),
    ] {
        // Relative to the working directory.
        let mut args = vec!["get", "--output", "out/token"];
        args.extend(format.iter().flat_map(|format| ["--format", format]));
        let output = sandbox.run(&args);
        assert_eq!((output.status, output.to_string().as_str()), (0, ""), "{format:?}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), content, "{format:?}");
        assert_eq!(names_in(&sandbox.path("out")), ["token"], "{format:?}");
    }
}

#[cfg(unix)]
#[test]
fn output_replaces_the_file_instead_of_writing_into_it() {
    use crate::sandbox::mode;
    use std::io::Read;
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let file = sandbox.path("token");
    write(&file, b"old content that is longer than nothing");
    set_mode(&file, 0o644);
    let mut reader = std::fs::File::open(&file).unwrap();
    let token = sandbox.run(&["get"]).token();
    assert_eq!(sandbox.run(&["get", "--output", &file.display().to_string()]).to_string(), "");
    let mut seen = String::new();
    reader.read_to_string(&mut seen).unwrap();
    assert_eq!(seen, "old content that is longer than nothing", "a reader keeps the whole old file");
    assert_eq!((std::fs::read_to_string(&file).unwrap(), mode(&file)), (token, 0o600));
}

#[cfg_attr(windows, ignore = "the system's words differ")]
#[test]
fn an_output_that_cannot_be_written_is_said() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    std::fs::create_dir(sandbox.path("dir")).unwrap();
    let all: String = ["missing/token", "client.secret/token", "dir", "/"]
        .iter()
        .map(|file| format!("# --output {file}\n{}\n", sandbox.run(&["get", "--output", file])))
        .collect();
    assert_snapshot!("get-output-errors", all);
    assert_eq!(names_in(&sandbox.path("")), ["client.secret", "dir", "home"]);
    assert_eq!(names_in(&sandbox.path("dir")), Vec::<String>::new());
    assert_eq!(emulator.counters().token_requests, 1, "the token is in the cache all the same");
}

#[test]
fn min_ttl_renews_a_token_that_would_end_too_soon() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let first = sandbox.run(&["get"]).token();
    sandbox.age_until(2000);
    assert_eq!(sandbox.run(&["get", "--min-ttl", "30m"]).token(), first);
    let second = sandbox.run(&["get", "--min-ttl", "40m"]).token();
    assert_ne!(second, first);
    assert_eq!(sandbox.run(&["get", "--min-ttl", "40m"]).token(), second);
    assert_eq!(emulator.counters().token_requests, 2);
}

#[test]
fn min_ttl_beyond_what_the_tenant_issues_fails_after_one_request() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let first = sandbox.run(&["get", "--min-ttl", "4h"]);
    assert_snapshot!("get-min-ttl-too-long", first);
    assert_eq!(sandbox.run(&["get", "--min-ttl", "4h"]).to_string(), first.to_string(), "not repeated at once");
    assert_eq!(sandbox.run_many(10, &["get", "--min-ttl", "4h"]).iter().filter(|run| run.status == 2).count(), 10);
    sandbox.run(&["get"]).token();
    assert_eq!(emulator.counters().token_requests, 1);
    sandbox.age(61);
    assert_eq!(sandbox.run(&["get", "--min-ttl", "4h"]).status, 2);
    assert_eq!(emulator.counters().token_requests, 2, "the tenant's settings may have changed meanwhile");
}

#[test]
fn force_refresh_gives_a_new_token_every_time() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let first = sandbox.run(&["get"]).token();
    let second = sandbox.run(&["get", "--force-refresh"]).token();
    let third = sandbox.run(&["get", "--force-refresh"]).token();
    assert!(first != second && second != third && first != third);
    assert_eq!(sandbox.run(&["get"]).token(), third, "the new one is cached");
    assert_eq!(emulator.counters().token_requests, 3);
}

#[test]
fn force_refresh_that_fails_is_an_error_and_keeps_the_old_token() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let first = sandbox.run(&["get"]).token();
    emulator.play_always(Fault::status(503));
    assert_snapshot!("get-force-refresh-failed", sandbox.run(&["get", "--force-refresh"]));
    assert_eq!(sandbox.run(&["get"]).token(), first);
}

#[test]
fn force_refresh_ends_a_back_off() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    emulator.play(Fault::retry_after("600"));
    assert_eq!(sandbox.run(&["get"]).status, 3);
    assert_eq!(sandbox.run(&["get"]).status, 3);
    assert_eq!(emulator.counters().token_requests, 1);
    sandbox.run(&["get", "--force-refresh"]).token();
    sandbox.run(&["get"]).token();
    assert_eq!(emulator.counters().token_requests, 2);
}

#[test]
fn verbose_tells_the_steps_on_standard_error_only() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let left = (r"\d+ s left", "$$SECONDS s left");
    let cold = sandbox.run(&["get", "-v"]);
    let warm = sandbox.run(&["--verbose", "get"]);
    assert_eq!(warm.stdout, cold.stdout);
    sandbox.age_until(60);
    emulator.revoke_refresh_tokens();
    let due = sandbox.run(&["get", "-v"]);
    assert_snapshot!(
        "get-verbose",
        format!("# cold\n{cold}\n# warm\n{warm}\n# due, refresh token revoked\n{due}"),
        left
    );
    sandbox.set("WS1_TOKEN_VERBOSE", "1");
    let by_variable = sandbox.run(&["get"]);
    assert_eq!(by_variable.stdout, due.stdout);
    assert!(by_variable.stderr.starts_with("ws1-token: profile `prod`: cached token, "), "{by_variable}");
    for off in ["0", ""] {
        sandbox.set("WS1_TOKEN_VERBOSE", off);
        sandbox.run(&["get"]).token();
    }
}
