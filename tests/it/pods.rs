//! Volumes of pods, shared directories, `sudo`, mounted secrets: where the cache is when the directory is not ours alone,
//! and what a secret file's owner and mode mean there.
//!
//! Only root can be another user, so only root runs most of these.

use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use ws1_emulator::Emulator;

use crate::nobody::copy_binary;
use crate::sandbox::{Output, PROFILE, SECRET, Sandbox, assert_snapshot, mode, names_in, set_mode, write};
use crate::skip::{can, can_mount, is_root};
use crate::strace;

/// The user of a pod: no entry in the user database, no group but its own.
const POD: u32 = 65_532;
/// Another user, and its group.
const OTHER: u32 = 1_000;
/// The `fsGroup` of a pod, which its user is in.
const FS_GROUP: u32 = 2_000;
/// Every name of the call that sets a mode; `?` passes over those that are unknown.
const CHMOD: &str = "?chmod,fchmod,?fchmodat,?fchmodat2";

/// A container: a tenant, and a sandbox that its user can reach but not write to.
struct Pod {
    emulator: Emulator,
    sandbox: Sandbox,
    binary: PathBuf,
}

impl Pod {
    /// A container whose profile is made of variables; `None` where this user cannot be another one.
    fn new() -> Option<Self> {
        if !is_root("only root can be another user") || !can("setpriv", &["--reuid=65532", "true"]) {
            return None;
        }
        let emulator = Emulator::start();
        let mut sandbox = Sandbox::with_tenant(&emulator);
        std::fs::remove_file(sandbox.config_file()).unwrap();
        sandbox.set_profile(&emulator.url());
        for dir in ["", "home"] {
            set_mode(&sandbox.path(dir), 0o755);
        }
        let binary = copy_binary(&sandbox);
        Some(Self { emulator, sandbox, binary })
    }

    /// A directory with an owner, a group and a mode: a volume.
    fn volume(&self, name: &str, user: u32, group: u32, mode: u32) -> PathBuf {
        let volume = self.sandbox.path(name);
        std::fs::create_dir_all(&volume).unwrap();
        chown(&volume, Some(user), Some(group)).unwrap();
        set_mode(&volume, mode);
        volume
    }

    /// A program, as a user.
    fn as_user(&self, user: u32, program: &str) -> Command {
        let mut setpriv = self.sandbox.program("setpriv");
        setpriv.args([format!("--reuid={user}"), format!("--regid={user}"), format!("--groups={FS_GROUP}")]);
        setpriv.arg(program);
        setpriv
    }

    /// `ws1-token` with arguments, as a user.
    fn command(&self, user: u32, args: &[&str]) -> Command {
        let mut command = self.as_user(user, &self.binary.display().to_string());
        command.args(args);
        command
    }

    /// Runs `ws1-token` as a user.
    fn run(&self, user: u32, args: &[&str]) -> Output {
        self.sandbox.finish(self.command(user, args))
    }

    /// How many requests the tenant got.
    fn requests(&self) -> u64 {
        self.emulator.counters().token_requests
    }
}

/// How many lines a run wrote to standard error.
fn lines(output: &Output) -> usize {
    output.stderr.lines().count()
}

/// Everything below a directory: path, owner and mode.
fn tree(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for name in names_in(dir) {
        let path = dir.join(name);
        let meta = std::fs::symlink_metadata(&path).unwrap();
        found.push(format!("{} {} {:o}", path.display(), meta.uid(), meta.mode()));
        if meta.is_dir() {
            found.extend(tree(&path));
        }
    }
    found
}

