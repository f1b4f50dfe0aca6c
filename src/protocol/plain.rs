//! `get`: the token for people, scripts and every program that wants a token or a header on standard output.

use std::path::PathBuf;

use super::{Protocol, with_token};
use crate::broker::{Insist, Served, Want};
use crate::cli::{Format, Get};
use crate::clock::rfc3339;
use crate::config::Profile;
use crate::context::Context;
use crate::error::Error;
use crate::platform;

/// A call of `get`.
#[derive(Debug)]
pub(crate) struct Plain {
    /// How to print it, if the caller said so.
    format: Option<Format>,
    /// The file to write to instead.
    output: Option<PathBuf>,
    /// What is asked of the broker.
    want: Want,
}

impl Plain {
    /// Reads the arguments.
    pub(crate) fn new(context: &Context<'_>, args: &Get) -> Self {
        Self {
            format: args.format,
            output: args.output.as_ref().map(|path| context.sources.absolute(path)),
            want: Want { min_life: args.min_ttl, insist: if args.force_refresh { Insist::OnNew } else { Insist::No } },
        }
    }
}

impl Protocol for Plain {
    fn want(&self) -> Want {
        self.want.clone()
    }

    fn answer(&self, served: &Served, _profile: &Profile) -> Result<Vec<u8>, Error> {
        let mut text = format(self.format.unwrap_or_default(), served);
        let Some(file) = &self.output else { return Ok(text.into_bytes()) };
        if self.format.is_none() {
            // Readers of token files (Prometheus, `tokenFile`) take every byte for the token.
            text.pop();
        }
        platform::write_private(file, text.as_bytes())
            .map_err(|error| Error::Output { file: file.clone(), source: error.into() })?;
        Ok(Vec::new())
    }
}

/// The token in a format, with a newline at the end. The b64token alphabet needs no quoting in any of them.
fn format(format: Format, served: &Served) -> String {
    let token = served.access_token.expose();
    match format {
        Format::Token => with_token(token, format_args!("{token}\n")),
        Format::Header => with_token(token, format_args!("Authorization: Bearer {token}\n")),
        Format::HeaderValue => with_token(token, format_args!("Bearer {token}\n")),
        Format::HeadersJson => with_token(token, format_args!("{{\"Authorization\":\"Bearer {token}\"}}\n")),
        Format::Curl => curl_config(served),
        Format::Env => with_token(token, format_args!("export WS1_ACCESS_TOKEN='{token}'\n")),
        Format::Json => {
            let (expires_in, expires_at) = (served.remaining, rfc3339(served.expires_at()));
            let text = format_args!(
                "{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\
                 \"expires_in\":{expires_in},\"expires_at\":\"{expires_at}\"}}\n"
            );
            with_token(token, text)
        }
    }
}

/// A line of a curl configuration file.
pub(crate) fn curl_config(served: &Served) -> String {
    let token = served.access_token.expose();
    with_token(token, format_args!("header = \"Authorization: Bearer {token}\"\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use clap::ValueEnum;

    #[test]
    fn formats() {
        let served = Served {
            access_token: Secret::new("abc.DEF-_~+/==".to_owned()),
            life: 10_800,
            remaining: 3412,
            now: 1_795_440_564,
            from_cache: true,
        };
        let all: String = Format::value_variants().iter().map(|format| super::format(*format, &served)).collect();
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
