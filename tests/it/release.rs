//! `release/build`: every package of a release is made from a program that exists, installed, used and removed again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use ws1_emulator::Emulator;

use crate::sandbox::{Output, SECRET, Sandbox, binary, names_in, source, temporary, write};
use crate::skip::{can, has, is_root, skip};

/// The version in Cargo.toml.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The target whose program the tests pack.
const TARGET: &str = "x86_64-unknown-linux-musl";

/// A release with signatures, made once for all tests.
struct Release {
    /// Keys, programs and the release.
    sandbox: Sandbox,
}

impl Release {
    /// The release; `None`, and a skip, where a tool is missing.
    fn get() -> Option<&'static Self> {
        /// Whether it could be made is the same for every test.
        static RELEASE: LazyLock<Release> = LazyLock::new(Release::make);
        let tools = ["cargo", "python3", "nfpm", "minisign", "ssh-keygen", "git"];
        (can("python3", &["-c", "import tomllib"]) && tools.iter().all(|tool| has(tool))).then(|| &*RELEASE)
    }

    /// Keys, and the release signed with them.
    fn make() -> Self {
        let release = Self { sandbox: Sandbox::new() };
        let mut keys = release.sandbox.program("minisign");
        keys.args(["-G", "-W", "-p"]).arg(release.file("key.pub")).arg("-s").arg(release.file("key"));
        succeed(&release.sandbox.finish(keys));
        let mut keys = release.sandbox.program("ssh-keygen");
        keys.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(release.file("ssh"));
        succeed(&release.sandbox.finish(keys));
        write(&release.file("program"), &program());
        succeed(&release.build("release", &[]));
        release
    }

    /// Packs the program into a directory.
    fn build(&self, out: &str, more: &[&str]) -> Output {
        let mut build = self.tool("build");
        build.args([VERSION, "--url", "https://example.com/v1", "--out"]).arg(self.file(out));
        build.arg("--program").arg(format!("{TARGET}={}", self.file("program").display()));
        build.arg("--minisign-key").arg(self.file("key")).arg("--ssh-key").arg(self.file("ssh"));
        build.args(more);
        self.sandbox.finish(build)
    }

    /// A tool of `release/`. It needs this machine's Rust, which is found by the home directory.
    fn tool(&self, name: &str) -> Command {
        let mut tool = self.sandbox.program(source("release").join(name));
        for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME"] {
            if let Some(value) = std::env::var_os(name) {
                tool.env(name, value);
            }
        }
        tool.env("SOURCE_DATE_EPOCH", "1700000000");
        tool
    }

    /// A file of the sandbox.
    fn file(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    /// A file of the release.
    fn artefact(&self, ending: &str) -> PathBuf {
        let dir = self.file("release");
        let name = names_in(&dir).into_iter().find(|name| name.ends_with(ending)).expect(ending);
        dir.join(name)
    }

    /// Runs a program of the system, which has to succeed, and gives its standard output.
    fn run(&self, program: &str, args: &[&dyn AsRef<std::ffi::OsStr>]) -> String {
        let mut command = self.sandbox.program(program);
        command.args(args.iter().map(|arg| AsRef::<std::ffi::OsStr>::as_ref(*arg)));
        let output = self.sandbox.finish(command);
        succeed(&output);
        output.stdout
    }

    /// Runs a program in the directory of the release.
    fn check(&self, dir: &Path, program: &str, args: &[&str]) -> Output {
        let mut command = self.sandbox.program(program);
        command.args(args).current_dir(dir);
        self.sandbox.finish(command)
    }
}

/// Fails the test unless a program succeeded.
fn succeed(output: &Output) {
    assert_eq!(output.status, 0, "{output}");
}

/// The static program where one of this version was built, else the program under test without its symbols.
fn program() -> Vec<u8> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| source("target"), PathBuf::from);
    let built = target.join(TARGET).join("release/ws1-token");
    let version = Command::new(&built).arg("-V").output().map(|output| output.stdout).unwrap_or_default();
    let is_current = version == format!("ws1-token {VERSION}\n").into_bytes();
    std::fs::read(built).ok().filter(|_| is_current).unwrap_or_else(|| {
        let place = temporary();
        let stripped = place.path().join("ws1-token");
        let strip = Command::new("strip").args(["-o".as_ref(), stripped.as_os_str(), binary().as_ref()]).status();
        assert!(strip.is_ok_and(|status| status.success()), "strip, of binutils");
        std::fs::read(stripped).unwrap()
    })
}

