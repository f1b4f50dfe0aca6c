//! `logout`: drops the cached token and the secret that `login` stored, and with `--revoke` revokes the tokens.
//!
//! Local data goes first: even if the revocation fails, no token is left on this machine.

use std::time::Duration;

use crate::broker::failure::request_error;
use crate::child::Stderr;
use crate::cli::Logout;
use crate::clock::{Clock, Deadline, SystemClock};
use crate::config::{Profile, Sources, Stored};
use crate::context::Context;
use crate::endpoint::{HttpEndpoint, RequestError};
use crate::entry::Entry;
use crate::error::{Cause, Error, ErrorKind};
use crate::failure::{FailureKind, RequestFailure};
use crate::outcome::Outcome;
use crate::secret::Secret;
use crate::secret::source::{COMMAND_LIMIT, SecretSource};
use crate::text::{line, shell_word, span};

/// Timeout of all requests to the tenant together.
const NETWORK_LIMIT: Duration = Duration::from_secs(10);

/// Logs a profile out.
pub(crate) fn run(context: &Context<'_>, args: &Logout) -> Result<Outcome, Error> {
    let sources = context.sources;
    let profile = sources.profile(None)?;
    // Read before it is removed.
    let secret = args.revoke.then(|| read_secret(&profile));
    // The environment may add a scope: the file's profile has a token of its own for the secret that goes.
    let in_file = Stored::open(sources).ok().and_then(|stored| stored.profile(sources, &profile.name, &[]).ok());
    let same_secret = in_file.filter(|in_file| is_same_client(in_file, &profile));
    let other = same_secret.filter(|in_file| in_file.identity() != profile.identity());
    let dropped = [&profile].into_iter().chain(&other).map(|profile| context.forget(profile));
    let (entries, guards): (Vec<Entry>, Vec<_>) = dropped.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    let removed = remove_secret(sources, &profile);
    // Only now: a `get` that waits for the lock finds no secret to renew with.
    drop(guards);
    let revoked = secret.map(|secret| revoke(context, &profile, &entries, secret)).transpose();
    let ((secret, is_gone), revoked) = (removed?, revoked?);
    let is_empty = entries.iter().all(|entry| tokens(entry).is_empty());
    let cached = if is_empty { "none was cached" } else { "dropped" };
    let mut lines =
        vec![format!("logged out of {} (profile `{}`)", profile.tenant, profile.name), format!("token     {cached}")];
    lines.extend(revoked.map(|revoked| format!("tenant    {revoked}")));
    lines.push(format!("secret    {secret}"));
    if is_gone {
        lines.push(format!("next      ws1-token login {}", shell_word(&profile.name)));
    }
    Ok(Outcome::answer(lines.iter().map(|text| line(text)).collect::<String>()))
}

/// The client secret, which a revocation needs.
fn read_secret(profile: &Profile) -> Result<Secret, Error> {
    match &profile.client_secret {
        Some(source) => source.read_for(&profile.name, COMMAND_LIMIT, Stderr::Inherited),
        None => Err(Error::no_secret(&profile.name)),
    }
}

/// Whether two profiles send their secret to the same place as the same client.
fn is_same_client(one: &Profile, other: &Profile) -> bool {
    one.token_url == other.token_url && one.client_id == other.client_id
}

/// Removes the secret if `login` stored it. Returns what was done, and whether the next step is another login.
fn remove_secret(sources: &Sources<'_>, profile: &Profile) -> Result<(String, bool), Error> {
    // There is none where the environment is the profile and the user has no home.
    let transaction = Stored::open(sources).ok().map(Stored::clean);
    let stored = transaction.as_ref().map(|transaction| &transaction.present);
    let in_file = stored.and_then(|stored| stored.profile(sources, &profile.name, &[]).ok());
    if in_file.as_ref().is_some_and(|in_file| !is_same_client(in_file, profile)) {
        return Ok((format!("kept: that of profile `{}` is for another tenant or client", profile.name), false));
    }
    let Some(source) = in_file.and_then(|in_file| in_file.client_secret).or_else(|| profile.client_secret.clone())
    else {
        return Ok(("none is configured".to_owned(), true));
    };
    let place = source.describe();
    let Some(stored) = stored.filter(|stored| source.is_own_store(stored.dir(), &profile.name)) else {
        return Ok((format!("kept: {place} was not stored by login"), false));
    };
    if let Some(other) = stored.users_of(sources, &source).iter().find(|name| **name != profile.name) {
        return Ok((format!("kept: profile `{other}` uses {place} too"), false));
    }
    let was_there = source.remove(&profile.name)?;
    let told = match (was_there, &source) {
        (false, _) => "none was stored".to_owned(),
        (true, SecretSource::File { path, .. }) => format!("deleted {}", path.display()),
        (true, _) => "deleted from the key store".to_owned(),
    };
    Ok((told, true))
}

/// Revokes the dropped tokens at the tenant (RFC 7009); returns what was done.
fn revoke(
    context: &Context<'_>,
    profile: &Profile,
    entries: &[Entry],
    secret: Result<Secret, Error>,
) -> Result<String, Error> {
    let tokens: Vec<_> = entries.iter().flat_map(tokens).collect();
    if tokens.is_empty() {
        return Ok("nothing to revoke".to_owned());
    }
    let secret = secret.map_err(|error| unread(profile, &error))?;
    let clock = SystemClock;
    let deadline = Deadline::after(&clock, NETWORK_LIMIT);
    let left = || deadline.left(&clock).max(Duration::from_millis(500));
    let endpoint = HttpEndpoint { profile, env: context.env };
    let _waiting = context.log.waiting_for(&profile.token_url.origin);
    context.log.step(|| format!("looking up the revocation endpoint of {}", profile.token_url.origin));
    let documents = endpoint.discover(left()).map_err(|error| failure(profile, error))?;
    let Some(url) = documents.iter().find_map(|document| endpoint.revocation_url(document)) else {
        let named = documents.iter().any(|document| document.revocation_endpoint.is_some());
        let why = if named { "has its revocation endpoint on another host" } else { "has no revocation endpoint" };
        let lives = entries.iter().filter_map(|entry| entry.token.as_ref());
        let life = lives.map(|token| token.remaining(clock.now(), &|| clock.boot_id())).max().unwrap_or(0);
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

/// The tokens to revoke: the refresh token first, since it could get another access token. One that may have been consumed
/// is never sent again.
fn tokens(entry: &Entry) -> Vec<(&Secret, &'static str)> {
    let refresh = entry.refresh_token.as_ref().filter(|_| !entry.refresh_in_flight);
    let access = entry.token.as_ref().map(|token| &token.access_token);
    refresh
        .map(|token| (token, "refresh_token"))
        .into_iter()
        .chain(access.map(|token| (token, "access_token")))
        .collect()
}

/// The error of a client secret that cannot be read.
fn unread(profile: &Profile, error: &Error) -> Error {
    let why = error.chain().last().unwrap_or_default();
    not_revoked(profile, error.kind.clone())
        .because(Cause::new("no request was sent: the secret cannot be read").because(why))
}

/// The error of a failed revocation.
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
