//! `/git/NAME`, `/git-bearer/NAME` and `/git-basic/NAME`: repositories that need a token, served by `git http-backend`.

use super::lfs;
use crate::auth;
use crate::http::{Reply, form};
use crate::visit::Visit;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

/// The authentication schemes accepted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schemes {
    /// A bearer token, or the token as the password of HTTP Basic.
    BearerOrBasic,
    /// A bearer token only.
    BearerOnly,
    /// The token as the password of HTTP Basic only.
    BasicOnly,
}

/// Answers with `git http-backend` if the token is valid.
pub(crate) fn answer(visit: &Visit, schemes: Schemes) -> Reply {
    let Some(root) = &visit.shared.git_root else {
        return Reply::not_found();
    };
    if !authorized(visit, schemes) {
        return challenge(schemes);
    }
    let path = form::decode(&visit.request.path().replace('+', "%2B"));
    // Every prefix, `/git` or longer, ends at the second slash.
    let below = path[1..].find('/').map_or("", |slash| &path[1 + slash..]);
    if below.split('/').any(|segment| segment == "..") {
        return Reply::not_found();
    }
    if let Some((repository, lfs_path)) = below.split_once("/info/lfs/") {
        return lfs::answer(visit, &root.join(repository.trim_start_matches('/')), lfs_path);
    }
    match run(visit, root, below) {
        Ok(reply) => reply,
        Err(error) => Reply::text(502, &format!("git http-backend: {error}\n")),
    }
}

/// Whether the request has a valid token in one of `schemes`.
fn authorized(visit: &Visit, schemes: Schemes) -> bool {
    let by_password = || auth::basic(visit.request).is_some_and(|(_, password)| visit.scope_of(&password).is_some());
    (schemes != Schemes::BasicOnly && visit.bearer_scope().is_some())
        || (schemes != Schemes::BearerOnly && by_password())
}

/// The reply to a request without a valid token.
fn challenge(schemes: Schemes) -> Reply {
    let challenges: &[&str] = match schemes {
        Schemes::BearerOrBasic => &["Bearer", "Basic"],
        Schemes::BearerOnly => &["Bearer"],
        Schemes::BasicOnly => &["Basic"],
    };
    challenges.iter().fold(Reply::text(401, "Unauthorized\n"), |reply, scheme| {
        reply.header("WWW-Authenticate", &format!(r#"{scheme} realm="ws1""#))
    })
}

/// Runs `git http-backend` once.
fn run(visit: &Visit, root: &Path, below: &str) -> io::Result<Reply> {
    let mut child =
        backend(visit, root, below).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let stdin = child.stdin.take();
    let output = thread::scope(|scope| {
        scope.spawn(|| {
            if let Some(mut stdin) = stdin {
                // If the backend closes its input early, its output says why.
                let _ = stdin.write_all(&visit.request.body);
            }
        });
        child.wait_with_output()
    })?;
    parse(&output.stdout).ok_or_else(|| io::Error::other("no reply"))
}

/// `git http-backend` with its CGI variables.
#[expect(clippy::disallowed_methods, reason = "git serves repositories with a program of its own")]
fn backend(visit: &Visit, root: &Path, below: &str) -> Command {
    let request = visit.request;
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .current_dir(root)
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        .env("SERVER_PROTOCOL", "HTTP/1.1")
        .env("PATH_INFO", below)
        .env("REQUEST_METHOD", &request.method)
        .env("QUERY_STRING", request.query())
        .env("CONTENT_LENGTH", request.body.len().to_string())
        // git accepts pushes from named users only.
        .env("REMOTE_USER", "emulator")
        .env("REMOTE_ADDR", visit.peer.ip().to_string());
    // The emulator may run in a git hook, whose variables name another repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH"] {
        command.env_remove(name);
    }
    for (header, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
        ("accept", "HTTP_ACCEPT"),
    ] {
        match request.header(header) {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    command
}

/// Parses the output of a CGI program.
fn parse(output: &[u8]) -> Option<Reply> {
    let end = output.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&output[..end]).ok()?;
    let mut reply = Reply::new(200);
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            reply.status = value.get(..3)?.parse().ok()?;
        } else {
            reply = reply.header(name, value);
        }
    }
    reply.body = output[end + 4..].to_vec();
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_cgi_output() {
        let reply = parse(b"Status: 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nno\r\n\r\n").unwrap();
        assert_eq!(reply.status, 403);
        assert_eq!(reply.headers, [("Content-Type".to_owned(), "text/plain".to_owned())]);
        assert_eq!(reply.body, b"no\r\n\r\n");
        assert!(parse(b"").is_none());
    }
}
