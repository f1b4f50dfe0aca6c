//! The users of the identity broker. The path is published; the reply is SCIM 2.0.

use super::{api, scim};
use crate::http::Reply;
use crate::visit::Visit;

/// Answers at the paths of the API.
pub(crate) fn answer(visit: &Visit, segments: &[&str]) -> Option<Reply> {
    match segments {
        ["usergroup", "t", _, "scim", "v2", "Users"] => Some(api(visit, scim::answer(visit, &scim::V2))),
        _ => None,
    }
}
