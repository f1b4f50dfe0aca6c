//! The two grants of RFC 6749 that a service client uses: what is sent, and what an answer means. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::claims;
use crate::config::{AuthStyle, Preset};
use crate::failure::{ErrorCode, FailureKind, RequestFailure};
use crate::secret::{Secret, mask_tokens};
use crate::token::{ASSUMED_LIFE, FLOOR, LONGEST_LIFE};

/// Longest access token that is accepted, in bytes.
const TOKEN_LIMIT: usize = 16 * 1024;

/// Characters of a tenant's own words that are repeated at most.
const WORDS_LIMIT: usize = 200;

/// A way to ask the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Grant {
    /// RFC 6749 §4.4; with an API token what the service has in its place.
    ClientCredentials,
    /// RFC 6749 §6.
    RefreshToken(Secret),
}

/// A token endpoint's successful reply (RFC 6749 §5.1), checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenResponse {
    /// The token: RFC 6750 b64token characters only, at most 16 KiB.
    pub(crate) access_token: Secret,
    /// Its life in seconds from the start of the request, more than the floor.
    pub(crate) life: i64,
    /// The reply named no life and neither did the token: `life` is an assumption.
    pub(crate) life_is_assumed: bool,
    /// A refresh token, if one came along.
    pub(crate) refresh_token: Option<Secret>,
}

impl TokenResponse {
    /// Its tokens.
    pub(crate) fn into_secrets(self) -> impl Iterator<Item = Secret> {
        [self.access_token].into_iter().chain(self.refresh_token)
    }
}

/// The parts of an HTTP response that carry meaning. Not to be shown: the body holds the tokens.
#[derive(Clone, Default)]
pub(crate) struct HttpResponse {
    /// HTTP status.
    pub(crate) status: u16,
    /// `Location`, as far as its origin.
    pub(crate) location: Option<String>,
    /// `Retry-After`, in seconds.
    pub(crate) retry_after: Option<i64>,
    /// `Date`: the server's clock, Unix seconds.
    pub(crate) date: Option<i64>,
    /// The body, whole.
    pub(crate) body: Vec<u8>,
}

impl Grant {
    /// Its name in the protocol, or what is sent in its place.
    pub(crate) fn name(&self, style: AuthStyle) -> &'static str {
        match self {
            Self::ClientCredentials if style == AuthStyle::ApiToken => "api_token",
            Self::ClientCredentials => "client_credentials",
            Self::RefreshToken(_) => "refresh_token",
        }
    }

    /// The form fields, in the order of the vendor's examples.
    pub(crate) fn form<'a>(&'a self, scope: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
        let mut fields = match self {
            Self::ClientCredentials => vec![("grant_type", "client_credentials")],
            Self::RefreshToken(token) => vec![("grant_type", "refresh_token"), ("refresh_token", token.expose())],
        };
        fields.extend(scope.map(|scope| ("scope", scope)));
        fields
    }
}

/// The form fields that exchange an API token for an access token: an extension grant of VCF, or Connect's own form.
pub(crate) fn api_token_form(preset: Preset, api_token: &Secret) -> Vec<(&'static str, &str)> {
    let mut fields = vec![("api_token", api_token.expose())];
    if preset != Preset::Connect {
        fields.insert(0, ("grant_type", "urn:custom:vcf:params:oauth:grant-type:api-token"));
    }
    fields
}

/// The value of the `Authorization` header that authenticates the client, or `None` where the form does.
///
/// The vendor's form is base64 of `id:secret` as they stand; RFC 6749 §2.3.1 form-encodes both halves first.
pub(crate) fn basic(style: AuthStyle, client_id: &str, client_secret: &Secret) -> Option<Secret> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = match style {
        AuthStyle::Basic => format!("{client_id}:{}", client_secret.expose()),
        AuthStyle::BasicFormEncoded => format!("{}:{}", encode(client_id), encode(client_secret.expose())),
        AuthStyle::Post | AuthStyle::ApiToken => return None,
    };
    Some(Secret::new(format!("Basic {}", STANDARD.encode(pair))))
}

/// Whether a text is an RFC 6750 §2.1 b64token that no header, quoting or line format can be broken with.
pub(crate) fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && text.len() <= TOKEN_LIMIT && body.bytes().all(|byte| B64TOKEN[usize::from(byte)])
}

