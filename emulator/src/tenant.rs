//! The tenant's memory: clients, tokens, and who may have what. No network, no clock of its own.

use crate::auth::Login;
use crate::claims::{Occasion, claims};
use crate::http::ClientAuth;
use crate::random;
use crate::signer::Signer;
use std::collections::{BTreeMap, HashMap};

/// The scope a client has when it asks for none.
const DEFAULT_SCOPE: &str = "admin";

/// How tokens are issued.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Life of an access token in seconds.
    pub(crate) life: u64,
    /// Whether replies carry a refresh token.
    pub(crate) refresh_tokens: bool,
    /// Whether a refresh token can be used only once.
    pub(crate) rotation: bool,
    /// Whether an unexpired token is handed out again instead of a new one.
    pub(crate) reissue: bool,
}

/// Everything the tenant knows.
pub(crate) struct Tenant {
    /// How tokens are issued.
    pub(crate) policy: Policy,
    /// Signs them.
    pub(crate) signer: Signer,
    /// Client secrets by client id.
    clients: BTreeMap<String, String>,
    /// Access tokens, oldest first.
    access: Vec<Access>,
    /// Where each access token is in `access`.
    index: HashMap<String, usize>,
    /// All refresh tokens there ever were.
    refresh: HashMap<String, Refresh>,
}

/// An access token.
pub(crate) struct Access {
    /// The token itself.
    pub(crate) token: String,
    /// Whose it is.
    pub(crate) client: String,
    /// What it allows.
    pub(crate) scope: String,
    /// When it expires, in Unix seconds.
    expires: i64,
    /// Whether it was revoked.
    revoked: bool,
}

/// A refresh token.
struct Refresh {
    /// Whose it is.
    client: String,
    /// What the tokens it buys allow.
    scope: String,
    /// All refresh tokens that come from one another are one family.
    family: String,
    /// Whether it is still good.
    state: RefreshState,
}

/// What became of a refresh token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RefreshState {
    /// It can be used.
    Good,
    /// It was used, and its successor issued.
    Consumed,
    /// It was taken back.
    Revoked,
}

/// What a successful token request gives.
pub(crate) struct Issued {
    /// The access token.
    pub(crate) access_token: String,
    /// Life left in seconds, less one.
    pub(crate) expires_in: i64,
    /// The refresh token, if there is one.
    pub(crate) refresh_token: Option<String>,
    /// The scope granted.
    pub(crate) scope: String,
}

/// Why a refresh token buys nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Unknown, revoked, or another client's.
    Invalid,
    /// It was consumed before: it or its successor is in the wrong hands.
    Reused,
}

impl Tenant {
    /// A tenant with these clients and no tokens.
    pub(crate) fn new(policy: Policy, clients: BTreeMap<String, String>) -> Self {
        Self {
            policy,
            signer: Signer::new(),
            clients,
            access: Vec::new(),
            index: HashMap::new(),
            refresh: HashMap::new(),
        }
    }

    /// The client that one of `logins` belongs to, and how it proved that.
    pub(crate) fn authenticate(&self, logins: &[Login]) -> Option<(String, ClientAuth)> {
        let right = |login: &&Login| self.clients.get(&login.id) == Some(&login.secret);
        logins.iter().find(right).map(|login| (login.id.clone(), login.how))
    }

    /// Sets a client's secret; a client that is not there yet is added.
    pub(crate) fn set_secret(&mut self, client: &str, secret: &str) {
        self.clients.insert(client.to_owned(), secret.to_owned());
    }

    /// Removes a client and all its tokens.
    pub(crate) fn remove_client(&mut self, client: &str) {
        self.clients.remove(client);
        self.access.iter_mut().filter(|access| access.client == client).for_each(|access| access.revoked = true);
        self.refresh.retain(|_, refresh| refresh.client != client);
    }

    /// Serves the client credentials grant.
    pub(crate) fn grant(&mut self, client: &str, scope: Option<&str>, occasion: &Occasion) -> Issued {
        let scope = scope.filter(|scope| !scope.trim().is_empty()).unwrap_or(DEFAULT_SCOPE).to_owned();
        let refresh_token =
            self.policy.refresh_tokens.then(|| self.new_refresh_token(client, &scope, random::opaque()));
        self.issue(client, scope, refresh_token, occasion)
    }

    /// Serves the refresh token grant.
    pub(crate) fn refresh(&mut self, client: &str, token: &str, occasion: &Occasion) -> Result<Issued, Refused> {
        let rotation = self.policy.rotation;
        let known = self.refresh.get_mut(token).filter(|known| known.client == client).ok_or(Refused::Invalid)?;
        let (scope, family) = (known.scope.clone(), known.family.clone());
        match known.state {
            RefreshState::Revoked => return Err(Refused::Invalid),
            RefreshState::Consumed => {
                self.revoke_family(&family);
                return Err(Refused::Reused);
            }
            RefreshState::Good if rotation => known.state = RefreshState::Consumed,
            RefreshState::Good => {
                return Ok(self.issue(client, scope, Some(token.to_owned()), occasion));
            }
        }
        let successor = self.new_refresh_token(client, &scope, family);
        Ok(self.issue(client, scope, Some(successor), occasion))
    }

