//! Where the program writes: devices, pipes, sockets and links stay what they are, a file is replaced or left whole, and
//! the next run removes what a killed one left.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Stdio;

use ws1_emulator::Emulator;

use crate::login::{empty, parsed, stored};
use crate::sandbox::{Output, PROFILE, SECRET, Sandbox, assert_snapshot, binary, mode, names_in, set_mode, write};
use crate::skip::{can_mount, is_root, skip};
use crate::strace;

/// Every name that the rename of a temporary file has among system calls.
const RENAME: &str = "?rename,?renameat,?renameat2";

/// A tenant, a sandbox with a cached token, the token, and an empty directory `out`.
fn cached() -> (Emulator, Sandbox, String) {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let token = sandbox.run(&["get"]).token();
    std::fs::create_dir(sandbox.path("out")).unwrap();
    (emulator, sandbox, token)
}

/// Runs `get --output`.
fn get(sandbox: &Sandbox, file: &str) -> Output {
    sandbox.run(&["get", "--output", file])
}

/// The same, which must succeed and print nothing.
fn put(sandbox: &Sandbox, file: &str) {
    let output = get(sandbox, file);
    assert_eq!((output.status, output.to_string().as_str()), (0, ""), "{file}");
}

/// What must not change when a file is written into: inode, and type with mode.
fn identity(path: &Path) -> (u64, u32) {
    let meta = std::fs::symlink_metadata(path).unwrap();
    (meta.ino(), meta.mode())
}

/// The text of a file.
fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Runs a line of shell with the binary as `$0`.
fn shell(sandbox: &Sandbox, line: &str) -> Output {
    let mut shell = sandbox.program("sh");
    shell.args(["-ec", line, binary()]);
    sandbox.finish(shell)
}

/// The same in a mount namespace of its own.
fn in_namespace(sandbox: &Sandbox, line: &str) -> Output {
    let mut shell = sandbox.program("unshare");
    shell.args(["-m", "sh", "-ec", line, binary()]);
    sandbox.finish(shell)
}

#[test]
fn a_device_is_written_into_and_stays() {
    if !is_root("only root makes devices") {
        return;
    }
    let (_emulator, sandbox, _) = cached();
    for (name, minor) in [("null", "3"), ("zero", "5"), ("full", "7")] {
        let made = sandbox.program("mknod").arg(format!("out/{name}")).args(["-m", "666", "c", "1", minor]).output();
        let made = made.unwrap();
        if !made.status.success() || std::fs::File::open(sandbox.path("out").join(name)).is_err() {
            skip("mknod", "devices cannot be made or opened here");
            return;
        }
    }
    symlink("null", sandbox.path("out/link")).unwrap();
    let devices = ["null", "zero", "full"].map(|name| sandbox.path("out").join(name));
    let before = devices.each_ref().map(|path| identity(path));
    put(&sandbox, "out/null");
    put(&sandbox, "out/zero");
    put(&sandbox, "out/link");
    let full = get(&sandbox, "out/full");
    assert_snapshot!("targets-device-full", full);
    assert_eq!(devices.each_ref().map(|path| identity(path)), before);
    assert_eq!(names_in(&sandbox.path("out")), ["full", "link", "null", "zero"]);
    assert!(sandbox.path("out/link").is_symlink());
}

#[test]
fn a_pipe_is_written_into_and_stays() {
    let (_emulator, sandbox, token) = cached();
    let pipe = sandbox.path("out/pipe");
    assert!(sandbox.program("mkfifo").args(["-m", "640"]).arg(&pipe).status().unwrap().success());
    symlink("pipe", sandbox.path("out/link")).unwrap();
    let before = identity(&pipe);
    for file in ["out/pipe", "out/link"] {
        // The first of reader and writer waits for the other.
        let read = shell(&sandbox, &format!("cat {file} & \"$0\" get --output {file}; wait"));
        assert_eq!((read.status, &read.stdout, read.stderr.as_str()), (0, &token, ""));
        let read = shell(&sandbox, &format!("\"$0\" get --output {file} & cat {file}; wait"));
        assert_eq!((read.status, &read.stdout, read.stderr.as_str()), (0, &token, ""));
    }
    assert_eq!(identity(&pipe), before);
    assert_eq!(names_in(&sandbox.path("out")), ["link", "pipe"]);
}