#[test]
fn a_volume_that_others_may_write_to_caches_in_a_private_directory_inside() {
    for (title, user, group, permissions) in [
        ("emptyDir", 0, 0, 0o777),
        ("emptyDir with fsGroup", 0, FS_GROUP, 0o2777),
        ("fsGroup alone", 0, FS_GROUP, 0o2775),
        ("another user's", OTHER, OTHER, 0o777),
        ("/tmp", 0, 0, 0o1777),
        ("one's own, open to all", POD, POD, 0o777),
    ] {
        let Some(mut pod) = Pod::new() else { return };
        let volume = pod.volume("volume", user, group, permissions);
        let shown = volume.display().to_string();
        pod.sandbox.set("WS1_TOKEN_CACHE_DIR", &shown);
        let token = pod.run(POD, &["get"]).token();
        assert_eq!(pod.run(POD, &["get"]).token(), token, "{title}");
        assert_eq!(pod.run(POD, &["get", "--cache-dir", &shown]).token(), token, "{title}: the flag's");
        assert_eq!(names_in(&volume), ["ws1-token-65532"], "{title}");
        let private = volume.join("ws1-token-65532");
        assert_eq!((mode(&private) & 0o777, names_in(&private).len()), (0o700, 2), "{title}");
        assert_eq!(mode(&volume), permissions, "{title}");
        let other = pod.run(OTHER + 1, &["get"]).token();
        assert_ne!(other, token, "{title}: another user has a place of its own");
        assert_eq!(pod.run(OTHER + 1, &["get"]).token(), other, "{title}");
        assert_eq!(pod.run(POD, &["get"]).token(), token, "{title}");
        assert_eq!(pod.requests(), 2, "{title}");
    }
}

#[test]
fn a_home_or_a_default_place_on_a_volume_caches_too() {
    for (title, variable, volume, place) in [
        ("a volume as the home", "HOME", "volume", "volume/.cache/ws1-token"),
        ("as XDG_CACHE_HOME", "XDG_CACHE_HOME", "volume", "volume/ws1-token"),
        ("as the default directory itself", "XDG_CACHE_HOME", "x/ws1-token", "x/ws1-token/ws1-token-65532"),
        ("below it", "WS1_TOKEN_CACHE_DIR", "volume/a/..", "volume/ws1-token-65532"),
    ] {
        let Some(mut pod) = Pod::new() else { return };
        let mount = pod.volume(volume.trim_end_matches("/a/.."), 0, 0, 0o777);
        std::fs::create_dir_all(mount.join("a")).unwrap();
        let value = pod.sandbox.path(volume.trim_end_matches("/ws1-token")).display().to_string();
        pod.sandbox.set(variable, value);
        let token = pod.run(POD, &["get"]).token();
        assert_eq!(pod.run(POD, &["get"]).token(), token, "{title}");
        assert_eq!(pod.requests(), 1, "{title}");
        let place = pod.sandbox.path(place);
        assert_eq!((mode(&place), names_in(&place).len()), (0o700, 2), "{title}");
    }
}

#[test]
fn mounted_file_systems_of_a_pod_cache_for_two_hundred_processes_with_one_request() {
    let Some(pod) = Pod::new() else { return };
    if !can_mount() {
        return;
    }
    let volume = pod.volume("volume", 0, 0, 0o755).display().to_string();
    for (asked, options) in (1..).zip(["mode=0777", "mode=2777,gid=2000", "mode=1777"]) {
        let line = "mount -t tmpfs -o \"$2\" none \"$1\"; i=0; while [ $i -lt 200 ]; do i=$((i + 1)); \
                    setpriv --reuid=65532 --regid=65532 --groups=2000 \"$0\" get --cache-dir \"$1\" & done; wait";
        let mut shell = pod.sandbox.program("unshare");
        shell.args(["-m", "sh", "-ec", line]).arg(&pod.binary).args([&volume, options]);
        let output = pod.sandbox.finish(shell);
        assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{options}: {output}");
        assert_eq!(output.stdout.matches(pod.emulator.issued().last().unwrap()).count(), 200, "{options}");
        assert_eq!(pod.requests(), asked, "{options}");
    }
}

#[test]
fn a_private_directory_that_somebody_else_made_is_not_used() {
    let mut text = String::new();
    let mut add = |title: &str, make: &dyn Fn(&Pod, &Path)| {
        let Some(pod) = Pod::new() else { return };
        let volume = pod.volume("volume", 0, 0, 0o1777);
        let private = volume.join("ws1-token-65532");
        make(&pod, &private);
        let before = tree(&volume);
        let output = pod.run(POD, &["get", "--cache-dir", &volume.display().to_string()]);
        assert_eq!(output.stdout.trim_end(), pod.emulator.issued()[0], "{title}");
        assert_eq!(tree(&volume), before, "{title}");
        text.push_str(&format!("# {title}\n{output}\n"));
    };
    add("another user's", &|pod, _| _ = pod.volume("volume/ws1-token-65532", OTHER, OTHER, 0o700));
    add("another user's, open to all", &|pod, _| _ = pod.volume("volume/ws1-token-65532", OTHER, OTHER, 0o777));
    add("a link to a directory of our own", &|pod, private| {
        symlink(pod.volume("own", POD, POD, 0o700), private).unwrap();
    });
    add("a file", &|_, private| write(private, b"x"));
    if !text.is_empty() {
        assert_snapshot!("pods-squatted", text, (r"`[^`]*/volume/", "`$$VOLUME/"));
    }
}