/// Names of everything below a directory but directories, relative to it.
fn files_below(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for name in names_in(dir) {
        let path = dir.join(&name);
        if path.is_dir() && !path.is_symlink() {
            found.extend(files_below(&path).into_iter().map(|below| format!("{name}/{below}")));
        } else {
            found.push(name);
        }
    }
    found
}

#[test]
fn the_archive_has_program_pages_completions_and_licences() {
    let Some(release) = Release::get() else { return };
    let place = temporary();
    release.run("tar", &[&"-xzf", &release.artefact(".tar.gz"), &"-C", &place.path()]);
    let top = place.path().join(format!("ws1-token-{VERSION}-{TARGET}"));
    let version = release.check(&top, "./ws1-token", &["--version"]);
    assert!(version.stdout.starts_with(&format!("ws1-token {VERSION}\n")), "{version}");
    assert_eq!(std::fs::read_link(top.join("git-credential-ws1")).unwrap(), Path::new("ws1-token"));
    assert_eq!(names_in(&top.join("man")), names_in(&source("man")));
    let scripts = ["_ws1-token", "_ws1-token.ps1", "ws1-token.bash", "ws1-token.elv", "ws1-token.fish"];
    assert_eq!(names_in(&top.join("completions")), scripts);
    let notices = std::fs::read_to_string(top.join("THIRD-PARTY")).unwrap();
    for part in ["option-ext 0.2.0: MPL-2.0", "Mozilla Public License", "ring 0.17", "musl", "\nrustls "] {
        assert!(notices.contains(part), "{part}");
    }
    for name in ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "config.schema.json", "docs/README.md"] {
        assert!(top.join(name).is_file(), "{name}");
    }
}

#[test]
fn a_debian_package_is_installed_and_removed() {
    let Some(release) = Release::get() else { return };
    if !has("dpkg") || !is_root("dpkg changes owners") {
        return;
    }
    let place = temporary();
    let dpkg = |args: &[&dyn AsRef<std::ffi::OsStr>]| {
        let root = format!("--root={}", place.path().display());
        let options: [&dyn AsRef<std::ffi::OsStr>; 2] = [&root, &"--force-script-chrootless"];
        release.run("dpkg", &[&options, args].concat())
    };
    std::fs::create_dir_all(place.path().join("var/lib/dpkg/updates")).unwrap();
    std::fs::create_dir(place.path().join("var/lib/dpkg/info")).unwrap();
    write(&place.path().join("var/lib/dpkg/status"), b"");
    dpkg(&[&"--install", &release.artefact(".deb")]);
    assert_installed(release, place.path(), "zsh/vendor-completions");
    assert!(place.path().join("usr/share/doc/ws1-token/copyright").is_file());
    for file in ["systemd/system/ws1-token@.service", "systemd/user/ws1-token-get.timer"] {
        assert!(place.path().join("usr/lib").join(file).is_file(), "{file}");
    }
    assert_eq!(crate::sandbox::mode(&place.path().join("usr/share/ws1-token/nginx-header")), 0o755);
    dpkg(&[&"--purge", &"ws1-token"]);
    assert!(!place.path().join("usr").exists(), "{:?}", files_below(place.path()));
}

#[test]
fn an_rpm_package_is_installed_and_removed() {
    let Some(release) = Release::get() else { return };
    if !has("rpm") || !is_root("rpm changes its root directory") {
        return;
    }
    let place = temporary();
    let root = place.path().display().to_string();
    release.run("rpm", &[&"--root", &root, &"--install", &release.artefact(".rpm")]);
    assert_installed(release, place.path(), "zsh/site-functions");
    release.run("rpm", &[&"--root", &root, &"--erase", &"ws1-token"]);
    let left = files_below(place.path()).into_iter().filter(|file| file.starts_with("usr/bin/")).collect::<Vec<_>>();
    assert!(left.is_empty(), "{left:?}");
}

