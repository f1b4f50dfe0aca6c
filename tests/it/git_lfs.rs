//! git-lfs and submodules, with every git that is here.

use ws1_emulator::Emulator;

use crate::git::{Forge, gits, helper, noise};
use crate::sandbox::{self, Output, SECRET};
use crate::skip::has;
use crate::stub::{Stub, response};

/// A server of repositories and git-lfs for each git, with the helper for every host; none without git-lfs.
fn forges() -> impl Iterator<Item = Forge> {
    let gits = if has("git-lfs") { gits() } else { Vec::new() };
    gits.into_iter().map(|git| {
        let forge = Forge::start(git);
        forge.configure("credential.helper", &helper());
        forge.configure("advice.detachedHead", "false");
        run(&forge, &["lfs", "install", "--skip-repo"]);
        forge
    })
}

/// Runs git, which has to succeed; git-lfs is not silent.
fn run(forge: &Forge, args: &[&str]) -> Output {
    let output = forge.run(args);
    assert_eq!(output.status, 0, "{}: {args:?}: {output}", forge.git.version);
    output
}

/// Clones a repository, and pushes a large file to it.
fn push_large(forge: &Forge, url: &str, name: &str, content: &[u8]) {
    run(forge, &["clone", "--quiet", url, name]);
    run(forge, &["-C", name, "lfs", "track", "*.bin"]);
    run(forge, &["-C", name, "add", ".gitattributes"]);
    forge.commit(name, "large.bin", content);
    run(forge, &["-C", name, "push", "--quiet", "origin", "main"]);
}

#[test]
fn every_git_moves_large_files_with_one_token() {
    for forge in forges() {
        let content = noise(100_000);
        push_large(&forge, &forge.url("git"), "one", &content);
        for prefix in ["git", "git-basic"] {
            run(&forge, &["clone", "--quiet", &forge.url(prefix), prefix]);
            let copy = std::fs::read(forge.sandbox.path(prefix).join("large.bin")).unwrap();
            assert!(copy == content, "{}: {prefix}", forge.git.version);
        }
        forge.assert_nobody_was_asked();
        assert_eq!(forge.token_requests(), 1, "{}", forge.git.version);
        let transfers =
            forge.emulator.requests().into_iter().filter(|request| request.path().contains("/lfs/objects/"));
        assert!(transfers.count() >= 6, "a batch and a transfer for each");
    }
}

#[test]
fn a_refused_token_however_young_is_healed_in_one_command_of_git_lfs() {
    for forge in forges() {
        push_large(&forge, &forge.url("git"), "one", b"large");
        forge.emulator.revoke_all();
        std::fs::remove_dir_all(forge.sandbox.path("one/.git/lfs/objects")).unwrap();
        run(&forge, &["-C", "one", "lfs", "fetch", "--all"]);
        assert_eq!(forge.token_requests(), 2, "{}", forge.git.version);
        forge.assert_nobody_was_asked();
    }
}

#[test]
fn a_server_of_large_files_that_refuses_every_token_ends_the_command() {
    for mut forge in forges() {
        push_large(&forge, &forge.url("git"), "one", b"large");
        let server = Stub::start(|_| response("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", ""));
        forge.sandbox.edit_profile(|profile| profile["hosts"] = vec![server.host()].into());
        run(&forge, &["-C", "one", "config", "lfs.url", &format!("http://{}/lfs", server.host())]);
        std::fs::remove_dir_all(forge.sandbox.path("one/.git/lfs/objects")).unwrap();
        forge.sandbox.name(&server.host(), "$SERVER");
        let refused = forge.run(&["-C", "one", "lfs", "fetch", "--all"]);
        assert_ne!(refused.status, 0, "{}: {refused}", forge.git.version);
        assert!(refused.stderr.contains("refuses every token, new ones too"), "{}: {refused}", forge.git.version);
        assert_eq!(forge.token_requests(), 2, "{}", forge.git.version);
        assert!(server.heads().len() < 30, "{} requests", server.heads().len());
        forge.assert_nobody_was_asked();
    }
}

/// A second tenant, which has a profile of its own; none is the default any more.
fn with_second_tenant(forge: &Forge) -> (Emulator, tempfile::TempDir) {
    let root = sandbox::temporary();
    let other = Emulator::builder().client("other-bot", SECRET).git_root(root.path()).start().unwrap();
    forge.sandbox.add_profile("other", |profile| {
        profile["tenant"] = other.url().into();
        profile["client_id"] = "other-bot".into();
    });
    let config = std::fs::read(forge.sandbox.config_file()).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    config["default_profile"] = serde_json::Value::Null;
    forge.sandbox.write_config(&config);
    let bare = root.path().join("part.git").display().to_string();
    forge.quietly(&["clone", "--quiet", "--bare", &forge.repository(), &bare]);
    (other, root)
}

#[test]
fn submodules_and_large_files_on_several_hosts_find_their_profiles() {
    for forge in forges() {
        let (other, _root) = with_second_tenant(&forge);
        let part = format!("{}/git/part.git", other.url());
        run(&forge, &["clone", "--quiet", &forge.url("git"), "one"]);
        run(&forge, &["-C", "one", "submodule", "--quiet", "add", &part, "part"]);
        // The large files of this repository are on the other host.
        let lfs = format!("[lfs]\n\turl = {part}/info/lfs\n");
        sandbox::write(&forge.sandbox.path("one/.lfsconfig"), lfs.as_bytes());
        run(&forge, &["-C", "one", "lfs", "track", "*.bin"]);
        run(&forge, &["-C", "one", "add", "."]);
        forge.commit("one", "large.bin", b"large");
        run(&forge, &["-C", "one", "push", "--quiet", "origin", "main"]);
        run(&forge, &["clone", "--quiet", "--recurse-submodules", &forge.url("git"), "two"]);
        assert_eq!(std::fs::read(forge.sandbox.path("two/large.bin")).unwrap(), b"large");
        assert_eq!(std::fs::read(forge.sandbox.path("two/part/first")).unwrap(), b"first\n");
        forge.assert_nobody_was_asked();
        assert_eq!((forge.token_requests(), other.counters().token_requests), (1, 1), "{}", forge.git.version);
    }
}
