//! The cache: private, self-checking, and never a reason for having no token.

use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use ws1_emulator::Emulator;

use crate::nobody;
use crate::sandbox::{Sandbox, assert_snapshot, binary, mode, set_mode, write};
use crate::skip::can_mount;

/// A tenant, a sandbox for it, and its first token.
fn warm() -> (Emulator, Sandbox, String) {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let token = sandbox.run(&["get"]).token();
    (emulator, sandbox, token)
}

/// How many requests the tenant got.
fn requests(emulator: &Emulator) -> u64 {
    emulator.counters().token_requests
}

/// Makes a FIFO.
fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// What is at the entry's place is replaced or left, the run succeeds, and the cache works again or still warns.
fn odd_entry(spoil: impl Fn(&Sandbox, &Path)) -> (String, Sandbox) {
    let (emulator, sandbox, first) = warm();
    let file = sandbox.entry_file();
    spoil(&sandbox, &file);
    let output = sandbox.run(&["get"]);
    assert_eq!(output.status, 0, "{output}");
    assert_ne!(output.stdout.trim_end(), first);
    assert_eq!(requests(&emulator), 2);
    let again = sandbox.run(&["get"]);
    let text = format!("{output}[requests: 2]\n{again}[requests: {}]\n", requests(&emulator));
    (text, sandbox)
}

#[test]
fn everything_is_private_under_any_umask() {
    for umask in ["000", "077", "027", "177", "777"] {
        let emulator = Emulator::start();
        let sandbox = Sandbox::with_tenant(&emulator);
        let run = || {
            let mut shell = sandbox.program("sh");
            shell.args(["-c", &format!("umask {umask}; exec \"$0\" get"), binary()]);
            sandbox.finish(shell)
        };
        let token = run().token();
        assert_eq!(run().token(), token, "{umask}");
        assert_eq!(mode(&sandbox.cache_dir()), 0o700, "{umask}");
        assert_eq!((mode(&sandbox.entry_file()), mode(&sandbox.lock_file())), (0o600, 0o600), "{umask}");
        assert_eq!(mode(&sandbox.path("home/.cache")) & 0o077, 0, "{umask}");
        assert_eq!(sandbox.cached().len(), 2, "an entry and a lock: {:?}", sandbox.cached());
        assert_eq!(requests(&emulator), 1, "{umask}");
    }
}

#[test]
fn a_damaged_entry_is_a_silent_miss() {
    let (emulator, sandbox, _) = warm();
    let whole = std::fs::read(sandbox.entry_file()).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let token_at = whole.windows(3).position(|window| window == b"eyJ").unwrap();
    let mut asked = 1;
    for (title, bytes) in [
        ("empty", Vec::new()),
        ("cut early", whole[..20].to_vec()),
        ("cut in the middle", whole[..whole.len() / 2].to_vec()),
        ("cut before its end", whole[..whole.len() - 1].to_vec()),
        ("with a tail", [&whole[..], b"\"}\n"].concat()),
        ("doubled", [&whole[..], &whole[..]].concat()),
        ("flipped in the checksum", flipped(15)),
        ("flipped in the token", flipped(token_at + 40)),
        ("binary", (0..=255).cycle().take(5000).collect()),
        ("deeply nested", vec![b'['; 60_000]),
    ] {
        write(&sandbox.entry_file(), &bytes);
        let token = sandbox.run(&["get"]).token();
        asked += 1;
        assert_eq!(sandbox.run(&["get"]).token(), token, "{title}");
        assert_eq!(requests(&emulator), asked, "{title}");
    }
}

#[test]
fn an_entry_of_another_version_or_shape_is_a_silent_miss() {
    let (emulator, sandbox, _) = warm();
    let mut asked = 1;
    let edits: [fn(&mut Value); 7] = [
        |entry: &mut Value| entry["version"] = 2.into(),
        |entry: &mut Value| entry["future"] = 1.into(),
        |entry: &mut Value| entry["token"]["expires_at"] = "soon".into(),
        |entry: &mut Value| entry["token"]["expires_at"] = i64::MAX.into(),
        |entry: &mut Value| entry["token"]["issued_at"] = (-5).into(),
        |entry: &mut Value| entry["token"]["access_token"] = "a\nb".into(),
        |entry: &mut Value| drop(entry.as_object_mut().unwrap().remove("renew_after")),
    ];
    for edit in edits {
        sandbox.edit_entry(edit);
        sandbox.run(&["get"]).token();
        asked += 1;
        assert_eq!(requests(&emulator), asked, "{}", sandbox.entry());
    }
}

