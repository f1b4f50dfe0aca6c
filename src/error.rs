//! A failed run: what failed, its causes, one hint that is an action, and the exit status that says so to a script.
//!
//! A report is `error: …`, then `  caused by: …` lines, then at most one `hint: …`. It holds no secret; every line is
//! bounded and free of control characters.

use std::fmt;
use std::io;
use std::path::Path;

use crate::failure::{FailureKind, LocalFailure, ProxyProblem, RequestFailure};
use crate::text::line;

/// Exit status: an operating-system failure or a bug.
pub(crate) const EXIT_SYSTEM: u8 = 1;
/// Exit status: change the command or the profile.
pub(crate) const EXIT_CONFIG: u8 = 2;
/// Exit status: temporary, retry later.
pub(crate) const EXIT_TEMPORARY: u8 = 3;
/// Exit status: the tenant denied the client or the grant.
pub(crate) const EXIT_DENIED: u8 = 4;
/// Exit status: the tenant answered, but not with a usable token.
pub(crate) const EXIT_UNUSABLE: u8 = 5;

/// Exit status of `exec`: the command was found and could not be run, as with env(1).
pub(crate) const EXIT_NOT_RUN: u8 = 126;
/// Exit status of `exec`: the command was not found.
pub(crate) const EXIT_NOT_FOUND: u8 = 127;

/// Exit status: ended by SIGINT, as a shell reports it.
pub(crate) const EXIT_INTERRUPTED: u8 = 128 + 2;

/// A cause in words, with the cause behind it if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    /// The words.
    text: String,
    /// The cause behind it.
    next: Option<Box<Cause>>,
}

impl Cause {
    /// A cause without another behind it.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), next: None }
    }

    /// Adds the cause behind this one.
    pub(crate) fn because(mut self, next: impl Into<Cause>) -> Self {
        self.next = Some(Box::new(next.into()));
        self
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Cause {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// What kind of failure it is, for the code that decides on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// The operating system refused something.
    System,
    /// The command, the profile or a caller's input has to change.
    Usage,
    /// There is no configuration file.
    NoConfig,
    /// The client secret cannot be read.
    Secret,
    /// `ca_file` cannot be used.
    CaFile,
    /// Another process is in the way for too long.
    Busy,
    /// A request brought nothing.
    Request(FailureKind),
    /// The reader of standard output is gone: no report is written.
    BrokenPipe,
    /// Ctrl-C at a prompt.
    Interrupted,
    /// `exec` found its command and could not run it.
    CommandNotRun,
    /// `exec` did not find its command.
    CommandNotFound,
}

impl ErrorKind {
    /// The exit status (docs/commands.md).
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage
            | Self::NoConfig
            | Self::Secret
            | Self::CaFile
            | Self::Request(
                FailureKind::Certificate(_)
                | FailureKind::Tls(_)
                | FailureKind::Proxy(ProxyProblem::Certificate(_) | ProxyProblem::NotAProxy),
            ) => EXIT_CONFIG,
            Self::Busy
            | Self::Request(
                FailureKind::Unreachable
                | FailureKind::Interrupted
                | FailureKind::TimedOut
                | FailureKind::Proxy(_)
                | FailureKind::ServerError
                | FailureKind::TooManyRequests,
            ) => EXIT_TEMPORARY,
            Self::Request(FailureKind::Denied(_)) => EXIT_DENIED,
            Self::Request(FailureKind::Unusable) => EXIT_UNUSABLE,
            Self::Request(FailureKind::Local(local)) if local.is_setting => EXIT_CONFIG,
            Self::System | Self::BrokenPipe | Self::Request(FailureKind::Local(_)) => EXIT_SYSTEM,
            Self::Interrupted => EXIT_INTERRUPTED,
            Self::CommandNotRun => EXIT_NOT_RUN,
            Self::CommandNotFound => EXIT_NOT_FOUND,
        }
    }
}

/// A failed run.
#[derive(Debug, Clone)]
pub(crate) struct Error {
    /// What it means.
    pub(crate) kind: ErrorKind,
    /// What failed.
    what: String,
    /// Why.
    cause: Option<Cause>,
    /// One action that helps.
    hint: Option<String>,
}

