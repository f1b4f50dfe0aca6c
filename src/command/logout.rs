//! `logout`: drops the cached token and the secret that `login` stored, and revokes at the tenant when asked.
//!
//! What is on this machine goes first: whatever the tenant says afterwards, nobody here has a token any more.

use std::time::Duration;

use super::login;
use crate::broker::failure::request_error;
use crate::cli::Logout;
use crate::clock::{Clock, Deadline, SystemClock};
use crate::config::{Overrides, Profile, Sources, Stored};
use crate::context::Context;
use crate::endpoint::{HttpEndpoint, RequestError};
use crate::entry::Entry;
use crate::error::{Cause, Error, ErrorKind};
use crate::failure::{FailureKind, RequestFailure};
use crate::outcome::Outcome;
use crate::secret::keychain;
use crate::secret::source::{COMMAND_LIMIT, SecretSource};
use crate::secret::{Secret, SecretError};
use crate::text::line;
use crate::text::shell_word;
use crate::text::span;

/// How long the tenant may take, all its doors together.
const NETWORK_LIMIT: Duration = Duration::from_secs(10);

/// Logs a profile out.
pub(crate) fn run(context: &Context<'_>, args: &Logout) -> Result<Outcome, Error> {
    let overrides = Overrides {
        profile: args.name.clone().or_else(|| context.sources.overrides.profile.clone()),
        ..context.sources.overrides.clone()
    };
    let sources = Sources { overrides: &overrides, ..*context.sources };
    let profile = sources.profile(None)?;
    // Read before it is removed.
    let secret = args.revoke.then(|| read_secret(&profile));
    let entry = context.forget(&profile)?;
    let removed = remove_secret(&sources, &profile);
    let revoked = secret.map(|secret| revoke(context, &profile, &entry, secret)).transpose();
    let (removed, revoked) = (removed?, revoked?);
    let cached = if entry == Entry::default() { "none was cached" } else { "dropped" };
    let mut lines =
        vec![format!("logged out of {} (profile `{}`)", profile.tenant, profile.name), format!("token     {cached}")];
    lines.extend(revoked.map(|revoked| format!("tenant    {revoked}")));
    lines.push(format!("secret    {}", removed.told));
    if removed.is_gone {
        lines.push(format!("next      ws1-token login {}", shell_word(&profile.name)));
    }
    Ok(Outcome::answer(lines.iter().map(|text| line(text)).collect::<String>()))
}

/// What became of the client secret.
struct Removed {
    /// In words.
    told: String,
    /// Whether the profile has none now until the next login.
    is_gone: bool,
}

impl Removed {
    /// One that stays where it is.
    fn kept(told: String) -> Self {
        Self { told, is_gone: false }
    }
}

/// The client secret, with which tokens are revoked.
fn read_secret(profile: &Profile) -> Result<Secret, Error> {
    match &profile.client_secret {
        Some(source) => source.read_for(&profile.name, COMMAND_LIMIT),
        None => Err(Error::no_secret(&profile.name)),
    }
}

/// Removes the secret if `login` stored it, and tells what became of it.
fn remove_secret(sources: &Sources<'_>, profile: &Profile) -> Result<Removed, Error> {
    // There is none where the environment is the profile and the user has no home.
    let stored = Stored::open(sources).ok();
    let in_file = stored.as_ref().and_then(|stored| stored.profile(sources, &profile.name, &[]).ok()?.client_secret);
    let Some(source) = in_file.or_else(|| profile.client_secret.clone()) else {
        return Ok(Removed { told: "none is configured".to_owned(), is_gone: true });
    };
    let Some(stored) = stored.filter(|stored| login::is_own_store(&source, stored, &profile.name)) else {
        return Ok(Removed::kept(format!("left alone: {} was not stored by login", source.describe())));
    };
    let mut others = stored.users_of(sources, &source);
    others.retain(|name| *name != profile.name);
    if let Some(other) = others.first() {
        return Ok(Removed::kept(format!("left alone: profile `{other}` uses {} too", source.describe())));
    }
    let failed = |SecretError { cause, hint }| {
        Error::usage(format!("cannot remove the client secret of profile `{}`", profile.name))
            .because(cause)
            .hint(hint.unwrap_or_else(|| "remove it with the key store's own program".to_owned()))
    };
    let was_there = match &source {
        SecretSource::Keychain { account, .. } => keychain::remove(account).map_err(failed)?,
        SecretSource::File { path, .. } => match std::fs::remove_file(path) {
            Ok(()) => true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => {
                let cause = format!("`{}`: {error}", path.display()).into();
                return Err(failed(SecretError { cause, hint: Some("remove the file by hand".to_owned()) }));
            }
        },
        SecretSource::Given(_) | SecretSource::Env { .. } | SecretSource::Command(_) => false,
    };
    let told = if was_there { format!("removed from {}", source.describe()) } else { "none was stored".to_owned() };
    Ok(Removed { told, is_gone: true })
}

