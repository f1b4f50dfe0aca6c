//! A checked profile.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::Deserialize;

use super::Preset;
use crate::origin::{Origin, Target};
use crate::secret::Secret;
use crate::secret::source::SecretSource;
use crate::text::shell_word;

/// How the client authenticates at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AuthStyle {
    /// HTTP Basic with base64 of ID and secret as they are: the vendor's form
    #[default]
    Basic,
    /// HTTP Basic with both halves form-encoded first (RFC 6749 §2.3.1)
    BasicFormEncoded,
    /// Client ID and secret in the form
    Post,
    /// An API token in the form, instead of client ID and secret: what the profile's `api_token` means.
    #[serde(skip)]
    #[value(skip)]
    ApiToken,
}

/// The layer that a value comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Layer {
    /// A flag.
    Flag(&'static str),
    /// A variable.
    Variable(&'static str),
    /// The configuration file.
    #[default]
    File,
}

/// Where the settings of a profile come from that flags and variables may replace. The secret's source knows its own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SetBy {
    /// `tenant`
    pub(crate) tenant: Layer,
    /// `client_id`
    pub(crate) client_id: Layer,
    /// `scope`
    pub(crate) scope: Layer,
    /// `ca_file`
    pub(crate) ca_file: Layer,
}

/// A tenant, a client, and who may receive its token.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// The name.
    pub(crate) name: String,
    /// The tenant's origin.
    pub(crate) tenant: Origin,
    /// The token endpoint.
    pub(crate) token_url: Target,
    /// The service.
    pub(crate) preset: Preset,
    /// The OAuth client ID; empty where an API token stands for client ID and secret.
    pub(crate) client_id: String,
    /// The source of the client secret, or of the API token; only requests need it.
    pub(crate) client_secret: Option<SecretSource>,
    /// The organisation that the token is for, where a client has several (Connect).
    pub(crate) org_id: Option<String>,
    /// Scopes to request, separated by spaces.
    pub(crate) scope: Option<String>,
    /// How the client authenticates.
    pub(crate) auth_style: AuthStyle,
    /// Whether to renew with a refresh token.
    pub(crate) use_refresh_token: bool,
    /// Hosts that may receive the token besides the tenant and the API.
    pub(crate) hosts: Vec<Origin>,
    /// The base URL of the API; `None` where it is the tenant.
    pub(crate) api: Option<Target>,
    /// PEM file of additional trusted CAs.
    pub(crate) ca_file: Option<PathBuf>,
    /// Whether to trust `ca_file` alone.
    pub(crate) ca_only: bool,
    /// Proxy of token requests; overrides the environment. Its URL may hold a password.
    pub(crate) proxy: Option<Secret>,
    /// User name for callers that need one beside the token.
    pub(crate) git_username: String,
    /// Where settings come from, for messages.
    pub(crate) set_by: SetBy,
    /// Whether its name was given for this run, so that the next command needs it too.
    pub(crate) is_chosen: bool,
}

/// Hexadecimal digits.
const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl Profile {
    /// The name of a setting for messages: the flag, the variable, or the key.
    pub(crate) fn setting(&self, layer: Layer, key: &str) -> String {
        match layer {
            Layer::File => format!("`{key}` of {}", self.place(layer)),
            _ => self.place(layer),
        }
    }

    /// Where a setting comes from, for messages: the flag, the variable, or the profile.
    pub(crate) fn place(&self, layer: Layer) -> String {
        match layer {
            Layer::Flag(name) | Layer::Variable(name) => name.to_owned(),
            Layer::File => format!("profile `{}`", self.name),
        }
    }

    /// The command that checks everything that a token of this profile depends on.
    pub(crate) fn doctor(&self) -> String {
        let name = if self.is_chosen { format!(" --profile {}", shell_word(&self.name)) } else { String::new() };
        format!("ws1-token doctor{name}")
    }

    /// The command that stores a new secret of this profile.
    pub(crate) fn login(&self) -> String {
        format!("ws1-token login {}", shell_word(&self.name))
    }

    /// What to do about an API token that the service refuses.
    pub(crate) fn replace_api_token(&self) -> String {
        let then = match &self.client_secret {
            Some(source) if source.is_given() => format!("put it in the place of this one: {}", source.describe()),
            _ => format!("run `{}`", self.login()),
        };
        format!("make a new API token in the console, for this may have expired, then {then}")
    }

    /// Whether an origin may receive the token.
    pub(crate) fn allows(&self, target: &Origin) -> bool {
        target.may_receive(&self.tenant, self.api.as_ref().map(|api| &api.origin), &self.hosts)
    }

    /// The base URL of the API, which paths are added to; `None` where it is elsewhere and the profile does not say where.
    pub(crate) fn api_base(&self) -> Option<String> {
        match &self.api {
            Some(api) => Some(api.to_string()),
            None if self.preset.has_api_elsewhere() => None,
            None => Some(self.tenant.to_string()),
        }
    }

    /// A harmless route of the API of another service than Access, where one is known; Access's needs a scope that not
    /// every client has.
    pub(crate) fn sample_url(&self) -> Option<Target> {
        let route = self.preset.sample_route().filter(|_| !self.preset.is_access())?;
        Target::parse(&format!("{}{route}", self.api_base()?)).ok()
    }

    /// Who asks the tenant, for messages: ``client `ci-bot` ``.
    pub(crate) fn caller(&self) -> String {
        match self.auth_style {
            AuthStyle::ApiToken => "the API token".to_owned(),
            _ => format!("client `{}`", self.client_id),
        }
    }

    /// The cache key of its tokens: a SHA-256 of what they depend on, each field with its length in front.
    pub(crate) fn identity(&self) -> String {
        let style = match self.auth_style {
            AuthStyle::Basic => "basic",
            AuthStyle::BasicFormEncoded => "basic-form-encoded",
            AuthStyle::Post => "post",
            AuthStyle::ApiToken => "api-token",
        };
        let url = self.token_url.to_string();
        let mut hash = hmac_sha256::Hash::new();
        let mut add = |field: &[u8]| {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        };
        for field in [url.as_str(), &self.client_id, self.scope.as_deref().unwrap_or(""), style] {
            add(field.as_bytes());
        }
        // These came later: profiles without them keep their cached tokens.
        if self.auth_style == AuthStyle::ApiToken {
            add(&self.client_secret.as_ref().map_or_else(Vec::new, SecretSource::place));
        }
        if let Some(org_id) = &self.org_id {
            add(org_id.as_bytes());
        }
        let mut hex = [0; 64];
        for (digits, byte) in hex.chunks_exact_mut(2).zip(hash.finalize()) {
            digits.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        String::from_utf8_lossy(&hex).into_owned()
    }
}
