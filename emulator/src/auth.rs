//! Client credentials and bearer tokens in a request.

use crate::http::{ClientAuth, Request, form};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A client id and secret, as one authentication method reads them from a request.
pub(crate) struct ClientCredentials {
    /// The client id.
    pub(crate) id: String,
    /// The client secret.
    pub(crate) secret: String,
    /// The authentication method.
    pub(crate) method: ClientAuth,
}

/// The client credentials in `request`, once for each authentication method that finds some. `fields` is the form.
pub(crate) fn client_credentials(request: &Request, fields: &[(String, String)]) -> Vec<ClientCredentials> {
    let mut credentials = Vec::new();
    if let Some((id, secret)) = basic(request) {
        let (decoded_id, decoded_secret) = (form::decode(&id), form::decode(&secret));
        credentials.push(ClientCredentials { id, secret, method: ClientAuth::Basic });
        credentials.push(ClientCredentials {
            id: decoded_id,
            secret: decoded_secret,
            method: ClientAuth::BasicFormEncoded,
        });
    }
    if let (Some(id), Some(secret)) = (form::field(fields, "client_id"), form::field(fields, "client_secret")) {
        credentials.push(ClientCredentials { id: id.to_owned(), secret: secret.to_owned(), method: ClientAuth::Post });
    }
    credentials
}

/// User name and password of HTTP Basic authentication.
pub(crate) fn basic(request: &Request) -> Option<(String, String)> {
    let decoded = STANDARD.decode(credentials(request, "Basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The bearer token.
pub(crate) fn bearer(request: &Request) -> Option<&str> {
    credentials(request, "Bearer")
}

/// The credentials in the `Authorization` header, if its scheme is `scheme`.
fn credentials<'a>(request: &'a Request, scheme: &str) -> Option<&'a str> {
    let (name, credentials) = request.header("authorization")?.split_once(' ')?;
    name.eq_ignore_ascii_case(scheme).then(|| credentials.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request with this `Authorization` header.
    fn with(authorization: &str) -> Request {
        Request { headers: vec![("Authorization".to_owned(), authorization.to_owned())], ..Request::default() }
    }

    #[test]
    fn basic_is_read_raw_and_form_encoded() {
        let credentials = client_credentials(&with("basic Y2klNDBhY21lOmElMkJiJTI1Yytk"), &[]);
        assert_eq!((credentials[0].id.as_str(), credentials[0].secret.as_str()), ("ci%40acme", "a%2Bb%25c+d"));
        assert_eq!((credentials[1].id.as_str(), credentials[1].secret.as_str()), ("ci@acme", "a+b%c d"));
    }

    #[test]
    fn a_secret_may_hold_colons() {
        assert_eq!(basic(&with("Basic YTpiOmM=")), Some(("a".into(), "b:c".into())));
        assert_eq!(basic(&with("Basic !")), None);
        assert_eq!(bearer(&with("bearer t")), Some("t"));
        assert_eq!(bearer(&with("Bearer")), None);
    }
}
