//! `status`: every profile, where its secret comes from, and the state of its token. No network, no secret read.

use serde::Serialize;

use super::{Context, Outcome};
use crate::cache::{Cache, Loaded, Store};
use crate::cli::Status;
use crate::clock::{Clock, SystemClock, rfc3339};
use crate::config::{Profile, Sources};
use crate::entry::Entry;
use crate::error::Error;
use crate::token::Freshness;

/// One profile, as `--json` prints it. The fields are stable; new ones may be added.
#[derive(Debug, Serialize)]
struct Line {
    /// Its name.
    profile: String,
    /// Whether it is the one that is used when none is named.
    default: bool,
    /// The tenant's URL.
    tenant: Option<String>,
    /// The OAuth client.
    client_id: Option<String>,
    /// Where the secret comes from, in words.
    client_secret: Option<String>,
    /// `fresh`, `expiring` (renewed in passing), `due` (renewed on the next call), `expired`, `none`, or `invalid`.
    token: &'static str,
    /// RFC 3339, UTC.
    expires_at: Option<String>,
    /// Seconds.
    expires_in: Option<i64>,
    /// Whether a refresh token is stored.
    refresh_token: bool,
    /// Seconds until the next attempt, while a failure holds requests back.
    retry_in: Option<i64>,
    /// The last failure, or what is wrong with the profile.
    problem: Option<String>,
}

/// Prints the table or the JSON.
pub(crate) fn run(context: &Context<'_>, args: &Status) -> Result<Outcome, Error> {
    let names = context.sources.names()?;
    let mut lines = Vec::new();
    match &names {
        Some(names) if context.sources.overrides.profile.is_none() => {
            for name in &names.profiles {
                let default = names.default.as_ref() == Some(name) || names.profiles.len() == 1;
                lines.push(line(context, name, default)?);
            }
        }
        _ => {
            let profile = context.sources.profile(None)?;
            let default = names.is_some_and(|names| names.default.as_ref() == Some(&profile.name));
            lines.push(describe(context, &profile, default)?);
        }
    }
    if args.json {
        let text = serde_json::to_string_pretty(&lines).unwrap_or_default();
        return Ok(Outcome::answer(format!("{text}\n")));
    }
    Ok(Outcome::answer(table(&lines)))
}

/// The line of a profile of the file; one that is not usable has its line too.
fn line(context: &Context<'_>, name: &str, default: bool) -> Result<Line, Error> {
    let overrides = crate::config::Overrides { profile: Some(name.to_owned()), ..context.sources.overrides.clone() };
    let sources = Sources { overrides: &overrides, ..*context.sources };
    match sources.profile(None) {
        Ok(profile) => describe(context, &profile, default),
        Err(error) => Ok(Line {
            profile: name.to_owned(),
            default,
            tenant: None,
            client_id: None,
            client_secret: None,
            token: "invalid",
            expires_at: None,
            expires_in: None,
            refresh_token: false,
            retry_in: None,
            problem: Some(match std::error::Error::source(&error) {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            }),
        }),
    }
}

/// The line of a profile.
fn describe(context: &Context<'_>, profile: &Profile, default: bool) -> Result<Line, Error> {
    let clock = SystemClock::start();
    let now = clock.now();
    let cache = Cache::new(context.cache_dir()?.as_deref(), &profile.identity());
    let entry = match cache.load() {
        Loaded::Entry(entry) => entry,
        Loaded::Miss | Loaded::Distrusted(_) | Loaded::Unusable(_) => Entry::default(),
    };
    let (state, left) = match &entry.token {
        None => ("none", None),
        Some(token) => {
            let left = token.remaining(now, &|| clock.boot_id());
            let state = match token.freshness(left, 0) {
                Freshness::Fresh => "fresh",
                Freshness::Expiring => "expiring",
                Freshness::Due => "due",
                Freshness::Expired => "expired",
            };
            (state, Some(left).filter(|left| *left > 0))
        }
    };
    let failure = entry.failure.as_ref();
    Ok(Line {
        profile: profile.name.clone(),
        default,
        tenant: Some(profile.tenant.to_string()),
        client_id: Some(profile.client_id.clone()),
        client_secret: profile.client_secret.as_ref().map(crate::secret::SecretSource::describe),
        token: state,
        expires_at: left.map(|left| rfc3339(now.wall.saturating_add(left))),
        expires_in: left,
        refresh_token: entry.refresh_token.is_some() && !entry.refresh_in_flight,
        retry_in: failure
            .map(|failure| failure.until.saturating_sub(now.wall))
            .filter(|left| (1..=3600).contains(left)),
        problem: failure.map(|failure| failure.detail.clone()),
    })
}

/// The table for people.
fn table(lines: &[Line]) -> String {
    let mut rows = vec![["PROFILE", "TENANT", "CLIENT", "SECRET", "TOKEN"].map(str::to_owned)];
    for line in lines {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let parts = [
            Some(line.token.to_owned()),
            line.expires_in.map(|left| format!("{} left", span(left))),
            line.problem.clone(),
            line.retry_in.map(|left| format!("next attempt in {}", span(left))),
        ];
        let token = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let tenant = line.tenant.as_deref().map(|url| url.trim_start_matches("https://").to_owned());
        let name = if line.default { format!("{} (default)", line.profile) } else { line.profile.clone() };
        rows.push([name, or_none(&tenant), or_none(&line.client_id), or_none(&line.client_secret), token]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..4).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = (0..4).map(|at| format!("{:<1$}", row[at], widths[at])).collect();
            crate::error::line(&format!("{}  {}", cells.join("  "), row[4]))
        })
        .collect()
}

/// `2 h 13 min`, `5 min 3 s`, `40 s`.
pub(super) fn span(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (seconds, text) in [(5, "5 s"), (303, "5 min 3 s"), (8000, "2 h 13 min"), (200_000, "2 d 7 h")] {
            assert_eq!(span(seconds), text);
        }
    }
}