/// Takes the dropped tokens back at the tenant, and tells what became of that.
fn revoke(
    context: &Context<'_>,
    profile: &Profile,
    entry: &Entry,
    secret: Result<Secret, Error>,
) -> Result<String, Error> {
    let tokens = tokens(entry);
    if tokens.is_empty() {
        return Ok("nothing to revoke".to_owned());
    }
    let secret = secret.map_err(|error| unread(profile, &error))?;
    let clock = SystemClock;
    let deadline = Deadline::after(&clock, NETWORK_LIMIT);
    let left = || deadline.left(&clock).max(Duration::from_millis(500));
    let endpoint = HttpEndpoint { profile, env: context.env };
    let _waiting = context.log.waiting_for(&profile.token_url.origin);
    context.log.step(|| format!("asking {} where it revokes tokens", profile.token_url.origin));
    let documents = endpoint.discover(left()).map_err(|error| failure(profile, error))?;
    let Some(url) = documents.iter().find_map(|document| endpoint.revocation_url(document)) else {
        let named = documents.iter().any(|document| document.revocation_endpoint.is_some());
        let why = if named { "names another host for that" } else { "does not offer it" };
        let life = entry.token.as_ref().map_or(0, |token| token.remaining(clock.now(), &|| clock.boot_id()));
        let rest = if life > 0 { format!("; the token stays valid for {}", span(life)) } else { String::new() };
        let tenant = profile.tenant.authority();
        context.log.warn(&format!("nothing was revoked: tenant `{tenant}` {why}{rest}"));
        return Ok("nothing was revoked".to_owned());
    };
    for (token, kind) in &tokens {
        context.log.step(|| format!("revoking at {url} ({kind})"));
        endpoint.revoke(&url, (token, kind), &secret, left()).map_err(|error| failure(profile, error))?;
    }
    let kinds: Vec<String> = tokens.iter().map(|(_, kind)| kind.replace('_', " ")).collect();
    Ok(format!("revoked {}", kinds.join(" and ")))
}

/// What can be revoked: the refresh token first, for it could get another access token. One that may have been consumed
/// is spent or known to be stolen, and is not sent again.
fn tokens(entry: &Entry) -> Vec<(&Secret, &'static str)> {
    let refresh = entry.refresh_token.as_ref().filter(|_| !entry.refresh_in_flight);
    let access = entry.token.as_ref().map(|token| &token.access_token);
    refresh
        .map(|token| (token, "refresh_token"))
        .into_iter()
        .chain(access.map(|token| (token, "access_token")))
        .collect()
}

/// The error of a secret without which the tenant cannot be asked.
fn unread(profile: &Profile, error: &Error) -> Error {
    let why = error.chain().last().unwrap_or_default();
    not_revoked(profile, error.kind.clone())
        .because(Cause::new("it was not asked, for the client secret cannot be read").because(why))
}

/// The error of a tenant that did not revoke.
fn failure(profile: &Profile, error: RequestError) -> Error {
    match error {
        RequestError::Failed(RequestFailure { kind: FailureKind::Certificate(_), .. }) | RequestError::Local { .. } => {
            request_error(profile, error, 0)
        }
        RequestError::Failed(RequestFailure { kind, cause, .. }) => {
            not_revoked(profile, ErrorKind::Request(kind)).because(cause)
        }
    }
}

/// The error of tokens that are still valid at the tenant.
fn not_revoked(profile: &Profile, kind: ErrorKind) -> Error {
    let (tenant, profile) = (profile.tenant.authority(), &profile.name);
    let what = format!(
        "tenant `{tenant}` did not revoke the tokens of profile `{profile}`, which are dropped here all the same"
    );
    Error::new(kind, what).hint("let the tokens expire, or delete the client in the tenant")
}
