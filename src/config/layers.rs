//! Applies environment and flags to a profile of the file, and checks each setting.

use std::path::{Path, PathBuf};

use super::file::{RawProfile, RawSecret};
use super::{Profile, Sources, preset, resolve};
use crate::error::Error;
use crate::origin::{Origin, Target};
use crate::secret::Secret;
use crate::secret::source::{SHARED_FILE_VARIABLE, SecretSource};

/// Builds the profile of a run; paths in the file are relative to `config_dir`.
pub(super) fn build(
    sources: &Sources<'_>,
    name: &str,
    raw: RawProfile,
    config_dir: Option<&Path>,
) -> Result<Profile, Error> {
    let layers = Layers { sources, name, config_dir };
    let (tenant, token_url) = layers.tenant(&raw)?;
    let ca_file = layers.ca_file(&raw)?;
    let client_id = layers.client_id(raw.client_id)?;
    Ok(Profile {
        client_secret: layers.secret(raw.client_secret, &|| keychain_account(&client_id, &tenant))?,
        tenant,
        token_url,
        preset: raw.preset,
        client_id,
        scope: layers.scope(raw.scope)?,
        auth_style: raw.auth_style,
        use_refresh_token: raw.use_refresh_token.unwrap_or(raw.preset.issues_refresh_tokens()),
        hosts: layers.hosts(&raw.hosts)?,
        ca_file,
        ca_only: raw.ca_only,
        proxy: layers.proxy(raw.proxy)?,
        git_username: layers.git_username(raw.git_username)?,
        name: name.to_owned(),
    })
}

/// The key store account of a client: `CLIENT@TENANT`.
pub(crate) fn keychain_account(client_id: &str, tenant: &Origin) -> String {
    format!("{client_id}@{}", tenant.authority())
}

/// Checks that a proxy is an http or https URL. Its error never repeats the URL, which may hold credentials.
pub(crate) fn check_proxy(proxy: &str) -> Result<(), String> {
    let rest = match proxy.split_once("://") {
        None => proxy,
        Some((scheme, rest)) if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => rest,
        Some(_) => return Err("its scheme is neither http nor https".to_owned()),
    };
    let authority = rest.rsplit_once('@').map_or(rest, |(_, authority)| authority);
    Origin::parse(authority.trim_end_matches('/'), false).map(|_| ())
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
    Err(wrong(setting, cause, "copy the client ID from the tenant's OAuth client settings"))
}

/// Checks that scopes are printable ASCII (RFC 6749 §3.3).
pub(crate) fn check_scope(scope: &str, setting: String) -> Result<(), Error> {
    if scope.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Ok(());
    }
    let cause = "it holds a character that is not printable ASCII";
    Err(wrong(setting, cause, "write scopes separated by single spaces"))
}

/// Checks a user name for git.
pub(crate) fn check_git_username(name: &str, setting: String) -> Result<(), Error> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(wrong(setting, "it is empty or holds a control character", "write a plain user name"));
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
}

