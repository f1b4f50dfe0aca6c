//! `login`: a profile from answers, flags or an imported file, proved by a token before anything is stored.

use std::cell::OnceCell;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::cli::Login as Args;
use crate::config::{Preset, Profile, Stored};
use crate::context::Context;
use crate::error::{Error, ErrorKind};
use crate::failure::{CertificateProblem, ErrorCode, FailureKind};
use crate::outcome::Outcome;
use crate::prompt::Person;
use crate::secret::source::{COMMAND_LIMIT, SecretSource};
use crate::secret::{self, Secret};

mod ask;
mod changes;
mod import;
mod report;
mod store;
mod tenant;

/// Requests that one login makes at most: a person may mistype twice.
const ATTEMPTS: usize = 3;

/// A login in progress.
struct Login<'a> {
    /// The run.
    context: &'a Context<'a>,
    /// The command line.
    args: &'a Args,
    /// The configuration file as it was at the start.
    stored: Stored,
    /// The profile.
    name: String,
    /// Its keys in the file; none for a new one.
    old: Map<String, Value>,
    /// Whom to ask; nobody for a script.
    person: Option<Person<'a>>,
    /// Where its secret is, once that was looked for: a key store may have to be unlocked.
    present: OnceCell<Option<SecretSource>>,
}

/// What the profile is to say.
struct Draft {
    /// Which service.
    preset: Preset,
    /// The tenant's URL.
    tenant: String,
    /// The endpoint's URL, where the preset's is not it.
    token_url: Option<String>,
    /// The client.
    client_id: String,
    /// Its secret.
    secret: Choice,
    /// Scopes to ask for.
    scope: Option<String>,
    /// Further trusted roots; without it those of the profile stay.
    ca_file: Option<PathBuf>,
}

/// The client secret, and what becomes of it.
enum Choice {
    /// It is stored where `login` stores secrets.
    Store(Secret),
    /// It stays where the profile says that it is.
    Stay,
    /// It is in a file of the user's, which the profile will name.
    Refer(PathBuf),
}

/// What has to be asked again after a failure.
#[derive(Clone, Copy)]
enum Again {
    /// The client ID and its secret.
    Client,
    /// The tenant.
    Tenant,
    /// The scopes.
    Scope,
    /// A file of trusted roots.
    CaFile,
}

/// Creates or updates a profile.
pub(crate) fn run(context: &Context<'_>, args: &Args) -> Result<Outcome, Error> {
    let stored = Stored::read(context.sources)?;
    let name = name(context, args, &stored)?;
    let old = stored.settings(&name).unwrap_or_default();
    let person = Person::at_the_terminal(context.log);
    let login = Login { context, args, stored, name, old, person, present: OnceCell::new() };
    let mut draft = login.draft()?;
    let life = if args.no_verify { None } else { Some(login.prove(&mut draft)?) };
    let done = login.store(&draft)?;
    Ok(Outcome::answer(login.report(&done, life)))
}

/// The profile that is meant: named, or the default, or the only one, or a first one named `default`.
fn name(context: &Context<'_>, args: &Args, stored: &Stored) -> Result<String, Error> {
    let named = args.name.clone().or_else(|| context.sources.overrides.profile.clone());
    let name = named
        .or_else(|| (context.env)("WS1_TOKEN_PROFILE"))
        .or_else(|| stored.default_profile())
        .unwrap_or_else(|| "default".to_owned());
    if stored.settings(&name).is_some() || is_plain(&name) {
        return Ok(name);
    }
    Err(Error::unusable(
        "the profile's name",
        "it is empty or too long, starts with `.` or `-`, or holds more than letters, digits and `._-`",
        "choose a name like `prod`",
    ))
}

/// Whether a name is one that can be typed, and be a part of a file's name, everywhere.
fn is_plain(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= 64 && !name.starts_with(['.', '-']) && name.bytes().all(allowed)
}

