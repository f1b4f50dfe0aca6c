//! Configuration file, environment and flags become one [`Profile`]. A flag wins over the environment, the
//! environment over the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Cause, Error};
use crate::origin::{Origin, Target};
use crate::secret::{Secret, SecretSource};

mod invalid;
mod preset;

pub(crate) use preset::Preset;

/// Bytes of a configuration file that are read at most.
const CONFIG_LIMIT: u64 = 4 * 1024 * 1024;

/// The name that a profile made of environment variables and flags alone goes by.
const ENVIRONMENT_PROFILE: &str = "environment";

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
    /// Proxy for the token request; wins over the environment's.
    pub(crate) proxy: Option<String>,
    /// User name for callers that must have one with a token.
    pub(crate) git_username: String,
}

/// What flags say about the profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    /// `--profile`
    pub(crate) profile: Option<String>,
    /// `--config`
    pub(crate) config: Option<PathBuf>,
    /// `--tenant`
    pub(crate) tenant: Option<String>,
    /// `--client-id`
    pub(crate) client_id: Option<String>,
    /// `--client-secret-file`
    pub(crate) client_secret_file: Option<PathBuf>,
}

/// Where configuration comes from.
pub(crate) struct Sources<'a> {
    /// The flags.
    pub(crate) overrides: &'a Overrides,
    /// A variable of the environment; unset and empty are the same.
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
    /// The directory that holds `ws1-token/config.json`.
    pub(crate) config_dir: Option<&'a Path>,
    /// What `~` stands for.
    pub(crate) home: Option<&'a Path>,
    /// What relative paths of flags and variables are relative to; asked for only where there is one.
    pub(crate) working_dir: &'a dyn Fn() -> Option<PathBuf>,
}

/// The configuration file: only the chosen profile is parsed, the others stay text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig<'a> {
    /// For editors.
    #[serde(rename = "$schema")]
    _schema: Option<String>,
    /// The profile used when none is named.
    default_profile: Option<String>,
    /// The profiles.
    #[serde(borrow, default)]
    profiles: BTreeMap<String, &'a RawValue>,
}

/// A profile as it stands in the file.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    /// See [`Profile::tenant`].
    tenant: Option<String>,
    /// See [`Profile::client_id`].
    client_id: Option<String>,
    /// See [`Profile::client_secret`].
    client_secret: Option<RawSecret>,
    /// See [`Profile::scope`].
    scope: Option<String>,
    /// See [`Profile::preset`].
    #[serde(default)]
    preset: Preset,
    /// See [`Profile::token_url`].
    token_url: Option<String>,
    /// See [`Profile::auth_style`].
    #[serde(default)]
    auth_style: AuthStyle,
    /// See [`Profile::use_refresh_token`].
    use_refresh_token: Option<bool>,
    /// See [`Profile::hosts`].
    #[serde(default)]
    hosts: Vec<String>,
    /// See [`Profile::ca_file`].
    ca_file: Option<String>,
    /// See [`Profile::ca_only`].
    #[serde(default)]
    ca_only: bool,
    /// See [`Profile::proxy`].
    proxy: Option<String>,
    /// See [`Profile::git_username`].
    git_username: Option<String>,
}

/// A secret source as it stands in the file: exactly one of the four, `allow_shared_file` only with `file`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawSecret {
    /// A file.
    file: Option<String>,
    /// Accept a file that others can read.
    allow_shared_file: Option<bool>,
    /// An environment variable.
    env: Option<String>,
    /// A command and its arguments.
    command: Option<Vec<String>>,
    /// The platform's key store.
    keychain: Option<bool>,
}

/// The profiles of a configuration file, for `status`.
pub(crate) struct Names {
    /// The profiles in it, in order of their names.
    pub(crate) profiles: Vec<String>,
    /// The one that is used when none is named.
    pub(crate) default: Option<String>,
}

