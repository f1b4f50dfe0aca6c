//! `whoami`: the claims of the cached token, for people and as JSON. No network, nothing verified; neither the token nor
//! its signature is shown.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::cache::{Loaded, Store};
use crate::claims::Claims;
use crate::cli::Whoami;
use crate::clock::{Clock, SystemClock, rfc3339};
use crate::config::Profile;
use crate::context::Context;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::terminal::{Colour, Palette};
use crate::text::{clean, from_now};
use crate::token::{Freshness, Token};

/// Seconds by which `exp` may differ from the cache's expiry without a remark: clocks are never the same.
const SAME: i64 = 60;

/// Remark on the audience of this service's tokens, which is always the tenant.
const AUDIENCE: &str =
    "the same for every client and user of the tenant: a service that accepts the token must check the client";

/// A token, as `--json` prints it. The fields are stable; new ones may be added.
#[derive(Debug, Serialize)]
struct Identity {
    /// The profile's name.
    profile: String,
    /// The tenant's URL, as the profile has it.
    tenant: String,
    /// The OAuth client: the token's, or the profile's where the token names none.
    client_id: Option<String>,
    /// What else the token says of itself.
    #[serde(flatten)]
    known: Claims,
    /// RFC 3339, UTC: `iat`, or the cache's time of issue.
    issued_at: String,
    /// RFC 3339, UTC: the cache's expiry.
    expires_at: String,
    /// Seconds until then.
    expires_in: i64,
    /// `jwt` or `opaque`.
    format: &'static str,
    /// All claims, as they are.
    claims: Option<Map<String, Value>>,
}

/// Prints the claims.
pub(crate) fn run(context: &Context<'_>, args: &Whoami) -> Result<Outcome, Error> {
    let profile = context.sources.profile(None)?;
    let (token, left, now) = cached(context, &profile)?;
    let claims = Claims::of(token.access_token.expose());
    if args.json {
        return Ok(Outcome::json(&identity(&profile, &token, left, now, claims)));
    }
    let palette = Palette::of(&std::io::stdout(), context.env);
    let rows = rows(&profile, &token, left, now, claims.as_ref());
    Ok(Outcome::answer(rows.iter().map(|row| row.show(palette)).collect::<String>()))
}

/// The cached token, the seconds it has left, and the present second.
fn cached(context: &Context<'_>, profile: &Profile) -> Result<(Token, i64, i64), Error> {
    let cache = context.cache(profile)?;
    let none = |what: &str, why: Option<String>| {
        let error = Error::usage(format!("profile `{}` has {what} in the cache", profile.name));
        why.into_iter().fold(error, Error::because).hint("run `ws1-token get`")
    };
    let entry = match cache.load() {
        Loaded::Entry(entry) => entry,
        Loaded::Miss => return Err(none("no token", cache.why_missed())),
        Loaded::Untrusted(why) | Loaded::Unusable(why) => return Err(none("no token", Some(why))),
    };
    let now = SystemClock.now();
    let token = entry.token.ok_or_else(|| none("no token", None))?;
    let left = token.remaining(now, &|| SystemClock.boot_id());
    match token.freshness(left, 0) {
        Freshness::Expired => Err(none("only an expired token", None)),
        Freshness::Fresh | Freshness::Expiring | Freshness::Due => Ok((token, left, now.wall)),
    }
}

/// The client that the token names, else the profile's; an API token has none.
fn client(profile: &Profile, known: &Claims) -> Option<String> {
    known.client_id.clone().or_else(|| Some(profile.client_id.clone()).filter(|client| !client.is_empty()))
}

/// What `--json` prints.
fn identity(profile: &Profile, token: &Token, left: i64, now: i64, claims: Option<Claims>) -> Identity {
    let all = claims.as_ref().map(|claims| claims.all.clone());
    let known = claims.unwrap_or_default();
    Identity {
        profile: profile.name.clone(),
        tenant: profile.tenant.to_string(),
        client_id: client(profile, &known),
        issued_at: rfc3339(known.issued_at.unwrap_or(token.issued_at)),
        known,
        expires_at: rfc3339(now.saturating_add(left)),
        expires_in: left,
        format: if all.is_some() { "jwt" } else { "opaque" },
        claims: all,
    }
}

