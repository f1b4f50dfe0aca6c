//! Google's executable-sourced credentials (external account credentials, AIP-4117).
//!
//! The libraries read one JSON object from standard output, with standard error mixed into it by some: so nothing is
//! ever said there (`command::audience`), and a failure is an answer too, with status 0, because another status would hide its message.

use crate::broker::{Served, Want};
use crate::context::Context;
use crate::error::{Cause, Error};
use crate::outcome::Outcome;

/// The token types that a JSON web token can be asked for as.
const TYPES: [&str; 2] = ["urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"];

/// Answers with a token or a failure.
pub(crate) fn run(context: &Context<'_>) -> Outcome {
    let asked = (context.env)("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE").unwrap_or_else(|| TYPES[0].to_owned());
    let served = check_type(&asked).and_then(|()| {
        let profile = context.sources.profile(None)?;
        context.obtain(&profile, &Want::default())
    });
    Outcome::answer(match served {
        Ok(served) => success(&asked, &served),
        Err(error) => failure(&error),
    })
}

/// Refuses what an access token of the tenant is not.
fn check_type(asked: &str) -> Result<(), Error> {
    if TYPES.contains(&asked) {
        return Ok(());
    }
    Err(Error::BadInput {
        what: "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE",
        source: Cause::new("the tenant's tokens are JSON web tokens"),
        hint: "set `subject_token_type` to urn:ietf:params:oauth:token-type:jwt in the credential configuration",
    })
}

/// The answer with a token.
fn success(asked: &str, served: &Served) -> String {
    format!(
        "{{\"version\":1,\"success\":true,\"token_type\":\"{asked}\",\"id_token\":\"{}\",\"expiration_time\":{}}}\n",
        served.access_token.expose(),
        served.expires_at()
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
