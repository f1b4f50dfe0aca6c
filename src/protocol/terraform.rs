//! Terraform's credentials helper protocol: `get|store|forget HOST`, the token as `{"token":…}`.
//!
//! Terraform sends the token as a bearer to the services of HOST and does not come back after a 401. A host that is not
//! ours is answered with `{}`: no credentials, which is no failure.

use crate::broker::TokenRequest;
use crate::cli::TerraformOperation;
use crate::config::{Profile, TargetError};
use crate::context::Context;
use crate::error::Error;
use crate::origin::Origin;
use crate::outcome::Outcome;

/// Runs an operation.
pub(crate) fn run(context: &Context<'_>, operation: TerraformOperation, host: &str) -> Outcome {
    let answered = match operation {
        TerraformOperation::Get => get(context, host),
        TerraformOperation::Forget => forget(context, host),
        TerraformOperation::Store => Err(Error::unusable(
            "`store`",
            "ws1-token gets its tokens from the tenant and takes none from elsewhere",
            "leave out `terraform login`: the token is there without it",
        )),
    };
    answered.map(Outcome::answer).into()
}

/// The profile whose token the host may have, if there is one.
fn profile(context: &Context<'_>, host: &str) -> Result<Option<Profile>, Error> {
    let target = Origin::parse(host, true)
        .map_err(|cause| Error::unusable("the host name", cause, "write `host` or `host:port`"))?;
    match context.sources.profile_for(&target) {
        Err(TargetError::Foreign(_)) => Ok(None),
        found => found.map(Some).map_err(TargetError::into_error),
    }
}

/// Answers `get`.
fn get(context: &Context<'_>, host: &str) -> Result<String, Error> {
    let Some(profile) = profile(context, host)? else { return Ok("{}\n".to_owned()) };
    let token = context.obtain(&profile, &TokenRequest::default())?;
    Ok(format!("{{\"token\":\"{}\"}}\n", token.access_token.expose()))
}

/// Drops the cached token.
fn forget(context: &Context<'_>, host: &str) -> Result<String, Error> {
    if let Some(profile) = profile(context, host)? {
        context.forget(&profile)?;
    }
    Ok(String::new())
}
