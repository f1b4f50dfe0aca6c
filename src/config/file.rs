//! The configuration file as written, before any check of values.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{AuthStyle, Preset};
use crate::error::{Cause, Error};
use crate::platform;
use crate::text::utf8;

/// Bytes of a configuration file that are read at most.
const CONFIG_LIMIT: usize = 4 * 1024 * 1024;

/// How long to wait for the writer of a pipe in the place of the file.
const PATIENCE: Duration = Duration::from_secs(10);

/// The configuration file. Profiles stay text until one is chosen.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig<'a> {
    /// For editors.
    #[serde(rename = "$schema")]
    _schema: Option<String>,
    /// The profile used when none is named.
    pub(super) default_profile: Option<String>,
    /// The profiles.
    #[serde(borrow, default)]
    pub(super) profiles: Members<'a>,
}

/// The members of an object in the order of the text, their values as text. Not a map: a run needs one profile, and
/// sorting a thousand takes longer than reading them.
#[derive(Default)]
pub(super) struct Members<'a>(pub(super) Vec<(Name<'a>, &'a RawValue)>);

/// A member's name, borrowed from the text where it has no escapes.
#[derive(serde::Deserialize)]
pub(super) struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::ops::Deref for Name<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> Members<'a> {
    /// The text of a member's value, and that of another member of the same name.
    pub(super) fn get(&self, name: &str) -> Option<(&'a RawValue, Option<&'a RawValue>)> {
        let mut values = self.0.iter().filter(|(each, _)| **each == *name).map(|(_, text)| *text);
        Some((values.next()?, values.next()))
    }

    /// The names, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.to_string()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Collects the members.
        struct Collector;

        impl<'de> Visitor<'de> for Collector {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collector)
    }
}

/// A profile as written in the file.
#[derive(serde::Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProfile {
    /// Host or URL of the tenant.
    pub(super) tenant: Option<String>,
    /// OAuth client ID.
    pub(super) client_id: Option<String>,
    /// Source of the client secret.
    pub(super) client_secret: Option<RawSecret>,
    /// Source of an API token, instead of client ID and secret.
    pub(super) api_token: Option<RawSecret>,
    /// Organisation that the token is for.
    pub(super) org_id: Option<String>,
    /// Scopes to request.
    pub(super) scope: Option<String>,
    /// The service.
    #[serde(default)]
    pub(super) preset: Preset,
    /// URL of the token endpoint.
    pub(super) token_url: Option<String>,
    /// Base URL of the API, where it is not the tenant.
    pub(super) api: Option<String>,
    /// How the client authenticates.
    #[serde(default)]
    pub(super) auth_style: AuthStyle,
    /// Whether to renew with a refresh token.
    pub(super) use_refresh_token: Option<bool>,
    /// Hosts that may receive the token besides the tenant.
    #[serde(default)]
    pub(super) hosts: Vec<String>,
    /// PEM file of additional trusted CAs.
    pub(super) ca_file: Option<String>,
    /// Whether to trust `ca_file` alone.
    #[serde(default)]
    pub(super) ca_only: bool,
    /// Proxy of token requests.
    pub(super) proxy: Option<String>,
    /// User name for callers that need one beside the token.
    pub(super) git_username: Option<String>,
}

/// A secret source as written in the file: exactly one of the four, and `allow_shared_file` only with `file`.
#[derive(serde::Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSecret {
    /// A file.
    pub(super) file: Option<String>,
    /// Accept a file that others can read.
    pub(super) allow_shared_file: Option<bool>,
    /// An environment variable.
    pub(super) env: Option<String>,
    /// A command and its arguments.
    pub(super) command: Option<Vec<String>>,
    /// The platform's key store.
    pub(super) keychain: Option<bool>,
}

/// The text of the configuration file; `None` if there is none.
pub(super) fn read(file: &Path) -> Result<Option<String>, Error> {
    let failed = |cause: Cause, hint: &str| {
        Err(Error::usage(format!("cannot read `{}`", file.display())).because(cause).hint(hint))
    };
    let another = "check the file's permissions, or name another with --config";
    match platform::read_input(file, CONFIG_LIMIT, PATIENCE) {
        Ok(bytes) if bytes.len() > CONFIG_LIMIT => failed("larger than 4 MiB".into(), another),
        Ok(bytes) => {
            utf8(bytes).map(Some).or_else(|what| failed(format!("it {what}").into(), "save the file as UTF-8"))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if platform::is_out_of_files(&error) => {
            Err(Error::system(format!("cannot read `{}`", file.display())).because(error))
        }
        Err(error) => failed(error.into(), another),
    }
}
