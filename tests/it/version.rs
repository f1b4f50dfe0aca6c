//! The version, and what it says about the build; the build script's own parts are tested here too, as no other test
//! compiles it.

use std::path::Path;

use crate::sandbox::{Sandbox, write};
use crate::skip::has;

#[path = "../../build.rs"]
#[expect(dead_code, clippy::print_stdout, reason = "a program of its own, which cargo runs")]
mod build;

#[test]
fn the_first_line_is_for_scripts_and_the_rest_for_reports() {
    let sandbox = Sandbox::new();
    let first = format!("ws1-token {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(sandbox.run(&["-V"]).to_string(), first);
    let all = sandbox.run(&["--version"]).to_string();
    let rest = all.strip_prefix(&first).unwrap_or_else(|| panic!("{all}"));
    let lines: Vec<(&str, &str)> = rest.lines().map(|line| line.split_once(": ").unwrap()).collect();
    let lines: Vec<(&str, &str)> = lines.into_iter().filter(|(name, _)| *name != "commit").collect();
    let [("target", target), ("features", features), ("tls", tls)] = lines[..] else { panic!("{all}") };
    assert!(target.starts_with(std::env::consts::ARCH) && target.contains('-'), "{all}");
    assert!(["none", "keychain"].contains(&features), "{all}");
    assert!(tls.starts_with("rustls 0.") && tls.contains(" with ring 0."), "{all}");
    assert!(!all.contains('/'), "no path of the machine that built it: {all}");
}

#[test]
fn a_build_knows_its_commit_and_whether_it_was_changed_since() {
    let sandbox = Sandbox::new();
    let source = sandbox.path("source");
    std::fs::create_dir_all(source.join("src")).unwrap();
    write(&source.join("src/main.rs"), b"fn main() {}\n");
    write(&source.join("README.md"), b"first\n");
    assert_eq!(build::commit(&source), None, "a tree without a repository");

    let git = |args: &[&str]| {
        let mut git = sandbox.program("git");
        git.arg("-C").arg(&source).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(args);
        let output = sandbox.finish(git);
        assert_eq!(output.status, 0, "{output}");
        output.stdout.trim().to_owned()
    };
    if !has("git") {
        return;
    }
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    let commit = git(&["rev-parse", "HEAD"])[..12].to_owned();
    assert_eq!(build::commit(&source), Some(commit.clone()));
    write(&source.join("README.md"), b"second\n");
    assert_eq!(build::commit(&source), Some(commit.clone()), "it is not compiled");
    write(&source.join("src/new.rs"), b"");
    assert_eq!(build::commit(&source), Some(format!("{commit} with changes")));
    std::fs::remove_file(source.join("src/new.rs")).unwrap();
    write(&source.join("src/main.rs"), b"fn main() { }\n");
    assert_eq!(build::commit(&source), Some(format!("{commit} with changes")));

    let inner = source.join("unpacked");
    std::fs::create_dir(&inner).unwrap();
    assert_eq!(build::commit(&inner), None, "the repository around it is another one");
    assert_eq!(build::commit(Path::new("/no/such/directory")), None);
}

#[test]
fn the_tls_library_is_the_lock_files() {
    let lock = "version = 4\n\n[[package]]\nname = \"ring\"\nversion = \"0.17.1\"\n\n[[package]]\nname = \"rustls\"\n\
                version = \"0.23.4\"\n\n[[package]]\nname = \"rustls-native-certs\"\nversion = \"0.8.0\"\n";
    assert_eq!(build::tls(lock), "rustls 0.23.4 with ring 0.17.1");
    assert_eq!(build::tls(""), "");
}

#[test]
fn relocations_are_packed_only_where_the_c_library_reads_them() {
    for (rustc, packs) in [
        ("rustc 1.93.0 (254b59607 2026-01-19)\n", true),
        ("rustc 1.120.1-nightly (0 2028-01-01)", true),
        ("rustc 1.92.0 (ded5c06cf 2025-12-08)", false),
        ("rustc 1.89.0", false),
        ("", false),
        ("clang 1.99.0", false),
    ] {
        assert_eq!(build::packs_relocations(rustc), packs, "{rustc}");
    }
}