#[test]
fn a_huge_entry_is_not_read() {
    let (emulator, sandbox, _) = warm();
    std::fs::File::options().write(true).open(sandbox.entry_file()).unwrap().set_len(100_000_000).unwrap();
    // Less memory than the file has.
    let mut limited = sandbox.program("prlimit");
    limited.args(["--data=50000000", binary(), "get"]);
    sandbox.finish(limited).token();
    assert_eq!(requests(&emulator), 2);
    assert!(std::fs::metadata(sandbox.entry_file()).unwrap().len() < 10_000);
}

#[test]
fn an_entry_copied_from_another_profile_is_a_silent_miss() {
    let (emulator, sandbox, first) = warm();
    let prod = sandbox.entry_file();
    sandbox.add_profile("other", |profile| profile["scope"] = "user".into());
    let other = sandbox.run(&["--profile", "other", "get"]).token();
    assert_ne!(other, first);
    let second = sandbox.cached().into_iter().find(|name| name.ends_with(".json") && !prod.ends_with(name)).unwrap();
    write(&prod, &std::fs::read(sandbox.cache_dir().join(second)).unwrap());
    assert_ne!(sandbox.run(&["get"]).token(), other);
    assert_eq!(requests(&emulator), 3);
}

#[test]
fn identities_are_never_served_each_others_tokens() {
    let emulator =
        Emulator::builder().client("ci-bot", "emulator-secret").client("second", "emulator-secret").start().unwrap();
    let other = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.add_profile("scope", |profile| profile["scope"] = "user".into());
    sandbox.add_profile("client", |profile| profile["client_id"] = "second".into());
    sandbox.add_profile("tenant", |profile| profile["tenant"] = other.url().into());
    sandbox.add_profile("path", |profile| profile["tenant"] = format!("{}/SAAS/t/ACME", emulator.url()).into());
    sandbox.add_profile("style", |profile| profile["auth_style"] = "post".into());
    sandbox.add_profile("same", |_| ());
    let names = ["prod", "scope", "client", "tenant", "path", "style"];
    let children: Vec<_> =
        names.iter().map(|name| sandbox.start(sandbox.command(&["--profile", name, "get"]))).collect();
    let tokens: Vec<String> = children.into_iter().map(|child| sandbox.wait(child).token()).collect();
    let distinct: std::collections::BTreeSet<_> = tokens.iter().collect();
    assert_eq!(distinct.len(), names.len());
    for (name, token) in names.iter().zip(&tokens) {
        assert_eq!(sandbox.run(&["--profile", name, "get"]).token(), *token, "{name}");
    }
    assert_eq!(sandbox.run(&["--profile", "same", "get"]).token(), tokens[0], "the same client under another name");
    assert_eq!((requests(&emulator), requests(&other)), (5, 1));
}

#[test]
fn an_entry_that_others_could_read_is_replaced() {
    let (text, sandbox) = odd_entry(|_, file| set_mode(file, 0o644));
    assert_snapshot!("cache-entry-shared", text);
    assert_eq!(mode(&sandbox.entry_file()), 0o600);
}

#[test]
fn an_entry_with_a_second_name_is_replaced() {
    let (text, sandbox) = odd_entry(|sandbox, file| std::fs::hard_link(file, sandbox.path("second")).unwrap());
    assert_snapshot!("cache-entry-linked", text);
    let (entry, second) =
        (std::fs::read(sandbox.entry_file()).unwrap(), std::fs::read(sandbox.path("second")).unwrap());
    assert_ne!(entry, second, "the other name keeps the old content");
    assert_eq!(std::fs::metadata(sandbox.entry_file()).unwrap().nlink(), 1);
}

#[test]
fn a_link_in_the_entrys_place_is_not_followed() {
    let (text, sandbox) = odd_entry(|sandbox, file| {
        write(&sandbox.path("victim"), b"precious");
        std::fs::remove_file(file).unwrap();
        symlink(sandbox.path("victim"), file).unwrap();
    });
    assert_snapshot!("cache-entry-symlink", text);
    assert_eq!(std::fs::read(sandbox.path("victim")).unwrap(), b"precious");
}