#[test]
fn a_socket_is_written_into_and_stays() {
    let (_emulator, sandbox, token) = cached();
    let path = sandbox.path("out/socket");
    let listener = UnixListener::bind(&path).unwrap();
    let before = identity(&path);
    put(&sandbox, "out/socket");
    let mut read = String::new();
    listener.accept().unwrap().0.read_to_string(&mut read).unwrap();
    assert_eq!(read, token);
    drop(listener);
    let refused = get(&sandbox, "out/socket");
    assert!(refused.stderr.contains("Connection refused"), "{refused}");
    assert_eq!((refused.status, identity(&path)), (1, before));
    assert!(std::fs::symlink_metadata(&path).unwrap().file_type().is_socket());
}

#[test]
fn standard_output_by_its_name_is_standard_output() {
    let (_emulator, sandbox, token) = cached();
    symlink("/dev/stdout", sandbox.path("out/link")).unwrap();
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/thread-self/fd/1", "out/link"] {
        let output = get(&sandbox, name);
        assert_eq!((output.status, &output.stdout, output.stderr.as_str()), (0, &token, ""), "{name}");
        // The shell has opened the file: its content stays, and what the shell writes later follows the token.
        let output = shell(
            &sandbox,
            &format!("echo before > file; {{ \"$0\" get --output {name}; echo; echo after; }} >> file; cat file"),
        );
        assert_eq!(output.stdout, format!("before\n{token}\nafter\n"), "{name}");
    }
    let output =
        shell(&sandbox, "echo before > file; { \"$0\" get --output /dev/fd/3; echo after; } 3>> file >&3; cat file");
    assert_eq!(output.stdout, format!("before\n{token}after\n"), "another descriptor");
    assert!(sandbox.path("out/link").is_symlink());

    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut command = sandbox.command(&["get", "--output", "/dev/stdout"]);
    assert!(command.stdout(Stdio::from(OwnedFd::from(theirs))).status().unwrap().success());
    drop(command);
    let mut read = String::new();
    ours.read_to_string(&mut read).unwrap();
    assert_eq!(read, token, "a socket cannot be opened by its name");
}

#[test]
fn standard_output_by_its_name_is_all_or_nothing() {
    let (emulator, sandbox, _) = cached();
    sandbox.age_until(0);
    emulator.play_always(ws1_emulator::Fault::Reset);
    let output = get(&sandbox, "/dev/stdout");
    assert_eq!((output.status, output.stdout.as_str()), (3, ""));
}

#[test]
fn a_link_stays_and_its_target_is_replaced() {
    let (_emulator, sandbox, token) = cached();
    for dir in ["kept", "kept/deep"] {
        std::fs::create_dir(sandbox.path(dir)).unwrap();
    }
    symlink("../kept/token", sandbox.path("out/relative")).unwrap();
    symlink(sandbox.path("kept/token"), sandbox.path("out/absolute")).unwrap();
    symlink("../../out/relative", sandbox.path("kept/deep/chain")).unwrap();
    symlink("kept/deep", sandbox.path("dir")).unwrap();
    let target = sandbox.path("kept/token");
    std::fs::create_dir(sandbox.path("out/fd")).unwrap();
    symlink("../../kept/token", sandbox.path("out/fd/1")).unwrap();
    let mut links = vec!["out/relative", "out/absolute", "kept/deep/chain", "dir/chain", "out/fd/1"];
    if cfg!(target_os = "linux") {
        // These lead through `/proc`, and yet are no names of open files.
        links.extend(["/proc/self/cwd/out/relative", "/proc/thread-self/cwd/out/fd/1"]);
    }
    for link in links {
        write(&target, b"old content that is longer than nothing");
        set_mode(&target, 0o644);
        let mut reader = std::fs::File::open(&target).unwrap();
        put(&sandbox, link);
        let mut seen = String::new();
        reader.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "old content that is longer than nothing", "{link}: a reader keeps the whole old file");
        assert_eq!((text(&target), mode(&target)), (token.clone(), 0o600), "{link}");
        // Dangling: the target is created.
        std::fs::remove_file(&target).unwrap();
        put(&sandbox, link);
        assert_eq!((text(&target), mode(&target)), (token.clone(), 0o600), "{link}");
        let named = link.split_once("/cwd/").map_or(link, |(_, rest)| rest);
        assert!(sandbox.path(named).is_symlink(), "{link}");
    }
    assert_eq!(names_in(&sandbox.path("kept")), ["deep", "token"]);
    assert_eq!(names_in(&sandbox.path("out")), ["absolute", "fd", "relative"]);
}

