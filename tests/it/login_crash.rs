//! Killed at any system call of a login: profile and secret fit together, and the next login or logout removes what is
//! left over.

use serde_json::Value;

use crate::sandbox::{PROFILE, SECRET, Sandbox, names_in, write};
use crate::strace;

/// The secret of the client before.
const OLD_SECRET: &str = "old-secret";

/// Makes the profile of the old client, with its stored secret.
fn prepare(sandbox: &Sandbox) {
    let _ = std::fs::remove_dir_all(sandbox.config_file().parent().unwrap());
    let args = ["login", PROFILE, "--tenant", "acme.example.com", "--client-id", "old-bot", "--no-verify"];
    let mut login = sandbox.command(&args);
    login.env("WS1_TOKEN_CLIENT_SECRET", OLD_SECRET);
    assert_eq!(sandbox.finish(login).status, 0);
}

/// Runs the login that is killed, under strace.
fn login(sandbox: &Sandbox, option: &str) -> i32 {
    let args = ["login", "--client-id", "ci-bot", "--scope", "user", "--no-verify"];
    let mut login = strace::command(sandbox, &["-e", option], &args);
    login.env("WS1_TOKEN_CLIENT_SECRET", SECRET);
    sandbox.finish(login).status
}

/// The system calls of that login that have to do with files, from its lock on: name and number.
fn points(sandbox: &Sandbox) -> Vec<(String, usize)> {
    prepare(sandbox);
    assert_eq!(login(sandbox, "trace=%file,%desc"), 0);
    let calls = strace::calls(sandbox);
    let numbered = strace::numbered(&calls);
    let all = numbered.iter().skip_while(|(call, _)| !call.text.contains(".config.json.lock"));
    all.map(|(call, number)| (call.name().to_owned(), *number)).collect()
}

/// Whether the profile is the new one; fails unless the secret is its own.
fn is_new(sandbox: &Sandbox, point: &str) -> bool {
    let config: Value = serde_json::from_slice(&std::fs::read(sandbox.config_file()).unwrap()).unwrap();
    let profile = &config["profiles"][PROFILE];
    let secret = std::fs::read_to_string(sandbox.stored_secret(PROFILE)).unwrap();
    let is_new = profile["client_id"] == "ci-bot";
    assert_eq!(profile["scope"] == "user", is_new, "{point}");
    assert_eq!(secret.trim_end(), if is_new { SECRET } else { OLD_SECRET }, "{point}");
    is_new
}

#[test]
fn profile_and_secret_change_together_under_any_kill() {
    if !strace::reads_memory() {
        return;
    }
    let sandbox = Sandbox::new();
    let points = points(&sandbox);
    for name in ["flock", "write", "fsync"] {
        assert!(points.iter().any(|(call, _)| call == name), "{name} is not among {points:?}");
    }
    let dir = sandbox.config_file().parent().unwrap().to_owned();
    let mut seen = [0, 0];
    for (at, (call, number)) in points.iter().enumerate() {
        let point = format!("{call}:signal=KILL:when={number}");
        prepare(&sandbox);
        let status = login(&sandbox, &format!("inject={point}"));
        assert!(status == 128 + 9 || status == 0, "{point}: {status}");
        let is_new = is_new(&sandbox, &point);
        seen[usize::from(is_new)] += 1;
        let expected = if at % 2 == 0 {
            assert_eq!(sandbox.run(&["logout"]).status, 0, "{point}");
            vec![".config.json.lock", "config.json"]
        } else {
            assert_eq!(sandbox.run(&["login", "other", "--tenant", "x.example.com", "--no-verify"]).status, 2);
            let mut other = sandbox.command(&["login", "--scope", "admin", "--no-verify"]);
            other.env("WS1_TOKEN_CLIENT_SECRET", if is_new { SECRET } else { OLD_SECRET });
            assert_eq!(sandbox.finish(other).status, 0, "{point}");
            vec![".config.json.lock", "config.json", "secret"]
        };
        let secret = sandbox.stored_secret(PROFILE);
        let secret = secret.file_name().unwrap().to_str().unwrap();
        let left: Vec<String> = names_in(&dir).into_iter().map(|name| name.replace(secret, "secret")).collect();
        assert_eq!(left, expected, "{point}");
    }
    assert!(seen[0] > 10 && seen[1] > 3, "old {} and new {} times", seen[0], seen[1]);
}

#[test]
fn only_what_a_killed_login_listed_is_swept() {
    let sandbox = Sandbox::new();
    prepare(&sandbox);
    let dir = sandbox.config_file().parent().unwrap().to_owned();
    let stored = sandbox.stored_secret(PROFILE);
    let own = stored.file_name().unwrap().to_str().unwrap().to_owned();
    let listed = "gone@0123456789abcdef.secret";
    let kept = ["prod.secret", "other@0123456789abcdef.secret", "notes"];
    for name in kept.iter().chain(&[listed]) {
        write(&dir.join(name), b"a secret");
    }
    // The list holds a file in use, names that are not ours, and a path to another directory.
    write(&sandbox.path("outside@0123456789abcdef.secret"), b"a secret");
    let list = format!("{own}\nprod.secret\nnotes\n../../../outside@0123456789abcdef.secret\n{listed}\n\n");
    write(&dir.join(".config.json.lock"), list.as_bytes());
    let mut login = sandbox.command(&["login", "--scope", "admin", "--no-verify"]);
    login.env("WS1_TOKEN_CLIENT_SECRET", OLD_SECRET);
    assert_eq!(sandbox.finish(login).status, 0);
    let mut expected = vec![".config.json.lock".to_owned(), "config.json".to_owned(), own];
    expected.extend(kept.map(str::to_owned));
    expected.sort();
    assert_eq!(names_in(&dir), expected);
    assert!(sandbox.path("outside@0123456789abcdef.secret").exists());
    assert_eq!(std::fs::read(dir.join(".config.json.lock")).unwrap(), b"");
}