/// A row for people; one without a value is not shown.
struct Row {
    /// The first column.
    label: &'static str,
    /// The second.
    value: Option<String>,
    /// A remark, shown below it.
    remark: Option<String>,
    /// A colour for the value.
    colour: Option<Colour>,
}

impl Row {
    /// A row without a remark.
    fn new(label: &'static str, value: Option<String>) -> Self {
        Self { label, value, remark: None, colour: None }
    }

    /// The same with a remark.
    fn remark(self, remark: Option<String>) -> Self {
        Self { remark, ..self }
    }

    /// Its lines: bounded, and without the control characters that a claim may hold.
    fn show(&self, palette: Palette) -> String {
        let Some(value) = self.value.as_deref().map(clean) else { return String::new() };
        let label = palette.paint(Colour::Bold, &format!("{:<8}", self.label));
        let value = self.colour.map_or_else(|| value.clone(), |colour| palette.paint(colour, &value));
        let remark = self.remark.as_ref().map(|remark| palette.paint(Colour::Yellow, &clean(remark)));
        format!("{label}  {value}\n{}", remark.map_or_else(String::new, |remark| format!("{:<10}{remark}\n", "")))
    }
}

/// The rows for people; a missing claim has none.
fn rows(profile: &Profile, token: &Token, left: i64, now: i64, claims: Option<&Claims>) -> Vec<Row> {
    let none = Claims::default();
    let known = claims.unwrap_or(&none);
    let client = client(profile, known);
    let other = client.as_ref().filter(|client| **client != profile.client_id && !profile.client_id.is_empty());
    let other = other.map(|_| format!("the profile's client is {}", profile.client_id));
    let name = known.principal.as_ref().map(|name| described(name, known.principal_type.as_deref()));
    let shared = known.audience.iter().any(|audience| audience.ends_with("/SAAS/auth/oauthtoken"));
    let when = |time: i64| format!("{} ({})", from_now(time.saturating_sub(now)), rfc3339(time));
    let issued = known.issued_at.unwrap_or(token.issued_at);
    let ahead = (issued.saturating_sub(now) > SAME).then(|| "the tenant's clock is ahead of this machine's".to_owned());
    let end = now.saturating_add(left);
    let differs = known.expires_at.filter(|own| own.abs_diff(end) > SAME.unsigned_abs());
    let expires = Row::new("expires", Some(when(end)));
    let opaque = claims.is_none().then(|| "the token is opaque, not a JWT".to_owned());
    vec![
        Row::new("profile", Some(profile.name.clone())),
        Row::new("tenant", Some(profile.tenant.to_string())),
        Row::new("client", client).remark(other),
        Row::new("name", name),
        Row::new("scopes", joined(&known.scopes, " ")),
        Row::new("issuer", known.issuer.clone()),
        Row::new("audience", joined(&known.audience, ", ")).remark(shared.then(|| AUDIENCE.to_owned())),
        Row::new("subject", known.subject.clone()),
        Row::new("issued", Some(when(issued))).remark(ahead),
        Row { colour: Some(Colour::Green), ..expires }
            .remark(differs.map(|own| format!("by the token's own `exp` {}", when(own)))),
        Row::new("claims", opaque),
    ]
}

/// The principal and its type.
fn described(name: &str, kind: Option<&str>) -> String {
    match kind {
        Some("SERVICE") => format!("{name}, a service client"),
        Some("USER") => format!("{name}, a user"),
        Some(other) => format!("{name}, {other}"),
        None => name.to_owned(),
    }
}

/// A list in one line; none for an empty one.
fn joined(list: &[String], separator: &str) -> Option<String> {
    (!list.is_empty()).then(|| list.join(separator))
}
