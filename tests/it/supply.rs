//! What the program is made of: each dependency has its reason, no crate is there twice, and the published crate holds what
//! builds the program and nothing else.

use std::process::Command;

use crate::sandbox::source;
use crate::skip::can;

/// Runs cargo in the sources, without the network.
fn cargo(args: &[&str]) -> String {
    let output = Command::new("cargo").args(args).arg("--offline").current_dir(source("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_direct_dependency_has_a_reason() {
    let manifest = std::fs::read_to_string(source("Cargo.toml")).unwrap();
    let mut names: Vec<&str> = Vec::new();
    let mut is_dependency = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_dependency = line.ends_with("dependencies]") && !line.contains("dev-") && !line.contains("workspace.");
        } else if let Some((name, value)) = line.split_once(" = ") {
            let package = value.split_once("package = \"").map(|(_, rest)| rest.split('"').next().unwrap());
            names.extend(is_dependency.then(|| package.unwrap_or(name).trim_end_matches(".workspace")));
        }
    }
    names.sort_unstable();
    let text = std::fs::read_to_string(source("CONTRIBUTING.md")).unwrap();
    let told: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name)).collect();
    assert_eq!(told, names);
}

#[test]
fn a_program_of_a_release_holds_no_crate_twice() {
    if !can("cargo", &["--version"]) {
        return;
    }
    for target in ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl", "x86_64-pc-windows-gnu"] {
        let doubled = cargo(&["tree", "--locked", "--duplicates", "--edges", "normal", "--target", target]);
        assert_eq!(doubled, "", "{target}");
    }
}

#[test]
fn the_published_crate_holds_what_builds_the_program() {
    if !can("cargo", &["--version"]) || !can("git", &["-C", &source("").display().to_string(), "status"]) {
        return;
    }
    let list = cargo(&["package", "--list", "--allow-dirty"]);
    let files: Vec<&str> = list.lines().collect();
    for needed in ["build.rs", "src/main.rs", "src/config/config.schema.json", "man/ws1-token.1", "LICENSE-MIT"] {
        assert!(files.contains(&needed), "{needed}");
    }
    let allowed = ["src/", "man/", "Cargo.", "README.md", "CHANGELOG.md", "LICENSE-", "build.rs", ".cargo_vcs_info"];
    let others: Vec<_> = files.iter().filter(|file| !allowed.iter().any(|start| file.starts_with(start))).collect();
    assert_eq!(others, [&"clippy.toml", &"rustfmt.toml"]);
}