impl Sources<'_> {
    /// The configuration file: flag, environment, or the platform's place.
    fn file(&self) -> Option<PathBuf> {
        if let Some(file) = &self.overrides.config {
            return Some(self.absolute(&file.to_string_lossy()));
        }
        if let Some(file) = (self.env)("WS1_TOKEN_CONFIG") {
            return Some(self.absolute(&file));
        }
        self.config_dir.map(|dir| dir.join("ws1-token").join("config.json"))
    }

    /// A path of a flag or a variable: `~` expanded, relative to the working directory.
    pub(crate) fn absolute(&self, path: &str) -> PathBuf {
        let path = resolve(path, None, self.home);
        if path.is_absolute() { path } else { (self.working_dir)().map_or(path.clone(), |dir| dir.join(&path)) }
    }

    /// Whether flags and environment name a tenant and a client: then no file is needed.
    fn is_self_contained(&self) -> bool {
        (self.overrides.tenant.is_some() || (self.env)("WS1_TOKEN_TENANT").is_some())
            && (self.overrides.client_id.is_some() || (self.env)("WS1_TOKEN_CLIENT_ID").is_some())
    }

    /// The profile of this run. `suggested` is a name that the caller's own configuration carries: it wins over the
    /// environment's and loses to the flag.
    pub(crate) fn profile(&self, suggested: Option<&str>) -> Result<Profile, Error> {
        let wanted = self
            .overrides
            .profile
            .clone()
            .or_else(|| suggested.map(str::to_owned))
            .or_else(|| (self.env)("WS1_TOKEN_PROFILE"));
        let path = self.file();
        let text = path.as_deref().map_or(Ok(None), read_file)?;
        let file = path.unwrap_or_default();
        let (name, raw) = match text {
            Some(text) => self.choose(&text, &file, wanted)?,
            None if wanted.is_none() && self.is_self_contained() => {
                (ENVIRONMENT_PROFILE.to_owned(), RawProfile::default())
            }
            None if file.as_os_str().is_empty() => return Err(Error::NoHome),
            None => return Err(Error::NoConfig { file }),
        };
        self.build(name, raw, file.parent())
    }

    /// Picks the profile out of the file's text and parses it.
    fn choose(&self, text: &str, file: &Path, wanted: Option<String>) -> Result<(String, RawProfile), Error> {
        let config: RawConfig = serde_json::from_str(text).map_err(|error| invalid::explain(file, text, &error))?;
        let known = || config.profiles.keys().cloned().collect::<Vec<_>>();
        let name = match wanted.or(config.default_profile.clone()) {
            Some(name) => name,
            None if self.is_self_contained() => return Ok((ENVIRONMENT_PROFILE.to_owned(), RawProfile::default())),
            None if config.profiles.len() == 1 => known().remove(0),
            None => return Err(Error::NoProfile { file: file.to_owned(), known: known() }),
        };
        match config.profiles.get(&name) {
            Some(raw) => match serde_json::from_str(raw.get()) {
                Ok(profile) => Ok((name, profile)),
                Err(error) => Err(invalid::explain(file, text, &error)),
            },
            None => Err(Error::UnknownProfile { name, file: file.to_owned(), known: known() }),
        }
    }

    /// All profile names, or `None` without a configuration file.
    pub(crate) fn names(&self) -> Result<Option<Names>, Error> {
        let Some(file) = self.file() else { return Ok(None) };
        let Some(text) = read_file(&file)? else { return Ok(None) };
        let config: RawConfig = serde_json::from_str(&text).map_err(|error| invalid::explain(&file, &text, &error))?;
        Ok(Some(Names { profiles: config.profiles.keys().cloned().collect(), default: config.default_profile }))
    }

    /// Lays environment and flags over a profile of the file and checks the result.
    fn build(&self, name: String, raw: RawProfile, config_dir: Option<&Path>) -> Result<Profile, Error> {
        let of_profile = |key: &str| format!("`{key}` of profile `{name}`");
        let (tenant, tenant_setting) = self.layer(
            self.overrides.tenant.as_ref(),
            "--tenant",
            "WS1_TOKEN_TENANT",
            raw.tenant,
            &of_profile("tenant"),
        );
        let (client_id, id_setting) = self.layer(
            self.overrides.client_id.as_ref(),
            "--client-id",
            "WS1_TOKEN_CLIENT_ID",
            raw.client_id,
            &of_profile("client_id"),
        );
        let tenant = tenant.ok_or_else(|| Error::Missing {
            profile: name.clone(),
            what: "tenant",
            hint: "set `tenant` in the profile, WS1_TOKEN_TENANT or --tenant",
        })?;
        let (tenant, token_url) =
            preset::token_url(raw.preset, &tenant, raw.token_url.as_deref()).map_err(|wrong| {
                let setting = if wrong.in_token_url { of_profile("token_url") } else { tenant_setting };
                Error::Setting { setting, source: wrong.cause.into(), hint: wrong.hint }
            })?;
        let client_id = client_id.ok_or_else(|| Error::Missing {
            profile: name.clone(),
            what: "client ID",
            hint: "set `client_id` in the profile, WS1_TOKEN_CLIENT_ID or --client-id",
        })?;
        check_client_id(&client_id, id_setting)?;
        let client_secret = self.secret(raw.client_secret, config_dir, &of_profile("client_secret"))?;
        let hosts = raw
            .hosts
            .iter()
            .map(|host| {
                read_host(host).map_err(|cause| setting(of_profile("hosts"), cause, "write `host` or `host:port`"))
            })
            .collect::<Result<_, _>>()?;
        let scope = (self.env)("WS1_TOKEN_SCOPE").or(raw.scope).filter(|scope| !scope.trim().is_empty());
        if scope.as_deref().is_some_and(|scope| !scope.bytes().all(|byte| (b' '..=b'~').contains(&byte))) {
            return Err(setting(
                of_profile("scope"),
                "it holds a character that is not printable ASCII".to_owned(),
                "write scopes separated by single spaces",
            ));
        }
        let ca_file = match (self.env)("WS1_TOKEN_CA_FILE") {
            Some(path) => Some(self.absolute(&path)),
            None => raw.ca_file.map(|path| resolve(&path, config_dir, self.home)),
        };
        if raw.ca_only && ca_file.is_none() {
            return Err(setting(
                of_profile("ca_only"),
                "there is no `ca_file` to trust alone".to_owned(),
                "set `ca_file`, or remove `ca_only`",
            ));
        }
        if let Some(proxy) = &raw.proxy {
            check_proxy(proxy).map_err(|cause| setting(of_profile("proxy"), cause, "write http://host:port"))?;
        }
        let git_username = raw.git_username.unwrap_or_else(|| "oauth2".to_owned());
        if git_username.is_empty() || git_username.chars().any(char::is_control) {
            return Err(setting(
                of_profile("git_username"),
                "it is empty or holds a control character".to_owned(),
                "write a plain user name",
            ));
        }
        Ok(Profile {
            tenant,
            token_url,
            preset: raw.preset,
            client_id,
            client_secret,
            scope,
            auth_style: raw.auth_style,
            use_refresh_token: raw.use_refresh_token.unwrap_or(raw.preset.issues_refresh_tokens()),
            hosts,
            ca_file,
            ca_only: raw.ca_only,
            proxy: raw.proxy,
            git_username,
            name,
        })
    }

    /// Flag, environment, file: the first that is set, and what to call it in a message.
    fn layer(
        &self,
        flag: Option<&String>,
        flag_name: &str,
        variable: &str,
        file: Option<String>,
        setting: &str,
    ) -> (Option<String>, String) {
        match (flag, (self.env)(variable)) {
            (Some(value), _) => (Some(value.clone()), flag_name.to_owned()),
            (None, Some(value)) => (Some(value), variable.to_owned()),
            (None, None) => (file, setting.to_owned()),
        }
    }

    /// The secret's source: flag, environment (file before value), file.
    fn secret(
        &self,
        raw: Option<RawSecret>,
        config_dir: Option<&Path>,
        name: &str,
    ) -> Result<Option<SecretSource>, Error> {
        if let Some(path) = &self.overrides.client_secret_file {
            return Ok(Some(SecretSource::File { path: self.absolute(&path.to_string_lossy()), shared: false }));
        }
        if let Some(path) = (self.env)("WS1_TOKEN_CLIENT_SECRET_FILE") {
            return Ok(Some(SecretSource::File { path: self.absolute(&path), shared: false }));
        }
        if let Some(value) = (self.env)("WS1_TOKEN_CLIENT_SECRET") {
            return Ok(Some(SecretSource::Given(Secret::new(value))));
        }
        let Some(raw) = raw else { return Ok(None) };
        let wrong = |cause: &str| {
            setting(
                name.to_owned(),
                cause.to_owned(),
                "write one of {\"file\": PATH}, {\"env\": NAME}, {\"command\": [ARGV…]}, {\"keychain\": true}",
            )
        };
        let allow = raw.allow_shared_file;
        let source = match (raw.file, raw.env, raw.command, raw.keychain) {
            (Some(path), None, None, None) => {
                let path = resolve(&path, config_dir, self.home);
                return Ok(Some(SecretSource::File { path, shared: allow == Some(true) }));
            }
            (None, Some(name), None, None) => SecretSource::Env { value: (self.env)(&name).map(Secret::new), name },
            (None, None, Some(argv), None) if argv.first().is_some_and(|program| !program.is_empty()) => {
                SecretSource::Command(self.program(argv, config_dir))
            }
            (None, None, Some(_), None) => return Err(wrong("`command` names no program")),
            (None, None, None, Some(true)) => SecretSource::Keychain,
            _ => return Err(wrong("it names no source, or more than one")),
        };
        if allow.is_some() { Err(wrong("`allow_shared_file` goes with `file` only")) } else { Ok(Some(source)) }
    }

    /// A secret command: `~/…` and `./…` are paths like every other in the file, a bare name is looked up in PATH.
    fn program(&self, mut argv: Vec<String>, config_dir: Option<&Path>) -> Vec<String> {
        if let Some(first) = argv.first_mut()
            && (first.starts_with("~/") || first.starts_with("./") || first.starts_with("../"))
        {
            *first = resolve(first, config_dir, self.home).to_string_lossy().into_owned();
        }
        argv
    }
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

    /// What the token depends on, hashed: the name of its cache entry. Length prefixes keep the fields apart.
    pub(crate) fn identity(&self) -> String {
        use sha2::{Digest, Sha256};
        let style = match self.auth_style {
            AuthStyle::Basic => "basic",
            AuthStyle::BasicFormEncoded => "basic-form-encoded",
            AuthStyle::Post => "post",
        };
        let url = self.token_url.to_string();
        let mut hash = Sha256::new();
        for field in [url.as_str(), &self.client_id, self.scope.as_deref().unwrap_or(""), style] {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field.as_bytes());
        }
        let mut hex = String::with_capacity(64);
        for byte in hash.finalize() {
            hex.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            hex.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        hex
    }
}

