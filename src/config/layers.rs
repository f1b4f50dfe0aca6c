//! Applies environment and flags to a profile of the file, and checks each setting.

use std::path::{Path, PathBuf};

use super::file::{RawProfile, RawSecret};
use super::profile::{Layer, SetBy};
use super::{Profile, Sources, preset, resolve};
use crate::error::Error;
use crate::origin::{Origin, Target};
use crate::proxy::{PROXY_HINT, Proxy};
use crate::secret::Secret;
use crate::secret::source::{SHARED_FILE_VARIABLE, SecretSource};

/// Builds the profile of a run; paths in the file are relative to `config_dir`, and variables for which `is_hidden` is
/// true count as unset.
pub(super) fn build(
    sources: &Sources<'_>,
    name: &str,
    raw: RawProfile,
    config_dir: Option<&Path>,
    is_hidden: &dyn Fn(&str) -> bool,
) -> Result<Profile, Error> {
    let layers = Layers { sources, name, config_dir, is_hidden };
    let mut set_by = SetBy::default();
    let (tenant, token_url) = layers.tenant(&raw, &mut set_by.tenant)?;
    let ca_file = layers.ca_file(&raw, &mut set_by.ca_file)?;
    let client_id = layers.client_id(raw.client_id, &mut set_by.client_id)?;
    let client_secret = match (layers.given_secret()?, raw.client_secret) {
        (None, Some(raw)) => Some(layers.secret_of_file(raw, &client_id, &tenant)?),
        (given, _) => given,
    };
    Ok(Profile {
        client_secret,
        tenant,
        token_url,
        preset: raw.preset,
        client_id,
        scope: layers.scope(raw.scope, &mut set_by.scope)?,
        auth_style: raw.auth_style,
        use_refresh_token: raw.use_refresh_token.unwrap_or(raw.preset.issues_refresh_tokens()),
        hosts: layers.hosts(&raw.hosts)?,
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
    let layers = Layers { sources, name, config_dir: None, is_hidden: &|_| false };
    let (tenant, _) = layers.tenant(raw, &mut Layer::File)?;
    Ok(target.may_receive(&tenant, &layers.hosts(&raw.hosts)?))
}

/// The key store account of a client: `CLIENT@TENANT`.
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
}

impl Layers<'_> {
    /// The tenant and its token URL.
    fn tenant(&self, raw: &RawProfile, set_by: &mut Layer) -> Result<(Origin, Target), Error> {
        let flag = ("--tenant", self.sources.overrides.tenant.as_ref());
        let missing = ("tenant", "set `tenant` in the profile, or pass --tenant");
        let (tenant, layer) = self.required(flag, "WS1_TOKEN_TENANT", raw.tenant.as_ref(), missing)?;
        *set_by = layer;
        let read = |tenant: &str, token_url: Option<&str>| {
            preset::token_url(raw.preset, tenant, token_url).map_err(|wrong| {
                let setting = if wrong.in_token_url { self.key("token_url") } else { self.setting(layer, "tenant") };
                Error::unusable(setting, wrong.cause, wrong.hint)
            })
        };
        let found = read(&tenant, raw.token_url.as_deref())?;
        let is_home = match &raw.tenant {
            _ if layer == Layer::File => true,
            Some(stored) => read(stored, raw.token_url.as_deref()).is_ok_and(|stored| stored == found),
            None => raw.client_secret.is_none() && raw.token_url.is_none(),
        };
        if is_home {
            return Ok(found);
        }
        self.with_its_own_secret(layer, "tenant")
            .map_err(|error| if raw.tenant.is_none() { error.hint("set `tenant` in the profile") } else { error })?;
        // The stored `token_url` belongs to the stored tenant, not to this one.
        read(&tenant, None)
    }

    /// The client ID.
    fn client_id(&self, raw: Option<String>, set_by: &mut Layer) -> Result<String, Error> {
        let flag = ("--client-id", self.sources.overrides.client_id.as_ref());
        let missing = ("client ID", "set `client_id` in the profile, or pass --client-id");
        let (client_id, layer) = self.required(flag, "WS1_TOKEN_CLIENT_ID", raw.as_ref(), missing)?;
        *set_by = layer;
        check_client_id(&client_id, self.setting(layer, "client_id"))?;
        if raw.is_some_and(|stored| stored != client_id) {
            self.with_its_own_secret(layer, "client")?;
        }
        Ok(client_id)
    }

    /// Refuses a tenant or client that is not the profile's, unless a secret is given with it: a stored secret never
    /// goes to another tenant or client (I13).
    fn with_its_own_secret(&self, layer: Layer, what: &str) -> Result<(), Error> {
        let (setting, hint) = match layer {
            _ if self.given_secret()?.is_some() => return Ok(()),
            Layer::Flag(flag) => (flag, format!("pass the secret of that {what} too, with --client-secret-file")),
            Layer::Variable(variable) => (variable, format!("unset {variable}")),
            Layer::File => return Ok(()),
        };
        Err(Error::usage(format!("{setting} is not the {what} of profile `{}`", self.name))
            .because(format!("a secret that is stored for one {what} never goes to another"))
            .hint(hint))
    }

    /// The source that a flag or a variable names.
    fn given_secret(&self) -> Result<Option<SecretSource>, Error> {
        const VARIABLE: &str = "WS1_TOKEN_CLIENT_SECRET_FILE";
        let flag = self.sources.overrides.client_secret_file.clone().map(|path| ("--client-secret-file", path));
        let variable = || Some((VARIABLE, self.shown(VARIABLE, |name| self.sources.path(name))?));
        if let Some((setting, path)) = flag.or_else(variable) {
            let shared = self.sources.is_on(SHARED_FILE_VARIABLE)?;
            let path = self.sources.absolute(path);
            return Ok(Some(SecretSource::File { path, shared, named_by: Some(setting) }));
        }
        // Reading the secret drops the newline, as for every source.
        let value =
            self.shown("WS1_TOKEN_CLIENT_SECRET", |name| self.sources.raw_text(name).transpose()).transpose()?;
        Ok(value.map(|value| SecretSource::Given(Secret::new(value))))
    }

    /// The source that the configuration file names.
    fn secret_of_file(&self, raw: RawSecret, client_id: &str, tenant: &Origin) -> Result<SecretSource, Error> {
        let refused = |cause| {
            let hint = "write one of {\"file\": PATH}, {\"env\": NAME}, {\"command\": [ARGV…]}, {\"keychain\": true}";
            Err(Error::unusable(self.key("client_secret"), cause, hint))
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
                let account = keychain_account(client_id, tenant);
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

    /// Hosts that may receive the token besides the tenant.
    fn hosts(&self, raw: &[String]) -> Result<Vec<Origin>, Error> {
        let read = |host: &String| {
            read_host(host).map_err(|cause| Error::unusable(self.key("hosts"), cause, "write `host` or `host:port`"))
        };
        raw.iter().map(read).collect()
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
