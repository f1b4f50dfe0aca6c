//! `install.sh` with a release that was built before, and the tenant that `--try --keep` leaves running.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sandbox::{Output, Sandbox, binary, names_in, source, write};
use crate::skip::{can, has, skip};

/// A directory with a release, and an empty home.
struct Download {
    /// Both are in it; the release in `release`.
    sandbox: Sandbox,
}

impl Download {
    /// The release's archive and its signed checksums; `None`, and a skip, where a tool is missing.
    fn make() -> Option<Self> {
        let tools = ["cargo", "minisign", "ssh-keygen", "git", "strip"];
        if !can("python3", &["-c", "import tomllib"]) || !tools.iter().all(|tool| has(tool)) {
            return None;
        }
        let mut download = Self { sandbox: Sandbox::new() };
        download.sandbox.name(&source("").display().to_string(), "$SOURCE/");
        download.keys("");
        download.keys("other-");
        let mut strip = download.sandbox.program("strip");
        strip.arg("-o").arg(download.path("program")).arg(binary());
        assert_eq!(download.sandbox.finish(strip).status, 0);
        let mut build = download.sandbox.program(source("release/build"));
        for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME"] {
            if let Some(value) = std::env::var_os(name) {
                build.env(name, value);
            }
        }
        build.args([env!("CARGO_PKG_VERSION"), "--only", ".tar.gz", "--out"]).arg(download.path("release"));
        build.arg("--program").arg(format!("{}={}", machine(), download.path("program").display()));
        build.arg("--minisign-key").arg(download.path("minisign.key"));
        build.arg("--ssh-key").arg(download.path("ssh")).env("SOURCE_DATE_EPOCH", "1700000000");
        let output = download.sandbox.finish(build);
        assert_eq!(output.status, 0, "{output}");
        Some(download)
    }

    /// Makes a key of each kind.
    fn keys(&self, prefix: &str) {
        let file = |name: &str| self.path(&format!("{prefix}{name}"));
        let mut minisign = self.sandbox.program("minisign");
        minisign.args(["-G", "-W", "-p"]).arg(file("minisign.pub")).arg("-s").arg(file("minisign.key"));
        let mut ssh = self.sandbox.program("ssh-keygen");
        ssh.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(file("ssh"));
        for command in [minisign, ssh] {
            assert_eq!(self.sandbox.finish(command).status, 0);
        }
    }

    /// A path of the sandbox.
    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    /// The archive.
    fn archive(&self) -> PathBuf {
        self.path(&format!("release/ws1-token-{}-{}.tar.gz", env!("CARGO_PKG_VERSION"), machine()))
    }

    /// Runs the script.
    fn install(&self, args: &[&str]) -> Output {
        let mut script = self.sandbox.program(source("install.sh"));
        script.args(args).current_dir(self.path(""));
        self.sandbox.finish(script)
    }

    /// Installs from the release, with a key, which has to fail; gives what is said, and shows that nothing was done.
    fn refused(&self, args: &[&str]) -> String {
        let output = self.install(&[&["--from", "release"], args].concat());
        assert_eq!(output.status, 1, "{output}");
        assert_eq!(names_in(&self.path("home")), Vec::<String>::new(), "{output}");
        output.to_string()
    }

    /// Puts another archive in the place of the release's, with the checksum that it has.
    fn replace(&self, content: &[u8]) {
        write(&self.archive(), content);
        let name = self.archive().file_name().unwrap().to_string_lossy().into_owned();
        let mut sums = self.sandbox.program("sha256sum");
        sums.arg(&name).current_dir(self.path("release"));
        write(&self.path("release/SHA256SUMS"), self.sandbox.finish(sums).stdout.as_bytes());
    }

    /// An archive made by a line of Python, where `add(name, content, link)` adds a member.
    fn made_up(&self, members: &str) -> Vec<u8> {
        let script = format!(
            "import io, sys, tarfile\n\
             archive = tarfile.open(sys.argv[1], 'w:gz')\n\
             def add(name, content=b'', link=None):\n\
             \x20   entry = tarfile.TarInfo(name)\n\
             \x20   entry.mode, entry.size = 0o755, len(content)\n\
             \x20   if link: entry.type, entry.linkname = tarfile.SYMTYPE, link\n\
             \x20   archive.addfile(entry, io.BytesIO(content))\n\
             {members}\n\
             archive.close()\n"
        );
        let mut python = self.sandbox.program("python3");
        python.args(["-c", &script]).arg(self.path("made-up"));
        assert_eq!(self.sandbox.finish(python).status, 0);
        std::fs::read(self.path("made-up")).unwrap()
    }
}

/// The target of a release for this machine.
fn machine() -> &'static str {
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-musl" } else { "x86_64-unknown-linux-musl" }
}

