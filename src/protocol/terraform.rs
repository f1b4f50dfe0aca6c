//! Terraform's credentials helper protocol: `get|store|forget HOST`, the token as `{"token":…}`.
//!
//! Terraform sends the token as a bearer to the services of HOST and does not come back after a 401. A host that is not
//! ours is answered with `{}`: no credentials, which is no failure.

use crate::broker::Want;
use crate::cli::TerraformOperation;
use crate::context::Context;
use crate::error::{Cause, Error};
use crate::origin::Origin;
use crate::outcome::Outcome;

/// Runs an operation.
pub(crate) fn run(context: &Context<'_>, operation: TerraformOperation, host: &str) -> Result<Outcome, Error> {
    if operation == TerraformOperation::Store {
        return Err(Error::BadInput {
            what: "`store`",
            source: Cause::new("ws1-token gets its tokens from the tenant and takes none from elsewhere"),
            hint: "leave out `terraform login`: the token is there without it",
        });
    }
    let target = Origin::parse(host, true).map_err(|cause| Error::BadInput {
        what: "the host name",
        source: Cause::new(cause),
        hint: "write `host` or `host:port`",
    })?;
    let profile = context.sources.profile(None)?;
    if !profile.allows(&target) {
        return Ok(Outcome::answer(if operation == TerraformOperation::Get { "{}\n" } else { "" }));
    }
    if operation == TerraformOperation::Forget {
        return crate::command::forget::forget_profile(context, &profile);
    }
    let served = context.obtain(&profile, &Want::default())?;
    Ok(Outcome::answer(format!("{{\"token\":\"{}\"}}\n", served.access_token.expose())))
}
