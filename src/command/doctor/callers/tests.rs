//! What is known of which version.

use super::*;
use crate::command::doctor::finding::Level;

#[test]
fn versions_are_found_in_what_programs_say() {
    for (text, expected) in [
        ("git version 2.47.3\n", Some((2, 47, 3))),
        ("git version 2.39.5 (Apple Git-154)", Some((2, 39, 5))),
        ("curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1", Some((7, 88, 1))),
        ("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0", Some((1, 32, 4))),
        ("Client Version: version.Info{Major:\"1\", Minor:\"27\", GitVersion:\"v1.27.3\"}", Some((1, 27, 3))),
        ("Terraform v1.11.4\non linux_amd64", Some((1, 11, 4))),
        ("bazel 7.1.0", Some((7, 1, 0))),
        ("cargo 1.95 (nightly)", Some((1, 95, 0))),
        ("rclone v1.60.1-DEV", Some((1, 60, 1))),
        ("99999999999.1 then 1.2.3", Some((1, 2, 3))),
        ("1..2", None),
        ("no version", None),
        ("", None),
    ] {
        assert_eq!(version(text), expected, "{text}");
    }
}

/// The finding of a version, with git set up for large pushes to some URLs.
fn found(name: &'static str, version: Version, with_room: &[&str]) -> Finding {
    let urls = vec!["https://a.example.com".to_owned(), "https://b.example.com".to_owned()];
    judge(name, version, Path::new("/bin/x"), &urls, &|url| with_room.contains(&url))
}

#[test]
fn only_gits_version_matters() {
    for (name, version, level) in [
        ("git", (2, 45, 9), Level::Warning),
        ("git", (2, 46, 0), Level::Warning),
        ("git", (2, 53, 9), Level::Warning),
        ("git", (2, 54, 0), Level::Ok),
        ("kubectl", (1, 2, 3), Level::Ok),
    ] {
        assert_eq!(found(name, version, &[]).level, level, "{name} {version:?}");
    }
}

#[test]
fn git_is_warned_about_until_every_host_has_room() {
    for (with_room, host) in [
        (&[][..], Some("https://a.example.com")),
        (&["https://a.example.com"][..], Some("https://b.example.com")),
        (&["https://a.example.com", "https://b.example.com"][..], None),
    ] {
        let found = found("git", (2, 47, 3), with_room);
        let fix = host.map(|host| format!("run `git config --global http.{host}/.postBuffer 52428800`"));
        assert_eq!(found.fix, fix);
    }
    assert!(found("git", (2, 39, 5), &[]).text.contains("as a password"));
}

#[test]
fn a_whole_line_with_a_version_is_enough() {
    assert!(has_version(b"noise\ngit version 2.47.3\n"));
    assert!(!has_version(b"git version 2.4"), "the line may go on");
    assert!(!has_version(b"noise\n"));
}
