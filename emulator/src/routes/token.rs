//! The token endpoint at all its paths.

use crate::auth;
use crate::claims::Issuance;
use crate::delivery::Delivery;
use crate::fault::Fault;
use crate::http::{ClientAuth, Reply, Request, form};
use crate::play;
use crate::service::{Denial, Dialect, Endpoint, Format, Host, Parameters};
use crate::shared::Shared;
use crate::tenant::{RefreshError, Tenant, TokenResponse};
use crate::visit::Visit;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The grants of the services that a service client may not use.
const UNAUTHORIZED_GRANTS: [&str; 3] =
    ["authorization_code", "password", "urn:ietf:params:oauth:grant-type:jwt-bearer"];
/// How many characters of a refused API token a reply may repeat.
const SHOWN: usize = 5;

/// What a request asks for.
enum Grant<'a> {
    /// A token for the client.
    ClientCredentials,
    /// A token for a refresh token.
    Refresh(Option<&'a str>),
    /// A token for an API token.
    ApiToken(Option<&'a str>),
    /// A grant that no service client may use.
    Unauthorized,
    /// An unknown or absent grant type.
    Unknown,
}

/// The parameters of a request.
type Fields = [(String, String)];

/// The endpoint at `path`, if there is one.
pub(crate) fn endpoint(visit: &Visit, path: &str, segments: &[&str]) -> Option<Endpoint> {
    if visit.host != Host::Token {
        return None;
    }
    (visit.dialect().endpoint)(segments).or_else(|| {
        let base = path.strip_suffix("/auth/oauthtoken")?;
        let known = visit.shared.tenant_path.as_deref() == Some(base);
        known.then(|| Endpoint::new(base, &Format::PLAIN))
    })
}

/// Answers a token request, and plays the planned fault.
pub(crate) fn deliver(visit: &Visit, endpoint: &Endpoint, entry: u64) -> Delivery {
    let _in_flight = InFlight::begin(visit.shared);
    let dialect = visit.dialect();
    let fields = parameters(visit.request, dialect.parameters);
    let grant = Grant::of(endpoint, dialect, fields.as_deref().unwrap_or_default());
    let fault = visit.shared.script.next();
    count(visit.shared, &grant, fault.as_ref());
    play::apply(visit, fault, &|| {
        let reply = match answer(visit, endpoint, fields.as_deref(), &grant, entry) {
            Ok(issued) => success(&issued, endpoint.format),
            Err(refusal) => refusal,
        };
        if reply.status >= 400 {
            visit.shared.count(|counters| counters.denied += 1);
        }
        reply.header("Cache-Control", "no-store").header("Pragma", "no-cache")
    })
}

impl<'a> Grant<'a> {
    /// What a request with these parameters asks for.
    fn of(endpoint: &Endpoint, dialect: &Dialect, fields: &'a Fields) -> Self {
        let grant_type = form::field(fields, "grant_type");
        if let Some(accepted) = &dialect.api_tokens
            && (endpoint.only_api_tokens || grant_type == Some(accepted.grant_type))
        {
            return Self::ApiToken(accepted.parameters.iter().find_map(|name| form::field(fields, name)));
        }
        match grant_type {
            Some("client_credentials") => Self::ClientCredentials,
            Some("refresh_token") => Self::Refresh(form::field(fields, "refresh_token")),
            Some(grant) if UNAUTHORIZED_GRANTS.contains(&grant) => Self::Unauthorized,
            _ => Self::Unknown,
        }
    }
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
fn count(shared: &Shared, grant: &Grant, fault: Option<&Fault>) {
    let not_processed = fault.is_some_and(|fault| !fault.issues());
    // If the tenant processes the request, `refresh` counts the reuse.
    let reuse = not_processed && matches!(grant, Grant::Refresh(Some(token)) if shared.tenant().was_consumed(token));
    shared.count(|counters| {
        counters.token_requests += 1;
        counters.client_credentials += u64::from(matches!(grant, Grant::ClientCredentials));
        counters.refresh += u64::from(matches!(grant, Grant::Refresh(_)));
        counters.refresh_reuse += u64::from(reuse);
    });
}

/// The parameters of a request. `None` if the body is not a form.
fn parameters(request: &Request, place: Parameters) -> Option<Vec<(String, String)>> {
    let query = || form::pairs(request.query());
    if request.body.is_empty() {
        return Some(if place == Parameters::Form { Vec::new() } else { query() });
    }
    let content_type = request.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return None;
    }
    let mut fields = request.form();
    if place == Parameters::FormAndQuery {
        fields.extend(query());
    }
    Some(fields)
}

/// Processes a token request.
fn answer(
    visit: &Visit,
    endpoint: &Endpoint,
    fields: Option<&Fields>,
    grant: &Grant,
    entry: u64,
) -> Result<TokenResponse, Reply> {
    let refuse = |denial| (visit.dialect().refuse)(&denial);
    if visit.request.method != "POST" {
        return Err(Reply::method_not_allowed("POST"));
    }
    let fields = fields.ok_or_else(|| refuse(Denial::NotForm))?;
    let scope = form::field(fields, "scope");
    let issuance = Issuance { base: format!("{}{}", visit.shared.url, endpoint.base), now: visit.shared.clock.now() };
    let mut tenant = visit.shared.tenant();
    if let Grant::ApiToken(token) = grant {
        return exchange(visit.dialect(), &mut tenant, *token, scope, &issuance).map_err(refuse);
    }
    let client = authenticate(visit, &tenant, fields, entry).ok_or_else(|| refuse(Denial::Client))?;
    let foreign = |id| visit.shared.service.has_organisation() && id != tenant.organisation();
    if form::field(fields, "orgId").is_some_and(foreign) {
        return Err(refuse(Denial::Organisation));
    }
    match grant {
        Grant::ClientCredentials => Ok(tenant.grant(&client, scope, &issuance)),
        Grant::Refresh(None) => Err(refuse(Denial::Missing("refresh_token"))),
        Grant::Refresh(Some(token)) => tenant.refresh(&client, token, &issuance).map_err(|refused| {
            if refused == RefreshError::Reused {
                visit.shared.count(|counters| counters.refresh_reuse += 1);
            }
            refuse(Denial::RefreshToken)
        }),
        Grant::Unauthorized => Err(refuse(Denial::UnauthorizedGrant)),
        Grant::ApiToken(_) | Grant::Unknown => Err(refuse(Denial::UnknownGrant)),
    }
}

/// The client of a request; notes in the journal how it authenticated.
fn authenticate(visit: &Visit, tenant: &Tenant, fields: &Fields, entry: u64) -> Option<String> {
    let mut credentials = auth::client_credentials(visit.request, fields);
    if !visit.dialect().client_in_parameters {
        credentials.retain(|given| given.method != ClientAuth::Post);
    }
    let (client, method) = tenant.authenticate(&credentials)?;
    if let Some(entry) = visit.shared.journal().entry(entry) {
        entry.client_auth = Some(method);
    }
    Some(client)
}

/// An access token for an API token.
fn exchange<'a>(
    dialect: &Dialect,
    tenant: &mut Tenant,
    token: Option<&'a str>,
    scope: Option<&str>,
    issuance: &Issuance,
) -> Result<TokenResponse, Denial<'a>> {
    let token = token.ok_or(Denial::Missing("api_token"))?;
    let issued = tenant.exchange(token, scope, issuance).ok_or_else(|| {
        let hidden = token.char_indices().nth_back(SHOWN - 1).map_or(0, |(at, _)| at);
        Denial::ApiToken(&token[hidden..])
    })?;
    let repeated = dialect.api_tokens.as_ref().is_some_and(|accepted| accepted.repeated);
    Ok(TokenResponse { refresh_token: repeated.then(|| token.to_owned()), ..issued })
}

/// The reply with a token.
fn success(issued: &TokenResponse, format: &Format) -> Reply {
    let mut body = json!({
        "access_token": issued.access_token,
        "token_type": format.token_type,
        "expires_in": issued.expires_in,
        "scope": issued.scope,
    });
    for name in format.nulls {
        body[name] = Value::Null;
    }
    if let Some(token) = &issued.refresh_token {
        body["refresh_token"] = json!(token);
    }
    if !format.claims.is_empty() {
        let claims = claims(&issued.access_token);
        for name in format.claims {
            body[name] = claims[name].clone();
        }
    }
    Reply::json(200, &body)
}

/// The claims of an access token.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
    payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default()
}