#[test]
fn a_signed_release_is_installed_and_removed() {
    let Some(download) = Download::make() else { return };
    for (key, signed) in [("minisign.pub", true), ("ssh.pub", true), ("", false)] {
        let key_args = if signed { vec!["--key", key] } else { Vec::new() };
        let output = download.install(&[&["--from", "release"][..], &key_args].concat());
        assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output}");
        let said = &output.stdout;
        assert!(said.contains("Verified: the checksum of ws1-token-"), "{said}");
        assert_eq!(said.contains("has signed"), signed, "{said}");
        assert_eq!(said.contains("not who made it"), !signed, "{said}");
        assert!(said.ends_with("next: ws1-token login\n"), "{said}");
        let program = download.path("home/.local/bin/ws1-token");
        let version = download.sandbox.finish(download.sandbox.program(&program)).stdout;
        assert!(version.contains("login"), "{version}");
        for file in ["man/man1/ws1-token.1", "ws1-token/config.schema.json", "zsh/site-functions/_ws1-token"] {
            assert!(download.path("home/.local/share").join(file).is_file(), "{file}");
        }
        let removed = download.install(&["--uninstall"]);
        assert_eq!(removed.status, 0, "{removed}");
        assert_eq!(names_in(&download.path("home")), Vec::<String>::new(), "{removed}");
    }
    let archive = download.archive().display().to_string();
    let output = download.install(&["--from", &archive, "--prefix", "a b"]);
    assert!(output.status == 0 && download.path("a b/bin/git-credential-ws1").exists(), "{output}");
}

#[test]
fn a_release_that_is_not_what_was_signed_leaves_nothing() {
    let Some(download) = Download::make() else { return };
    let sums = std::fs::read(download.path("release/SHA256SUMS")).unwrap();
    let archive = std::fs::read(download.archive()).unwrap();
    for key in ["minisign.pub", "ssh.pub"] {
        let other = download.refused(&["--key", &format!("other-{key}")]);
        assert!(other.contains("is not signed by other-"), "{other}");
        write(&download.path("release/SHA256SUMS"), &[&sums[..], b"\n"].concat());
        let changed = download.refused(&["--key", key]);
        assert!(changed.contains("do not use this release"), "{changed}");
        write(&download.path("release/SHA256SUMS"), &sums);
    }
    let mut bytes = archive.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    write(&download.archive(), &bytes);
    let damaged = download.refused(&["--key", "ssh.pub"]);
    assert!(damaged.contains("is damaged or was changed"), "{damaged}");
    std::fs::remove_file(download.path("release/SHA256SUMS.sig")).unwrap();
    assert!(download.refused(&["--key", "ssh.pub"]).contains("there is no release/SHA256SUMS.sig"));
    write(&download.path("release/SHA256SUMS"), b"");
    assert!(download.refused(&[]).contains("does not list"));
    std::fs::remove_file(download.path("release/SHA256SUMS")).unwrap();
    assert!(download.refused(&[]).contains("there is no SHA256SUMS beside"));
    std::fs::remove_file(download.archive()).unwrap();
    assert!(download.refused(&[]).contains("holds no ws1-token-VERSION-"));
}

#[test]
fn an_archive_that_reaches_outside_is_not_unpacked() {
    let Some(download) = Download::make() else { return };
    for members in [
        "add('../evil', b'x')",
        "add('/tmp/evil', b'x')",
        "add('ws1-token-1-x/../../evil', b'x')",
        "add('ws1-token-1-x/man', link='/etc'); add('ws1-token-1-x/man/evil', b'x')",
        "add('ws1-token-1-x/ws1-token', link='/bin/true')",
        "add('ws1-token-1-x/git-credential-ws1', link='/bin/true')",
        "add('other/ws1-token', b'x')",
    ] {
        download.replace(&download.made_up(members));
        let said = download.refused(&[]);
        assert!(said.contains("holds a file that a release does not have"), "{members}: {said}");
    }
    download.replace(b"no archive");
    assert!(download.refused(&[]).contains("is not a gzipped tar archive"));
    download.replace(&download.made_up("add('ws1-token-1-x/ws1-token', b'\\x7fELF')"));
    assert!(download.refused(&[]).contains("does not run on this machine"));
}

#[test]
fn options_that_exclude_each_other_are_a_usage_error() {
    let sandbox = Sandbox::new();
    for (args, said) in [
        (&["--key", "k"][..], "--key needs --from"),
        (&["--keep"], "--keep needs --try"),
        (&["--from", "f", "--try"], "--from and --try exclude each other"),
        (&["--from", "f", "--uninstall"], "--from and --uninstall exclude each other"),
        (&["--from", "f", "--keychain"], "--from and --keychain exclude each other"),
        (&["--from"], "--from needs a file or directory"),
        (&["--from", "--try"], "--from needs a file or directory"),
    ] {
        let mut script = sandbox.program(source("install.sh"));
        script.args(args);
        let output = sandbox.finish(script);
        assert!(output.status == 2 && output.stderr.contains(said), "{args:?}: {output}");
    }
}