/// Fails unless a package's files are below a root directory, and the program runs.
fn assert_installed(release: &Release, root: &Path, zsh: &str) {
    let version = release.check(root, "usr/bin/git-credential-ws1", &["capability"]);
    assert!(version.stdout.starts_with("version 0"), "by its other name it answers git: {version}");
    assert_eq!(crate::sandbox::mode(&root.join("usr/bin/ws1-token")), 0o755);
    for file in [
        "bash-completion/completions/ws1-token",
        "fish/vendor_completions.d/ws1-token.fish",
        "man/man1/ws1-token-login.1.gz",
        "ws1-token/config.schema.json",
        "doc/ws1-token/THIRD-PARTY",
        &format!("{zsh}/_ws1-token"),
    ] {
        assert!(root.join("usr/share").join(file).is_file(), "{file}");
    }
}

#[test]
fn an_alpine_package_holds_the_same() {
    let Some(release) = Release::get() else { return };
    let place = temporary();
    // An apk file is several gzipped tar archives in a row.
    release.run("tar", &[&"-xzf", &release.artefact(".apk"), &"--ignore-zeros", &"-C", &place.path()]);
    let info = std::fs::read_to_string(place.path().join(".PKGINFO")).unwrap();
    assert!(info.contains("pkgname = ws1-token") && info.contains("arch = x86_64"), "{info}");
    assert_installed(release, place.path(), "zsh/site-functions");
    assert!(!place.path().join("usr/lib").exists(), "Alpine has no systemd");
}

/// Unpacks the image of an architecture below a directory, as an engine does: by its index, manifest and layers.
fn unpack_image(release: &Release, place: &Path) -> Value {
    let layout = place.join("layout");
    std::fs::create_dir(&layout).unwrap();
    release.run("tar", &[&"-xf", &release.artefact("-image.tar"), &"-C", &layout]);
    let json = |path: PathBuf| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let blob = |entry: &Value| layout.join("blobs").join(entry["digest"].as_str().unwrap().replace(':', "/"));
    let index = json(layout.join("index.json"));
    assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], VERSION);
    let platforms = json(blob(&index["manifests"][0]));
    assert_eq!(platforms["manifests"][0]["platform"]["architecture"], "amd64");
    let manifest = json(blob(&platforms["manifests"][0]));
    let root = place.join("root");
    std::fs::create_dir(&root).unwrap();
    release.run("tar", &[&"-xzpf", &blob(&manifest["layers"][0]), &"-C", &root]);
    json(blob(&manifest["config"]))
}

#[test]
fn the_image_runs_as_its_own_user_without_anything_else() {
    let Some(release) = Release::get() else { return };
    if !is_root("another user and another root directory") {
        return;
    }
    let place = temporary();
    let config = unpack_image(release, place.path());
    let root = place.path().join("root");
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/usr/bin/ws1-token"]));
    let kind = release.run("head", &[&"-c", &"4", &root.join("usr/bin/ws1-token")]);
    assert!(kind.ends_with("ELF"), "{kind:?}");
    let text = String::from_utf8_lossy(&program()).contains("ld-linux");
    if text {
        return skip("static-build", "the program needs the C library of this machine");
    }
    let emulator = Emulator::start();
    let mut run = release.sandbox.program("chroot");
    run.arg("--userspec=65532:65532").arg(&root).args(["/usr/bin/ws1-token", "get", "--verbose"]);
    run.env("HOME", "/home/ws1").env("WS1_TOKEN_TENANT", emulator.url());
    run.env("WS1_TOKEN_CLIENT_ID", "ci-bot").env("WS1_TOKEN_CLIENT_SECRET", SECRET);
    let again = |run: &mut Command| release.sandbox.wait(run.stdout(piped()).stderr(piped()).spawn().unwrap());
    let output = again(&mut run);
    assert!(output.status == 0 && output.stdout.starts_with("eyJ"), "{output}");
    assert_eq!(again(&mut run).stdout, output.stdout, "it has a cache of its own");
    assert_eq!(emulator.counters().token_requests, 1);
}

/// A pipe for a stream.
fn piped() -> std::process::Stdio {
    std::process::Stdio::piped()
}