impl Error {
    /// A failure of a kind.
    pub(crate) fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), cause: None, hint: None }
    }

    /// The command, the profile or a caller's input has to change.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, what)
    }

    /// The operating system refused something.
    pub(crate) fn system(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::System, what)
    }

    /// A value or an input that cannot be used; its value is not repeated, for a URL may hold credentials.
    pub(crate) fn unusable(what: impl fmt::Display, cause: impl Into<Cause>, hint: impl Into<String>) -> Self {
        Self::usage(format!("{what} is not usable")).because(cause).hint(hint)
    }

    /// A directory that would be another one wherever the program is called.
    pub(crate) fn relative(setting: &str, dir: &Path) -> Self {
        Self::usage(format!("{setting} is not an absolute path: `{}`", dir.display()))
            .hint(format!("set {setting} to an absolute path"))
    }

    /// A target that may not have the token.
    pub(crate) fn foreign_host(host: &str, profile: &str) -> Self {
        Self::usage(format!("`{host}` may not have the token of profile `{profile}`"))
            .hint(format!("add `{host}` to `hosts` in the profile if it is yours"))
    }

    /// A path where the API is elsewhere than the tenant.
    pub(crate) fn no_api(profile: &str) -> Self {
        Self::usage(format!("profile `{profile}` has no `api`"))
            .because("the API of this service is not on the host that issues its tokens")
            .hint(format!("run `ws1-token login {profile} --api HOST`, or give the whole URL of a host of `hosts`"))
    }

    /// A profile without a client secret or API token.
    pub(crate) fn no_secret(profile: &str) -> Self {
        Self::usage(format!("profile `{profile}` has no client secret"))
            .hint("set `client_secret` in the profile, or pass --client-secret-file")
    }

    /// A file that could not be written.
    pub(crate) fn output(file: &Path, error: io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::ResourceBusy => "mount its directory instead of the file alone, or name another file",
            io::ErrorKind::TimedOut => "start the program that reads it first",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk, or name another file",
            _ => "check that the directory exists and that you may write to it",
        };
        Self::system(format!("cannot write `{}`", file.display())).because(error).hint(hint)
    }

    /// A program that could not be run.
    pub(crate) fn spawn(program: &str, cause: impl Into<Cause>) -> Self {
        Self::system(format!("cannot run `{program}`"))
            .because(cause)
            .hint(format!("install `{program}`, or check PATH"))
    }

    /// The reader of standard output went away.
    pub(crate) fn broken_pipe() -> Self {
        Self::new(ErrorKind::BrokenPipe, "standard output is closed")
    }

    /// Ctrl-C at a prompt.
    pub(crate) fn interrupted() -> Self {
        Self::new(ErrorKind::Interrupted, "interrupted")
    }

    /// The same failure as another kind.
    pub(crate) fn with_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// Adds the cause.
    pub(crate) fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds the hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same as a failure that other processes can report again.
    pub(crate) fn to_failure(&self) -> RequestFailure {
        let local = LocalFailure {
            what: self.what.clone(),
            hint: self.hint.clone(),
            is_setting: self.kind.exit_code() == EXIT_CONFIG,
        };
        RequestFailure::new(FailureKind::Local(Box::new(local)), self.chain().skip(1).collect::<Vec<_>>().join(": "))
    }

    /// The exit status.
    pub(crate) fn exit_code(&self) -> u8 {
        self.kind.exit_code()
    }

    /// The action that helps.
    pub(crate) fn action(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What failed and why, without the hint, on one line.
    pub(crate) fn summary(&self) -> String {
        self.cause.as_ref().map_or_else(|| self.what.clone(), |cause| format!("{} ({cause})", self.what))
    }

    /// What failed, and the causes, outermost first.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &str> {
        let causes = std::iter::successors(self.cause.as_ref(), |cause| cause.next.as_deref());
        std::iter::once(self.what.as_str()).chain(causes.map(|cause| cause.text.as_str()))
    }

    /// The whole report, ending in a newline; empty if standard output has no reader any more.
    pub(crate) fn report(&self) -> String {
        if matches!(self.kind, ErrorKind::BrokenPipe | ErrorKind::Interrupted) {
            return String::new();
        }
        let leads = std::iter::once("error").chain(std::iter::repeat("  caused by"));
        let mut lines: Vec<String> = leads.zip(self.chain()).map(|(lead, text)| format!("{lead}: {text}")).collect();
        lines.extend(self.hint.as_ref().map(|hint| format!("hint: {hint}")));
        lines.iter().map(|text| line(text)).collect()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_causes_and_one_hint() {
        let error = Error::new(ErrorKind::Request(FailureKind::Denied(None)), "tenant `acme` rejected the client")
            .because(Cause::new("HTTP 401 invalid_client").because("no new attempt for 42 s"))
            .hint("compare the client secret");
        insta::assert_snapshot!(error.report(), @r"
        error: tenant `acme` rejected the client
          caused by: HTTP 401 invalid_client
          caused by: no new attempt for 42 s
        hint: compare the client secret
        ");
        assert_eq!(error.exit_code(), EXIT_DENIED);
        assert_eq!(error.summary(), "tenant `acme` rejected the client (HTTP 401 invalid_client)");
    }

    #[test]
    fn nothing_is_reported_where_nobody_reads() {
        assert_eq!(Error::broken_pipe().report(), "");
        assert_eq!((Error::interrupted().report().as_str(), Error::interrupted().exit_code()), ("", 130));
    }
}
