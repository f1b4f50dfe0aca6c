//! Builds the [`Profile`] of a run from flags, environment and configuration file, in this order of precedence.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::origin::Origin;

pub(crate) mod edit;
mod file;
mod invalid;
mod layers;
mod missing;
mod overrides;
mod preset;
mod profile;
mod stored;
mod target;
mod variables;

use file::{RawConfig, RawProfile};
pub(crate) use layers::{check_client_id, check_git_username, check_scope, keychain_account, read_host};
pub(crate) use overrides::Overrides;
pub(crate) use preset::Preset;
pub(crate) use preset::{WrongUrl, api_url, token_url};
pub(crate) use profile::{AuthStyle, Layer, Profile};
pub(crate) use stored::{Stored, Transaction};
pub(crate) use target::TargetError;
pub(crate) use variables::{LAYERS, is_unknown, nearest_variable, says_whose};

/// The name of a profile that consists of environment variables and flags alone.
pub(crate) const ENVIRONMENT_PROFILE: &str = "environment";

/// The sources of configuration.
pub(crate) struct Sources<'a> {
    /// The options of the command line.
    pub(crate) overrides: &'a Overrides,
    /// A variable of the environment; unset and empty are the same.
    pub(crate) env: &'a dyn Fn(&str) -> Option<OsString>,
    /// The directory that holds `ws1-token/config.json`.
    pub(crate) config_dir: Option<&'a Path>,
    /// The home directory, for `~`; absolute.
    pub(crate) home: Option<&'a Path>,
    /// The base of relative paths in flags and variables; called only if there is one.
    pub(crate) working_dir: &'a dyn Fn() -> Option<PathBuf>,
}

/// The names of the profiles in a configuration file.
pub(crate) struct Names {
    /// All names, sorted.
    pub(crate) profiles: Vec<String>,
    /// The `default_profile`.
    pub(crate) default: Option<String>,
}