#[test]
fn a_lock_file_that_somebody_else_left_holds_nobody_up() {
    let Some(pod) = Pod::new() else { return };
    let volume = pod.volume("volume", 0, 0, 0o777);
    let private = volume.join("ws1-token-65532");
    let args = ["get", "--cache-dir", &volume.display().to_string()];
    pod.run(POD, &args).token();
    let named = |end: &str| private.join(names_in(&private).into_iter().find(|name| name.ends_with(end)).unwrap());
    std::fs::remove_file(named(".json")).unwrap();
    chown(named(".lock"), Some(OTHER), Some(OTHER)).unwrap();
    set_mode(&named(".lock"), 0o666);
    let lock = std::fs::File::open(named(".lock")).unwrap();
    fs2::FileExt::lock_exclusive(&lock).unwrap();
    let output = pod.run(POD, &args);
    assert_eq!((output.stdout.trim_end(), lines(&output)), (pod.emulator.issued()[1].as_str(), 1), "{output}");
}

#[test]
fn a_directory_of_our_own_is_closed_or_has_a_private_one_inside_and_is_never_emptied() {
    for (title, permissions, foreign_file, inside, requests) in [
        ("readable", 0o755, false, false, 1),
        ("readable, with other files", 0o755, true, true, 2),
        ("writable by the group", 0o770, false, true, 2),
        ("writable by all", 0o777, false, true, 2),
        ("writable by all, with other files", 0o777, true, true, 2),
    ] {
        let emulator = Emulator::start();
        let sandbox = Sandbox::with_tenant(&emulator);
        let first = sandbox.run(&["get"]).token();
        if foreign_file {
            write(&sandbox.cache_dir().join("notes.txt"), b"precious");
        }
        let before = sandbox.cached();
        set_mode(&sandbox.cache_dir(), permissions);
        sandbox.age_until(if inside { 9000 } else { 0 });
        let token = sandbox.run(&["get", "--force-refresh"]).token();
        assert_ne!(token, first, "{title}");
        assert_eq!(sandbox.run(&["get"]).token(), token, "{title}");
        let mut after = sandbox.cached();
        let private = format!("ws1-token-{}", rustix::process::geteuid().as_raw());
        assert_eq!(after.contains(&private), inside, "{title}");
        after.retain(|name| *name != private);
        assert_eq!(after, before, "{title}");
        assert_eq!(mode(&sandbox.cache_dir()), if inside { permissions } else { 0o700 }, "{title}");
        let counters = emulator.counters();
        assert_eq!((counters.client_credentials, counters.token_requests), (requests, 2), "{title}");
    }
}

/// A home of another user, as `sudo` leaves it: configuration and secret are that user's.
fn sudo() -> Option<Pod> {
    let pod = Pod::new()?;
    let home = pod.sandbox.path("home");
    let dir = home.join(".config/ws1-token");
    let profile = serde_json::json!({
        "tenant": pod.emulator.url(), "client_id": "ci-bot", "client_secret": { "file": "prod.secret" }
    });
    pod.sandbox.write_config(&serde_json::json!({ "profiles": { PROFILE: profile } }));
    write(&dir.join("prod.secret"), SECRET.as_bytes());
    let mut pod = pod;
    for variable in ["WS1_TOKEN_TENANT", "WS1_TOKEN_CLIENT_ID", "WS1_TOKEN_CLIENT_SECRET"] {
        pod.sandbox.unset(variable);
    }
    for name in [".config/ws1-token/prod.secret", ".config/ws1-token/config.json", ".config/ws1-token", ".config", ""] {
        chown(home.join(name), Some(OTHER), Some(OTHER)).unwrap();
    }
    Some(pod)
}

