//! Clients and tokens of the tenant: authentication, both grants, revocation. Pure state, without network and clock.

use crate::auth::ClientCredentials;
use crate::claims::{Issuance, Subject};
use crate::http::ClientAuth;
use crate::random;
use crate::service::Dialect;
use crate::signer::Signer;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The client that tokens for an API token are issued to: those have none.
const API_TOKEN_CLIENT: &str = "api-token";

/// Settings of the tokens.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Life of an access token in seconds; by default the service's.
    pub(crate) life: Option<u64>,
    /// Whether replies have a refresh token; by default as the service has it.
    pub(crate) refresh_tokens: Option<bool>,
    /// Whether a refresh consumes the refresh token and issues its successor.
    pub(crate) rotation: bool,
    /// Whether a request gets the unexpired access token again instead of a new one.
    pub(crate) reissue: bool,
}

/// Who may request tokens.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    /// Client secrets by client id.
    pub(crate) clients: BTreeMap<String, String>,
    /// The API tokens.
    pub(crate) api_tokens: BTreeSet<String>,
    /// Id of the organisation that all of them belong to.
    pub(crate) organisation: String,
}

/// The tenant.
pub(crate) struct Tenant {
    /// The service it belongs to.
    dialect: &'static Dialect,
    /// Settings of the tokens.
    pub(crate) policy: Policy,
    /// Signs access tokens.
    pub(crate) signer: Signer,
    /// Who may request tokens.
    directory: Directory,
    /// Access tokens, oldest first.
    access: Vec<AccessToken>,
    /// Index in `access` by token.
    index: HashMap<String, usize>,
    /// All refresh tokens issued so far, by token.
    refresh: HashMap<String, RefreshToken>,
}

/// An access token.
pub(crate) struct AccessToken {
    /// The token itself.
    pub(crate) token: String,
    /// The client it was issued to.
    pub(crate) client: String,
    /// The scope granted.
    pub(crate) scope: String,
    /// Expiry in Unix seconds.
    expires: i64,
    /// Whether it was revoked.
    revoked: bool,
}

/// A refresh token.
struct RefreshToken {
    /// The client it was issued to.
    client: String,
    /// The scope of the tokens issued for it.
    scope: String,
    /// Shared with the refresh tokens before and after it in the rotation.
    family: String,
    /// Whether it is valid.
    state: TokenState,
}

/// The state of a refresh token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TokenState {
    /// It can be used.
    Valid,
    /// It was used, and its successor issued.
    Consumed,
    /// It was revoked.
    Revoked,
}

/// A successful response (RFC 6749, section 5.1).
pub(crate) struct TokenResponse {
    /// The access token.
    pub(crate) access_token: String,
    /// Remaining life in seconds, less what the service leaves off.
    pub(crate) expires_in: i64,
    /// The refresh token, if there is one.
    pub(crate) refresh_token: Option<String>,
    /// The scope granted.
    pub(crate) scope: String,
}

/// Why a refresh token is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RefreshError {
    /// Unknown, revoked, or another client's.
    Invalid,
    /// Consumed before: it or its successor may be stolen.
    Reused,
}

impl Tenant {
    /// A tenant without access and refresh tokens.
    pub(crate) fn new(dialect: &'static Dialect, policy: Policy, directory: Directory) -> Self {
        Self {
            dialect,
            policy,
            signer: Signer::new(),
            directory,
            access: Vec::new(),
            index: HashMap::new(),
            refresh: HashMap::new(),
        }
    }

    /// The client with one of these credentials, and its authentication method.
    pub(crate) fn authenticate(&self, credentials: &[ClientCredentials]) -> Option<(String, ClientAuth)> {
        let valid = |given: &&ClientCredentials| self.directory.clients.get(&given.id) == Some(&given.secret);
        credentials.iter().find(valid).map(|given| (given.id.clone(), given.method))
    }

    /// Sets the secret of a client, or adds the client.
    pub(crate) fn set_secret(&mut self, client: &str, secret: &str) {
        self.directory.clients.insert(client.to_owned(), secret.to_owned());
    }

    /// Removes a client and all its tokens.
    pub(crate) fn remove_client(&mut self, client: &str) {
        self.directory.clients.remove(client);
        self.access.iter_mut().filter(|access| access.client == client).for_each(|access| access.revoked = true);
        self.refresh.retain(|_, refresh| refresh.client != client);
    }

    /// Adds an API token.
    pub(crate) fn add_api_token(&mut self, token: &str) {
        self.directory.api_tokens.insert(token.to_owned());
    }

    /// Removes an API token. Access tokens issued for it stay valid.
    pub(crate) fn remove_api_token(&mut self, token: &str) {
        self.directory.api_tokens.remove(token);
    }

    /// Id of the organisation.
    pub(crate) fn organisation(&self) -> &str {
        &self.directory.organisation
    }

