//! The list of users, of Access and of the identity broker.

use crate::http::Reply;
use crate::visit::Visit;
use serde_json::json;

/// A version of SCIM.
pub(crate) struct Version {
    /// The type of a reply.
    content_type: &'static str,
    /// The schema of a list.
    list: &'static str,
    /// The schema of a user.
    user: &'static str,
}

/// SCIM 1.1, with Access's content type.
pub(crate) const V1: Version =
    Version { content_type: "application/json", list: "urn:scim:schemas:core:1.0", user: "urn:scim:schemas:core:1.0" };

/// SCIM 2.0 (RFC 7643, RFC 7644).
pub(crate) const V2: Version = Version {
    content_type: "application/scim+json",
    list: "urn:ietf:params:scim:api:messages:2.0:ListResponse",
    user: "urn:ietf:params:scim:schemas:core:2.0:User",
};

/// Answers with two users if the token has the scope `admin`.
pub(crate) fn answer(visit: &Visit, version: &Version) -> Reply {
    if !visit.request.reads() {
        return Reply::method_not_allowed("GET");
    }
    match administrator(visit) {
        Ok(()) => users(version),
        Err(refusal) => refusal,
    }
}

/// Whether the request has a valid token with the scope `admin`; else the reply to it.
pub(crate) fn administrator(visit: &Visit) -> Result<(), Reply> {
    let scope = visit.authorize()?;
    if scope.split_whitespace().any(|granted| granted == "admin") {
        return Ok(());
    }
    let challenge = r#"Bearer error="insufficient_scope", scope="admin""#;
    Err(Reply::api_error(403, "access.denied", "The token lacks the scope admin").header("WWW-Authenticate", challenge))
}

/// The list of users.
fn users(version: &Version) -> Reply {
    let user = |id: &str, name: &str, given: &str, family: &str| {
        json!({
            "schemas": [version.user],
            "id": id,
            "userName": name,
            "active": true,
            "name": { "givenName": given, "familyName": family },
            "emails": [{ "value": format!("{name}@example.com") }],
        })
    };
    let list = json!({
        "schemas": [version.list],
        "totalResults": 2,
        "itemsPerPage": 2,
        "startIndex": 1,
        "Resources": [
            user("7f6c1d0a-0001-4000-8000-000000000001", "ada", "Ada", "Lovelace"),
            user("7f6c1d0a-0002-4000-8000-000000000002", "grace", "Grace", "Hopper"),
        ],
    });
    Reply::with(200, version.content_type, list.to_string())
}
