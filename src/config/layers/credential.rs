//! What proves to the tenant who asks: a client secret or an API token, and from where.

use std::path::PathBuf;

use super::{Layer, Layers, keychain_account};
use crate::config::file::{RawProfile, RawSecret};
use crate::config::{AuthStyle, Preset};
use crate::error::Error;
use crate::origin::Origin;
use crate::secret::Secret;
use crate::secret::source::{SHARED_FILE_VARIABLE, SecretSource};

/// The variables of a client secret: the path of a file, and the secret itself.
const SECRET_VARIABLES: [&str; 2] = ["WS1_TOKEN_CLIENT_SECRET_FILE", "WS1_TOKEN_CLIENT_SECRET"];
/// The variables of an API token, likewise.
const API_TOKEN_VARIABLES: [&str; 2] = ["WS1_TOKEN_API_TOKEN_FILE", "WS1_TOKEN_API_TOKEN"];

impl Layers<'_> {
    /// How the client authenticates: with an API token if there is one instead of a client.
    pub(super) fn auth_style(&self, raw: &RawProfile) -> Result<AuthStyle, Error> {
        let has_client = raw.client_id.is_some() || raw.client_secret.is_some();
        if raw.api_token.is_some() && has_client {
            let cause = "it stands for `client_id` and `client_secret`, which are set too";
            return Err(Error::unusable(self.key("api_token"), cause, "remove one of them"));
        }
        let is_set = |name| (self.sources.env)(name).is_some();
        let given = API_TOKEN_VARIABLES.into_iter().find(|name| !self.is_stored && is_set(name));
        if let Some(variable) = given
            && (self.sources.overrides.client_id.is_some() || is_set("WS1_TOKEN_CLIENT_ID"))
        {
            let cause = "it stands for a client ID and its secret, and a client ID is given too";
            return Err(Error::unusable(variable, cause, "unset one of them"));
        }
        if raw.api_token.is_some() || given.is_some() {
            return Ok(AuthStyle::ApiToken);
        }
        Ok(self.named("WS1_TOKEN_AUTH_STYLE", raw.auth_style)?.0)
    }

    /// Refuses a tenant or client that is not the profile's, unless a secret is given with it: a stored secret never
    /// goes to another tenant or client (I13).
    pub(super) fn with_its_own_secret(&self, style: AuthStyle, layer: Layer, what: &str) -> Result<(), Error> {
        let given = if style == AuthStyle::ApiToken { self.given_api_token()? } else { self.given_secret()? };
        let (setting, hint) = match layer {
            _ if given.is_some() => return Ok(()),
            Layer::Flag(flag) => (flag, format!("pass the secret of that {what} too, with --client-secret-file")),
            Layer::Variable(variable) => (variable, format!("unset {variable}")),
            Layer::File => return Ok(()),
        };
        Err(Error::usage(format!("{setting} is not the {what} of profile `{}`", self.name))
            .because(format!("a secret that is stored for one {what} never goes to another"))
            .hint(hint))
    }

    /// The source of the client secret: flag, environment (file before value), configuration file.
    pub(super) fn client_secret(
        &self,
        raw: Option<RawSecret>,
        client_id: &str,
        tenant: &Origin,
    ) -> Result<Option<SecretSource>, Error> {
        match (self.given_secret()?, raw) {
            (None, Some(raw)) => self.of_file("client_secret", raw, client_id, tenant).map(Some),
            (given, _) => Ok(given),
        }
    }

    /// The source of the API token: environment (file before value), configuration file.
    pub(super) fn api_token(
        &self,
        raw: Option<RawSecret>,
        preset: Preset,
        tenant: &Origin,
    ) -> Result<Option<SecretSource>, Error> {
        if !preset.takes_api_tokens() {
            let setting = if raw.is_some() { self.key("api_token") } else { API_TOKEN_VARIABLES[1].to_owned() };
            let cause = "this service takes a client ID and a client secret";
            return Err(Error::unusable(setting, cause, "set `preset` to `connect` or `vidb` (WS1_TOKEN_PRESET)"));
        }
        match (self.given_api_token()?, raw) {
            (None, Some(raw)) => self.of_file("api_token", raw, self.name, tenant).map(Some),
            (given, _) => Ok(given),
        }
    }

    /// The source of the client secret that a flag or a variable names.
    fn given_secret(&self) -> Result<Option<SecretSource>, Error> {
        let flag = self.sources.overrides.client_secret_file.clone();
        self.given(flag.map(|path| ("--client-secret-file", path)), SECRET_VARIABLES)
    }

    /// The source of the API token that a variable names.
    fn given_api_token(&self) -> Result<Option<SecretSource>, Error> {
        self.given(None, API_TOKEN_VARIABLES)
    }

    /// The file of a flag, that of the first variable, or the value of the second.
    fn given(
        &self,
        flag: Option<(&'static str, PathBuf)>,
        [file, value]: [&'static str; 2],
    ) -> Result<Option<SecretSource>, Error> {
        let variable = || Some((file, self.shown(file, |name| self.sources.path(name))?));
        if let Some((setting, path)) = flag.or_else(variable) {
            let shared = self.sources.is_on(SHARED_FILE_VARIABLE)?;
            let path = self.sources.absolute(path);
            return Ok(Some(SecretSource::File { path, shared, named_by: Some(setting) }));
        }
        // Reading the secret drops the newline, as for every source.
        let text = self.shown(value, |name| self.sources.raw_text(name).transpose()).transpose()?;
        Ok(text.map(|text| SecretSource::Given { variable: value, secret: Secret::new(text) }))
    }

    /// The source that the configuration file names; `owner` is the client ID, or the profile of an API token.
    fn of_file(&self, key: &str, raw: RawSecret, owner: &str, tenant: &Origin) -> Result<SecretSource, Error> {
        let refused = |cause| {
            let hint = "write one of {\"file\": PATH}, {\"env\": NAME}, {\"command\": [ARGV…]}, {\"keychain\": true}";
            Err(Error::unusable(self.key(key), cause, hint))
        };
        if raw.allow_shared_file.is_some() && raw.file.is_none() {
            return refused("`allow_shared_file` goes with `file` only");
        }
        match (raw.file, raw.env, raw.command, raw.keychain) {
            (Some(path), None, None, None) => {
                let shared = raw.allow_shared_file.map_or_else(|| self.sources.is_on(SHARED_FILE_VARIABLE), Ok)?;
                Ok(SecretSource::File { path: self.path(&path), shared, named_by: None })
            }
            (None, Some(name), None, None) => {
                let value = match self.sources.raw_text(&name) {
                    Ok(value) => value.map(Secret::new).ok_or("is not set"),
                    // Only a request needs it: a cached token is served without.
                    Err(_) => Err("holds bytes that are not UTF-8"),
                };
                Ok(SecretSource::Env { value, name })
            }
            (None, None, Some(argv), None) if argv.first().is_some_and(|program| !program.is_empty()) => {
                Ok(SecretSource::Command(self.program(argv)))
            }
            (None, None, Some(_), None) => refused("`command` names no program"),
            (None, None, None, Some(true)) => {
                let account = keychain_account(owner, tenant);
                Ok(SecretSource::Keychain { account, profile: self.name.to_owned() })
            }
            _ => refused("it names no source, or more than one"),
        }
    }

    /// A secret command: `~/…` and `./…` are paths like all others in the file, a bare name is looked up in PATH.
    fn program(&self, mut argv: Vec<String>) -> Vec<String> {
        if let Some(first) = argv.first_mut()
            && (first.starts_with("~/") || first.starts_with("./") || first.starts_with("../"))
        {
            *first = self.path(first).to_string_lossy().into_owned();
        }
        argv
    }
}
