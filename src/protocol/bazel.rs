//! Bazel's credential helper protocol (`EngFlow` credential-helper-spec): `get` with `{"uri":…}` on standard input, headers
//! and their expiry as the answer.
//!
//! It is the one helper protocol that names the whole target, so any tool that wants a token for a URL can use it. A URI
//! that is not ours is an error, as the specification asks: an empty answer would mean that none is needed.

use std::io::Read;

use serde::Deserialize;

use super::{read_input, reported_expiry};
use crate::broker::{AccessToken, TokenRequest};
use crate::clock::rfc3339;
use crate::config::TargetError;
use crate::context::Context;
use crate::error::Error;
use crate::origin::{Origin, Target};
use crate::outcome::Outcome;

/// The request; more properties may come and do not matter.
#[derive(Deserialize)]
struct Request {
    /// What the caller is about to fetch.
    uri: String,
}

/// Answers `get`.
pub(crate) fn run(context: &Context<'_>, stdin: &mut dyn Read) -> Outcome {
    let answered = target(&read_input(stdin).unwrap_or_default()).and_then(|target| {
        let profile = context.sources.profile_for(&target).map_err(TargetError::into_error)?;
        context.obtain(&profile, &TokenRequest::default())
    });
    answered.map(|token| Outcome::answer(answer(&token))).into()
}

/// The target of the request. gRPC over TLS is a transport of the same authority.
fn target(input: &[u8]) -> Result<Origin, Error> {
    let bad =
        |cause: &str| Error::unusable("the request on standard input", cause, "send {\"uri\": \"https://HOST/PATH\"}");
    let request: Request = serde_json::from_slice(input).map_err(|_| bad("not a JSON object with `uri`"))?;
    let uri = match request.uri.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("grpcs") => format!("https://{rest}"),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("grpc") => format!("http://{rest}"),
        _ => request.uri,
    };
    Target::parse(&uri).map(|target| target.origin).map_err(|cause| bad(&format!("`uri`: {cause}")))
}

/// The answer; `expires` is early, because the caller keeps the headers until then.
fn answer(token: &AccessToken) -> String {
    format!(
        "{{\"headers\":{{\"Authorization\":[\"Bearer {}\"]}},\"expires\":\"{}\"}}\n",
        token.access_token.expose(),
        rfc3339(reported_expiry(token))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &str) -> Option<String> {
        target(input.as_bytes()).ok().map(|origin| origin.to_string())
    }

    #[test]
    fn uris_name_targets() {
        for (uri, expected) in [
            ("https://h.example.com/path?x=1", "https://h.example.com"),
            ("grpcs://h.example.com:8980", "https://h.example.com:8980"),
            ("GRPCS://H.example.com", "https://h.example.com"),
            ("grpc://127.0.0.1:8980", "http://127.0.0.1:8980"),
            ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ] {
            assert_eq!(read(&serde_json::json!({"uri": uri, "future": 1}).to_string()).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_names_no_target_is_an_error() {
        for input in [
            "",
            "{",
            "[]",
            "{}",
            "{\"uri\":5}",
            "{\"uri\":\"\"}",
            "{\"uri\":\"h\"}",
            "{\"uri\":\"https://u@h/\"}",
            "{\"uri\":\"https://h/\"} x",
            "{\"uri\":\"ftp://h/\"}",
        ] {
            assert_eq!(read(input), None, "{input}");
        }
    }
}