    /// An access token for an API token, without a refresh token; `None` if the API token is unknown.
    pub(crate) fn exchange(
        &mut self,
        api_token: &str,
        scope: Option<&str>,
        issuance: &Issuance,
    ) -> Option<TokenResponse> {
        let known = self.directory.api_tokens.contains(api_token);
        known.then(|| self.issue(API_TOKEN_CLIENT, self.scope(scope), None, issuance))
    }

    /// The scope of a request that names `scope`, or none.
    fn scope(&self, scope: Option<&str>) -> String {
        scope.filter(|scope| !scope.trim().is_empty()).unwrap_or(self.dialect.scope).to_owned()
    }

    /// The client credentials grant.
    pub(crate) fn grant(&mut self, client: &str, scope: Option<&str>, issuance: &Issuance) -> TokenResponse {
        let scope = self.scope(scope);
        let wanted = self.policy.refresh_tokens.unwrap_or(self.dialect.refresh_tokens);
        let refresh_token = wanted.then(|| self.new_refresh_token(client, &scope, random::opaque()));
        self.issue(client, scope, refresh_token, issuance)
    }

    /// The refresh token grant.
    pub(crate) fn refresh(
        &mut self,
        client: &str,
        token: &str,
        issuance: &Issuance,
    ) -> Result<TokenResponse, RefreshError> {
        let rotation = self.policy.rotation;
        let known = self.refresh.get_mut(token).filter(|known| known.client == client).ok_or(RefreshError::Invalid)?;
        let (scope, family) = (known.scope.clone(), known.family.clone());
        match known.state {
            TokenState::Revoked => return Err(RefreshError::Invalid),
            TokenState::Consumed => {
                self.revoke_family(&family);
                return Err(RefreshError::Reused);
            }
            TokenState::Valid if rotation => known.state = TokenState::Consumed,
            TokenState::Valid => {
                return Ok(self.issue(client, scope, Some(token.to_owned()), issuance));
            }
        }
        let successor = self.new_refresh_token(client, &scope, family);
        Ok(self.issue(client, scope, Some(successor), issuance))
    }

    /// Whether this refresh token is consumed.
    pub(crate) fn was_consumed(&self, token: &str) -> bool {
        self.refresh.get(token).is_some_and(|known| known.state == TokenState::Consumed)
    }

    /// Revokes every refresh token of a family. Its access tokens stay valid.
    fn revoke_family(&mut self, family: &str) {
        for known in self.refresh.values_mut().filter(|known| known.family == family) {
            if known.state == TokenState::Valid {
                known.state = TokenState::Revoked;
            }
        }
    }

    /// Issues a refresh token.
    fn new_refresh_token(&mut self, client: &str, scope: &str, family: String) -> String {
        let token = random::opaque();
        let (client, scope) = (client.to_owned(), scope.to_owned());
        self.refresh.insert(token.clone(), RefreshToken { client, scope, family, state: TokenState::Valid });
        token
    }

    /// Issues an access token, or the unexpired one again.
    fn issue(
        &mut self,
        client: &str,
        scope: String,
        refresh_token: Option<String>,
        issuance: &Issuance,
    ) -> TokenResponse {
        let reissued = if self.policy.reissue { self.reissuable(client, &scope, issuance.now) } else { None };
        let (access_token, expires) = reissued.unwrap_or_else(|| self.new_access_token(client, &scope, issuance));
        TokenResponse {
            access_token,
            expires_in: expires - issuance.now - self.dialect.shortfall,
            refresh_token,
            scope,
        }
    }

    /// An unexpired access token of this client and scope, and its expiry.
    fn reissuable(&self, client: &str, scope: &str, now: i64) -> Option<(String, i64)> {
        let fits = |access: &&AccessToken| access.is_valid(now + 1) && access.client == client && access.scope == scope;
        self.access.iter().rev().find(fits).map(|access| (access.token.clone(), access.expires))
    }

    /// Issues an access token; returns it with its expiry.
    fn new_access_token(&mut self, client: &str, scope: &str, issuance: &Issuance) -> (String, i64) {
        let expires = issuance.now.saturating_add_unsigned(self.policy.life.unwrap_or(self.dialect.life));
        let organisation = self.organisation();
        let subject = Subject { client, scope, organisation, issuance, expires };
        let token = self.signer.sign(&(self.dialect.claims)(&subject));
        self.index.insert(token.clone(), self.access.len());
        self.access.push(AccessToken {
            token: token.clone(),
            client: client.to_owned(),
            scope: scope.to_owned(),
            expires,
            revoked: false,
        });
        (token, expires)
    }

    /// The access token `token`, if it is valid at `now`.
    pub(crate) fn check(&self, token: &str, now: i64) -> Option<&AccessToken> {
        self.access.get(*self.index.get(token)?).filter(|access| access.is_valid(now))
    }

    /// Whether `token` is an access token that was revoked.
    pub(crate) fn is_revoked(&self, token: &str) -> bool {
        self.index.get(token).is_some_and(|&at| self.access[at].revoked)
    }

    /// The client that this access or refresh token was issued to.
    pub(crate) fn owner(&self, token: &str) -> Option<&str> {
        match self.index.get(token) {
            Some(&at) => Some(&self.access[at].client),
            None => self.refresh.get(token).map(|known| known.client.as_str()),
        }
    }

