//! The protected API: the list of users.

use crate::auth;
use crate::http::Reply;
use crate::visit::Visit;
use serde_json::json;

/// Answers with two users if the token has the scope `admin`.
pub(crate) fn answer(visit: &Visit) -> Reply {
    if !visit.request.reads() {
        return Reply::method_not_allowed("GET");
    }
    match visit.bearer_scope() {
        None => unauthorized(auth::bearer(visit.request).is_some()),
        Some(scope) if scope.split_whitespace().any(|granted| granted == "admin") => users(),
        Some(_) => Reply::api_error(403, "access.denied", "The token lacks the scope admin")
            .header("WWW-Authenticate", r#"Bearer error="insufficient_scope", scope="admin""#),
    }
}

/// The reply to a request without a valid token; `given` is whether it had one.
fn unauthorized(given: bool) -> Reply {
    let challenge = if given { r#"Bearer error="invalid_token""# } else { "Bearer" };
    Reply::api_error(401, "not.authenticated", "Not authenticated").header("WWW-Authenticate", challenge)
}

/// The list of users.
fn users() -> Reply {
    let user = |id: &str, name: &str, given: &str, family: &str| {
        json!({
            "schemas": ["urn:scim:schemas:core:1.0"],
            "id": id,
            "userName": name,
            "active": true,
            "name": { "givenName": given, "familyName": family },
            "emails": [{ "value": format!("{name}@example.com") }],
        })
    };
    Reply::json(
        200,
        &json!({
            "schemas": ["urn:scim:schemas:core:1.0"],
            "totalResults": 2,
            "itemsPerPage": 2,
            "startIndex": 1,
            "Resources": [
                user("7f6c1d0a-0001-4000-8000-000000000001", "ada", "Ada", "Lovelace"),
                user("7f6c1d0a-0002-4000-8000-000000000002", "grace", "Grace", "Hopper"),
            ],
        }),
    )
}
