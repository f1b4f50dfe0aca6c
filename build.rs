//! Writes the text of `ws1-token --version`, which holds nothing about the machine, so that the same source gives the same
//! binary; and sets a linker option for the static program.

#![expect(clippy::disallowed_methods, reason = "a build script's interface to cargo")]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// The files that the binary depends on.
const SOURCES: [&str; 4] = ["Cargo.toml", "Cargo.lock", "build.rs", "src"];

/// Writes the text that the program includes.
fn main() {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let source = variable("CARGO_MANIFEST_DIR");
    let source = Path::new(&source);
    let mut text = variable("CARGO_PKG_VERSION");
    // In a debug build this would recompile the program after every commit.
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
    // A configured linker may not understand a compiler's options.
    if variable("CARGO_CFG_TARGET_ENV") == "musl" && variable("RUSTC_LINKER").is_empty() {
        let rustc = Command::new(variable("RUSTC")).arg("--version").output();
        if rustc.is_ok_and(|said| packs_relocations(&String::from_utf8_lossy(&said.stdout))) {
            println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        }
    }
}

/// Whether the C library of this Rust supports packed relative relocations: musl since 1.2.4, in Rust since 1.93. They
/// make the file 70 KB smaller; a linker without support warns and goes on.
pub(crate) fn packs_relocations(rustc: &str) -> bool {
    let version = rustc.strip_prefix("rustc 1.").and_then(|rest| rest.split('.').next());
    version.and_then(|minor| minor.parse::<u32>().ok()).is_some_and(|minor| minor >= 93)
}

/// The commit of a source tree, marked if files were changed since; `None` without git or a repository of its own.
pub(crate) fn commit(source: &Path) -> Option<String> {
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        // A git hook sets these variables for its own repository.
        git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
        let output = git.arg("-C").arg(source).args(args).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    };
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != source.canonicalize().ok()? {
        return None;
    }
    // The reflog grows with every commit and every change of the branch.
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

/// The TLS library and its cryptography, with the versions of the lock file.
pub(crate) fn tls(lock: &str) -> String {
    let version = |name: &str| {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        Some(format!("{name} {}", rest.split('"').next()?))
    };
    version("rustls").into_iter().chain(version("ring")).collect::<Vec<_>>().join(" with ")
}
