//! `get`: the token for people, scripts and every program that wants a token or a header on standard output.

use std::time::Duration;

use super::with_token;
use crate::broker::{AccessToken, Renew, TokenRequest};
use crate::cli::{Format, Get};
use crate::clock::{Deadline, SystemClock, rfc3339};
use crate::context::Context;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::platform;

/// The longest that a run takes, however long it had to wait for the token.
const RUN_LIMIT: Duration = Duration::from_secs(27);

/// How long to wait for the reader of a pipe.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers with the token on standard output, or writes it to a file.
pub(crate) fn run(context: &Context<'_>, args: &Get) -> Outcome {
    let deadline = Deadline::after(&SystemClock, RUN_LIMIT);
    let renew = if args.force_refresh { Renew::Always } else { Renew::IfNeeded };
    let answered = context.sources.profile(None).and_then(|profile| {
        let token = context.obtain(&profile, &TokenRequest { min_ttl: args.min_ttl, renew })?;
        let mut text = format(args.format.unwrap_or_default(), &token);
        let Some(path) = &args.output else { return Ok(Outcome::answer(text)) };
        if args.format.is_none() {
            // Readers of token files (Prometheus, `tokenFile`) take every byte for the token.
            text.pop();
        }
        let file = context.sources.absolute(path);
        if platform::is_stdout(&file) {
            return Ok(Outcome::answer(text));
        }
        let limit = deadline.left(&SystemClock).min(PATIENCE);
        platform::write_private(&file, text.as_bytes(), limit).map_err(|error| Error::output(&file, error))?;
        Ok(Outcome::answer(""))
    });
    answered.into()
}

/// The token in a format, with a newline at the end. The b64token alphabet needs no quoting in any of them.
fn format(format: Format, issued: &AccessToken) -> String {
    let token = issued.access_token.expose();
    match format {
        Format::Token => with_token(token, format_args!("{token}\n")),
        Format::Header => with_token(token, format_args!("Authorization: Bearer {token}\n")),
        Format::HeaderValue => with_token(token, format_args!("Bearer {token}\n")),
        Format::HeadersJson => with_token(token, format_args!("{{\"Authorization\":\"Bearer {token}\"}}\n")),
        Format::Curl => curl_config(issued),
        Format::Env => with_token(token, format_args!("export WS1_ACCESS_TOKEN='{token}'\n")),
        Format::Json => {
            let (expires_in, expires_at) = (issued.remaining, rfc3339(issued.expires_at()));
            let text = format_args!(
                "{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\
                 \"expires_in\":{expires_in},\"expires_at\":\"{expires_at}\"}}\n"
            );
            with_token(token, text)
        }
    }
}

/// A line of a curl configuration file.
pub(crate) fn curl_config(issued: &AccessToken) -> String {
    let token = issued.access_token.expose();
    with_token(token, format_args!("header = \"Authorization: Bearer {token}\"\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use clap::ValueEnum;

    #[test]
    fn formats() {
        let issued = AccessToken {
            access_token: Secret::new("abc.DEF-_~+/==".to_owned()),
            life: 10_800,
            remaining: 3412,
            now: 1_795_440_564,
            refused_by: Vec::new(),
        };
        let all: String = Format::value_variants().iter().map(|format| super::format(*format, &issued)).collect();
        insta::assert_snapshot!(all, @r#"
        abc.DEF-_~+/==
        Authorization: Bearer abc.DEF-_~+/==
        Bearer abc.DEF-_~+/==
        {"Authorization":"Bearer abc.DEF-_~+/=="}
        header = "Authorization: Bearer abc.DEF-_~+/=="
        export WS1_ACCESS_TOKEN='abc.DEF-_~+/=='
        {"access_token":"abc.DEF-_~+/==","token_type":"Bearer","expires_in":3412,"expires_at":"2026-11-23T14:26:16Z"}
        "#);
    }
}
