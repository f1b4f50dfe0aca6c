//! `/acs/revoke`, the revocation endpoint (RFC 7009).

use crate::auth;
use crate::http::{Reply, form};
use crate::visit::Visit;

/// Answers; success counts as a revocation, failure as another request.
pub(crate) fn answer(visit: &Visit) -> Reply {
    let reply = revoke(visit);
    visit.shared.count(|counters| {
        if reply.status == 200 {
            counters.revoked += 1;
        } else {
            counters.other += 1;
        }
    });
    reply
}

/// Revokes a token of the client. An unknown token is a success, as RFC 7009 requires.
fn revoke(visit: &Visit) -> Reply {
    if visit.request.method != "POST" {
        return Reply::method_not_allowed("POST");
    }
    let fields = visit.request.form();
    let mut tenant = visit.shared.tenant();
    let Some((client, _)) = tenant.authenticate(&auth::client_credentials(visit.request, &fields)) else {
        return Reply::oauth_error(400, "invalid_client", "Client authentication failed");
    };
    let Some(token) = form::field(&fields, "token") else {
        return Reply::oauth_error(400, "invalid_request", "Missing parameter: token");
    };
    if tenant.owner(token).is_some_and(|owner| owner != client) {
        return Reply::oauth_error(400, "invalid_request", "The token was issued to another client");
    }
    tenant.revoke(token);
    Reply::new(200)
}
