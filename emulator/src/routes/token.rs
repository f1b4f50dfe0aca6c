//! The token endpoint, behind all its doors.

use crate::auth;
use crate::claims::Occasion;
use crate::delivery::Delivery;
use crate::fault::Fault;
use crate::http::{Reply, Request, form};
use crate::play;
use crate::shared::Shared;
use crate::tenant::{Issued, Refused};
use crate::visit::Visit;
use serde_json::{Value, json};

/// The grants this service knows but a service client may not use.
const OTHER_GRANTS: [&str; 3] = ["authorization_code", "password", "urn:ietf:params:oauth:grant-type:jwt-bearer"];

/// A path to the token endpoint. The sibling services differ a little in what they answer.
pub(crate) struct Door {
    /// Path below which the issuer is: `/SAAS`, or `/SAAS/t/NAME` for a path tenant.
    base: String,
    /// What the reply looks like.
    dialect: Dialect,
}

/// The small differences between services.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Access: `Bearer`.
    Access,
    /// Intelligence: `bearer`.
    LowerCase,
    /// Connect: an `id_token` that is null.
    NullIdToken,
}

impl Door {
    /// The door at `path`, if there is one.
    pub(crate) fn at(shared: &Shared, path: &str, segments: &[&str]) -> Option<Self> {
        let door = |dialect| Some(Self { base: "/SAAS".to_owned(), dialect });
        match segments {
            ["SAAS", "auth", "oauthtoken"]
            | ["SAAS", "API", "1.0", "oauth2", "token"]
            | ["acs" | "connect", "token"]
            | ["acs", "t", _, "token"] => door(Dialect::Access),
            ["oauth", "token"] => door(Dialect::LowerCase),
            ["csp", "gateway", "am", "api", "auth", "authorize"] => door(Dialect::NullIdToken),
            ["SAAS", "t", name, "auth", "oauthtoken"] => {
                Some(Self { base: format!("/SAAS/t/{name}"), dialect: Dialect::Access })
            }
            _ => {
                let base = path.strip_suffix("/auth/oauthtoken")?;
                let known = shared.tenant_path.as_deref() == Some(base);
                known.then(|| Self { base: base.to_owned(), dialect: Dialect::Access })
            }
        }
    }
}

/// Answers a token request, with the fault that is due.
pub(crate) fn deliver(visit: &Visit, door: &Door, entry: u64) -> Delivery {
    let _flight = Flight::take_off(visit.shared);
    let fields = parameters(visit.request);
    let fault = visit.shared.script.next();
    count(visit.shared, fields.as_deref().unwrap_or_default(), fault.as_ref());
    play::perform(visit, fault, &|| {
        let reply = answer(visit, door, fields.as_deref(), entry);
        if reply.status >= 400 {
            visit.shared.count(|counters| counters.denied += 1);
        }
        reply.header("Cache-Control", "no-store").header("Pragma", "no-cache")
    })
}

/// A token request in work. It ends before its reply goes out, so that whoever has the reply can rely on that.
struct Flight<'a> {
    /// Where it is counted.
    shared: &'a Shared,
}

impl<'a> Flight<'a> {
    /// Begins.
    fn take_off(shared: &'a Shared) -> Self {
        shared.journal().take_off();
        Self { shared }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.shared.journal().land();
    }
}

/// Counts a token request by what it asks for.
fn count(shared: &Shared, fields: &[(String, String)], fault: Option<&Fault>) {
    let grant = form::field(fields, "grant_type");
    let turned_away = fault.is_some_and(|fault| !fault.issues());
    // A reuse the tenant gets to see is counted where the tenant sees it.
    let reuse = turned_away
        && grant == Some("refresh_token")
        && form::field(fields, "refresh_token").is_some_and(|token| shared.tenant().was_consumed(token));
    shared.count(|counters| {
        counters.token_requests += 1;
        counters.client_credentials += u64::from(grant == Some("client_credentials"));
        counters.refresh += u64::from(grant == Some("refresh_token"));
        counters.refresh_reuse += u64::from(reuse);
    });
}

/// What the request asks for: its form body or, where there is no body, its query. `None` if the body is no form.
fn parameters(request: &Request) -> Option<Vec<(String, String)>> {
    if request.body.is_empty() {
        return Some(form::pairs(request.query()));
    }
    let content_type = request.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded").then(|| request.form())
}

/// What the tenant says.
fn answer(visit: &Visit, door: &Door, fields: Option<&[(String, String)]>, entry: u64) -> Reply {
    if visit.request.method != "POST" {
        return Reply::method_not_allowed("POST");
    }
    let Some(fields) = fields else {
        return Reply::oauth_error(400, "invalid_request", "The body must be application/x-www-form-urlencoded");
    };
    let mut tenant = visit.shared.tenant();
    let Some((client, how)) = tenant.authenticate(&auth::logins(visit.request, fields)) else {
        return Reply::oauth_error(401, "invalid_client", "Client authentication failed")
            .header("WWW-Authenticate", r#"Basic realm="ws1""#);
    };
    if let Some(entry) = visit.shared.journal().entry(entry) {
        entry.client_auth = Some(how);
    }
    let occasion = Occasion { base: format!("{}{}", visit.shared.url, door.base), now: visit.shared.clock.now() };
    match form::field(fields, "grant_type") {
        Some("client_credentials") => success(&tenant.grant(&client, form::field(fields, "scope"), &occasion), door),
        Some("refresh_token") => match form::field(fields, "refresh_token") {
            None => Reply::oauth_error(400, "invalid_request", "Missing parameter: refresh_token"),
            Some(token) => match tenant.refresh(&client, token, &occasion) {
                Ok(issued) => success(&issued, door),
                Err(refused) => refresh_refused(visit.shared, &refused),
            },
        },
        Some(grant) if OTHER_GRANTS.contains(&grant) => {
            Reply::oauth_error(400, "unauthorized_client", "The client is not authorized for this grant type")
        }
        // The service really calls this a server error.
        _ => Reply::oauth_error(500, "server_error", "grant_type is incorrect or absent"),
    }
}

/// The reply to a refresh token that buys nothing.
fn refresh_refused(shared: &Shared, refused: &Refused) -> Reply {
    if *refused == Refused::Reused {
        shared.count(|counters| counters.refresh_reuse += 1);
    }
    Reply::oauth_error(400, "invalid_grant", "Invalid refresh token")
}

/// The reply with a token.
fn success(issued: &Issued, door: &Door) -> Reply {
    let mut body = json!({
        "access_token": issued.access_token,
        "token_type": if door.dialect == Dialect::LowerCase { "bearer" } else { "Bearer" },
        "expires_in": issued.expires_in,
        "scope": issued.scope,
    });
    if let Some(token) = &issued.refresh_token {
        body["refresh_token"] = json!(token);
    }
    if door.dialect == Dialect::NullIdToken {
        body["id_token"] = Value::Null;
    }
    Reply::json(200, &body)
}
