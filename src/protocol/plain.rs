//! `get`: the token for people, scripts and every program that wants a token or a header on standard output.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{watch, with_token};
use crate::broker::{AccessToken, Renew, TokenRequest};
use crate::cli::{Format, Get};
use crate::clock::{Deadline, SystemClock, rfc3339};
use crate::context::Context;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::platform;

/// The longest that a run takes, however long it had to wait for the token.
const RUN_LIMIT: Duration = Duration::from_secs(27);

/// The end of a Secret's manifest, behind the token.
const AFTER_DATA: &str = "\"}}\n";

/// How long to wait for the reader of a pipe.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Answers with the token on standard output, or writes it to a file.
pub(crate) fn run(context: &Context<'_>, args: &Get) -> Outcome {
    answer(context, args).into()
}

/// The same, with the error of a run that fails.
fn answer(context: &Context<'_>, args: &Get) -> Result<Outcome, Error> {
    let deadline = Deadline::after(&SystemClock, RUN_LIMIT);
    let renew = if args.force_refresh { Renew::Always } else { Renew::IfNeeded };
    let request = TokenRequest { min_ttl: args.min_ttl, renew };
    let job = if args.format == Some(Format::Github) { Some(job(context, args)?) } else { None };
    if let (true, Some(file)) = (args.watch, &args.output) {
        return watch::run(context, args, file, &request).map(|never| match never {});
    }
    let token = context.obtain(&context.sources.profile(None)?, &request)?;
    let text = text(args, &token);
    if let Some(job) = job {
        let line = format!("WS1_ACCESS_TOKEN={}", token.access_token.expose());
        platform::append_line(&job, &line).map_err(|error| Error::output(&job, error))?;
    }
    let Some(path) = &args.output else { return Ok(Outcome::answer(text)) };
    let file = context.sources.absolute(path);
    if platform::is_stdout(&file) {
        return Ok(Outcome::answer(text));
    }
    write(&file, &text, deadline.left(&SystemClock).min(PATIENCE))?;
    Ok(Outcome::answer(""))
}

/// The file in which a step of GitHub Actions sets variables for the steps after it.
///
/// The program writes that line itself: the runner takes the mask from standard output only, so a redirection of both to
/// the file would show the token in the log.
fn job(context: &Context<'_>, args: &Get) -> Result<PathBuf, Error> {
    if args.output.is_some() {
        let what = "--format github writes to the file in GITHUB_ENV, not to that of --output";
        return Err(Error::usage(what).hint("leave out --output"));
    }
    context.sources.path("GITHUB_ENV").ok_or_else(|| {
        Error::usage("GITHUB_ENV is not set").hint("run it in a step of GitHub Actions, or pass another --format")
    })
}

/// What is printed or written for a token.
pub(super) fn text(args: &Get, token: &AccessToken) -> String {
    let mut text = format(args, token);
    if args.output.is_some() && args.format.is_none() {
        // Readers of token files (Prometheus, `tokenFile`) take every byte for the token.
        text.pop();
    }
    text
}

/// Writes a text to the file of `--output`.
pub(super) fn write(file: &Path, text: &str, limit: Duration) -> Result<(), Error> {
    platform::write_private(file, text.as_bytes(), limit).map_err(|error| Error::output(file, error))
}

/// The token in a format, with a newline at the end. The b64token alphabet needs no quoting in any of them.
fn format(args: &Get, issued: &AccessToken) -> String {
    let token = issued.access_token.expose();
    match args.format.unwrap_or_default() {
        Format::Token => with_token(token, format_args!("{token}\n")),
        Format::Header => with_token(token, format_args!("Authorization: Bearer {token}\n")),
        Format::HeaderValue => with_token(token, format_args!("Bearer {token}\n")),
        Format::HeadersJson => with_token(token, format_args!("{{\"Authorization\":\"Bearer {token}\"}}\n")),
        Format::Curl => curl_config(issued),
        Format::Env => with_token(token, format_args!("export WS1_ACCESS_TOKEN='{token}'\n")),
        Format::Powershell => with_token(token, format_args!("$env:WS1_ACCESS_TOKEN = '{token}'\n")),
        Format::Github => with_token(token, format_args!("::add-mask::{token}\n")),
        Format::Json => {
            let (expires_in, expires_at) = (issued.remaining, rfc3339(issued.expires_at()));
            let text = format_args!(
                "{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\
                 \"expires_in\":{expires_in},\"expires_at\":\"{expires_at}\"}}\n"
            );
            with_token(token, text)
        }
        Format::KubernetesSecret => kubernetes_secret(args, issued),
    }
}

/// The manifest of a Secret. Kubernetes' rules for names leave nothing to quote.
///
/// `data` and not `stringData`, which server-side apply cannot own; nothing but what is ours to change, so that labels
/// and further keys may belong to others.
fn kubernetes_secret(args: &Get, issued: &AccessToken) -> String {
    let (name, expires_at) = (args.name.as_deref().unwrap_or_default(), rfc3339(issued.expires_at()));
    let namespace = args.namespace.as_ref().map(|name| format!(",\"namespace\":\"{name}\"")).unwrap_or_default();
    let before = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{{\"name\":\"{name}\"{namespace},\
         \"annotations\":{{\"ws1-token/expires-at\":\"{expires_at}\"}}}},\"data\":{{\"token\":\""
    );
    let token = issued.access_token.expose();
    // Made in one piece, as by `with_token`.
    let mut manifest = String::with_capacity(before.len() + token.len().div_ceil(3) * 4 + AFTER_DATA.len());
    manifest.push_str(&before);
    STANDARD.encode_string(token, &mut manifest);
    manifest.push_str(AFTER_DATA);
    manifest
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
        let text = |format: &Format| {
            let (name, namespace) = (Some("ws1-token".to_owned()), Some("apps".to_owned()));
            super::format(&Get { format: Some(*format), name, namespace, ..Get::default() }, &issued)
        };
        let all: String = Format::value_variants().iter().map(text).collect();
        insta::assert_snapshot!(all, @r#"
        abc.DEF-_~+/==
        Authorization: Bearer abc.DEF-_~+/==
        Bearer abc.DEF-_~+/==
        {"Authorization":"Bearer abc.DEF-_~+/=="}
        header = "Authorization: Bearer abc.DEF-_~+/=="
        export WS1_ACCESS_TOKEN='abc.DEF-_~+/=='
        $env:WS1_ACCESS_TOKEN = 'abc.DEF-_~+/=='
        ::add-mask::abc.DEF-_~+/==
        {"access_token":"abc.DEF-_~+/==","token_type":"Bearer","expires_in":3412,"expires_at":"2026-11-23T14:26:16Z"}
        {"apiVersion":"v1","kind":"Secret","metadata":{"name":"ws1-token","namespace":"apps","annotations":{"ws1-token/expires-at":"2026-11-23T14:26:16Z"}},"data":{"token":"YWJjLkRFRi1ffisvPT0="}}
        "#);
    }
}