impl Layers<'_> {
    /// The tenant and its token URL.
    fn tenant(&self, raw: &RawProfile) -> Result<(Origin, Target), Error> {
        let flag = ("--tenant", self.sources.overrides.tenant.as_ref());
        let missing = ("tenant", "set `tenant` in the profile, WS1_TOKEN_TENANT or --tenant");
        let (tenant, setting) = self.required(flag, "WS1_TOKEN_TENANT", raw.tenant.clone(), "tenant", missing)?;
        preset::token_url(raw.preset, &tenant, raw.token_url.as_deref()).map_err(|wrong| {
            let setting = if wrong.in_token_url { self.key("token_url") } else { setting };
            Error::unusable(setting, wrong.cause, wrong.hint)
        })
    }

    /// The client ID.
    fn client_id(&self, raw: Option<String>) -> Result<String, Error> {
        let flag = ("--client-id", self.sources.overrides.client_id.as_ref());
        let missing = ("client ID", "set `client_id` in the profile, WS1_TOKEN_CLIENT_ID or --client-id");
        let (client_id, setting) = self.required(flag, "WS1_TOKEN_CLIENT_ID", raw, "client_id", missing)?;
        check_client_id(&client_id, setting)?;
        Ok(client_id)
    }

    /// The source of the client secret: flag, environment (file before value), configuration file.
    fn secret(&self, raw: Option<RawSecret>, account: &dyn Fn() -> String) -> Result<Option<SecretSource>, Error> {
        let Sources { overrides, env, .. } = self.sources;
        let file = overrides.client_secret_file.clone();
        if let Some(path) = file.or_else(|| env("WS1_TOKEN_CLIENT_SECRET_FILE").map(PathBuf::from)) {
            let shared = self.sources.is_on(SHARED_FILE_VARIABLE);
            return Ok(Some(SecretSource::File { path: self.sources.absolute(path), shared }));
        }
        if let Some(value) = env("WS1_TOKEN_CLIENT_SECRET") {
            return Ok(Some(SecretSource::Given(Secret::new(value))));
        }
        raw.map(|raw| self.secret_of_file(raw, account)).transpose()
    }

    /// The source that the configuration file names.
    fn secret_of_file(&self, raw: RawSecret, account: &dyn Fn() -> String) -> Result<SecretSource, Error> {
        let refused = |cause| {
            let hint = "write one of {\"file\": PATH}, {\"env\": NAME}, {\"command\": [ARGV…]}, {\"keychain\": true}";
            Err(wrong(self.key("client_secret"), cause, hint))
        };
        if raw.allow_shared_file.is_some() && raw.file.is_none() {
            return refused("`allow_shared_file` goes with `file` only");
        }
        match (raw.file, raw.env, raw.command, raw.keychain) {
            (Some(path), None, None, None) => {
                let shared = raw.allow_shared_file.unwrap_or_else(|| self.sources.is_on(SHARED_FILE_VARIABLE));
                Ok(SecretSource::File { path: self.path(&path), shared })
            }
            (None, Some(name), None, None) => {
                Ok(SecretSource::Env { value: (self.sources.env)(&name).map(Secret::new), name })
            }
            (None, None, Some(argv), None) if argv.first().is_some_and(|program| !program.is_empty()) => {
                Ok(SecretSource::Command(self.program(argv)))
            }
            (None, None, Some(_), None) => refused("`command` names no program"),
            (None, None, None, Some(true)) => {
                Ok(SecretSource::Keychain { account: account(), profile: self.name.to_owned() })
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
    fn scope(&self, raw: Option<String>) -> Result<Option<String>, Error> {
        let scope = (self.sources.env)("WS1_TOKEN_SCOPE").or(raw).filter(|scope| !scope.trim().is_empty());
        if let Some(scope) = &scope {
            check_scope(scope, self.key("scope"))?;
        }
        Ok(scope)
    }

    /// Hosts that may receive the token besides the tenant.
    fn hosts(&self, raw: &[String]) -> Result<Vec<Origin>, Error> {
        let read = |host: &String| {
            read_host(host).map_err(|cause| wrong(self.key("hosts"), &cause, "write `host` or `host:port`"))
        };
        raw.iter().map(read).collect()
    }

    /// Additional trusted CAs.
    fn ca_file(&self, raw: &RawProfile) -> Result<Option<PathBuf>, Error> {
        let file = match (self.sources.env)("WS1_TOKEN_CA_FILE") {
            Some(path) => Some(self.sources.absolute(path)),
            None => raw.ca_file.as_deref().map(|path| self.path(path)),
        };
        if raw.ca_only && file.is_none() {
            let hint = "set `ca_file`, or remove `ca_only`";
            return Err(wrong(self.key("ca_only"), "there is no `ca_file` to trust alone", hint));
        }
        Ok(file)
    }

    /// The profile's own proxy.
    fn proxy(&self, raw: Option<String>) -> Result<Option<Secret>, Error> {
        if let Some(proxy) = &raw {
            check_proxy(proxy).map_err(|cause| wrong(self.key("proxy"), &cause, "write http://host:port"))?;
        }
        Ok(raw.map(Secret::new))
    }

    /// The user name for git before 2.46, which needs one.
    fn git_username(&self, raw: Option<String>) -> Result<String, Error> {
        let name = raw.unwrap_or_else(|| "oauth2".to_owned());
        check_git_username(&name, self.key("git_username")).map(|()| name)
    }

    /// The first value that is set of flag, environment and file, and its name for messages. `missing` is the setting in
    /// words, and the hint, if none is set.
    fn required(
        &self,
        (flag, given): (&str, Option<&String>),
        variable: &str,
        file: Option<String>,
        key: &str,
        (what, hint): (&'static str, &'static str),
    ) -> Result<(String, String), Error> {
        match (given, (self.sources.env)(variable), file) {
            (Some(value), ..) => Ok((value.clone(), flag.to_owned())),
            (None, Some(value), _) => Ok((value, variable.to_owned())),
            (None, None, Some(value)) => Ok((value, self.key(key))),
            (None, None, None) => Err(Error::usage(format!("profile `{}` has no {what}", self.name)).hint(hint)),
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

/// The error of an invalid setting.
fn wrong(setting: String, cause: &str, hint: &str) -> Error {
    Error::unusable(setting, cause, hint.to_owned())
}
