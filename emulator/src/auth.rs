//! Who is asking: client credentials and bearer tokens in a request.

use crate::http::{ClientAuth, Request, form};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A client id and secret, as one way of reading the request gives them.
pub(crate) struct Login {
    /// The client id.
    pub(crate) id: String,
    /// The client secret.
    pub(crate) secret: String,
    /// The way of reading.
    pub(crate) how: ClientAuth,
}

/// All ways to read client credentials out of `request`, whose parameters are `fields`.
pub(crate) fn logins(request: &Request, fields: &[(String, String)]) -> Vec<Login> {
    let mut logins = Vec::new();
    if let Some((id, secret)) = basic(request) {
        let (decoded_id, decoded_secret) = (form::decode(&id), form::decode(&secret));
        logins.push(Login { id, secret, how: ClientAuth::Basic });
        logins.push(Login { id: decoded_id, secret: decoded_secret, how: ClientAuth::BasicFormEncoded });
    }
    if let (Some(id), Some(secret)) = (form::field(fields, "client_id"), form::field(fields, "client_secret")) {
        logins.push(Login { id: id.to_owned(), secret: secret.to_owned(), how: ClientAuth::Post });
    }
    logins
}

/// User name and password of HTTP Basic.
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

/// What follows the name of `scheme` in the `Authorization` header.
fn credentials<'a>(request: &'a Request, scheme: &str) -> Option<&'a str> {
    let (given, credentials) = request.header("authorization")?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| credentials.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request with only this `Authorization` header.
    fn with(authorization: &str) -> Request {
        Request { headers: vec![("Authorization".to_owned(), authorization.to_owned())], ..Request::default() }
    }

    #[test]
    fn basic_is_read_raw_and_form_encoded() {
        let logins = logins(&with("basic Y2klNDBhY21lOmElMkJiJTI1Yytk"), &[]);
        assert_eq!((logins[0].id.as_str(), logins[0].secret.as_str()), ("ci%40acme", "a%2Bb%25c+d"));
        assert_eq!((logins[1].id.as_str(), logins[1].secret.as_str()), ("ci@acme", "a+b%c d"));
    }

    #[test]
    fn a_secret_may_hold_colons() {
        assert_eq!(basic(&with("Basic YTpiOmM=")), Some(("a".into(), "b:c".into())));
        assert_eq!(basic(&with("Basic !")), None);
        assert_eq!(bearer(&with("bearer t")), Some("t"));
        assert_eq!(bearer(&with("Bearer")), None);
    }
}
