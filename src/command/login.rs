//! `login`: creates or updates a profile from answers, flags or an imported file. A token proves that it works before
//! anything is stored.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::broker::TokenRequest;
use crate::child::Stderr;
use crate::cli::Login as Args;
use crate::config::{LAYERS, Preset, Profile, Stored};
use crate::context::Context;
use crate::endpoint::HttpEndpoint;
use crate::error::{Error, ErrorKind};
use crate::failure::{CertificateProblem, ErrorCode, FailureKind};
use crate::outcome::Outcome;
use crate::prompt::Person;
use crate::secret::Secret;
use crate::secret::source::{COMMAND_LIMIT, SecretSource};
use crate::secret::store::new_file_name;

mod ask;
mod changes;
mod import;
mod keys;
mod report;
mod secret;
mod store;
mod tenant;

/// Time for a look at the API.
const API_LIMIT: Duration = Duration::from_secs(5);

/// The most token requests of one login.
const ATTEMPTS: usize = 3;

/// A login in progress.
struct Wizard<'a> {
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
    /// The user at the terminal; `None` for a script.
    person: Option<Person<'a>>,
    /// The name of the file that its secret is stored in, if that is a new one.
    new_file: String,
    /// Where its secret is, looked up once: a key store may have to be unlocked.
    present: OnceCell<Option<SecretSource>>,
}

/// The settings of the new profile.
#[derive(Default)]
struct Draft {
    /// The service.
    preset: Preset,
    /// The tenant's URL.
    tenant: String,
    /// The token endpoint, if it differs from the preset's.
    token_url: Option<String>,
    /// The client ID; empty with an API token.
    client_id: String,
    /// Whether an API token stands for client ID and secret.
    has_api_token: bool,
    /// The secret of the client, or the API token.
    secret: DraftSecret,
    /// Whether that comes from a flag, a variable or a file.
    secret_is_given: bool,
    /// Scopes to request.
    scope: Option<String>,
    /// Additional trusted CAs; `None` keeps those of the profile.
    ca_file: Option<PathBuf>,
    /// Further keys.
    keys: Vec<keys::Key>,
}

/// The client secret of a draft.
#[derive(Default)]
enum DraftSecret {
    /// `login` stores it.
    Store(Secret),
    /// It stays where the profile has it.
    #[default]
    Keep,
    /// It is in a file of the user's, which the profile will name.
    Refer(PathBuf),
}

/// What to ask again after a failure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// The client ID and its secret.
    Client,
    /// The tenant.
    Tenant,
    /// The scopes.
    Scope,
    /// A file of trusted CAs.
    CaFile,
}

/// Creates or updates a profile.
pub(crate) fn run(context: &Context<'_>, args: &Args) -> Result<Outcome, Error> {
    // A profile is JSON: what is stored in it has to be UTF-8.
    LAYERS.into_iter().try_for_each(|variable| context.sources.text(variable).map(drop))?;
    // Refused here, before anything is stored.
    context.cache_place()?;
    let stored = Stored::read(context.sources)?;
    let name = name(context, args, &stored)?;
    let old = stored.settings(&name).unwrap_or_default();
    let person = Person::at_the_terminal(context.log, context.executable);
    let new_file = new_file_name(&name);
    let wizard = Wizard { context, args, stored, name, old, person, new_file, present: OnceCell::new() };
    let mut draft = wizard.draft()?;
    let life = if args.no_verify { None } else { Some(wizard.prove(&mut draft)?) };
    let done = wizard.store(&draft)?;
    if life.is_some() {
        wizard.try_api(&done.profile);
    }
    Ok(Outcome::answer(wizard.report(&done, life)))
}

/// The name of the profile: as given, or the default, or the only one, or `default`.
fn name(context: &Context<'_>, args: &Args, stored: &Stored) -> Result<String, Error> {
    let named = args.name.clone().or_else(|| context.sources.overrides.profile.clone());
    let variable = context.sources.text("WS1_TOKEN_PROFILE")?;
    let name = named.or(variable).or_else(|| stored.default_profile()).unwrap_or_else(|| "default".to_owned());
    if stored.settings(&name).is_some() || is_plain(&name) {
        return Ok(name);
    }
    let cause = if is_device(&name) {
        "Windows takes a file of that name for a device"
    } else {
        "it is empty, longer than 64 characters, starts with `.` or `-`, or has characters other than letters, digits and `._-`"
    };
    Err(Error::unusable("the profile's name", cause, "choose a name like `prod`"))
}

/// Whether a name can be typed and be part of a file name on every platform.
fn is_plain(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty()
        && name.len() <= 64
        && !name.starts_with(['.', '-'])
        && name.bytes().all(allowed)
        && !is_device(name)
}

/// Whether Windows takes a file of this name for a device, whatever follows a dot in it.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_port =
        |stem: &str| matches!(stem.as_bytes(), [b'c', b'o', b'm', b'0'..=b'9'] | [b'l', b'p', b't', b'0'..=b'9']);
    matches!(&*stem, "con" | "prn" | "aux" | "nul") || is_port(&stem)
}