#[test]
fn root_gets_a_token_with_another_users_home_and_leaves_nothing_there() {
    let Some(pod) = sudo() else { return };
    let home = pod.sandbox.path("home");
    let before = tree(&home);
    let mut asked = 0;
    for args in
        [&["get"][..], &["get"], &["kubectl"], &["curl", "/SAAS/API/1.0/REST/auth/token?attribute=isValid", "--", "-s"]]
    {
        let output = pod.sandbox.run(args);
        assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{args:?}: {output}");
        asked += 1;
        assert_eq!(pod.requests(), asked, "{args:?}: no cache");
    }
    let mut text = String::new();
    for (status, args) in
        [(2, &["login", PROFILE, "--secret-stdin"][..]), (1, &["logout"]), (1, &["forget"]), (0, &["status"])]
    {
        let output = pod.sandbox.run_with_stdin(args, b"another-secret\n");
        assert_eq!(output.status, status, "{args:?}: {output}");
        text.push_str(&format!("# {}\n{output}\n", args[0]));
    }
    // No callers on PATH for `doctor` to find: some of them write to the home.
    let mut doctor = pod.sandbox.command(&["doctor"]);
    doctor.env("PATH", pod.sandbox.path(""));
    let doctor = pod.sandbox.finish(doctor).to_string();
    text.extend(doctor.lines().filter(|line| line.contains("cache")).map(|line| format!("{line}\n")));
    assert_eq!(tree(&home), before);
    assert_snapshot!("pods-sudo", text);
}

#[test]
fn root_neither_reads_nor_touches_another_users_cache() {
    let Some(pod) = sudo() else { return };
    let own = pod.run(OTHER, &["get"]).token();
    assert_eq!(pod.run(OTHER, &["get"]).token(), own);
    let before = tree(&pod.sandbox.path("home"));
    assert_ne!(pod.sandbox.run(&["get"]).token(), own);
    assert_ne!(pod.sandbox.run(&["get", "--cache-dir", "~/.cache/x"]).token(), own);
    assert_eq!(tree(&pod.sandbox.path("home")), before);
    assert_eq!(pod.run(OTHER, &["get"]).token(), own);
}

#[test]
fn root_caches_in_a_place_of_its_own_or_one_for_everybody() {
    let Some(mut pod) = sudo() else { return };
    for (title, dir) in [
        ("root's", pod.volume("roots", 0, 0, 0o700)),
        ("for everybody, in that home", pod.volume("home/shared", OTHER, OTHER, 0o1777)),
    ] {
        pod.sandbox.set("WS1_TOKEN_CACHE_DIR", dir.display().to_string());
        let token = pod.sandbox.run(&["get"]).token();
        assert_eq!(pod.sandbox.run(&["get"]).token(), token, "{title}");
    }
}

#[test]
fn root_caches_in_another_users_volume_that_is_given() {
    for (title, dir, made) in [
        ("the volume", "volume", Some((OTHER, 0o755))),
        ("closed to others", "volume", Some((OTHER, 0o700))),
        ("root's own below it", "volume/roots", Some((0, 0o700))),
        ("not there yet", "volume/new", None),
    ] {
        let Some(mut pod) = Pod::new() else { return };
        let volume = pod.volume("volume", OTHER, OTHER, 0o755);
        if let Some((user, permissions)) = made {
            pod.volume(dir, user, user, permissions);
        }
        let given = pod.sandbox.path(dir);
        let before = std::fs::metadata(&volume).unwrap();
        pod.sandbox.set("WS1_TOKEN_CACHE_DIR", given.display().to_string());
        for args in [&["get"][..], &["get"], &["get", "--cache-dir", &given.display().to_string()]] {
            let output = pod.sandbox.run(args);
            assert_eq!((output.stdout.trim_end(), lines(&output)), (pod.emulator.issued()[0].as_str(), 0), "{title}");
        }
        let place = if dir == "volume" { volume.join("ws1-token-0") } else { given };
        assert_eq!((mode(&place) & 0o777, names_in(&place).len()), (0o700, 2), "{title}");
        let after = std::fs::metadata(&volume).unwrap();
        assert_eq!((after.uid(), after.mode()), (before.uid(), before.mode()), "{title}");
        assert_eq!(pod.run(POD, &["get", "--cache-dir", &place.display().to_string()]).status, 0, "{title}");
        assert_eq!(pod.requests(), 2, "{title}: nobody else reads it");
    }
}

