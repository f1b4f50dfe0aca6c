//! Google's executable-sourced credentials (external account credentials, AIP-4117).
//!
//! The libraries read one JSON object from standard output, with standard error mixed into it by some: so nothing is
//! ever said there (`command::audience`), and a failure is an answer too, with status 0, because another status would hide its message.

use crate::broker::{AccessToken, TokenRequest};
use crate::context::Context;
use crate::error::Error;
use crate::outcome::Outcome;

/// The token types that a JSON web token can be asked for as.
const TYPES: [&str; 2] = ["urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"];

/// Answers with a token or a failure.
pub(crate) fn run(context: &Context<'_>) -> Outcome {
    let asked = (context.env)("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE").unwrap_or_else(|| TYPES[0].to_owned());
    let answered = check_type(&asked).and_then(|()| {
        let profile = context.sources.profile(None)?;
        context.obtain(&profile, &TokenRequest::default())
    });
    Outcome::answer(match answered {
        Ok(token) => success(&asked, &token),
        Err(error) => failure(&error),
    })
}

/// Refuses what an access token of the tenant is not.
fn check_type(asked: &str) -> Result<(), Error> {
    if TYPES.contains(&asked) {
        return Ok(());
    }
    Err(Error::unusable(
        "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE",
        "the tenant's tokens are JSON web tokens",
        "set `subject_token_type` to urn:ietf:params:oauth:token-type:jwt in the credential configuration",
    ))
}

/// The answer with a token.
fn success(asked: &str, token: &AccessToken) -> String {
    format!(
        "{{\"version\":1,\"success\":true,\"token_type\":\"{asked}\",\"id_token\":\"{}\",\"expiration_time\":{}}}\n",
        token.access_token.expose(),
        token.expires_at()
    )
}

/// The answer without one: the exit status as `code`, the report as `message`.
fn failure(error: &Error) -> String {
    let message = error.report().lines().map(str::trim).collect::<Vec<_>>().join("; ");
    let answer = serde_json::json!({
        "version": 1, "success": false, "code": error.exit_code().to_string(), "message": message,
    });
    format!("{answer}\n")
}
