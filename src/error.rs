//! Everything that can go wrong, what the user is told about it, and the exit status that says so to a script.
//!
//! A report is `error: …`, then `  caused by: …` lines, then at most one `hint: …` that is an action. No variant holds
//! a secret; every line is bounded and free of control characters.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::text::{line, nearest};

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

/// Exit status: ended by Ctrl-C, as a shell tells it.
pub(crate) const EXIT_INTERRUPTED: u8 = 128 + 2;

/// A cause in words, with the cause behind it if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    /// The words.
    text: String,
    /// What is behind it.
    next: Option<Box<Cause>>,
}

impl Cause {
    /// A cause without another behind it.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), next: None }
    }

    /// Adds what is behind this cause.
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

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.next.as_deref().map(|next| next as &dyn std::error::Error)
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

/// A failed run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A path that must be absolute is not.
    #[error("{name} is not an absolute path: `{}`", path.display())]
    RelativePath {
        /// The variable or directory.
        name: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// The program runs set-user-ID.
    #[error("ws1-token refuses to run with rights that its caller does not have")]
    Elevated,
    /// The configuration file cannot be read.
    #[error("cannot read `{}`", file.display())]
    ConfigUnreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Cause,
    },
    /// The configuration file is not valid.
    #[error("`{}` is not valid: line {line}, column {column}", file.display())]
    ConfigInvalid {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        source: Cause,
        /// What to do.
        hint: String,
    },
    /// Another process writes the configuration file and does not come to an end.
    #[error("another ws1-token is writing `{}`", file.display())]
    ConfigBusy {
        /// The file.
        file: PathBuf,
    },
    /// There is neither a configuration file nor a profile in the environment.
    #[error("there is no configuration: `{}` does not exist", file.display())]
    NoConfig {
        /// Where it is looked for.
        file: PathBuf,
    },
    /// There is no place for a configuration file.
    #[error("there is no configuration: this user has no home directory")]
    NoHome,
    /// There are profiles, but none is chosen.
    #[error("no profile is chosen, and `{}` names no `default_profile`", file.display())]
    NoProfile {
        /// The configuration file.
        file: PathBuf,
        /// The profiles in it.
        known: Vec<String>,
    },
    /// The chosen profile does not exist.
    #[error("no profile named `{name}` in `{}`", file.display())]
    UnknownProfile {
        /// The chosen name.
        name: String,
        /// The configuration file.
        file: PathBuf,
        /// The profiles in it.
        known: Vec<String>,
    },
    /// A setting without which there is no request.
    #[error("profile `{profile}` has no {what}")]
    Missing {
        /// The profile.
        profile: String,
        /// The setting, in words.
        what: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A setting that cannot be used.
    #[error("{setting} is not usable")]
    Setting {
        /// Which one: `` `tenant` of profile `prod` `` or a flag or variable.
        setting: String,
        /// Why; never the value of a URL, which may hold credentials.
        source: Cause,
        /// What to do.
        hint: String,
    },
    /// The client secret cannot be read.
    #[error("cannot read the client secret of profile `{profile}`")]
    Secret {
        /// The profile.
        profile: String,
        /// Why.
        source: Cause,
        /// What to do.
        hint: String,
    },
    /// The client secret cannot be stored or removed.
    #[error("cannot {verb} the client secret of profile `{profile}`")]
    KeepSecret {
        /// Which of the two.
        verb: &'static str,
        /// The profile.
        profile: String,
        /// Why.
        source: Cause,
        /// What to do.
        hint: String,
    },
    /// The tenant's certificate is not trusted.
    #[error("cannot verify the certificate of `{host}`")]
    Untrusted {
        /// The tenant, or whatever answered in its place.
        host: String,
        /// Why.
        source: Cause,
        /// What to do.
        hint: String,
    },
    /// A caller's input is malformed.
    #[error("{what} is not usable")]
    BadInput {
        /// Which input.
        what: &'static str,
        /// Why.
        source: Cause,
        /// What to do.
        hint: &'static str,
    },
    /// A target that may not have the token.
    #[error("`{host}` may not have the token of profile `{profile}`")]
    ForeignHost {
        /// The target.
        host: String,
        /// The profile.
        profile: String,
    },
    /// An argument for curl that would hand the token to somebody else.
    #[error("curl argument `{argument}` is refused")]
    CurlArgument {
        /// The argument.
        argument: String,
        /// Why.
        source: Cause,
        /// What to do.
        hint: &'static str,
    },
    /// The tenant cannot be reached, or broke off, or failed.
    #[error("cannot get a token from tenant `{tenant}`")]
    Unavailable {
        /// The tenant.
        tenant: String,
        /// Why.
        source: Cause,
        /// What to do.
        hint: String,
    },
    /// The tenant wants to be left alone for a while.
    #[error("tenant `{tenant}` asks for fewer requests")]
    Limited {
        /// The tenant.
        tenant: String,
        /// Why.
        source: Cause,
        /// Seconds until the next attempt.
        retry_in: i64,
    },
    /// Another process holds the lock for too long.
    #[error("gave up after {seconds} s waiting for another ws1-token to renew profile `{profile}`")]
    LockWait {
        /// Seconds waited.
        seconds: u64,
        /// The profile.
        profile: String,
        /// Who holds what.
        source: Cause,
    },
    /// The tenant's tokens are too short-lived for the caller.
    #[error("tenant `{tenant}` issues tokens for {life} s, less than the {wanted} s asked for")]
    TooShort {
        /// The tenant.
        tenant: String,
        /// Their life in seconds.
        life: i64,
        /// The life asked for, in seconds.
        wanted: i64,
    },
    /// The tenant denied the client or the grant.
    #[error("tenant `{tenant}` rejected client `{client_id}` of profile `{profile}`")]
    Denied {
        /// The tenant.
        tenant: String,
        /// The client.
        client_id: String,
        /// The profile.
        profile: String,
        /// Why.
        source: Cause,
    },
    /// The tenant's answer is not a token.
    #[error("`{url}` did not answer as a token endpoint")]
    Unusable {
        /// The token URL.
        url: String,
        /// Why.
        source: Cause,
        /// The profile.
        profile: String,
    },
    /// The answer could not be written.
    #[error("cannot write the answer to standard output")]
    Stdout {
        /// Why.
        source: Cause,
    },
    /// The reader of the answer went away: nobody is left to be told.
    #[error("standard output is closed")]
    BrokenPipe,
    /// A file could not be written.
    #[error("cannot write `{}`", file.display())]
    Output {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Cause,
    },
    /// A program could not be started.
    #[error("cannot run `{program}`")]
    Spawn {
        /// The program.
        program: String,
        /// Why.
        source: Cause,
    },
    /// The cache holds no token that could be shown.
    #[error("profile `{profile}` has {what} in the cache")]
    NoToken {
        /// The profile.
        profile: String,
        /// What it has instead, in words.
        what: &'static str,
        /// Why, if something is wrong with the cache.
        source: Option<Cause>,
    },
    /// The cached token could not be dropped.
    #[error("cannot drop the cached token of profile `{profile}`")]
    Forget {
        /// The profile.
        profile: String,
        /// Why.
        source: Cause,
    },
    /// A value that `login` cannot do without, and nobody to ask.
    #[error("login needs {what}, and there is no terminal to ask at")]
    NothingToAsk {
        /// What is missing.
        what: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A question was answered with the end of input.
    #[error("the question was not answered; nothing was changed")]
    NoAnswer,
    /// Ctrl-C at a question, where it did not end the process itself.
    #[error("interrupted")]
    Interrupted,
    /// The tenant did not take the tokens back.
    #[error("tenant `{tenant}` did not revoke the tokens of profile `{profile}`, which are dropped here all the same")]
    Revoke {
        /// The tenant.
        tenant: String,
        /// The profile.
        profile: String,
        /// The exit status of the failure that it was.
        status: u8,
        /// Why.
        source: Cause,
    },
    /// The system refuses something without which nothing works.
    #[error("{what}")]
    System {
        /// What failed.
        what: &'static str,
        /// Why.
        source: Cause,
    },
}

impl Error {
    /// The exit status (README, "Exit status").
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Stdout { .. }
            | Self::BrokenPipe
            | Self::Output { .. }
            | Self::Spawn { .. }
            | Self::Forget { .. }
            | Self::System { .. } => EXIT_SYSTEM,
            Self::Interrupted => EXIT_INTERRUPTED,
            Self::Revoke { status, .. } => *status,
            Self::RelativePath { .. }
            | Self::Elevated
            | Self::ConfigUnreadable { .. }
            | Self::ConfigInvalid { .. }
            | Self::NoConfig { .. }
            | Self::NoHome
            | Self::NoProfile { .. }
            | Self::UnknownProfile { .. }
            | Self::Missing { .. }
            | Self::Setting { .. }
            | Self::Secret { .. }
            | Self::KeepSecret { .. }
            | Self::Untrusted { .. }
            | Self::BadInput { .. }
            | Self::ForeignHost { .. }
            | Self::NoToken { .. }
            | Self::CurlArgument { .. }
            | Self::NothingToAsk { .. }
            | Self::NoAnswer => EXIT_CONFIG,
            Self::ConfigBusy { .. }
            | Self::Unavailable { .. }
            | Self::Limited { .. }
            | Self::LockWait { .. }
            | Self::TooShort { .. } => EXIT_TEMPORARY,
            Self::Denied { .. } => EXIT_DENIED,
            Self::Unusable { .. } => EXIT_UNUSABLE,
        }
    }

    /// One action that helps, if there is one.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::RelativePath { name, .. } => format!("set {name} to an absolute path"),
            Self::Elevated => "remove the set-user-ID and set-group-ID bits from the program".to_owned(),
            Self::ConfigUnreadable { .. } => "check the file's permissions, or name another with --config".to_owned(),
            Self::NoConfig { .. } => "run `ws1-token login`, or set WS1_TOKEN_TENANT, WS1_TOKEN_CLIENT_ID and \
                 WS1_TOKEN_CLIENT_SECRET_FILE"
                .to_owned(),
            Self::NoHome => "name a file with --config, or set WS1_TOKEN_TENANT, WS1_TOKEN_CLIENT_ID and \
                 WS1_TOKEN_CLIENT_SECRET_FILE"
                .to_owned(),
            Self::NoProfile { known, .. } if known.is_empty() => "run `ws1-token login`".to_owned(),
            Self::NoProfile { known, .. } => format!("choose one with --profile ({})", list(known)),
            Self::UnknownProfile { name, known, .. } => match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`? ({})", list(known)),
                None if known.is_empty() => format!("run `ws1-token login {name}`"),
                None => format!("choose one of the {}", list(known)),
            },
            Self::Missing { hint, .. }
            | Self::BadInput { hint, .. }
            | Self::CurlArgument { hint, .. }
            | Self::NothingToAsk { hint, .. } => (*hint).to_owned(),
            Self::ConfigBusy { .. } => "rerun when it is done; it holds the lock file beside that file".to_owned(),
            Self::Revoke { .. } => "let the tokens run out, or delete the client in the tenant".to_owned(),
            Self::ConfigInvalid { hint, .. }
            | Self::Setting { hint, .. }
            | Self::Secret { hint, .. }
            | Self::KeepSecret { hint, .. }
            | Self::Untrusted { hint, .. }
            | Self::Unavailable { hint, .. } => hint.clone(),
            Self::ForeignHost { host, .. } => format!("add `{host}` to `hosts` in the profile if it is yours"),
            Self::NoToken { .. } => "run `ws1-token get`".to_owned(),
            Self::Limited { retry_in, .. } => format!("wait {retry_in} s"),
            Self::LockWait { .. } => {
                "rerun; if no other ws1-token is running, check that the cache is not on a network file system"
                    .to_owned()
            }
            Self::TooShort { .. } => {
                "ask for less with --min-ttl, or raise the client's access token life in the tenant".to_owned()
            }
            Self::Denied { source, .. } => denied_hint(&source.to_string()).to_owned(),
            Self::Unusable { profile, .. } => {
                format!("check `tenant` and `preset` of profile `{profile}`: it must be the Access host itself")
            }
            Self::Spawn { program, .. } => format!("install `{program}`, or check PATH"),
            Self::Output { .. } => "check that the directory exists and that you may write to it".to_owned(),
            Self::Stdout { .. }
            | Self::BrokenPipe
            | Self::Forget { .. }
            | Self::NoAnswer
            | Self::Interrupted
            | Self::System { .. } => return None,
        })
    }

    /// The whole report, ending in a newline; empty where nobody is left to read it.
    pub(crate) fn report(&self) -> String {
        if matches!(self, Self::BrokenPipe | Self::Interrupted) {
            return String::new();
        }
        let mut lines = vec![format!("error: {self}")];
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            lines.push(format!("  caused by: {error}"));
            cause = error.source();
        }
        lines.extend(self.hint().map(|hint| format!("hint: {hint}")));
        lines.iter().map(|text| line(text)).collect()
    }
}

/// What helps against a denial: the OAuth error code (RFC 6749 §5.2) tells what was denied.
fn denied_hint(cause: &str) -> &'static str {
    if cause.contains("invalid_scope") {
        "compare `scope` of the profile with the client's scopes in the tenant"
    } else if cause.contains("unauthorized_client") || cause.contains("unsupported_grant_type") {
        "register the client as a service client: it must be allowed the grant client_credentials"
    } else {
        "compare the client ID and secret with the tenant's OAuth client settings"
    }
}

/// ``profiles: `a`, `b` ``
fn list(known: &[String]) -> String {
    let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("profiles: {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_causes_and_one_hint() {
        let error = Error::Denied {
            tenant: "acme.example.com".to_owned(),
            client_id: "ci-bot".to_owned(),
            profile: "prod".to_owned(),
            source: Cause::new("HTTP 401 invalid_client").because("not asked again for 42 s"),
        };
        insta::assert_snapshot!(error.report(), @r"
        error: tenant `acme.example.com` rejected client `ci-bot` of profile `prod`
          caused by: HTTP 401 invalid_client
          caused by: not asked again for 42 s
        hint: compare the client ID and secret with the tenant's OAuth client settings
        ");
    }
}