#[test]
fn a_file_system_without_modes_costs_at_most_the_cache() {
    if !strace::is_there() {
        return;
    }
    let private = format!("ws1-token-{}", rustix::process::geteuid().as_raw());
    for (title, made, inside_too, cached) in [
        ("directories are made private", None, false, true),
        ("one's own is open, a new one is private", Some(0o755), false, true),
        ("every directory is open", Some(0o755), true, false),
        ("every directory is writable", Some(0o777), true, false),
    ] {
        for how in ["error=EPERM", "retval=0"] {
            let emulator = Emulator::start();
            let sandbox = Sandbox::with_tenant(&emulator);
            if let Some(permissions) = made {
                std::fs::create_dir_all(sandbox.cache_dir().join(&private)).unwrap();
                set_mode(&sandbox.cache_dir().join(&private), permissions);
                set_mode(&sandbox.cache_dir(), permissions);
                if !inside_too {
                    std::fs::remove_dir(sandbox.cache_dir().join(&private)).unwrap();
                }
            }
            let tampering = format!("{CHMOD}:{how}");
            for run in 1..=2 {
                let output = strace::tampered(&sandbox, &tampering);
                assert_eq!(output.stdout.trim_end(), emulator.issued().last().unwrap(), "{title}, {how}: {output}");
                assert_eq!(lines(&output), usize::from(!cached), "{title}, {how}: {output}");
                assert_eq!(emulator.counters().token_requests, if cached { 1 } else { run }, "{title}, {how}");
                let removed = |call: &strace::Call| call.name().starts_with("unlink");
                assert!(cached || !strace::calls(&sandbox).iter().any(removed), "{title}, {how}");
            }
            if !cached {
                assert_eq!(
                    names_in(&sandbox.cache_dir().join(&private)),
                    Vec::<String>::new(),
                    "{title}: no open file"
                );
            }
        }
    }
}

#[test]
fn without_a_cache_nobody_sleeps_and_one_warning_is_enough() {
    if !strace::is_there() {
        return;
    }
    let mut text = String::new();
    for (title, spoil, args) in [
        (
            "a file in the directory's place",
            (|sandbox| {
                std::fs::create_dir_all(sandbox.path("home/.cache")).unwrap();
                write(&sandbox.cache_dir(), b"");
            }) as fn(&mut Sandbox),
            &["get"][..],
        ),
        (
            "a link in its place",
            |sandbox| {
                std::fs::create_dir_all(sandbox.path("home/.cache")).unwrap();
                symlink(sandbox.path(""), sandbox.cache_dir()).unwrap();
            },
            &["get"],
        ),
        (
            "a directory in the lock's place",
            |sandbox| {
                sandbox.run(&["get"]).token();
                let lock = sandbox.lock_file();
                std::fs::remove_file(&lock).unwrap();
                std::fs::remove_file(sandbox.entry_file()).unwrap();
                std::fs::create_dir(lock).unwrap();
            },
            &["get"],
        ),
        ("switched off", |_| (), &["get", "--no-cache"]),
    ] {
        let emulator = Emulator::start();
        let mut sandbox = Sandbox::with_tenant(&emulator);
        spoil(&mut sandbox);
        let (calls, output) = strace::traced(&sandbox, &[], args);
        let slept: Vec<_> = calls.iter().filter(|call| call.name().ends_with("nanosleep")).collect();
        assert!(slept.is_empty(), "{title}: {slept:?}");
        assert_eq!(output.stdout.trim_end(), emulator.issued().last().unwrap(), "{title}: {output}");
        assert!(lines(&output) <= 1, "{title}: {output}");
        text.push_str(&format!("# {title}\n{output}\n"));
    }
    assert_snapshot!("pods-no-cache", text);
}