/// Which bytes the body of a b64token may hold, as a table: every run checks a whole token, and looking up costs half of
/// comparing.
const B64TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = u8::MIN;
    loop {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

/// Whether a text is an RFC 6749 §A.17 refresh token: printable ASCII, so that its escapes cannot outgrow the cache entry.
fn is_refresh_token(text: &str) -> bool {
    (1..=TOKEN_LIMIT).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Reads a response: a token, or what it means instead. The tenant's words in it repeat none of `secrets`.
pub(crate) fn read(response: &HttpResponse, secrets: &[&Secret]) -> Result<TokenResponse, RequestFailure> {
    let reply = Reply::read(&response.body);
    let status = response.status;
    let words = reply.as_ref().map_or_else(|_| String::new(), |reply| reply.words(secrets));
    let denied = |code| Err(RequestFailure::new(FailureKind::Denied(code), format!("HTTP {status}{words}")));
    match (&reply, status) {
        (Ok(Reply { error: Some(error), .. }), 200..=299 | 400 | 401 | 403) => {
            return denied(Some(ErrorCode::parse(error)));
        }
        (Ok(Reply { csp_error_code: Some(_), .. }), 400) | (_, 401 | 403) => return denied(None),
        _ => {}
    }
    if let Some(mut failure) = unavailable(response) {
        failure.cause.push_str(&words);
        return Err(failure);
    }
    let unusable = |cause: String| RequestFailure::new(FailureKind::Unusable, cause);
    match status {
        200..=299 => {}
        300..=399 => {
            let target = response.location.as_deref().map_or_else(String::new, |origin| format!(" to {origin}"));
            return Err(unusable(format!("HTTP {status}: refusing to follow a redirect{target}")));
        }
        _ => return Err(unusable(format!("HTTP {status}{words}, expected 200 with JSON"))),
    }
    let reply = reply.map_err(|shape| unusable(format!("HTTP {status} with {shape}, expected JSON with a token")))?;
    reply.token().map_err(|cause| unusable(format!("HTTP {status}: {cause}")))
}

/// What a response of any endpoint means that says nothing about the request: try again later.
pub(crate) fn unavailable(response: &HttpResponse) -> Option<RequestFailure> {
    let (kind, words) = match response.status {
        429 => (FailureKind::TooManyRequests, " too many requests"),
        408 | 500..=599 => (FailureKind::ServerError, ""),
        _ => return None,
    };
    let cause = format!("HTTP {}{words}", response.status);
    Some(RequestFailure { kind, cause, retry_after: response.retry_after })
}

/// Reads the response to a revocation (RFC 7009 §2.2): any success will do, also without a body, but no OAuth error.
pub(crate) fn read_revocation(response: &HttpResponse, secrets: &[&Secret]) -> Result<(), RequestFailure> {
    match read(response, secrets) {
        Err(failure) if matches!(failure.kind, FailureKind::Denied(_)) => Err(failure),
        Err(failure) if !(200..=299).contains(&response.status) => Err(failure),
        _ => Ok(()),
    }
}

/// The fields of a token or error reply (RFC 6749 §5.1, §5.2). Unknown fields are none of our business; a field given
/// twice makes the reply unreadable.
#[derive(Deserialize)]
struct Reply {
    /// The token.
    access_token: Option<Value>,
    /// Must be `Bearer`, in any case, or missing.
    token_type: Option<Value>,
    /// Seconds; a number, a numeric string, null or missing.
    expires_in: Option<Value>,
    /// Opaque.
    refresh_token: Option<Value>,
    /// Error code.
    #[serde(default, deserialize_with = "text")]
    error: Option<String>,
    /// The tenant's own words.
    #[serde(default, deserialize_with = "text")]
    error_description: Option<String>,
    /// The words of services that do not speak OAuth here.
    #[serde(default, deserialize_with = "text")]
    message: Option<String>,
    /// The error code of Connect (CSP), which has no `error`.
    #[serde(default, rename = "cspErrorCode", deserialize_with = "text")]
    csp_error_code: Option<String>,
}

/// A string, or nothing for any other type.
fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    })
}