#[test]
fn checksums_and_both_signatures_verify_and_a_changed_byte_does_not() {
    let Some(release) = Release::get() else { return };
    let place = temporary();
    let dir = place.path().join("copy");
    release.run("cp", &[&"-r", &release.file("release"), &dir]);
    let allowed = format!("maintainer {}", std::fs::read_to_string(release.file("ssh.pub")).unwrap());
    write(&dir.join("signers"), allowed.as_bytes());
    let key = release.file("key.pub").display().to_string();
    let minisign = || release.check(&dir, "minisign", &["-V", "-q", "-p", &key, "-m", "SHA256SUMS"]).status;
    let ssh = || {
        let verify = "ssh-keygen -Y verify -q -f signers -I maintainer -n ws1-token -s SHA256SUMS.sig <SHA256SUMS";
        release.check(&dir, "sh", &["-c", verify]).status
    };
    let sums = || release.check(&dir, "sha256sum", &["--check", "--quiet", "SHA256SUMS"]).status;
    assert_eq!((minisign(), ssh(), sums()), (0, 0, 0));
    let deb = dir.join(release.artefact(".deb").file_name().unwrap());
    let mut bytes = std::fs::read(&deb).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    write(&deb, &bytes);
    assert_eq!((minisign(), ssh(), sums()), (0, 0, 1));
    let list = std::fs::read_to_string(dir.join("SHA256SUMS")).unwrap();
    write(&dir.join("SHA256SUMS"), list.replacen('a', "b", 1).as_bytes());
    assert!(minisign() != 0 && ssh() != 0);
}

#[test]
fn packed_again_elsewhere_every_file_is_the_same() {
    let Some(release) = Release::get() else { return };
    let (one, place) = (release.file("release"), temporary());
    let mut build = release.tool("build");
    build.current_dir(place.path()).env("TZ", "Asia/Kolkata").env("LC_ALL", "C.UTF-8");
    let out = place.path().join("again");
    build.args([VERSION, "--url", "https://example.com/v1", "--out"]).arg(&out);
    build.arg("--program").arg(format!("{TARGET}={}", release.file("program").display()));
    let mut shell = release.sandbox.program("sh");
    shell.args(["-c", "umask 077; exec \"$@\"", "sh"]).arg(build.get_program()).args(build.get_args());
    build.get_envs().for_each(|(name, value)| _ = shell.env(name, value.unwrap()));
    shell.current_dir(place.path());
    succeed(&release.sandbox.finish(shell));
    let names = files_below(&out);
    assert_eq!(names.len(), 8, "{names:?}");
    for name in names {
        assert!(std::fs::read(out.join(&name)).unwrap() == std::fs::read(one.join(&name)).unwrap(), "{name}");
    }
}

#[test]
fn a_program_that_is_not_what_the_source_gives_is_named() {
    let Some(release) = Release::get() else { return };
    let verify = |program: &Path| {
        let mut verify = release.tool("verify");
        verify.arg(release.artefact(".tar.gz")).arg("--program").arg(format!("{TARGET}={}", program.display()));
        release.sandbox.finish(verify)
    };
    let same = verify(&release.file("program"));
    assert!(same.status == 0 && same.stdout.contains("is what this source gives"), "{same}");
    let other = release.file("other");
    let script = "#!/bin/sh\nexec 1>&2\nexit 1\n";
    write(&other, &[program(), script.as_bytes().to_vec()].concat());
    let differs = verify(&other);
    let named = format!("release/verify: ws1-token-{VERSION}-{TARGET}/ws1-token differs\n");
    assert!(differs.status == 1 && differs.stderr.contains(&named), "{differs}");
    assert_eq!(differs.stderr.matches(" differs").count(), 1, "{differs}");
}