#[test]
fn a_pipe_in_the_entrys_place_does_not_block() {
    let (text, _sandbox) = odd_entry(|_, file| {
        std::fs::remove_file(file).unwrap();
        mkfifo(file);
    });
    assert_snapshot!("cache-entry-fifo", text);
}

#[test]
fn a_directory_in_the_entrys_place_is_left_alone() {
    let (text, sandbox) = odd_entry(|_, file| {
        std::fs::remove_file(file).unwrap();
        std::fs::create_dir(file).unwrap();
    });
    assert_snapshot!("cache-entry-directory", text);
    assert!(sandbox.entry_file().is_dir());
    assert!(sandbox.cached().iter().all(|name| !name.starts_with('.')), "{:?}", sandbox.cached());
}

#[test]
fn an_odd_lock_file_costs_only_the_cache() {
    let mut text = String::new();
    for (title, make) in [
        ("link", (|sandbox: &Sandbox, lock: &Path| symlink(sandbox.path("victim"), lock).unwrap()) as fn(&_, &_)),
        ("pipe", |_, lock| mkfifo(lock)),
        ("directory", |_, lock| std::fs::create_dir(lock).unwrap()),
    ] {
        let (emulator, sandbox, first) = warm();
        let lock = sandbox.lock_file();
        std::fs::remove_file(&lock).unwrap();
        make(&sandbox, &lock);
        assert_eq!(sandbox.run(&["get"]).token(), first, "{title}: a valid token needs no lock");
        sandbox.age_until(60);
        assert_eq!(sandbox.run(&["get"]).token(), first, "{title}: nor does one that is due");
        sandbox.age_until(0);
        let output = sandbox.run(&["get"]);
        assert_eq!((output.status, requests(&emulator)), (0, 2), "{title}");
        assert!(!sandbox.path("victim").exists(), "{title}");
        text.push_str(&format!("# {title}\n{output}\n"));
    }
    assert_snapshot!("cache-lock", text);
}

/// The private directory in one that is not ours alone.
fn private() -> String {
    format!("ws1-token-{}", rustix::process::geteuid().as_raw())
}

#[test]
fn a_cache_that_others_could_write_is_neither_used_nor_emptied() {
    let (emulator, sandbox, first) = warm();
    let before = (sandbox.cached(), std::fs::read(sandbox.entry_file()).unwrap());
    set_mode(&sandbox.cache_dir(), 0o777);
    let token = sandbox.run(&["get"]).token();
    assert_ne!(token, first);
    assert_eq!(sandbox.run(&["get"]).token(), token);
    assert_eq!((mode(&sandbox.cache_dir()), mode(&sandbox.cache_dir().join(private()))), (0o777, 0o700));
    let mut names = sandbox.cached();
    names.retain(|name| *name != private());
    assert_eq!((names, std::fs::read(sandbox.entry_file()).unwrap()), before);
    assert_eq!((requests(&emulator), emulator.counters().refresh), (2, 0), "nothing of the old content is used");
}

#[test]
fn a_directory_that_is_not_ours_alone_is_never_emptied() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    std::fs::create_dir_all(sandbox.cache_dir()).unwrap();
    write(&sandbox.cache_dir().join("notes.txt"), b"precious");
    for permissions in [0o777, 0o755] {
        set_mode(&sandbox.cache_dir(), permissions);
        assert_eq!(sandbox.run(&["get"]).token(), emulator.issued()[0], "{permissions:o}");
        assert_eq!(sandbox.cached(), ["notes.txt".to_owned(), private()]);
        assert_eq!(mode(&sandbox.cache_dir()), permissions);
    }
}

#[test]
fn a_link_in_the_directorys_place_is_not_followed() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    std::fs::create_dir_all(sandbox.path("elsewhere")).unwrap();
    std::fs::create_dir_all(sandbox.path("home/.cache")).unwrap();
    symlink(sandbox.path("elsewhere"), sandbox.cache_dir()).unwrap();
    assert_snapshot!("cache-directory-symlink", sandbox.run(&["get"]));
    assert_eq!(crate::sandbox::names_in(&sandbox.path("elsewhere")), Vec::<String>::new());
}