impl Reply {
    /// Parses a body; the error says in words what it is instead, never what is in it.
    fn read(body: &[u8]) -> Result<Self, &'static str> {
        let start = body.iter().position(|byte| !byte.is_ascii_whitespace()).map(|at| &body[at..]);
        match start {
            None => Err("an empty body"),
            Some([b'<', ..]) => Err("an HTML or XML page"),
            Some([b'{', ..]) => serde_json::from_slice(body).map_err(|_| "malformed JSON"),
            Some(_) => Err("something that is not a JSON object"),
        }
    }

    /// What the tenant says of an error, with a space before it: its code and its description, without a secret, be it
    /// one that this reply itself holds.
    fn words(&self, secrets: &[&Secret]) -> String {
        let own = [&self.access_token, &self.refresh_token].map(|token| token.as_ref().and_then(Value::as_str));
        let own: Vec<Secret> = own.into_iter().flatten().map(|token| Secret::new(token.to_owned())).collect();
        let secrets: Vec<&Secret> = secrets.iter().copied().chain(&own).collect();
        let quoted = |words: &Option<String>| words.as_ref().map(|words| quote(words, &secrets));
        let code = quoted(&self.error).or_else(|| quoted(&self.csp_error_code));
        let description =
            quoted(&self.error_description).or_else(|| quoted(&self.message)).map(|words| format!(": \"{words}\""));
        code.into_iter().map(|code| format!(" {code}")).chain(description).collect()
    }

    /// The token of a success reply, checked.
    fn token(self) -> Result<TokenResponse, String> {
        let access_token = match self.access_token {
            Some(Value::String(token)) if is_b64token(&token) => token,
            Some(Value::String(token)) if token.is_empty() => return Err("`access_token` is empty".to_owned()),
            Some(Value::String(token)) if token.len() > TOKEN_LIMIT => {
                return Err("`access_token` is longer than 16 KiB".to_owned());
            }
            Some(Value::String(_)) => {
                return Err("`access_token` holds characters that no bearer token may hold".to_owned());
            }
            None | Some(Value::Null) => return Err("the reply holds no `access_token`".to_owned()),
            Some(_) => return Err("`access_token` is not a string".to_owned()),
        };
        match self.token_type {
            None | Some(Value::Null) => {}
            Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") => {}
            Some(_) => return Err("`token_type` is not Bearer".to_owned()),
        }
        let jwt = jwt_life(&access_token);
        let (life, life_is_assumed) = life(self.expires_in.as_ref(), jwt)?;
        if life <= FLOOR {
            return Err(format!("the token lives {life} s, which is too short to use"));
        }
        let refresh_token = match self.refresh_token {
            Some(Value::String(token)) if is_refresh_token(&token) => Some(Secret::new(token)),
            _ => None,
        };
        Ok(TokenResponse { access_token: Secret::new(access_token), life, life_is_assumed, refresh_token })
    }
}

/// The life in seconds: the earlier of what the reply and the token state, and whether neither stated any.
fn life(expires_in: Option<&Value>, jwt: Option<i64>) -> Result<(i64, bool), String> {
    let stated = match expires_in {
        None | Some(Value::Null) => None,
        Some(Value::Number(number)) => number.as_f64(),
        // A string that is no number states nothing.
        Some(Value::String(text)) => text.trim().parse::<f64>().ok().filter(|seconds| seconds.is_finite()),
        Some(_) => return Err("`expires_in` is neither a number nor a numeric string".to_owned()),
    };
    let stated = stated.map(whole_seconds);
    let life = match (stated, jwt) {
        (Some(stated), Some(jwt)) if stated > 0 => (stated.min(jwt), false),
        (Some(stated), None) if stated > 0 => (stated, false),
        // 0 means "already expired" and -1 "unknown" on this service; only the token itself can prove better.
        (_, Some(jwt)) => (jwt, false),
        (Some(stated), None) => return Err(format!("`expires_in` is {stated} and the token states no life")),
        (None, None) => (ASSUMED_LIFE, true),
    };
    Ok((life.0.min(LONGEST_LIFE), life.1))
}

/// The life that a JWT states for itself, in seconds. It is decoded, never verified: that is the resource server's business.
fn jwt_life(token: &str) -> Option<i64> {
    claims::life(token).map(whole_seconds)
}

/// Seconds, rounded down; anything below -1 is -1, anything above 400 days is 400 days.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "clamped to what fits")]
fn whole_seconds(seconds: f64) -> i64 {
    seconds.floor().clamp(-1.0, LONGEST_LIFE as f64) as i64
}

/// A tenant's own words for an error line: no control characters, no secret, at most 200 characters.
fn quote(words: &str, secrets: &[&Secret]) -> String {
    let words = mask_tokens(words, secrets);
    words.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).take(WORDS_LIMIT).collect()
}

/// Seconds of a `Retry-After` header (RFC 9110 §10.2.3): a number or a date, judged by our clock.
pub(crate) fn retry_after(value: &str, now: i64) -> Option<i64> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<i64>() {
        return Some(seconds);
    }
    Some(http_date(value)?.saturating_sub(now))
}

/// Unix seconds of an HTTP date (RFC 9110 §5.6.7).
pub(crate) fn http_date(value: &str) -> Option<i64> {
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    i64::try_from(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()).ok()
}

#[cfg(any(test, fuzzing))]
pub(crate) mod properties;
#[cfg(test)]
mod tests;