#[test]
fn links_that_lead_nowhere_are_an_error() {
    let (_emulator, sandbox, _) = cached();
    symlink("loop", sandbox.path("out/loop")).unwrap();
    symlink("ping", sandbox.path("out/pong")).unwrap();
    symlink("pong", sandbox.path("out/ping")).unwrap();
    symlink("nowhere/token", sandbox.path("out/lost")).unwrap();
    let all: String = ["out/loop", "out/ping", "out/lost"]
        .iter()
        .map(|file| format!("# --output {file}\n{}\n", get(&sandbox, file)))
        .collect();
    assert_snapshot!("targets-links", all);
    assert_eq!(names_in(&sandbox.path("out")), ["loop", "lost", "ping", "pong"]);
}

#[test]
fn what_others_put_into_a_shared_directory_is_not_written_into() {
    if !is_root("only root gives files away") {
        return;
    }
    let (_emulator, sandbox, token) = cached();
    let out = sandbox.path("out");
    set_mode(&out, 0o1777);
    write(&sandbox.path("victim"), b"precious");
    symlink("../victim", out.join("link")).unwrap();
    symlink("nowhere", out.join("dangling")).unwrap();
    assert!(sandbox.program("mkfifo").arg(out.join("pipe")).status().unwrap().success());
    symlink("out/pipe", sandbox.path("ours")).unwrap();
    for name in ["link", "dangling", "pipe"] {
        std::os::unix::fs::lchown(out.join(name), Some(54321), None).unwrap();
    }
    let _reader = std::fs::OpenOptions::new().read(true).write(true).open(out.join("pipe")).unwrap();
    let all: String = ["out/link", "out/dangling", "out/pipe", "ours"]
        .iter()
        .map(|file| format!("# --output {file}\n{}\n", get(&sandbox, file)))
        .collect();
    assert_snapshot!("targets-shared-directory", all);
    assert_eq!(text(&sandbox.path("victim")), "precious");
    assert_eq!(names_in(&out), ["dangling", "link", "pipe"]);
    // A file is replaced; and in a directory of a user's own, that user may choose its content.
    write(&out.join("file"), b"x");
    std::os::unix::fs::chown(out.join("file"), Some(54321), None).unwrap();
    put(&sandbox, "out/file");
    set_mode(&out, 0o755);
    put(&sandbox, "out/link");
    assert_eq!((text(&out.join("file")), text(&sandbox.path("victim"))), (token.clone(), token));
}

#[test]
fn names_may_be_as_long_as_the_system_allows() {
    let (_emulator, sandbox, token) = cached();
    for length in [222, 223, 255] {
        let name = "n".repeat(length);
        for _ in 0..2 {
            put(&sandbox, &format!("out/{name}"));
            assert_eq!(text(&sandbox.path("out").join(&name)), token);
        }
    }
    let not_utf8 = std::ffi::OsStr::from_bytes(&[0xff; 255]).to_owned();
    let mut command = sandbox.command(&["get", "--output"]);
    command.arg(Path::new("out").join(&not_utf8));
    assert_eq!(sandbox.finish(command).to_string(), "");
    assert_eq!(text(&sandbox.path("out").join(&not_utf8)), token);
    assert_eq!(names_in(&sandbox.path("out")).len(), 4);
    let output = get(&sandbox, &format!("out/{}", "n".repeat(256)));
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("(os error 36)"), "{output}");
}

/// A run that is killed when it flushes its temporary file; gives that file's name.
fn killed(sandbox: &Sandbox, dir: &str, file: &str) -> String {
    let before = names_in(&sandbox.path(dir));
    let options = ["-e", "inject=fsync:signal=KILL:when=1"];
    let file = format!("{dir}/{file}");
    let output = sandbox.finish(strace::command(sandbox, &options, &["get", "--output", &file]));
    assert_eq!(output.status, 128 + 9, "{output}");
    let left = names_in(&sandbox.path(dir)).into_iter().find(|name| !before.contains(name)).unwrap();
    assert!(left.starts_with('.') && left.ends_with(".tmp"), "{left}");
    left
}