#[test]
fn a_bill_of_materials_names_what_is_shipped_and_nothing_else() {
    let Some(release) = Release::get() else { return };
    let document = std::fs::read(release.artefact(".cdx.json")).unwrap();
    let bom: Value = serde_json::from_slice(&document).unwrap();
    let names: Vec<&str> =
        bom["components"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    for shipped in ["rustls", "ring", "serde_json", "option-ext", "rust-std"] {
        assert!(names.contains(&shipped), "{shipped}");
    }
    let is_sum = |sum: &Value| sum.as_str().is_some_and(|sum| sum.len() == 64);
    for part in bom["components"].as_array().unwrap() {
        // Rust's library is no crate, and has no checksum.
        assert!(part["name"] == "rust-std" || is_sum(&part["hashes"][0]["content"]), "{part}");
    }
    for other in ["insta", "proptest", "tempfile", "ws1-emulator", "serde_derive", "cc", "windows-sys"] {
        assert!(!names.contains(&other), "{other}");
    }
    let mut sum = release.run("sha256sum", &[&release.file("program")]);
    sum.truncate(64);
    assert_eq!(bom["metadata"]["component"]["hashes"][0]["content"], sum);
    let import = release.check(Path::new("/"), "python3", &["-c", "import cyclonedx.validation.json"]);
    if import.status != 0 {
        skip("cyclonedx", &import.stderr);
    } else {
        let check = "import sys; from cyclonedx.schema import SchemaVersion as V; \
                     from cyclonedx.validation.json import JsonStrictValidator as J; \
                     sys.exit(J(V.V1_5).validate_str(open(sys.argv[1]).read()))";
        release.run("python3", &[&"-c", &check, &release.artefact(".cdx.json")]);
    }
}

#[test]
fn files_for_other_installers_have_the_checksums_and_their_syntax() {
    let Some(release) = Release::get() else { return };
    let place = temporary();
    // Another program stands for those of the other targets: what counts is the name.
    let programs = ["aarch64-unknown-linux-musl", "x86_64-pc-windows-gnu"];
    let given: Vec<String> =
        programs.iter().map(|target| format!("{target}={}", release.file("program").display())).collect();
    let mut build = release.tool("build");
    build.args([VERSION, "--url", "https://example.com/v1/", "--out"]).arg(place.path());
    build.args(["--only=-musl.tar.gz", "--program"]).arg(format!("{TARGET}={}", release.file("program").display()));
    build.args(given.iter().flat_map(|given| ["--program", given]));
    succeed(&release.sandbox.finish(build));
    let sums = std::fs::read_to_string(place.path().join("SHA256SUMS")).unwrap();
    let formula = std::fs::read_to_string(place.path().join("installers/homebrew/ws1-token.rb")).unwrap();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        assert!(formula.contains(sum) && formula.contains(&format!("https://example.com/v1/{name}\"")), "{name}");
    }
    if has("ruby") {
        release.run("ruby", &[&"-c", &place.path().join("installers/homebrew/ws1-token.rb")]);
    }
    let windows = place.path().join("windows");
    let mut build = release.tool("build");
    build.args([VERSION, "--url", "https://example.com/v1", "--only", ".zip", "--program", &given[1], "--out"]);
    build.arg(&windows).arg("--program").arg(format!("{TARGET}={}", release.file("program").display()));
    succeed(&release.sandbox.finish(build));
    let zip = names_in(&windows).into_iter().find(|name| name.ends_with(".zip")).unwrap();
    let sum = std::fs::read_to_string(windows.join("SHA256SUMS")).unwrap()[..64].to_owned();
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(windows.join("installers").join(name)).unwrap()).unwrap()
    };
    let scoop = &read("scoop/ws1-token.json")["architecture"]["64bit"];
    assert_eq!((scoop["hash"].as_str(), scoop["url"].as_str().unwrap().ends_with(&zip)), (Some(sum.as_str()), true));
    let winget = &read("winget/ws1-token.ws1-token.installer.yaml")["Installers"][0];
    assert_eq!(winget["InstallerSha256"], sum.to_uppercase());
    let listed = release.run("python3", &[&"-m", &"zipfile", &"-l", &windows.join(&zip)]);
    assert!(listed.contains("/ws1-token.exe ") && !listed.contains("git-credential"), "{listed}");
}

#[test]
fn a_wrong_version_or_a_directory_in_use_is_refused() {
    let Some(release) = Release::get() else { return };
    let mut build = release.tool("build");
    build.args(["9.9.9", "--out"]).arg(release.file("none"));
    let output = release.sandbox.finish(build);
    assert_eq!((output.status, output.stderr), (1, format!("release/build: Cargo.toml is of version {VERSION}\n")));
    let output = release.build("release", &[]);
    assert!(output.status == 1 && output.stderr.ends_with("is not empty\n"), "{output}");
    let mut verify = release.tool("verify");
    verify.arg(release.file("key.pub"));
    let output = release.sandbox.finish(verify);
    assert!(output.status == 1 && output.stderr.contains("is not the name of a file of a release"), "{output}");
}
