//! Tests that cannot run on this machine or for this user: the one way to end a test without a result.
//!
//! Each skip prints one line. With `CI=true` it fails the test, unless `WS1_TEST_MAY_SKIP` names what is missing.

use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Says what is missing, a program or a right, and why the test is skipped; fails the test where that is not expected.
pub(crate) fn skip(what: &str, why: &str) {
    let why = why.trim().lines().next().unwrap_or_default();
    let _ = writeln!(std::io::stderr(), "SKIPPED, no {what}: {why}");
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let listed = std::env::var("WS1_TEST_MAY_SKIP").unwrap_or_default();
    assert!(!is_ci || may_skip(&listed, what), "CI=true, and `{what}` is not in WS1_TEST_MAY_SKIP: {why}");
}

/// Whether a list of names, separated by blanks, holds this one.
fn may_skip(listed: &str, what: &str) -> bool {
    listed.split_ascii_whitespace().any(|name| name == what)
}

/// Whether a program, by its name on PATH or by its path, is on this machine; if not, the test is to be skipped.
pub(crate) fn has(program: &str) -> bool {
    let file = if cfg!(windows) { format!("{program}.exe") } else { program.to_owned() };
    let found = std::env::split_paths(&crate::sandbox::path()).any(|dir| is_executable(&dir.join(&file)));
    if !found {
        let name = Path::new(program).file_name().unwrap().to_string_lossy();
        skip(&name, "it is not installed, or not for this user");
    }
    found
}

/// Whether this user may run a file.
fn is_executable(file: &Path) -> bool {
    #[cfg(unix)]
    let permitted = rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok();
    #[cfg(not(unix))]
    let permitted = true;
    permitted && file.is_file()
}

/// Whether a program works for this user, found out by a harmless use of it; if not, the test is to be skipped.
pub(crate) fn can(program: &str, args: &[&str]) -> bool {
    if !has(program) {
        return false;
    }
    let why = match Command::new(program).args(args).env("PATH", crate::sandbox::path()).output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    skip(program, &why);
    false
}

/// Whether mounts can be made in a name space of the test's own.
///
/// Not in a user namespace: root's directories belong to the overflow user there, so the program would not trust them.
#[cfg(unix)]
pub(crate) fn can_mount() -> bool {
    can("unshare", &["-m", "mount", "-t", "tmpfs", "none", "/tmp"])
}

/// Whether the program was built with the tests; if not, the test is to be skipped.
#[cfg(target_os = "linux")]
pub(crate) fn is_built_with_tests(why: &str) -> bool {
    let is_built = crate::sandbox::is_built_with_tests();
    if !is_built {
        skip("build-of-tests", why);
    }
    is_built
}

/// Whether this is root; if not, the test is to be skipped.
#[cfg(unix)]
pub(crate) fn is_root(why: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skip("root", why);
    }
    is_root
}

#[test]
fn only_whole_names_are_excused() {
    for (listed, what, excused) in
        [("zsh root", "root", true), ("", "root", false), ("zsh,root", "root", false), ("unshare", "share", false)]
    {
        assert_eq!(may_skip(listed, what), excused, "{listed} {what}");
    }
}