#[test]
fn what_a_killed_run_left_goes_with_the_next_one() {
    if !strace::is_there() {
        return;
    }
    let (_emulator, sandbox, _) = cached();
    let long = "n".repeat(255);
    for file in ["token", &long] {
        killed(&sandbox, "out", file);
        put(&sandbox, &format!("out/{file}"));
        assert_eq!(names_in(&sandbox.path("out")), [file]);
        std::fs::remove_file(sandbox.path("out").join(file)).unwrap();
    }
    // Through a link, where the target is.
    std::fs::create_dir(sandbox.path("kept")).unwrap();
    symlink("../kept/token", sandbox.path("out/token")).unwrap();
    killed(&sandbox, "kept", "token");
    put(&sandbox, "out/token");
    assert_eq!(names_in(&sandbox.path("kept")), ["token"]);
}

#[test]
fn only_what_a_killed_run_left_is_swept() {
    let (_emulator, sandbox, _) = cached();
    let alive = std::process::id();
    let random = "0123456789abcdef";
    let (young, old) = (format!(".token.{alive}.{random}.tmp"), format!(".token.{alive}.{random}0.tmp"));
    let old = old.replace(&format!("{random}0"), "fedcba9876543210");
    let kept = [
        young,
        // No process has the ID 4194305: the kernel's limit is 4194304.
        format!(".other.4194305.{random}.tmp"),
        format!("token.4194305.{random}.tmp"),
        format!(".token.4194305.{random}"),
        ".token.swp".to_owned(),
        ".token.tmp".to_owned(),
    ];
    for name in kept.iter().chain([&old, &format!(".token.4194305.{random}.tmp")]) {
        write(&sandbox.path("out").join(name), b"x");
    }
    let touched = sandbox.program("touch").args(["-d", "2 hours ago"]).arg(sandbox.path("out").join(&old)).status();
    assert!(touched.unwrap().success());
    symlink(sandbox.secret_file(), sandbox.path("out").join(format!(".token.4194306.{random}.tmp"))).unwrap();
    put(&sandbox, "out/token");
    let mut expected = kept.to_vec();
    expected.extend([format!(".token.4194306.{random}.tmp"), "token".to_owned()]);
    expected.sort();
    assert_eq!(names_in(&sandbox.path("out")), expected);
    if rustix::process::geteuid().is_root() {
        let foreign = sandbox.path("out").join(format!(".token.4194305.{random}.tmp"));
        write(&foreign, b"x");
        std::os::unix::fs::chown(&foreign, Some(54321), None).unwrap();
        put(&sandbox, "out/token");
        assert!(foreign.exists(), "another user's");
    }
}

#[test]
fn a_write_that_fails_leaves_the_old_file_and_nothing_else() {
    if !strace::is_there() {
        return;
    }
    let mut page = String::new();
    for (title, tampering) in [
        ("the flush fails", "fsync:error=EIO:when=1".to_owned()),
        ("a full disk", "fsync:error=ENOSPC:when=1".to_owned()),
        ("a quota", "fsync:error=EDQUOT:when=1".to_owned()),
        ("a rename that is refused", format!("{RENAME}:error=EIO")),
    ] {
        let (_emulator, sandbox, _) = cached();
        write(&sandbox.path("out/token"), b"old");
        let options = ["-e", &format!("inject={tampering}")];
        let output = sandbox.finish(strace::command(&sandbox, &options, &["get", "--output", "out/token"]));
        assert_eq!((output.status, text(&sandbox.path("out/token")).as_str()), (1, "old"), "{title}");
        assert_eq!(names_in(&sandbox.path("out")), ["token"], "{title}");
        page.push_str(&format!("# {title}\n{output}\n"));
    }
    assert_snapshot!("targets-failing-calls", page);
}

#[test]
fn a_temporary_file_that_another_machine_swept_is_written_again() {
    if !strace::is_there() {
        return;
    }
    let (_emulator, sandbox, token) = cached();
    let options = ["-e", &format!("inject={RENAME}:error=ENOENT:when=1")];
    let output = sandbox.finish(strace::command(&sandbox, &options, &["get", "--output", "out/token"]));
    assert_eq!((output.status, output.to_string().as_str()), (0, ""));
    assert_eq!((text(&sandbox.path("out/token")), names_in(&sandbox.path("out")).len()), (token, 1));
}