/// The text of the configuration file; `None` if there is none.
fn read_file(file: &Path) -> Result<Option<String>, Error> {
    let failed = |cause: Cause| Error::ConfigUnreadable { file: file.to_owned(), source: cause };
    let size = match std::fs::metadata(file) {
        Ok(meta) if !meta.is_file() => return Err(failed("not a regular file".into())),
        Ok(meta) => meta.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.into())),
    };
    if size > CONFIG_LIMIT {
        return Err(failed("larger than 4 MiB".into()));
    }
    std::fs::read_to_string(file).map(Some).map_err(|error| failed(error.into()))
}

/// A path of the configuration: `~` expanded, relative to `base`.
pub(crate) fn resolve(path: &str, base: Option<&Path>, home: Option<&Path>) -> PathBuf {
    if let (Some(rest), Some(home)) = (path.strip_prefix('~'), home) {
        if rest.is_empty() {
            return home.to_owned();
        }
        if let Some(rest) = rest.strip_prefix(['/', std::path::MAIN_SEPARATOR]) {
            return home.join(rest);
        }
    }
    match base {
        Some(base) => base.join(path),
        None => PathBuf::from(path),
    }
}

/// A client id can be anything that Basic authentication can carry before its colon (RFC 7617 §2).
fn check_client_id(client_id: &str, name: String) -> Result<(), Error> {
    let cause = if client_id.is_empty() {
        "it is empty"
    } else if client_id.contains(':') {
        "it holds a colon, which Basic authentication cannot carry"
    } else if client_id.chars().any(char::is_control) {
        "it holds a control character"
    } else {
        return Ok(());
    };
    Err(setting(name, cause.to_owned(), "copy the client ID from the tenant's OAuth client settings"))
}

/// One of `hosts`: `host` means port 443, `host:port` that port.
fn read_host(host: &str) -> Result<Origin, String> {
    if host.contains("://") {
        return Err(format!("`{}` is a URL", host.split('@').next_back().unwrap_or_default()));
    }
    Origin::parse(host, true).map_err(|cause| format!("an entry cannot be read: {cause}"))
}

/// A proxy is an http or https URL; it may hold credentials, so it is never repeated.
pub(crate) fn check_proxy(proxy: &str) -> Result<(), String> {
    let rest = match proxy.split_once("://") {
        None => proxy,
        Some((scheme, rest)) if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => rest,
        Some(_) => return Err("its scheme is neither http nor https".to_owned()),
    };
    let authority = rest.rsplit_once('@').map_or(rest, |(_, authority)| authority);
    Origin::parse(authority.trim_end_matches('/'), false).map(|_| ())
}

/// A setting that cannot be used.
fn setting(setting: String, cause: String, hint: &str) -> Error {
    Error::Setting { setting, source: cause.into(), hint: hint.to_owned() }
}

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;