#[test]
fn no_cache_neither_reads_nor_writes_and_says_nothing() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    for args in [&["get", "--no-cache"][..], &["--no-cache", "kubectl"]] {
        assert_eq!(sandbox.run(args).stderr, "", "{args:?}");
    }
    assert!(!sandbox.path("home/.cache").exists());
    let cached = sandbox.run(&["get"]).token();
    assert_ne!(sandbox.run(&["get", "--no-cache"]).token(), cached);
    for (value, is_off) in [("1", true), ("yes", true), ("0", false), ("0\n", false), ("\n", false), ("", false)] {
        sandbox.set("WS1_TOKEN_NO_CACHE", value);
        assert_eq!(sandbox.run(&["get"]).token() != cached, is_off, "{value}");
    }
    sandbox.set("WS1_TOKEN_NO_CACHE", "1");
    let before = (sandbox.entry(), sandbox.cached());
    let doctor = sandbox.run(&["doctor"]).to_string();
    assert!(doctor.contains("switched off by --no-cache or WS1_TOKEN_NO_CACHE"), "{doctor}");
    assert_eq!((sandbox.entry(), sandbox.cached()), before);
}

/// A secret as Kubernetes mounts it: a link to a link to a file with an owner, a group and a mode.
fn mounted_secret(pod: &mut Pod, user: u32, group: u32, permissions: u32) {
    let volume = pod.volume("secret", 0, 0, 0o755);
    let dir = pod.volume("secret/..2026", 0, 0, 0o755);
    write(&dir.join("client-secret"), SECRET.as_bytes());
    chown(dir.join("client-secret"), Some(user), Some(group)).unwrap();
    set_mode(&dir.join("client-secret"), permissions);
    symlink("..2026", volume.join("..data")).unwrap();
    symlink("..data/client-secret", volume.join("client-secret")).unwrap();
    pod.sandbox.unset("WS1_TOKEN_CLIENT_SECRET");
    pod.sandbox.set("WS1_TOKEN_CLIENT_SECRET_FILE", volume.join("client-secret").display().to_string());
}

#[test]
fn a_mounted_secret_is_accepted_by_a_variable_which_the_error_names() {
    let mut text = String::new();
    for (title, user, group, permissions) in [
        ("defaultMode", 0, 0, 0o644),
        ("defaultMode 0440 and fsGroup", 0, FS_GROUP, 0o440),
        ("one's own", POD, POD, 0o644),
        ("another user's", OTHER, FS_GROUP, 0o440),
    ] {
        let Some(mut pod) = Pod::new() else { return };
        mounted_secret(&mut pod, user, group, permissions);
        for off in ["", "0", "0\n", "\n"] {
            pod.sandbox.set("WS1_TOKEN_ALLOW_SHARED_FILE", off);
            let output = pod.run(POD, &["get", "--no-cache"]);
            assert_eq!(output.status, 2, "{title}: {output}");
            if off.is_empty() {
                text.push_str(&format!("# {title}\n{output}\n"));
            }
        }
        assert_eq!(pod.emulator.counters().connections, 0, "{title}");
        pod.sandbox.set("WS1_TOKEN_ALLOW_SHARED_FILE", "1");
        pod.run(POD, &["get", "--no-cache"]).token();
    }
    assert_snapshot!("pods-secret", text);
}

#[test]
fn a_secret_that_this_user_cannot_read_has_the_hint_that_fits() {
    let mut text = String::new();
    for (title, user, permissions, volume) in [
        ("root's", 0, 0o600, 0o755),
        ("root's for its group", 0, 0o440, 0o755),
        ("another user's", OTHER, 0o400, 0o755),
        ("in a closed directory", POD, 0o600, 0o700),
    ] {
        let Some(mut pod) = Pod::new() else { return };
        mounted_secret(&mut pod, user, 0, permissions);
        set_mode(&pod.sandbox.path("secret"), volume);
        let output = pod.run(POD, &["get", "--no-cache"]);
        assert_eq!(output.status, 2, "{title}: {output}");
        text.push_str(&format!("# {title}\n{output}\n"));
    }
    assert_snapshot!("pods-secret-closed", text);
}

#[test]
fn the_cached_path_in_a_volume_costs_three_calls_more() {
    let Some(pod) = Pod::new() else { return };
    if !strace::is_there() {
        return;
    }
    let count = |dir: &Path| {
        let args = ["get", "--cache-dir", &dir.display().to_string()];
        pod.sandbox.run(&args).token();
        let (calls, _) = strace::traced(&pod.sandbox, &[], &args);
        // A debug build looks at each descriptor before it closes it.
        calls.iter().filter(|call| call.name() != "fcntl").count()
    };
    let own = count(&pod.volume("own", 0, 0, 0o700));
    assert_eq!(count(&pod.volume("volume", 0, 0, 0o777)), own + 3);
}