impl Wizard<'_> {
    /// Gets a token for the draft and returns its lifetime in seconds; the user may correct what the tenant refuses.
    fn prove(&self, draft: &mut Draft) -> Result<i64, Error> {
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            let error = match self.try_once(draft) {
                Ok(life) => return Ok(life),
                Err(error) => error,
            };
            // A client secret from a flag, a variable or a file is not asked for again.
            let again = again(&error).filter(|again| *again != Again::Client || !draft.secret_is_given);
            let error = for_login(error, again, draft);
            let (Some(person), Some(again), 1..) = (&self.person, again, left) else { return Err(error) };
            person.show(&error);
            person.say("Nothing is stored yet. Try again (Ctrl-C changes nothing):");
            if !self.ask_again(again, draft)? {
                return Err(error);
            }
        }
    }

    /// Warns if the API of another service than Access does not take the token, where a harmless route of it is known.
    fn try_api(&self, profile: &Profile) {
        let Some(url) = profile.sample_url() else { return };
        let Ok(token) = self.context.obtain(profile, &TokenRequest::default()) else { return };
        let there = Profile { token_url: url.clone(), ..profile.clone() };
        let endpoint = HttpEndpoint { profile: &there, env: self.context.env };
        let trouble = match endpoint.get(&url, Some(&token.access_token), API_LIMIT) {
            Ok(answer) if (200..=299).contains(&answer.status) => return,
            Ok(answer) => format!("HTTP {}", answer.status),
            Err(error) => error.cause(),
        };
        self.context.log.warn(&format!("{} does not accept the token ({trouble}): check `api`", url.page()));
    }

    /// One request for the draft as it would stand in the file.
    fn try_once(&self, draft: &Draft) -> Result<i64, Error> {
        let edited = self.stored.with(&self.changes(draft, &self.stored))?;
        let profile = edited.profile(self.context.sources, &self.name, &[])?;
        let secret = match (&draft.secret, &profile.client_secret) {
            (DraftSecret::Store(secret), _) => secret.clone(),
            (_, Some(source)) => source.read_for(&self.name, COMMAND_LIMIT, Stderr::Inherited)?,
            (_, None) => return Err(draft.no_secret()),
        };
        self.context.with_broker(&profile, |broker| broker.prove(&secret))
    }

    /// Asks for one thing again; `false` if the user gives up.
    fn ask_again(&self, again: Again, draft: &mut Draft) -> Result<bool, Error> {
        match again {
            Again::Client => {
                if !draft.has_api_token {
                    draft.client_id = self.ask_client_id(Some(&draft.client_id))?;
                }
                draft.secret = self.ask_secret(draft, false)?;
            }
            Again::Tenant => {
                let tenant = self.ask_tenant(draft.preset, Some(&draft.tenant))?;
                let was_at_home = self.is_at_home(draft);
                if tenant != draft.tenant {
                    draft.token_url = self.given_token_url(draft.preset, &tenant)?;
                }
                draft.tenant = tenant;
                // The secret may be the stored one, which belongs to the tenant that was left.
                if was_at_home && !self.is_at_home(draft) && !draft.secret_is_given {
                    draft.secret = self.ask_secret(draft, false)?;
                }
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

/// What to ask again after a failure; `None` if the user cannot correct it here.
fn again(error: &Error) -> Option<Again> {
    match &error.kind {
        ErrorKind::Secret => Some(Again::Client),
        ErrorKind::CaFile => Some(Again::CaFile),
        ErrorKind::Request(kind) => match kind {
            FailureKind::Denied(Some(ErrorCode::InvalidScope)) => Some(Again::Scope),
            FailureKind::Denied(Some(ErrorCode::UnauthorizedClient | ErrorCode::UnsupportedGrantType))
            | FailureKind::ServerError
            | FailureKind::TooManyRequests
            | FailureKind::Certificate(CertificateProblem::Expired(_) | CertificateProblem::NotYetValid(_))
            | FailureKind::Proxy(_)
            | FailureKind::Local(_) => None,
            FailureKind::Denied(_) => Some(Again::Client),
            FailureKind::Unreachable
            | FailureKind::Interrupted
            | FailureKind::TimedOut
            | FailureKind::Unusable
            | FailureKind::Tls(_)
            | FailureKind::Certificate(CertificateProblem::WrongName(_) | CertificateProblem::Unfit) => {
                Some(Again::Tenant)
            }
            FailureKind::Certificate(CertificateProblem::UnknownIssuer(_) | CertificateProblem::WrongSignature(_)) => {
                Some(Again::CaFile)
            }
        },
        _ => None,
    }
}

/// A failure with a hint for a profile that is not stored yet: `doctor` cannot check it, and its keys are no place to
/// look at.
fn for_login(error: Error, again: Option<Again>, draft: &Draft) -> Error {
    let ErrorKind::Request(kind) = &error.kind else { return error };
    let hint = match kind {
        FailureKind::Certificate(_) if again == Some(Again::CaFile) => {
            "pass --ca-file with your organisation's CA in PEM, or add it to the system's store"
        }
        FailureKind::Unreachable | FailureKind::Interrupted | FailureKind::TimedOut => {
            "check the tenant's name and the network, and HTTPS_PROXY if a proxy is needed"
        }
        FailureKind::Unusable => "check the tenant: it must be the host of the token service itself",
        kind if kind.denies_client() && draft.has_api_token => {
            "make a new API token in the console, and log in with it"
        }
        kind if kind.denies_client() && matches!(draft.secret, DraftSecret::Store(_)) => {
            "compare the client ID and secret with the tenant's OAuth client settings"
        }
        _ => return error,
    };
    error.hint(hint)
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn names_can_be_typed_and_be_files() {
        for name in ["default", "prod", "prod-eu.2", "A_b", "7"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["con", "NUL", "nul.txt", "aux.prod", "COM1", "lpt9.x"] {
            assert!(!is_plain(name), "{name}");
        }
        assert!(is_plain("console") && is_plain("com") && is_plain("com10") && is_plain("x.nul"));
        for name in ["", ".", "..", ".prod", "-prod", "a/b", "a\\b", "a b", "ä", "a\n", &"x".repeat(65)] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