    /// Whether this refresh token was consumed before.
    pub(crate) fn was_consumed(&self, token: &str) -> bool {
        self.refresh.get(token).is_some_and(|known| known.state == RefreshState::Consumed)
    }

    /// Takes back every refresh token of a family. Access tokens live on: they are short-lived anyway.
    fn revoke_family(&mut self, family: &str) {
        for known in self.refresh.values_mut().filter(|known| known.family == family) {
            if known.state == RefreshState::Good {
                known.state = RefreshState::Revoked;
            }
        }
    }

    /// Makes and remembers a refresh token.
    fn new_refresh_token(&mut self, client: &str, scope: &str, family: String) -> String {
        let token = random::opaque();
        let (client, scope) = (client.to_owned(), scope.to_owned());
        self.refresh.insert(token.clone(), Refresh { client, scope, family, state: RefreshState::Good });
        token
    }

    /// Finds or makes an access token.
    fn issue(&mut self, client: &str, scope: String, refresh_token: Option<String>, occasion: &Occasion) -> Issued {
        let reissued = if self.policy.reissue { self.reissuable(client, &scope, occasion.now) } else { None };
        let (access_token, expires) = reissued.unwrap_or_else(|| self.new_access_token(client, &scope, occasion));
        Issued { access_token, expires_in: expires - occasion.now - 1, refresh_token, scope }
    }

    /// An access token that can be handed out again, and when it expires.
    fn reissuable(&self, client: &str, scope: &str, now: i64) -> Option<(String, i64)> {
        let fits = |access: &&Access| access.live(now + 1) && access.client == client && access.scope == scope;
        self.access.iter().rev().find(fits).map(|access| (access.token.clone(), access.expires))
    }

    /// Makes and remembers an access token; returns it and when it expires.
    fn new_access_token(&mut self, client: &str, scope: &str, occasion: &Occasion) -> (String, i64) {
        let expires = occasion.now.saturating_add_unsigned(self.policy.life);
        let token = self.signer.sign(&claims(client, scope, occasion, expires));
        self.index.insert(token.clone(), self.access.len());
        self.access.push(Access {
            token: token.clone(),
            client: client.to_owned(),
            scope: scope.to_owned(),
            expires,
            revoked: false,
        });
        (token, expires)
    }

    /// The access token `token`, if it is good at `now`.
    pub(crate) fn check(&self, token: &str, now: i64) -> Option<&Access> {
        self.access.get(*self.index.get(token)?).filter(|access| access.live(now))
    }

    /// Whether `token` is an access token that was revoked.
    pub(crate) fn is_revoked(&self, token: &str) -> bool {
        self.index.get(token).is_some_and(|&at| self.access[at].revoked)
    }

    /// Whose token this is, access or refresh.
    pub(crate) fn owner(&self, token: &str) -> Option<&str> {
        match self.index.get(token) {
            Some(&at) => Some(&self.access[at].client),
            None => self.refresh.get(token).map(|known| known.client.as_str()),
        }
    }

    /// Takes back one token, access or refresh.
    pub(crate) fn revoke(&mut self, token: &str) {
        if let Some(&at) = self.index.get(token) {
            self.access[at].revoked = true;
        }
        if let Some(known) = self.refresh.get_mut(token) {
            known.state = RefreshState::Revoked;
        }
    }

    /// Takes back all access tokens.
    pub(crate) fn revoke_all(&mut self) {
        self.access.iter_mut().for_each(|access| access.revoked = true);
    }

    /// Forgets all refresh tokens.
    pub(crate) fn revoke_refresh_tokens(&mut self) {
        self.refresh.clear();
    }

    /// All access tokens there ever were, oldest first.
    pub(crate) fn issued(&self) -> Vec<String> {
        self.access.iter().map(|access| access.token.clone()).collect()
    }
}

impl Access {
    /// Whether it is good at `now`.
    fn live(&self, now: i64) -> bool {
        !self.revoked && now < self.expires
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tenant with one client and this policy.
    fn tenant(rotation: bool, reissue: bool) -> Tenant {
        let policy = Policy { life: 100, refresh_tokens: true, rotation, reissue };
        Tenant::new(policy, BTreeMap::from([("c".to_owned(), "s".to_owned())]))
    }

    /// A request at `now`.
    fn at(now: i64) -> Occasion {
        Occasion { base: "http://h/SAAS".to_owned(), now }
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
        assert_eq!(tenant.refresh("d", &second, &at(2)).err(), Some(Refused::Invalid));
        assert_eq!(tenant.refresh("c", &first, &at(2)).err(), Some(Refused::Reused));
        assert_eq!(tenant.refresh("c", &second, &at(2)).err(), Some(Refused::Invalid));
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
    fn removing_a_client_destroys_its_tokens() {
        let mut tenant = tenant(true, false);
        let issued = tenant.grant("c", None, &at(0));
        tenant.remove_client("c");
        assert!(tenant.check(&issued.access_token, 0).is_none());
        let login = Login { id: "c".into(), secret: "s".into(), how: ClientAuth::Basic };
        assert!(tenant.authenticate(&[login]).is_none());
    }
}
