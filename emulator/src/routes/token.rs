//! The token endpoint at all its paths.

use crate::auth;
use crate::claims::Issuance;
use crate::delivery::Delivery;
use crate::fault::Fault;
use crate::http::{Reply, Request, form};
use crate::play;
use crate::shared::Shared;
use crate::tenant::{RefreshError, TokenResponse};
use crate::visit::Visit;
use serde_json::{Value, json};

/// The grants of the service that a service client may not use.
const UNAUTHORIZED_GRANTS: [&str; 3] =
    ["authorization_code", "password", "urn:ietf:params:oauth:grant-type:jwt-bearer"];

/// A token endpoint. The replies of the sibling services differ a little.
pub(crate) struct TokenEndpoint {
    /// Path of the tenant: `/SAAS` or `/SAAS/t/NAME`.
    base: String,
    /// The format of the reply.
    dialect: Dialect,
}

/// The differences between the services.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Access: `token_type` is `Bearer`.
    Access,
    /// Intelligence: `token_type` is `bearer`.
    LowerCase,
    /// Connect: an `id_token` that is null.
    NullIdToken,
}

impl TokenEndpoint {
    /// The endpoint at `path`, if there is one.
    pub(crate) fn at(shared: &Shared, path: &str, segments: &[&str]) -> Option<Self> {
        let endpoint = |dialect| Some(Self { base: "/SAAS".to_owned(), dialect });
        match segments {
            ["SAAS", "auth", "oauthtoken"]
            | ["SAAS", "API", "1.0", "oauth2", "token"]
            | ["acs" | "connect", "token"]
            | ["acs", "t", _, "token"] => endpoint(Dialect::Access),
            ["oauth", "token"] => endpoint(Dialect::LowerCase),
            ["csp", "gateway", "am", "api", "auth", "authorize"] => endpoint(Dialect::NullIdToken),
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

/// Answers a token request, and plays the planned fault.
pub(crate) fn deliver(visit: &Visit, endpoint: &TokenEndpoint, entry: u64) -> Delivery {
    let _in_flight = InFlight::begin(visit.shared);
    let fields = parameters(visit.request);
    let fault = visit.shared.script.next();
    count(visit.shared, fields.as_deref().unwrap_or_default(), fault.as_ref());
    play::apply(visit, fault, &|| {
        let reply = answer(visit, endpoint, fields.as_deref(), entry);
        if reply.status >= 400 {
            visit.shared.count(|counters| counters.denied += 1);
        }
        reply.header("Cache-Control", "no-store").header("Pragma", "no-cache")
    })
}

/// Counts a token request in progress. It ends before the reply is sent, so that a client with a reply can rely on it.
struct InFlight<'a> {
    /// Has the counter.
    shared: &'a Shared,
}

impl<'a> InFlight<'a> {
    /// Begins the request.
    fn begin(shared: &'a Shared) -> Self {
        shared.journal().begin_token_request();
        Self { shared }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.shared.journal().end_token_request();
    }
}

/// Counts a token request by its grant.
fn count(shared: &Shared, fields: &[(String, String)], fault: Option<&Fault>) {
    let grant = form::field(fields, "grant_type");
    let not_processed = fault.is_some_and(|fault| !fault.issues());
    // If the tenant processes the request, `refresh_refused` counts the reuse.
    let reuse = not_processed
        && grant == Some("refresh_token")
        && form::field(fields, "refresh_token").is_some_and(|token| shared.tenant().was_consumed(token));
    shared.count(|counters| {
        counters.token_requests += 1;
        counters.client_credentials += u64::from(grant == Some("client_credentials"));
        counters.refresh += u64::from(grant == Some("refresh_token"));
        counters.refresh_reuse += u64::from(reuse);
    });
}

/// The parameters of a request: its form or, without a body, its query. `None` if the body is not a form.
fn parameters(request: &Request) -> Option<Vec<(String, String)>> {
    if request.body.is_empty() {
        return Some(form::pairs(request.query()));
    }
    let content_type = request.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded").then(|| request.form())
}

/// Processes a token request.
fn answer(visit: &Visit, endpoint: &TokenEndpoint, fields: Option<&[(String, String)]>, entry: u64) -> Reply {
    if visit.request.method != "POST" {
        return Reply::method_not_allowed("POST");
    }
    let Some(fields) = fields else {
        return Reply::oauth_error(400, "invalid_request", "The body must be application/x-www-form-urlencoded");
    };
    let mut tenant = visit.shared.tenant();
    let Some((client, method)) = tenant.authenticate(&auth::client_credentials(visit.request, fields)) else {
        return Reply::oauth_error(401, "invalid_client", "Client authentication failed")
            .header("WWW-Authenticate", r#"Basic realm="ws1""#);
    };
    if let Some(entry) = visit.shared.journal().entry(entry) {
        entry.client_auth = Some(method);
    }
    let issuance = Issuance { base: format!("{}{}", visit.shared.url, endpoint.base), now: visit.shared.clock.now() };
    match form::field(fields, "grant_type") {
        Some("client_credentials") => {
            success(&tenant.grant(&client, form::field(fields, "scope"), &issuance), endpoint)
        }
        Some("refresh_token") => match form::field(fields, "refresh_token") {
            None => Reply::oauth_error(400, "invalid_request", "Missing parameter: refresh_token"),
            Some(token) => match tenant.refresh(&client, token, &issuance) {
                Ok(issued) => success(&issued, endpoint),
                Err(refused) => refresh_refused(visit.shared, &refused),
            },
        },
        Some(grant) if UNAUTHORIZED_GRANTS.contains(&grant) => {
            Reply::oauth_error(400, "unauthorized_client", "The client is not authorized for this grant type")
        }
        // The service answers this with a server error, too.
        _ => Reply::oauth_error(500, "server_error", "grant_type is incorrect or absent"),
    }
}

/// The reply to a refused refresh token.
fn refresh_refused(shared: &Shared, refused: &RefreshError) -> Reply {
    if *refused == RefreshError::Reused {
        shared.count(|counters| counters.refresh_reuse += 1);
    }
    Reply::oauth_error(400, "invalid_grant", "Invalid refresh token")
}

/// The reply with a token.
fn success(issued: &TokenResponse, endpoint: &TokenEndpoint) -> Reply {
    let mut body = json!({
        "access_token": issued.access_token,
        "token_type": if endpoint.dialect == Dialect::LowerCase { "bearer" } else { "Bearer" },
        "expires_in": issued.expires_in,
        "scope": issued.scope,
    });
    if let Some(token) = &issued.refresh_token {
        body["refresh_token"] = json!(token);
    }
    if endpoint.dialect == Dialect::NullIdToken {
        body["id_token"] = Value::Null;
    }
    Reply::json(200, &body)
}
