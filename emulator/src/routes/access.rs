//! The routes of Access: users, audit report, revocation, validation and discovery.

use super::{api, audit, discovery, other, revoke, scim, validate};
use crate::http::Reply;
use crate::visit::Visit;

/// Answers at the paths of Access.
pub(crate) fn answer(visit: &Visit, segments: &[&str]) -> Option<Reply> {
    Some(match segments {
        ["acs", "revoke"] => revoke::answer(visit),
        ["acs", "jwks"] if visit.request.reads() => other(visit, validate::jwks(visit)),
        ["analytics", "reports", "audit"] | ["analytics", "reports", "audit", ""] => api(visit, audit::answer(visit)),
        [base @ .., ".well-known", "openid-configuration"] if visit.request.reads() => {
            other(visit, discovery::answer(visit, base))
        }
        ["SAAS", "t", _, rest @ ..] | ["SAAS", rest @ ..] => return below_tenant(visit, rest),
        _ => return None,
    })
}

/// Answers at the paths below that of a tenant, `/SAAS` or `/SAAS/t/NAME`.
fn below_tenant(visit: &Visit, segments: &[&str]) -> Option<Reply> {
    match segments {
        ["jersey", "manager", "api", "scim", "Users"] => Some(api(visit, scim::answer(visit, &scim::V1))),
        ["API", "1.0", "REST", "auth", "token"] => Some(other(visit, validate::answer(visit))),
        _ => None,
    }
}