impl Sources<'_> {
    /// The configuration file: flag, environment, or the platform's default.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        if let Some((_, file)) = self.named_file() {
            let is_known = !file.starts_with("~") || self.home.is_some();
            return is_known.then(|| self.absolute(file));
        }
        // Below a relative HOME it would be another file in every directory.
        let dir = self.config_dir.filter(|dir| dir.is_absolute())?;
        Some(dir.join("ws1-token").join("config.json"))
    }

    /// The configuration file that a flag or a variable names, and which.
    pub(crate) fn named_file(&self) -> Option<(&'static str, PathBuf)> {
        let flag = self.overrides.config.clone().map(|file| ("--config", file));
        flag.or_else(|| Some(("WS1_TOKEN_CONFIG", self.path("WS1_TOKEN_CONFIG")?)))
    }

    /// A path from a flag or a variable: `~` expanded, relative to the working directory.
    pub(crate) fn absolute(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = resolve(path, None, self.home);
        if path.is_absolute() { path } else { (self.working_dir)().map_or(path.clone(), |dir| dir.join(&path)) }
    }

    /// Whether a variable of the environment switches something on: any value but `0`.
    pub(crate) fn is_on(&self, variable: &str) -> Result<bool, Error> {
        Ok(self.text(variable)?.is_some_and(|value| value != "0"))
    }

    /// Whether flags and environment name a tenant and a client or API token, so that no file is needed.
    fn is_self_contained(&self) -> bool {
        let is_set = |variable| (self.env)(variable).is_some();
        let client = ["WS1_TOKEN_CLIENT_ID", "WS1_TOKEN_API_TOKEN", "WS1_TOKEN_API_TOKEN_FILE"];
        (self.overrides.tenant.is_some() || is_set("WS1_TOKEN_TENANT"))
            && (self.overrides.client_id.is_some() || client.into_iter().any(is_set))
    }

    /// The profile of this run. `suggested` is a name from the caller's own configuration: `--profile` overrides it, and it
    /// overrides the environment.
    pub(crate) fn profile(&self, suggested: Option<&str>) -> Result<Profile, Error> {
        self.load(suggested, None).map_err(TargetError::into_error)
    }

    /// The profile whose token a target may have. One that is chosen, by `--profile` or a variable, is the only candidate.
    pub(crate) fn profile_for(&self, target: &Origin) -> Result<Profile, TargetError> {
        let profile = self.load(None, Some(target))?;
        if profile.allows(target) {
            return Ok(profile);
        }
        Err(TargetError::Foreign(Error::foreign_host(&target.host_and_port(), &profile.name)))
    }

    /// A profile: by its name, by the target, or the default.
    fn load(&self, suggested: Option<&str>, target: Option<&Origin>) -> Result<Profile, TargetError> {
        let is_explicit = self.overrides.profile.is_some();
        let given = self.overrides.profile.as_deref().or(suggested);
        let wanted = match given {
            Some(name) => Some((name.to_owned(), "")),
            None => self.text("WS1_TOKEN_PROFILE")?.map(|name| (name, "WS1_TOKEN_PROFILE names it")),
        };
        let path = self.file();
        let text = path.as_deref().map_or(Ok(None), file::read)?;
        let file = path.unwrap_or_default();
        let owner = match (&text, target) {
            (Some(text), Some(target)) if wanted.is_none() => self.owner(text, &file, target)?,
            _ => None,
        };
        let is_owner = owner.is_some();
        let wanted = owner.map(|name| (name, "")).or(wanted);
        let (name, raw) = match text {
            Some(text) => self.choose(&text, &file, wanted),
            None if wanted.is_none() && self.is_self_contained() => Ok((ENVIRONMENT_PROFILE.to_owned(), None)),
            None => Err(self.no_config(&file)),
        }
        .map_err(|error| TargetError::of(error, is_owner))?;
        let is_hidden = |variable: &str| is_explicit && says_whose(variable);
        let profile = layers::build(self, &name, raw, file.parent(), &is_hidden)
            .map_err(|error| TargetError::of(error, is_owner))?;
        Ok(Profile { is_chosen: given.is_some(), ..profile })
    }

    /// The error of a configuration file that is not there.
    fn no_config(&self, file: &Path) -> Error {
        match self.named_file() {
            _ if file.as_os_str().is_empty() => missing::no_home(self),
            Some((setting, _)) => missing::no_such_file(setting, file),
            None => missing::no_config(file),
        }
    }

    /// Selects the profile in the file's text and parses it. What names the wanted one comes with it.
    fn choose(
        &self,
        text: &str,
        file: &Path,
        wanted: Option<(String, &str)>,
    ) -> Result<(String, Option<RawProfile>), Error> {
        let config: RawConfig = serde_json::from_str(text).map_err(|error| invalid::explain(file, text, &error))?;
        let known = || config.profiles.names();
        let default = || Some((config.default_profile.clone()?, "`default_profile` names it"));
        let (name, named_by) = match wanted.or_else(default) {
            Some(name) => name,
            None if self.is_self_contained() => return Ok((ENVIRONMENT_PROFILE.to_owned(), None)),
            None if known().len() == 1 => (known().remove(0), ""),
            None => return Err(missing::no_profile(file, &known())),
        };
        match config.profiles.get(&name) {
            Some((_, Some(again))) => {
                let key = format!("profiles.{name}");
                Err(invalid::stands_twice(file, text, &key, invalid::offset_of(again.get(), text)))
            }
            Some((raw, None)) => match serde_json::from_str(raw.get()) {
                Ok(profile) => Ok((name, Some(profile))),
                Err(error) => Err(invalid::explain(file, text, &error)),
            },
            None => Err(missing::unknown_profile(&name, named_by, file, &known())),
        }
    }

    /// All profile names, or `None` without a configuration file.
    pub(crate) fn names(&self) -> Result<Option<Names>, Error> {
        let Some(file) = self.file() else { return Ok(None) };
        let Some(text) = file::read(&file)? else { return Ok(None) };
        let config: RawConfig = serde_json::from_str(&text).map_err(|error| invalid::explain(&file, &text, &error))?;
        Ok(Some(Names { profiles: config.profiles.names(), default: config.default_profile }))
    }

    /// The variables in which any profile of the file may have its secret, as far as the file can be read.
    pub(crate) fn secret_variables(&self) -> Vec<String> {
        let Some(Ok(Some(text))) = self.file().map(|file| file::read(&file)) else { return Vec::new() };
        let Ok(config) = serde_json::from_str::<RawConfig>(&text) else { return Vec::new() };
        let profiles = config.profiles.0.iter();
        let raw = profiles.filter_map(|(_, text)| serde_json::from_str::<RawProfile>(text.get()).ok());
        raw.filter_map(|raw| raw.client_secret.or(raw.api_token)?.env).collect()
    }
}

/// A path from the configuration: `~` expanded, relative to `base`.
pub(crate) fn resolve(path: impl AsRef<Path>, base: Option<&Path>, home: Option<&Path>) -> PathBuf {
    let path = path.as_ref();
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) if rest.as_os_str().is_empty() => home.to_owned(),
        (Ok(rest), Some(home)) => home.join(rest),
        _ => base.map_or_else(|| path.to_owned(), |base| base.join(path)),
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod properties;
#[cfg(any(test, fuzzing))]
pub(crate) mod sample;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;
