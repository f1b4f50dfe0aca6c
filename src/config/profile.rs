//! A profile, checked: everything that a run needs to know about a tenant and a client.

use std::path::PathBuf;

use serde::Deserialize;

use super::Preset;
use crate::origin::{Origin, Target};
use crate::secret::Secret;
use crate::secret::source::SecretSource;

/// How the client authenticates at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AuthStyle {
    /// HTTP Basic with base64 of `id:secret` as they stand: the vendor's form.
    #[default]
    Basic,
    /// HTTP Basic with both halves form-encoded first (RFC 6749 §2.3.1).
    BasicFormEncoded,
    /// `client_id` and `client_secret` in the form.
    Post,
}

/// Whose token, from where, and who may have it: everything a run needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// Its name, for messages.
    pub(crate) name: String,
    /// The tenant itself.
    pub(crate) tenant: Origin,
    /// Where tokens are asked for.
    pub(crate) token_url: Target,
    /// What differs between the sibling services.
    pub(crate) preset: Preset,
    /// The OAuth client.
    pub(crate) client_id: String,
    /// Where its secret is; needed only for a request.
    pub(crate) client_secret: Option<SecretSource>,
    /// Scopes to ask for, separated by spaces.
    pub(crate) scope: Option<String>,
    /// How the client authenticates.
    pub(crate) auth_style: AuthStyle,
    /// Renew with the refresh token where there is one.
    pub(crate) use_refresh_token: bool,
    /// Who, besides the tenant, may receive the token.
    pub(crate) hosts: Vec<Origin>,
    /// Further trusted roots, PEM.
    pub(crate) ca_file: Option<PathBuf>,
    /// Trust `ca_file` alone.
    pub(crate) ca_only: bool,
    /// Proxy for the token request; wins over the environment's. Its URL may hold a password.
    pub(crate) proxy: Option<Secret>,
    /// User name for callers that must have one with a token.
    pub(crate) git_username: String,
}

impl Profile {
    /// Whether a target may have the token: the tenant itself, or one of `hosts`; port-exact, case-insensitive.
    ///
    /// Plain http is for loopback, and there only for the tenant itself or a listed `host:port`.
    pub(crate) fn allows(&self, target: &Origin) -> bool {
        if !target.https && !target.is_loopback() {
            return false;
        }
        *target == self.tenant || self.hosts.iter().any(|host| target.host == host.host && target.port == host.port)
    }

    /// The environment variable that holds the client secret, which no child may inherit.
    pub(crate) fn secret_variable(&self) -> Option<&str> {
        self.client_secret.as_ref().and_then(SecretSource::variable)
    }

    /// What the token depends on, hashed: the name of its cache entry. Length prefixes keep the fields apart.
    pub(crate) fn identity(&self) -> String {
        let style = match self.auth_style {
            AuthStyle::Basic => "basic",
            AuthStyle::BasicFormEncoded => "basic-form-encoded",
            AuthStyle::Post => "post",
        };
        let url = self.token_url.to_string();
        let mut hash = hmac_sha256::Hash::new();
        for field in [url.as_str(), &self.client_id, self.scope.as_deref().unwrap_or(""), style] {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        let mut hex = String::with_capacity(64);
        for byte in hash.finalize() {
            hex.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            hex.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        hex
    }
}