#[test]
fn a_file_that_cannot_be_replaced_is_written_in_place() {
    if !strace::is_there() {
        return;
    }
    let (_emulator, sandbox, token) = cached();
    let file = sandbox.path("out/token");
    for error in ["EBUSY", "EXDEV"] {
        for old in ["", "short", &"long ".repeat(1000)] {
            write(&file, old.as_bytes());
            set_mode(&file, 0o644);
            let inode = identity(&file).0;
            let options = ["-e", &format!("inject={RENAME}:error={error}")];
            let output = sandbox.finish(strace::command(&sandbox, &options, &["get", "--output", "out/token"]));
            assert_eq!((output.status, output.to_string().as_str()), (0, ""), "{error}");
            assert_eq!((text(&file), mode(&file), identity(&file).0), (token.clone(), 0o600, inode), "{error}");
            assert_eq!(names_in(&sandbox.path("out")), ["token"], "{error}");
        }
    }
}

#[test]
fn a_write_in_place_that_fails_puts_the_old_content_back() {
    if !strace::is_there() {
        return;
    }
    let mut page = String::new();
    for (title, tampering) in [
        ("no room", "pwrite64:error=ENOSPC:when=1"),
        ("the flush fails", "fsync:error=EIO:when=2"),
        ("it cannot be cut", "ftruncate:error=EIO:when=1"),
    ] {
        for old in ["old".to_owned(), "old ".repeat(1000)] {
            let (_emulator, sandbox, _) = cached();
            write(&sandbox.path("out/token"), old.as_bytes());
            let busy = format!("inject={RENAME}:error=EBUSY");
            let failing = format!("inject={tampering}");
            let output = sandbox.finish(strace::command(
                &sandbox,
                &["-e", &busy, "-e", &failing],
                &["get", "--output", "out/token"],
            ));
            if title == "it cannot be cut" && old == "old" {
                assert_eq!(output.to_string(), "", "nothing is to be cut");
                continue;
            }
            assert_eq!((output.status, text(&sandbox.path("out/token"))), (1, old.clone()), "{title}");
            assert_eq!(names_in(&sandbox.path("out")), ["token"], "{title}");
            page.push_str(&format!("# {title}, {} bytes before\n{output}\n", old.len()));
        }
    }
    assert_snapshot!("targets-mount-failing", page);
}

#[test]
fn a_mounted_file_gets_the_token() {
    if !can_mount() {
        return;
    }
    let (_emulator, sandbox, token) = cached();
    write(&sandbox.path("kept"), "old ".repeat(1000).as_bytes());
    let inode = identity(&sandbox.path("kept")).0;
    let line = ": > out/token; mount --bind kept out/token; \"$0\" get --output out/token; cat out/token";
    let output = in_namespace(&sandbox, line);
    assert_eq!((output.status, &output.stdout, output.stderr.as_str()), (0, &token, ""));
    assert_eq!((text(&sandbox.path("kept")), identity(&sandbox.path("kept")).0), (token.clone(), inode));
    assert_eq!(names_in(&sandbox.path("out")), ["token"]);

    // A container whose own file system is read-only.
    write(&sandbox.path("kept"), b"old");
    let line = "mount --bind out out; mount --bind kept out/token; mount -o remount,bind,ro out; \
                ! touch out/x 2>/dev/null; \"$0\" get --output out/token; cat out/token";
    let output = in_namespace(&sandbox, line);
    assert_eq!((output.status, &output.stdout, output.stderr.as_str()), (0, &token, ""));

    write(&sandbox.path("kept"), b"old");
    let line = "mount --bind kept out/token; mount -o remount,bind,ro out/token; \"$0\" get --output out/token";
    assert_snapshot!("targets-mount-read-only", in_namespace(&sandbox, line));
    assert_eq!(text(&sandbox.path("kept")), "old");
}

#[test]
fn login_writes_into_a_mounted_configuration() {
    if !can_mount() {
        return;
    }
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let long =
        format!("{{\n  \"profiles\": {{ \"old\": {{ \"tenant\": \"{}.example.com\" }} }}\n}}\n", "o".repeat(200));
    sandbox.write_config_text("");
    write(&sandbox.path("kept.json"), long.as_bytes());
    set_mode(&sandbox.path("kept.json"), 0o640);
    let before = identity(&sandbox.path("kept.json"));
    let line = format!(
        "cd home/.config/ws1-token; mount --bind ../../../kept.json config.json; \
         echo {SECRET} | \"$0\" login new --tenant {0} --client-id ci-bot --secret-stdin >/dev/null; \
         \"$0\" --profile new get >/dev/null; \"$0\" login new --scope user >/dev/null; cat config.json",
        emulator.url()
    );
    let output = in_namespace(&sandbox, &line);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output}");
    assert_eq!(output.stdout, text(&sandbox.path("kept.json")));
    let kept: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(kept["profiles"]["new"]["scope"], "user");
    assert!(kept["profiles"]["old"].is_object());
    assert_eq!(identity(&sandbox.path("kept.json")), before, "its mode too");
}