impl Login<'_> {
    /// Gets a token for the draft; a person may mend what the tenant does not like. Gives the token's life in seconds.
    fn prove(&self, draft: &mut Draft) -> Result<i64, Error> {
        let mut attempt = 1;
        loop {
            let error = match self.try_once(draft) {
                Ok(life) => return Ok(life),
                Err(error) => for_login(error),
            };
            let Some((person, again)) = self.person.as_ref().zip(self.again(&error, draft)) else { return Err(error) };
            if attempt == ATTEMPTS {
                return Err(error);
            }
            attempt += 1;
            person.show(&error);
            person.say("Nothing is stored yet. Once more (Ctrl-C leaves everything as it was):");
            if !self.ask_again(again, draft)? {
                return Err(error);
            }
        }
    }

    /// One request for the draft as it would stand in the file.
    fn try_once(&self, draft: &Draft) -> Result<i64, Error> {
        let edited = self.stored.with(&self.changes(draft, &self.stored))?;
        let profile = edited.profile(self.context.sources, &self.name, &[])?;
        let secret = match &draft.secret {
            Choice::Store(secret) => secret.clone(),
            Choice::Stay | Choice::Refer(_) => read(&profile)?,
        };
        self.context.with_broker(&profile, |broker| broker.prove(&secret))
    }

    /// What a person can do about a failure right here. What came from a flag or a variable is not asked for again.
    fn again(&self, error: &Error, draft: &Draft) -> Option<Again> {
        match &error.kind {
            ErrorKind::Secret if matches!(draft.secret, Choice::Stay) => Some(Again::Client),
            ErrorKind::CaFile => Some(Again::CaFile),
            ErrorKind::Request(kind) => match kind {
                FailureKind::Denied(Some(ErrorCode::InvalidScope)) => Some(Again::Scope),
                FailureKind::Denied(Some(ErrorCode::UnauthorizedClient | ErrorCode::UnsupportedGrantType)) => None,
                FailureKind::Denied(_) => (!self.secret_is_given(draft)).then_some(Again::Client),
                FailureKind::Unreachable | FailureKind::Interrupted | FailureKind::TimedOut | FailureKind::Unusable => {
                    Some(Again::Tenant)
                }
                FailureKind::Certificate(CertificateProblem::WrongName(_)) => Some(Again::Tenant),
                FailureKind::Certificate(problem) => takes_ca_file(problem).then_some(Again::CaFile),
                FailureKind::ServerError | FailureKind::TooManyRequests => None,
            },
            _ => None,
        }
    }

    /// Asks for one thing again; `false` if the answer is to give up.
    fn ask_again(&self, again: Again, draft: &mut Draft) -> Result<bool, Error> {
        match again {
            Again::Client => {
                draft.client_id = self.ask_client_id(Some(&draft.client_id))?;
                draft.secret = self.ask_secret(draft, false)?;
            }
            Again::Tenant => {
                let tenant = self.ask_tenant(draft.preset, Some(&draft.tenant))?;
                if tenant != draft.tenant {
                    draft.token_url = None;
                }
                draft.tenant = tenant;
            }
            Again::Scope => draft.scope = self.ask_scope(draft.scope.as_deref())?,
            Again::CaFile => match self.ask_ca_file()? {
                Some(file) => draft.ca_file = Some(file),
                None => return Ok(false),
            },
        }
        Ok(true)
    }
}

/// The secret that a profile names.
fn read(profile: &Profile) -> Result<Secret, Error> {
    match &profile.client_secret {
        Some(source) => source.read_for(&profile.name, COMMAND_LIMIT),
        None => Err(ask::no_secret()),
    }
}

/// Says what `login` itself can do about a failure: the option instead of the key that it becomes.
fn for_login(error: Error) -> Error {
    match &error.kind {
        ErrorKind::Request(FailureKind::Certificate(problem)) if takes_ca_file(problem) => {
            error.hint("pass --ca-file with your organisation's CA in PEM, or add it to the system's store")
        }
        _ => error,
    }
}

/// Whether another trusted root can solve a certificate's problem.
fn takes_ca_file(problem: &CertificateProblem) -> bool {
    match problem {
        CertificateProblem::UnknownIssuer | CertificateProblem::WrongSignature | CertificateProblem::Other(_) => true,
        CertificateProblem::WrongName(_) | CertificateProblem::Expired(_) | CertificateProblem::NotYetValid(_) => false,
    }
}

/// Whether a source is the place where `login` stores the secret of a profile of that configuration.
pub(super) fn is_own_store(source: &SecretSource, stored: &Stored, name: &str) -> bool {
    match source {
        SecretSource::File { path, .. } => *path == stored.dir().join(secret::source::stored_as(name)),
        SecretSource::Keychain { .. } => true,
        SecretSource::Given(_) | SecretSource::Env { .. } | SecretSource::Command(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn names_can_be_typed_and_be_files() {
        for name in ["default", "prod", "prod-eu.2", "A_b", "7"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["", ".", "..", ".prod", "-prod", "a/b", "a\\b", "a b", "ä", "a\n", &"x".repeat(65)] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
