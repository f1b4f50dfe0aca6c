//! A user that is not root, for tests of what root's rights would hide.

use std::path::PathBuf;
use std::process::Command;

use crate::sandbox::{Sandbox, binary};
use crate::skip::can;

/// A user without an entry in the user database, as `setpriv` wants it.
const NOBODY: [&str; 3] = ["--reuid=54321", "--regid=54321", "--clear-groups"];

/// Whether this is root, which hands everything to [`NOBODY`]; any other user is already the one that is wanted.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether a program can be run by a user that is not root; if not, the test must be skipped.
pub(crate) fn is_there() -> bool {
    !is_root() || can("setpriv", &[&NOBODY[..], &["true"]].concat())
}

/// A copy of the binary in the sandbox, because the build directory may be closed to other users.
///
/// Another process makes it: a file that this one has open for writing could be inherited by a child that another test
/// starts just then, and a file that is open for writing cannot be run.
pub(crate) fn copy_binary(sandbox: &Sandbox) -> PathBuf {
    let copy = sandbox.path("ws1-token");
    assert!(Command::new("cp").arg(binary()).arg(&copy).status().unwrap().success());
    copy
}

/// Gives the whole sandbox, with a copy of the binary, to a user that is not root.
pub(crate) fn give_away(sandbox: &Sandbox) -> String {
    let copy = copy_binary(sandbox);
    if is_root() {
        let owned = Command::new("chown").args(["-R", "54321:54321"]).arg(sandbox.path("")).status().unwrap();
        assert!(owned.success());
    }
    copy.display().to_string()
}

/// Runs a line of shell as that user, with the binary of [`give_away`] as `$0`.
pub(crate) fn shell(sandbox: &Sandbox, copy: &str, line: &str) -> Command {
    let mut shell = sandbox.program(if is_root() { "setpriv" } else { "sh" });
    if is_root() {
        shell.args(NOBODY).arg("sh");
    }
    shell.args(["-c", line, copy]);
    shell
}