#[test]
fn login_writes_into_a_mounted_configuration_of_a_read_only_directory() {
    if !can_mount() {
        return;
    }
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let before = text(&sandbox.config_file());
    write(&sandbox.path("kept.json"), before.as_bytes());
    let mount = "cd home/.config/ws1-token; mount --bind . .; cd \"$PWD\"; mount --bind ../../../kept.json config.json; \
                 mount -o remount,bind,ro .; ";
    let output = in_namespace(&sandbox, &format!("{mount} \"$0\" login --scope user"));
    assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output}");
    let kept: serde_json::Value = serde_json::from_str(&text(&sandbox.path("kept.json"))).unwrap();
    assert_eq!(kept["profiles"][PROFILE]["scope"], "user");
    // A new secret has no place there.
    let output = in_namespace(&sandbox, &format!("{mount} echo {SECRET} | \"$0\" login --secret-stdin --store file"));
    assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output}");
    assert!(output.stderr.contains(".secret`"), "{output}");
    assert_eq!(text(&sandbox.config_file()), before);
}

#[test]
fn login_keeps_a_link_to_the_configuration() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    std::fs::create_dir_all(sandbox.config_file().parent().unwrap()).unwrap();
    std::fs::create_dir(sandbox.path("dotfiles")).unwrap();
    symlink("../../../dotfiles/config.json", sandbox.config_file()).unwrap();
    let output = crate::login::login(&sandbox, &["--tenant", &emulator.url(), "--client-id", "ci-bot"], SECRET);
    assert_eq!(output.status, 0, "{output}");
    assert!(sandbox.config_file().is_symlink());
    assert_eq!(names_in(&sandbox.path("dotfiles")), ["config.json"]);
    // A relative path in the file counts from the name that was asked for.
    let secret = stored(&sandbox, "default");
    assert_eq!((secret.parent(), mode(&secret)), (sandbox.config_file().parent(), 0o600));
    assert_eq!(parsed(&sandbox)["default_profile"], "default");
    sandbox.run(&["get"]).token();
}

#[test]
fn a_file_in_a_directory_that_may_not_be_changed_is_written_in_place() {
    if !crate::nobody::is_there() {
        return;
    }
    let (_emulator, sandbox, token) = cached();
    write(&sandbox.path("out/token"), "old ".repeat(1000).as_bytes());
    let copy = crate::nobody::give_away(&sandbox);
    set_mode(&sandbox.path("out"), 0o555);
    let line = "\"$0\" get --output out/token && cat out/token; \"$0\" get --output out/new";
    let output = sandbox.finish(crate::nobody::shell(&sandbox, &copy, line));
    set_mode(&sandbox.path("out"), 0o755);
    assert_eq!((output.status, &output.stdout), (1, &token));
    assert_snapshot!(
        "targets-closed-directory",
        output.stderr.replace(&sandbox.path("").display().to_string(), "$SANDBOX/")
    );
}

#[test]
fn a_pipe_that_is_full_is_waited_for() {
    let (_emulator, sandbox, token) = cached();
    assert!(sandbox.program("mkfifo").arg(sandbox.path("out/pipe")).status().unwrap().success());
    let mut pipe = std::fs::OpenOptions::new().read(true).write(true).open(sandbox.path("out/pipe")).unwrap();
    rustix::io::ioctl_fionbio(&pipe, true).unwrap();
    let mut full = 0;
    while let Ok(count) = pipe.write(&[b'x'; 4096]) {
        full += count;
    }
    rustix::io::ioctl_fionbio(&pipe, false).unwrap();
    let child = sandbox.start(sandbox.command(&["get", "--output", "out/pipe"]));
    let mut read = vec![0; full + token.len()];
    pipe.read_exact(&mut read).unwrap();
    assert_eq!(sandbox.wait(child).to_string(), "");
    assert_eq!(&read[full..], token.as_bytes());
}