#[test]
fn a_cache_directory_can_be_named() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let named = sandbox.path("a/b");
    let token = sandbox.run(&["get", "--cache-dir", &named.display().to_string()]).token();
    assert_eq!((mode(&named), crate::sandbox::names_in(&named).len()), (0o700, 2));
    assert!(!sandbox.cache_dir().exists());
    sandbox.set("WS1_TOKEN_CACHE_DIR", named.display().to_string());
    assert_eq!(sandbox.run(&["get"]).token(), token);
    sandbox.set("WS1_TOKEN_CACHE_DIR", "~/cached");
    assert_ne!(sandbox.run(&["get"]).token(), token);
    assert!(sandbox.path("home/cached").is_dir());
    assert_eq!(sandbox.run(&["get", "--cache-dir", &named.display().to_string()]).token(), token, "the flag wins");
    assert_eq!(requests(&emulator), 2);
}

/// Runs `get` as a user that is not root, whose every file the sandbox then is.
fn run_unprivileged(sandbox: &Sandbox) -> Option<crate::sandbox::Output> {
    unprivileged(sandbox).map(|get| sandbox.finish(get))
}

/// `get` as a user that is not root; every file of the sandbox is that user's from now on.
pub(crate) fn unprivileged(sandbox: &Sandbox) -> Option<Command> {
    nobody::is_there().then(|| nobody::shell(sandbox, &nobody::give_away(sandbox), "exec \"$0\" get"))
}

#[test]
fn a_cache_that_cannot_be_made_costs_only_the_cache() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    set_mode(&sandbox.path("home"), 0o555);
    let Some(output) = run_unprivileged(&sandbox) else { return };
    set_mode(&sandbox.path("home"), 0o755);
    assert_snapshot!("cache-unwritable-home", output);
}

#[test]
fn a_read_only_cache_still_serves_what_is_in_it() {
    let (emulator, sandbox, token) = warm();
    std::fs::remove_file(sandbox.lock_file()).unwrap();
    set_mode(&sandbox.cache_dir(), 0o500);
    let Some(output) = run_unprivileged(&sandbox) else { return };
    // As it was, so that its owner can remove it.
    set_mode(&sandbox.cache_dir(), 0o700);
    assert_eq!(output.token(), token);
    assert_eq!(requests(&emulator), 1);
}

#[test]
fn a_file_in_the_directorys_place_costs_only_the_cache() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    std::fs::create_dir_all(sandbox.path("home/.cache")).unwrap();
    write(&sandbox.cache_dir(), b"a file");
    assert_snapshot!("cache-directory-file", sandbox.run(&["get"]));
}

#[test]
fn a_full_disk_costs_only_the_cache() {
    if !can_mount() {
        return;
    }
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    std::fs::create_dir_all(sandbox.cache_dir()).unwrap();
    set_mode(&sandbox.cache_dir(), 0o700);
    let mount = "mount -t tmpfs -o size=4k,mode=0700 none \"$0\" && head -c 100000 /dev/zero 2> /dev/null > \"$0/.v1-fill\"; \
                 \"$1\" get; status=$?; ls -A \"$0\"; exit $status";
    let mut shell = sandbox.program("unshare");
    shell.args(["-m", "sh", "-c", mount, &sandbox.cache_dir().display().to_string(), binary()]);
    let output = sandbox.finish(shell);
    assert_snapshot!("cache-disk-full", output);
    assert_eq!(requests(&emulator), 1);
}

#[test]
fn temporary_files_of_the_dead_are_swept_and_young_ones_are_not() {
    let (_emulator, sandbox, _) = warm();
    let name = |age: &str| {
        let entry = sandbox.entry_file();
        format!(".{}.1.{age}.tmp", entry.file_name().unwrap().to_string_lossy())
    };
    for age in ["young", "stale"] {
        write(&sandbox.cache_dir().join(name(age)), b"half an entry");
    }
    let touched =
        Command::new("touch").args(["-d", "2 hours ago"]).arg(sandbox.cache_dir().join(name("stale"))).status();
    assert!(touched.unwrap().success());
    sandbox.age_until(60);
    sandbox.run(&["get"]).token();
    let mut left = sandbox.cached();
    left.retain(|name| name.starts_with('.'));
    assert_eq!(left, [name("young")]);
}
