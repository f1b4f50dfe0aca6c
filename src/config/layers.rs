//! Applies environment and flags to a profile of the file, and checks each setting.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::file::RawProfile;
use super::profile::{Layer, SetBy};
use super::{AuthStyle, Preset, Profile, Sources, resolve};
use crate::error::Error;
use crate::origin::Origin;
use crate::proxy::{PROXY_HINT, Proxy};
use crate::secret::Secret;

mod credential;
mod place;

/// Builds the profile of a run: `raw` is the one of the file, if it has one. Paths in the file are relative to
/// `config_dir`, and variables for which `is_hidden` is true count as unset.
pub(super) fn build(
    sources: &Sources<'_>,
    name: &str,
    raw: Option<RawProfile>,
    config_dir: Option<&Path>,
    is_hidden: &dyn Fn(&str) -> bool,
) -> Result<Profile, Error> {
    let is_stored = raw.is_some();
    let raw = raw.unwrap_or_default();
    let layers = Layers { sources, name, config_dir, is_hidden, is_stored };
    let mut set_by = SetBy::default();
    let (preset, preset_layer) = layers.named("WS1_TOKEN_PRESET", raw.preset)?;
    let auth_style = layers.auth_style(&raw)?;
    let (tenant, token_url) = layers.tenant(&raw, (preset, preset_layer), auth_style, &mut set_by.tenant)?;
    let ca_file = layers.ca_file(&raw, &mut set_by.ca_file)?;
    let api = layers.api(raw.api.as_deref())?.or_else(|| preset.api(&tenant));
    let (client_id, client_secret) = if auth_style == AuthStyle::ApiToken {
        (String::new(), layers.api_token(raw.api_token, preset, &tenant)?)
    } else {
        let client_id = layers.client_id(raw.client_id, &mut set_by.client_id)?;
        let secret = layers.client_secret(raw.client_secret, &client_id, &tenant)?;
        (client_id, secret)
    };
    Ok(Profile {
        client_secret,
        tenant,
        token_url,
        preset,
        client_id,
        scope: layers.scope(raw.scope, &mut set_by.scope)?,
        org_id: layers.org_id(raw.org_id, preset)?,
        auth_style,
        // What comes along with an API token's reply may be the API token itself, which is not to be stored.
        use_refresh_token: auth_style != AuthStyle::ApiToken
            && raw.use_refresh_token.unwrap_or(preset.issues_refresh_tokens()),
        hosts: layers.hosts(&raw.hosts)?,
        api,
        ca_file,
        ca_only: raw.ca_only,
        proxy: layers.proxy(raw.proxy)?,
        git_username: layers.git_username(raw.git_username)?,
        name: name.to_owned(),
        set_by,
        is_chosen: false,
    })
}

/// Whether a profile of the file may send its token to a target, whatever else is wrong with it.
pub(super) fn allows(sources: &Sources<'_>, name: &str, raw: &RawProfile, target: &Origin) -> Result<bool, Error> {
    let layers = Layers { sources, name, config_dir: None, is_hidden: &|_| false, is_stored: true };
    let style = layers.auth_style(raw)?;
    let (tenant, _) = layers.tenant(raw, (raw.preset, Layer::File), style, &mut Layer::File)?;
    let api = layers.api(raw.api.as_deref())?.or_else(|| raw.preset.api(&tenant));
    Ok(target.may_receive(&tenant, api.as_ref().map(|api| &api.origin), &layers.hosts(&raw.hosts)?))
}

/// The key store account of a client: `CLIENT@TENANT`; of an API token, which has no name, `PROFILE@TENANT`.
pub(crate) fn keychain_account(client_id: &str, tenant: &Origin) -> String {
    format!("{client_id}@{}", tenant.authority())
}

/// Checks that HTTP Basic authentication can carry a client ID: no colon (RFC 7617 §2), no control characters.
pub(crate) fn check_client_id(client_id: &str, setting: String) -> Result<(), Error> {
    let cause = if client_id.is_empty() {
        "it is empty"
    } else if client_id.contains(':') {
        "it holds a colon, which Basic authentication cannot carry"
    } else if client_id.chars().any(char::is_control) {
        "it holds a control character"
    } else {
        return Ok(());
    };
    Err(Error::unusable(setting, cause, "copy the client ID from the tenant's OAuth client settings"))
}

/// Checks that scopes are printable ASCII (RFC 6749 §3.3).
pub(crate) fn check_scope(scope: &str, setting: String) -> Result<(), Error> {
    if scope.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Ok(());
    }
    let cause = "it holds a character that is not printable ASCII";
    Err(Error::unusable(setting, cause, "write scopes separated by single spaces"))
}

/// Checks a user name for git.
pub(crate) fn check_git_username(name: &str, setting: String) -> Result<(), Error> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Error::unusable(setting, "it is empty or holds a control character", "write a plain user name"));
    }
    Ok(())
}

/// Parses an entry of `hosts`: `host` means port 443.
pub(crate) fn read_host(host: &str) -> Result<Origin, String> {
    if host.contains("://") {
        return Err("an entry is a URL".to_owned());
    }
    Origin::parse(host, true).map_err(|cause| format!("an entry cannot be read: {cause}"))
}

/// The layers of one profile.
struct Layers<'a> {
    /// Flags and environment.
    sources: &'a Sources<'a>,
    /// The profile's name.
    name: &'a str,
    /// The base of relative paths in the file.
    config_dir: Option<&'a Path>,
    /// Whether a variable is not used.
    is_hidden: &'a dyn Fn(&str) -> bool,
    /// Whether the file has the profile.
    is_stored: bool,
}

