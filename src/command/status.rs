//! `status`: every profile, where its secret comes from, and the state of its token. No network, no secret read, no lock.

use serde::Serialize;

use crate::cache::{Loaded, Store};
use crate::cli::Status;
use crate::clock::{Clock, SystemClock, rfc3339};
use crate::config::{Overrides, Profile, Sources};
use crate::context::Context;
use crate::entry::Entry;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::terminal::Palette;
use crate::token::Freshness;

mod block;

/// One profile, as `--json` prints it. The fields are stable; new ones may be added.
#[derive(Debug, Clone, Default, Serialize)]
struct ProfileStatus {
    /// Its name.
    profile: String,
    /// Whether it is used when none is named.
    default: bool,
    /// The tenant's URL.
    tenant: Option<String>,
    /// The OAuth client.
    client_id: Option<String>,
    /// Where the secret comes from, as text.
    client_secret: Option<String>,
    /// `fresh`, `expiring` (one call renews it, the others use it), `due` (renewed on the next call), `expired`, `none`, or
    /// `invalid`.
    token: &'static str,
    /// RFC 3339, UTC.
    expires_at: Option<String>,
    /// Seconds.
    expires_in: Option<i64>,
    /// Whether a refresh token is stored.
    refresh_token: bool,
    /// Whether a renewal by the refresh token was started and not finished: it is under way, or was interrupted.
    renewal_unfinished: bool,
    /// RFC 3339, UTC: the next attempt, during a back-off.
    retry_at: Option<String>,
    /// Seconds until then.
    retry_in: Option<i64>,
    /// The last failure, or what is wrong with the profile.
    problem: Option<String>,
    /// Why the cache entry is not used.
    cache_problem: Option<String>,
    /// Seconds since the failure, for people.
    #[serde(skip)]
    failed: Option<i64>,
    /// Seconds left, negative if expired, for people; `None` if the clock was set back too far to tell.
    #[serde(skip)]
    left: Option<i64>,
}

/// Prints the blocks or the JSON.
pub(crate) fn run(context: &Context<'_>, args: &Status) -> Result<Outcome, Error> {
    let lines = lines(context)?;
    if args.json {
        return Ok(Outcome::json(&lines));
    }
    let palette = Palette::of(&std::io::stdout(), context.env);
    let blocks = lines.iter().map(|line| block::block(line, context.sources.home, palette));
    Ok(Outcome::answer(blocks.collect::<String>()))
}

/// The profiles of the file, or the one that is named, or the environment's.
fn lines(context: &Context<'_>) -> Result<Vec<ProfileStatus>, Error> {
    let wanted = context.sources.overrides.profile.as_ref();
    let is_wanted = |name: &&String| wanted.is_none_or(|wanted| wanted == *name);
    let Some(names) = context.sources.names()?.filter(|names| names.profiles.iter().any(|name| is_wanted(&name)))
    else {
        // The environment's profile, or the error that there is none.
        return Ok(vec![describe(context, &context.sources.profile(None)?)?]);
    };
    let only = (names.profiles.len() == 1).then(|| names.profiles[0].clone());
    let default = context.sources.text("WS1_TOKEN_PROFILE")?.or(names.default).or(only);
    let of_file = names.profiles.iter().filter(is_wanted);
    let status = |name: &String| {
        let is_default = default.as_ref() == Some(name);
        Ok(ProfileStatus { default: is_default, ..line(context, name, is_default)? })
    };
    of_file.map(status).collect()
}

/// The status of a profile of the file, usable or not: as the calls that use it see it. The default one is used without
/// `--profile`, so that variables count.
fn line(context: &Context<'_>, name: &str, is_default: bool) -> Result<ProfileStatus, Error> {
    let profile = context.sources.overrides.profile.clone().or_else(|| (!is_default).then(|| name.to_owned()));
    let overrides = Overrides { profile, ..context.sources.overrides.clone() };
    let sources = Sources { overrides: &overrides, ..*context.sources };
    match sources.profile(Some(name)) {
        Ok(profile) => describe(context, &profile),
        Err(error) => Ok(ProfileStatus {
            profile: name.to_owned(),
            token: "invalid",
            problem: Some(error.chain().take(2).collect::<Vec<_>>().join(": ")),
            ..ProfileStatus::default()
        }),
    }
}

/// The status of a usable profile.
fn describe(context: &Context<'_>, profile: &Profile) -> Result<ProfileStatus, Error> {
    let clock = SystemClock;
    let now = clock.now();
    let cache = context.cache(profile)?;
    let (entry, cache_problem) = match cache.load() {
        Loaded::Entry(entry) => (entry, None),
        Loaded::Miss => (Entry::default(), cache.why_missed()),
        Loaded::Untrusted(why) | Loaded::Unusable(why) => (Entry::default(), Some(why)),
    };
    let left = entry.token.as_ref().map(|token| token.remaining(now, &|| clock.boot_id()));
    let token = match entry.token.as_ref().zip(left).map(|(token, left)| token.freshness(left, 0)) {
        None => "none",
        Some(Freshness::Fresh) => "fresh",
        Some(Freshness::Expiring) => "expiring",
        Some(Freshness::Due) => "due",
        Some(Freshness::Expired) => "expired",
    };
    let ahead = left.filter(|left| *left > 0);
    let failure = entry.failure.as_ref();
    let pause = failure.and_then(|failure| failure.pause(now.wall));
    let at = |seconds: i64| rfc3339(now.wall.saturating_add(seconds));
    Ok(ProfileStatus {
        profile: profile.name.clone(),
        default: false,
        tenant: Some(profile.tenant.to_string()),
        client_id: Some(profile.client_id.clone()).filter(|client_id| !client_id.is_empty()),
        client_secret: profile.client_secret.as_ref().map(crate::secret::source::SecretSource::describe),
        token,
        expires_at: ahead.map(at),
        expires_in: ahead,
        refresh_token: entry.refresh_token.is_some() && !entry.refresh_in_flight,
        renewal_unfinished: entry.refresh_in_flight,
        retry_at: pause.map(at),
        retry_in: pause,
        problem: failure.map(|failure| failure.cause.clone()),
        cache_problem,
        failed: failure.map(|failure| now.wall.saturating_sub(failure.at)),
        left: left.filter(|left| *left != i64::MIN),
    })
}