#[test]
fn without_a_usable_rust_it_says_what_to_install() {
    let mut sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("bin")).unwrap();
    for tool in ["sh", "dirname", "sed", "mktemp", "rm", "cat", "uname"] {
        let found = std::env::split_paths(&crate::sandbox::path()).map(|dir| dir.join(tool)).find(|file| file.exists());
        std::os::unix::fs::symlink(found.unwrap(), sandbox.path("bin").join(tool)).unwrap();
    }
    let bin = sandbox.path("bin").display().to_string();
    sandbox.set("PATH", bin);
    let install = |sandbox: &Sandbox| sandbox.finish(sandbox.program(source("install.sh")));
    let none = install(&sandbox);
    assert_eq!(none.status, 1, "{none}");
    for part in ["needs Rust 1.89 or later", "To install it: curl ", "./install.sh --from FILE"] {
        assert!(none.stderr.contains(part), "{none}");
    }
    for tool in ["cargo", "rustc"] {
        write(&sandbox.path("bin").join(tool), b"#!/bin/sh\necho 'release: 1.80.1'\necho 'host: x'\n");
        crate::sandbox::set_mode(&sandbox.path("bin").join(tool), 0o755);
    }
    let old = install(&sandbox);
    assert!(old.status == 1 && old.stderr.contains("1.89 or later, and this is 1.80"), "{old}");
}

#[test]
fn removing_it_names_the_callers_that_still_run_it() {
    if !has("git") {
        return;
    }
    let sandbox = Sandbox::new();
    let git = |args: &[&str]| {
        let mut git = sandbox.program("git");
        git.args(["config", "--global"]).args(args);
        assert_eq!(sandbox.finish(git).status, 0);
    };
    git(&["credential.https://git.example.com.helper", "/x y/ws1-token git"]);
    git(&["credential.helper", "store"]);
    let uninstall = || {
        let mut script = sandbox.program(source("install.sh"));
        script.arg("--uninstall");
        sandbox.finish(script)
    };
    let said = uninstall().stdout;
    let back = "  git config --global --unset-all 'credential.https://git.example.com.helper' ws1\n";
    assert!(said.contains("These still name it; to take that back:\n") && said.contains(back), "{said}");
    let mut shell = sandbox.program("sh");
    shell.args(["-c", back]);
    assert_eq!(sandbox.finish(shell).status, 0);
    assert!(!uninstall().stdout.contains("still name it"), "the helper of another name stays out of it");
    let Some(kubectl) = crate::kubectl::kubectls().pop() else { return };
    let mut set = sandbox.program(kubectl);
    set.args(["config", "set-credentials", "my ws1", "--exec-command=/x/ws1-token", "--exec-arg=kubectl"]);
    set.args(["--exec-api-version=client.authentication.k8s.io/v1beta1"]);
    assert_eq!(sandbox.finish(set).status, 0);
    assert!(uninstall().stdout.contains("  kubectl config unset 'users.my ws1'\n"), "{}", uninstall());
}

/// A program of the emulator's crate, which the tests of the workspace build.
fn emulator() -> Option<PathBuf> {
    let file = Path::new(binary()).with_file_name("ws1-emulator");
    let found = file.exists() || source("target/debug/ws1-emulator").exists();
    if !found {
        skip("ws1-emulator", "`cargo test --workspace` builds it");
        return None;
    }
    Some(if file.exists() { file } else { source("target/debug/ws1-emulator") })
}

#[test]
fn a_tenant_that_is_kept_can_be_played_with_and_is_gone_when_it_is_stopped() {
    let (Some(emulator), true) = (emulator(), has("git")) else { return };
    let sandbox = Sandbox::new();
    let bin = sandbox.path("try it's/prefix/bin");
    std::fs::create_dir_all(&bin).unwrap();
    crate::sandbox::copy_program(&bin.join("ws1-token"));
    let mut script = sandbox.program(source("emulator/try.sh"));
    script.arg("--keep").arg(&bin).arg(emulator).env("TMPDIR", sandbox.path("home"));
    let kept = sandbox.finish(script);
    assert_eq!((kept.status, kept.stderr.as_str()), (0, ""), "{kept}");
    let command = |ending: &str| -> String {
        let line = kept.stdout.lines().find(|line| line.ends_with(ending)).expect(ending);
        line.trim().to_owned()
    };
    let enter = command("/enter");
    let run = |line: &str| {
        let mut shell = Command::new(&enter);
        shell.args(["sh", "-c", line]).env_clear().env("PATH", crate::sandbox::path());
        sandbox.finish(shell)
    };
    // Every line that is offered works.
    for line in kept.stdout.lines().filter(|line| line.starts_with("      ws1-token ")) {
        let output = run(line);
        assert_eq!(output.status, 0, "{line}: {output}");
    }
    assert!(run("ws1-token status").stdout.contains("second"));
    assert!(run("cat demo/README").stdout.contains("It works."));
    assert!(run("ws1-token get --profile second").stdout.starts_with("eyJ"));
    let stop = sandbox.finish(Command::new(command("/stop")));
    assert_eq!(stop.status, 0, "{stop}");
    assert!(!bin.exists() && names_in(&sandbox.path("home")).is_empty(), "{:?}", names_in(&sandbox.path("home")));
}