impl Layers<'_> {
    /// The client ID.
    fn client_id(&self, raw: Option<String>, set_by: &mut Layer) -> Result<String, Error> {
        let flag = ("--client-id", self.sources.overrides.client_id.as_ref());
        let missing = ("client ID", "set `client_id` in the profile, or pass --client-id");
        let (client_id, layer) = self.required(flag, "WS1_TOKEN_CLIENT_ID", raw.as_ref(), missing)?;
        *set_by = layer;
        check_client_id(&client_id, self.setting(layer, "client_id"))?;
        if raw.is_some_and(|stored| stored != client_id) {
            self.with_its_own_secret(AuthStyle::default(), layer, "client")?;
        }
        Ok(client_id)
    }

    /// The scopes to request; blank means none.
    fn scope(&self, raw: Option<String>, set_by: &mut Layer) -> Result<Option<String>, Error> {
        let (scope, layer) = match self.variable("WS1_TOKEN_SCOPE")? {
            Some(scope) => (Some(scope), Layer::Variable("WS1_TOKEN_SCOPE")),
            None => (raw, Layer::File),
        };
        *set_by = layer;
        let scope = scope.filter(|scope| !scope.trim().is_empty());
        if let Some(scope) = &scope {
            check_scope(scope, self.setting(layer, "scope"))?;
        }
        Ok(scope)
    }

    /// A setting that is one of a list of names: variable, else file.
    fn named<T: ValueEnum>(&self, variable: &'static str, stored: T) -> Result<(T, Layer), Error> {
        let Some(name) = self.variable(variable)? else { return Ok((stored, Layer::File)) };
        T::from_str(&name, false).map(|value| (value, Layer::Variable(variable))).map_err(|_| {
            let names = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
            let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
            Error::unusable(variable, format!("there is no `{name}`"), format!("write one of {}", names.join(", ")))
        })
    }

    /// The organisation to ask for.
    fn org_id(&self, raw: Option<String>, preset: Preset) -> Result<Option<String>, Error> {
        let (org_id, layer) = match self.variable("WS1_TOKEN_ORG_ID")? {
            Some(org_id) => (Some(org_id), Layer::Variable("WS1_TOKEN_ORG_ID")),
            None => (raw, Layer::File),
        };
        let Some(text) = &org_id else { return Ok(None) };
        let refused = |cause, hint| Err(Error::unusable(self.setting(layer, "org_id"), cause, hint));
        if preset != Preset::Connect {
            return refused("only Connect has organisations", "remove it, or set `preset` to `connect`");
        }
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return refused("it holds a character that no organisation ID has", "copy it from the console of Connect");
        }
        Ok(org_id)
    }

    /// Additional trusted CAs.
    fn ca_file(&self, raw: &RawProfile, set_by: &mut Layer) -> Result<Option<PathBuf>, Error> {
        let file = match self.shown("WS1_TOKEN_CA_FILE", |name| self.sources.path(name)) {
            Some(path) => {
                *set_by = Layer::Variable("WS1_TOKEN_CA_FILE");
                Some(self.sources.absolute(path))
            }
            None => raw.ca_file.as_deref().map(|path| self.path(path)),
        };
        if raw.ca_only && file.is_none() {
            let hint = "set `ca_file`, or remove `ca_only`";
            return Err(Error::unusable(self.key("ca_only"), "there is no `ca_file` to trust alone", hint));
        }
        Ok(file)
    }

    /// The profile's own proxy.
    fn proxy(&self, raw: Option<String>) -> Result<Option<Secret>, Error> {
        if let Some(proxy) = &raw {
            Proxy::parse(proxy, "").map_err(|cause| Error::unusable(self.key("proxy"), cause, PROXY_HINT))?;
        }
        Ok(raw.map(Secret::new))
    }

    /// The user name for git before 2.46, which needs one.
    fn git_username(&self, raw: Option<String>) -> Result<String, Error> {
        let name = raw.unwrap_or_else(|| "oauth2".to_owned());
        check_git_username(&name, self.key("git_username")).map(|()| name)
    }

    /// The first value that is set in flag, environment or file, and its layer. `missing` is the setting's name and the
    /// hint for the error if none is set.
    fn required(
        &self,
        (flag, given): (&'static str, Option<&String>),
        variable: &'static str,
        file: Option<&String>,
        (what, hint): (&'static str, &'static str),
    ) -> Result<(String, Layer), Error> {
        if let Some(value) = given {
            return Ok((value.clone(), Layer::Flag(flag)));
        }
        if let Some(value) = self.variable(variable)? {
            return Ok((value, Layer::Variable(variable)));
        }
        let missing = || Error::usage(format!("profile `{}` has no {what}", self.name)).hint(hint);
        file.map(|value| (value.clone(), Layer::File)).ok_or_else(missing)
    }

    /// The value of a variable, unless it is hidden.
    fn variable(&self, name: &str) -> Result<Option<String>, Error> {
        self.shown(name, |name| self.sources.text(name).transpose()).transpose()
    }

    /// The result of `read` for a variable, unless it is hidden.
    fn shown<T>(&self, name: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        if (self.is_hidden)(name) { None } else { read(name) }
    }

    /// The name of a setting for messages: the flag, the variable, or the key.
    fn setting(&self, layer: Layer, key: &str) -> String {
        match layer {
            Layer::Flag(name) | Layer::Variable(name) => name.to_owned(),
            Layer::File => self.key(key),
        }
    }

    /// A path from the file.
    fn path(&self, path: &str) -> PathBuf {
        resolve(path, self.config_dir, self.sources.home)
    }

    /// The name of a key for messages.
    fn key(&self, key: &str) -> String {
        format!("`{key}` of profile `{}`", self.name)
    }
}