    /// Revokes an access or refresh token.
    pub(crate) fn revoke(&mut self, token: &str) {
        if let Some(&at) = self.index.get(token) {
            self.access[at].revoked = true;
        }
        if let Some(known) = self.refresh.get_mut(token) {
            known.state = TokenState::Revoked;
        }
    }

    /// Revokes all access tokens.
    pub(crate) fn revoke_all(&mut self) {
        self.access.iter_mut().for_each(|access| access.revoked = true);
    }

    /// Revokes all refresh tokens, and forgets them.
    pub(crate) fn revoke_refresh_tokens(&mut self) {
        self.refresh.clear();
    }

    /// All access tokens issued so far, oldest first.
    pub(crate) fn issued(&self) -> Vec<String> {
        self.access.iter().map(|access| access.token.clone()).collect()
    }
}

impl AccessToken {
    /// Whether it is valid at `now`.
    fn is_valid(&self, now: i64) -> bool {
        !self.revoked && now < self.expires
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Service;

    /// A tenant with one client.
    fn tenant(rotation: bool, reissue: bool) -> Tenant {
        let policy = Policy { life: Some(100), refresh_tokens: None, rotation, reissue };
        let directory = Directory {
            clients: BTreeMap::from([("c".to_owned(), "s".to_owned())]),
            api_tokens: BTreeSet::from(["t".to_owned()]),
            organisation: "o".to_owned(),
        };
        Tenant::new(Service::Access.dialect(), policy, directory)
    }

    /// A request at `now`.
    fn at(now: i64) -> Issuance {
        Issuance { base: "http://h/SAAS".to_owned(), now }
    }

    #[test]
    fn tokens_expire_and_can_be_revoked() {
        let mut tenant = tenant(true, false);
        let issued = tenant.grant("c", None, &at(1000));
        assert_eq!((issued.expires_in, issued.scope.as_str()), (99, "admin"));
        assert!(tenant.check(&issued.access_token, 1099).is_some());
        assert!(tenant.check(&issued.access_token, 1100).is_none());
        tenant.revoke(&issued.access_token);
        assert!(tenant.check(&issued.access_token, 1000).is_none());
        assert!(tenant.is_revoked(&issued.access_token));
    }

    #[test]
    fn reuse_revokes_the_family_but_no_other() {
        let mut tenant = tenant(true, false);
        let other = tenant.grant("c", None, &at(0)).refresh_token.unwrap();
        let first = tenant.grant("c", None, &at(0)).refresh_token.unwrap();
        let second = tenant.refresh("c", &first, &at(1)).unwrap().refresh_token.unwrap();
        assert_ne!(first, second);
        assert_eq!(tenant.refresh("d", &second, &at(2)).err(), Some(RefreshError::Invalid));
        assert_eq!(tenant.refresh("c", &first, &at(2)).err(), Some(RefreshError::Reused));
        assert_eq!(tenant.refresh("c", &second, &at(2)).err(), Some(RefreshError::Invalid));
        assert!(tenant.refresh("c", &other, &at(2)).is_ok());
    }

    #[test]
    fn without_rotation_a_refresh_token_stays() {
        let mut tenant = tenant(false, false);
        let first = tenant.grant("c", Some("user"), &at(0)).refresh_token.unwrap();
        let again = tenant.refresh("c", &first, &at(1)).unwrap();
        assert_eq!(again.refresh_token, Some(first));
        assert_eq!(again.scope, "user");
    }

    #[test]
    fn reissue_counts_down() {
        let mut tenant = tenant(true, true);
        let first = tenant.grant("c", None, &at(0));
        let second = tenant.grant("c", None, &at(40));
        assert_eq!(first.access_token, second.access_token);
        assert_eq!(second.expires_in, 59);
        assert_ne!(first.access_token, tenant.grant("c", Some("user"), &at(40)).access_token);
        assert_ne!(first.access_token, tenant.grant("c", None, &at(99)).access_token);
    }

    #[test]
    fn an_api_token_can_be_used_again_until_it_is_removed() {
        let mut tenant = tenant(true, false);
        for _ in 0..2 {
            let issued = tenant.exchange("t", None, &at(0)).unwrap();
            assert!(issued.refresh_token.is_none() && tenant.check(&issued.access_token, 0).is_some());
        }
        assert!(tenant.exchange("u", None, &at(0)).is_none());
        tenant.remove_api_token("t");
        assert!(tenant.exchange("t", None, &at(0)).is_none());
    }

    #[test]
    fn removing_a_client_destroys_its_tokens() {
        let mut tenant = tenant(true, false);
        let issued = tenant.grant("c", None, &at(0));
        tenant.remove_client("c");
        assert!(tenant.check(&issued.access_token, 0).is_none());
        let credentials = ClientCredentials { id: "c".into(), secret: "s".into(), method: ClientAuth::Basic };
        assert!(tenant.authenticate(&[credentials]).is_none());
    }
}
