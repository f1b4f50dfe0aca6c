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
    /// The OAuth client ID.
    pub(crate) client_id: String,
    /// The source of the client secret; only requests need it.
    pub(crate) client_secret: Option<SecretSource>,
    /// Scopes to request, separated by spaces.
    pub(crate) scope: Option<String>,
    /// How the client authenticates.
    pub(crate) auth_style: AuthStyle,
    /// Whether to renew with a refresh token.
    pub(crate) use_refresh_token: bool,
    /// Hosts that may receive the token besides the tenant.
    pub(crate) hosts: Vec<Origin>,
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

    /// Whether an origin may receive the token.
    pub(crate) fn allows(&self, target: &Origin) -> bool {
        target.may_receive(&self.tenant, &self.hosts)
    }

    /// The cache key of its tokens: a SHA-256 of what they depend on, each field with its length in front.
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
        let mut hex = [0; 64];
        for (digits, byte) in hex.chunks_exact_mut(2).zip(hash.finalize()) {
            digits.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        String::from_utf8_lossy(&hex).into_owned()
    }
}
