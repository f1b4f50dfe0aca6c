//! Writes down what `ws1-token --version` tells of its own build: nothing of the machine, so that the same source gives
//! the same binary. And tells the linker what it may do for the static program.

#![expect(clippy::disallowed_methods, reason = "how a build script is asked and answers")]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// What the binary is made of; a change of anything else makes no other binary.
const SOURCES: [&str; 4] = ["Cargo.toml", "Cargo.lock", "build.rs", "src"];

/// Writes the text that the program includes.
fn main() {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let source = variable("CARGO_MANIFEST_DIR");
    let source = Path::new(&source);
    let mut text = variable("CARGO_PKG_VERSION");
    // To ask after every commit would compile the program anew for every run of the tests.
    if variable("PROFILE") == "release"
        && let Some(commit) = commit(source)
    {
        let _ = write!(text, "\ncommit: {commit}");
    }
    let features = Some(variable("CARGO_CFG_FEATURE")).filter(|names| !names.is_empty());
    let features = features.as_deref().unwrap_or("none");
    let tls = tls(&std::fs::read_to_string(source.join("Cargo.lock")).unwrap_or_default());
    let _ = write!(text, "\ntarget: {}\nfeatures: {features}\ntls: {tls}", variable("TARGET"));
    std::fs::write(Path::new(&variable("OUT_DIR")).join("version.txt"), text)
        .expect("the output directory is writable");
    println!("cargo::rerun-if-changed=build.rs\ncargo::rerun-if-changed=Cargo.lock");
    // A linker that is named may be none that takes a compiler's options.
    if variable("CARGO_CFG_TARGET_ENV") == "musl" && variable("RUSTC_LINKER").is_empty() {
        let rustc = Command::new(variable("RUSTC")).arg("--version").output();
        if rustc.is_ok_and(|said| packs_relocations(&String::from_utf8_lossy(&said.stdout))) {
            println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        }
    }
}

/// Whether the C library that comes with this Rust starts a program whose relocations are packed: musl since 1.2.4, in
/// Rust since 1.93. That is 70 KB less of file; a linker that cannot pack them says so and goes on.
pub(crate) fn packs_relocations(rustc: &str) -> bool {
    let version = rustc.strip_prefix("rustc 1.").and_then(|rest| rest.split('.').next());
    version.and_then(|minor| minor.parse::<u32>().ok()).is_some_and(|minor| minor >= 93)
}

/// The commit of a source tree, marked if it is not what was committed; `None` where there is no repository of its own
/// or no git.
pub(crate) fn commit(source: &Path) -> Option<String> {
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        // A hook that builds is run with the variables of its own repository.
        git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
        let output = git.arg("-C").arg(source).args(args).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    };
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != source.canonicalize().ok()? {
        return None;
    }
    // It grows with every commit and every change of the branch.
    if let Some(journal) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|path| source.join(path).exists()) {
        println!("cargo::rerun-if-changed={journal}");
    }
    for file in SOURCES {
        println!("cargo::rerun-if-changed={file}");
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let mut status = vec!["status", "--porcelain", "--"];
    status.extend(SOURCES);
    let changed = if git(&status)?.is_empty() { "" } else { " with changes" };
    Some(format!("{commit}{changed}"))
}

/// The TLS library and the cryptography below it, as the lock file has them.
pub(crate) fn tls(lock: &str) -> String {
    let version = |name: &str| {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        Some(format!("{name} {}", rest.split('"').next()?))
    };
    version("rustls").into_iter().chain(version("ring")).collect::<Vec<_>>().join(" with ")
}
