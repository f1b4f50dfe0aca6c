//! Gets each value from a flag, a variable, the present profile, or a question.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Draft, Wizard, import, tenant};
use crate::config::{self, AuthStyle, Preset};
use crate::error::Error;
use crate::prompt::Person;
use crate::text::line;

impl Draft {
    /// How it authenticates, as far as the place of the token endpoint depends on it.
    pub(super) fn style(&self) -> AuthStyle {
        if self.has_api_token { AuthStyle::ApiToken } else { AuthStyle::default() }
    }

    /// The key of its secret, and of the one that it has not.
    pub(super) fn secret_keys(&self) -> [&'static str; 2] {
        if self.has_api_token { ["api_token", "client_secret"] } else { ["client_secret", "api_token"] }
    }

    /// The error of a script without a secret.
    pub(super) fn no_secret(&self) -> Error {
        if self.has_api_token {
            return nothing_to_ask("the API token", "pass --api-token-stdin or --api-token-file");
        }
        let hint = "pass --secret-stdin or --client-secret-file, or set WS1_TOKEN_CLIENT_SECRET_FILE";
        nothing_to_ask("the client secret", hint)
    }
}

/// Asks until the answer is valid.
fn until_usable<T>(
    person: &Person<'_>,
    ask: impl Fn() -> Result<String, Error>,
    read: impl Fn(String) -> Result<T, Error>,
) -> Result<T, Error> {
    loop {
        match read(ask()?) {
            Ok(value) => return Ok(value),
            Err(error) => person.show(&error),
        }
    }
}

/// The error of a script that leaves out a value that only a person could be asked for.
fn nothing_to_ask(what: &str, hint: &str) -> Error {
    Error::usage(format!("login needs {what}, and there is no terminal to ask at")).hint(hint)
}

/// The host of the token endpoint in the region of `--region`, and that flag.
fn regional_tenant(preset: Preset, region: &str) -> Result<(String, String), Error> {
    let host = preset.regional_host(region).ok_or_else(|| {
        let cause = "it is no name of a region, or the service has none";
        Error::unusable("--region", cause, "give it with --preset uem or intelligence, like `--region na`")
    })?;
    Ok(("--region".to_owned(), host))
}

impl Wizard<'_> {
    /// The settings of the profile.
    pub(super) fn draft(&self) -> Result<Draft, Error> {
        self.introduce();
        // After a logout only the secret is missing.
        let settled = self.args.import.is_some() || self.lacks_its_secret_alone();
        let mut draft = match &self.args.import {
            Some(file) => self.imported(file)?,
            None => self.client(settled)?,
        };
        draft.scope = match self.given("--scope", self.args.scope.as_ref(), "WS1_TOKEN_SCOPE") {
            Some((setting, given)) => config::check_scope(&given, setting).map(|()| not_blank(&given))?,
            None if settled || self.person.is_none() => self.old("scope"),
            None => self.ask_scope(self.old("scope").as_deref())?,
        };
        Ok(draft)
    }

    /// Tenant, client and secret from flags, variables and answers; the profile's own where those are `settled`, and for
    /// a script.
    fn client(&self, settled: bool) -> Result<Draft, Error> {
        let preset = self.args.preset.unwrap_or_else(|| self.old_preset());
        let overrides = self.context.sources.overrides;
        let kept = |key: &str| self.old(key).filter(|_| settled || self.person.is_none());
        let given = self.given("--tenant", overrides.tenant.as_ref(), "WS1_TOKEN_TENANT");
        let regional = self.args.region.as_ref().map(|region| regional_tenant(preset, region)).transpose()?;
        let tenant = match (given.or(regional), kept("tenant")) {
            (Some((setting, given)), _) => self.read_tenant(preset, &given, &setting)?,
            (None, Some(tenant)) => tenant::read(&tenant, preset, &format!("`tenant` of profile `{}`", self.name))?,
            (None, None) if self.person.is_none() && preset.usual_tenant().is_some() => {
                self.read_tenant(preset, preset.usual_tenant().unwrap_or_default(), "the tenant")?
            }
            (None, None) => self.ask_tenant(preset, self.old("tenant").as_deref().or(preset.usual_tenant()))?,
        };
        let given = self.given("--client-id", overrides.client_id.as_ref(), "WS1_TOKEN_CLIENT_ID");
        let has_api_token = self.wants_api_token(given.is_some());
        let client_id = match (given, kept("client_id")) {
            _ if has_api_token => String::new(),
            (Some((setting, given)), _) => config::check_client_id(&given, setting).map(|()| given)?,
            (None, Some(client_id)) => client_id,
            (None, None) => self.ask_client_id(self.old("client_id").as_deref())?,
        };
        if let Some(person) = self.person.as_ref().filter(|_| settled) {
            let who = if has_api_token { String::new() } else { format!(" as {client_id}") };
            person.say(&format!("{tenant}{who}: only the secret is missing"));
        }
        let token_url = match self.args.keys.token_url {
            Some(_) => self.given_token_url(preset, &tenant)?,
            None => self.kept_token_url(preset, &tenant),
        };
        let (ca_file, mut keys) = (self.given_ca_file()?, self.given_keys()?);
        if preset.has_api_elsewhere() && !settled {
            keys.extend(self.ask_api(preset, &tenant)?);
        }
        let mut draft =
            Draft { preset, tenant, token_url, client_id, has_api_token, ca_file, keys, ..Draft::default() };
        let given = self.given_secret(&draft)?;
        draft.secret_is_given = given.is_some();
        draft.secret = given.map_or_else(|| self.ask_secret(&draft, true), Ok)?;
        Ok(draft)
    }

    /// Tenant, client and secret from the file of `--import`.
    fn imported(&self, file: &Path) -> Result<Draft, Error> {
        let (mut draft, unknown) = import::read(&self.context.sources.absolute(file))?;
        for key in unknown {
            self.context.log.warn(&format!("ignoring `{key}` in the file of --import: a profile has no such setting"));
        }
        config::check_client_id(&draft.client_id, "`clientId` of the file of --import".to_owned())?;
        self.tell_tenant(&draft.tenant);
        draft.secret_is_given = true;
        (draft.ca_file, draft.keys) = (self.given_ca_file()?, self.given_keys()?);
        self.check_store(&draft)?;
        Ok(draft)
    }

    /// A text of the present profile.
    fn old(&self, key: &str) -> Option<String> {
        self.old.get(key).and_then(Value::as_str).map(str::to_owned)
    }

    /// Shows the user which profile is created or changed.
    fn introduce(&self) {
        if let Some(person) = &self.person {
            let new = if self.old.is_empty() { "New profile" } else { "Profile" };
            person.say(&format!("{new} `{}` of `{}`", self.name, self.stored.file.display()));
        }
    }

    /// The name and value of a flag, or else of a variable.
    fn given(&self, flag: &str, value: Option<&String>, variable: &str) -> Option<(String, String)> {
        match value {
            Some(value) => Some((flag.to_owned(), value.clone())),
            None => self.context.sources.text(variable).ok()?.map(|value| (variable.to_owned(), value)),
        }
    }

    /// Whether an API token is to stand for client ID and secret: one is given, or the profile has one.
    fn wants_api_token(&self, has_client_id: bool) -> bool {
        let is_set = |name| self.context.sources.path(name).is_some();
        let is_given = self.args.api_token_stdin || self.args.api_token_file.is_some();
        let is_stored = self.old.contains_key("api_token") && !self.args.secret_stdin;
        let in_variable = || is_set("WS1_TOKEN_API_TOKEN_FILE") || is_set("WS1_TOKEN_API_TOKEN");
        is_given || (!has_client_id && (is_stored || (self.old.is_empty() && in_variable())))
    }

    /// The key `api` from the user, where nothing else says it.
    fn ask_api(&self, preset: Preset, tenant: &str) -> Result<Option<super::keys::Key>, Error> {
        let is_derived = config::token_url(preset, tenant, None, AuthStyle::default())
            .is_ok_and(|(tenant, _)| preset.api(&tenant).is_some());
        let Some(person) = self.person.as_ref().filter(|_| !is_derived && self.args.keys.api.is_none()) else {
            return Ok(None);
        };
        let question = "Host of your own API (Enter for none: `curl` then needs whole URLs)";
        let check = |answer: String| match config::api_url(&answer) {
            _ if answer.is_empty() => Ok(answer),
            Ok(_) => Ok(answer),
            Err(cause) => Err(Error::unusable("the API", cause, "give its host, like `uem.example.com`")),
        };
        let answer = until_usable(person, || person.ask(question, self.old("api").as_deref()), check)?;
        Ok(not_blank(&answer).map(|answer| ("api", Some(Value::from(answer)))))
    }

    /// The user, or the error of a script without this value.
    fn person(&self, what: &'static str, hint: &'static str) -> Result<&Person<'_>, Error> {
        self.person.as_ref().ok_or_else(|| nothing_to_ask(what, hint))
    }

    /// Reads a tenant, and shows what was understood if that differs.
    fn read_tenant(&self, preset: Preset, given: &str, setting: &str) -> Result<String, Error> {
        let regional = preset.regional_host(given.trim());
        let tenant = tenant::read(regional.as_deref().unwrap_or(given), preset, setting)?;
        let bare = given.trim().trim_end_matches('/');
        // Scripts are not told that a host alone means https.
        if tenant != bare && (self.person.is_some() || tenant.trim_start_matches("https://") != bare) {
            self.tell_tenant(&tenant);
        }
        Ok(tenant)
    }

    /// Shows the tenant.
    fn tell_tenant(&self, tenant: &str) {
        self.context.log.write(&line(&format!("using {tenant}")));
    }

    /// The tenant from the user.
    pub(super) fn ask_tenant(&self, preset: Preset, offered: Option<&str>) -> Result<String, Error> {
        let person = self.person("the tenant", "pass --tenant, or set WS1_TOKEN_TENANT")?;
        let question = match (offered, preset.regional_host("na")) {
            (Some(_), _) => "Tenant",
            (None, Some(_)) => "Region (na, emea, apac, na1, …), or the host of the token service",
            (None, None) => "Tenant (its host, or a URL of it from the browser)",
        };
        let ask = || person.insist(question, offered);
        until_usable(person, ask, |answer| self.read_tenant(preset, &answer, "the tenant"))
    }

    /// The client ID from the user.
    pub(super) fn ask_client_id(&self, offered: Option<&str>) -> Result<String, Error> {
        let person = self.person("the client ID", "pass --client-id, or set WS1_TOKEN_CLIENT_ID")?;
        let ask = || person.insist("Client ID", offered);
        let check = |answer: String| config::check_client_id(&answer, "the client ID".to_owned()).map(|()| answer);
        until_usable(person, ask, check)
    }

    /// The scopes from the user. `None` means the client's default.
    pub(super) fn ask_scope(&self, offered: Option<&str>) -> Result<Option<String>, Error> {
        let person = self.person("scopes", "pass --scope")?;
        let question =
            if offered.is_some() { "Scopes (- for the client's own)" } else { "Scopes (Enter for the client's own)" };
        let check = |answer: String| config::check_scope(&answer, "the list of scopes".to_owned()).map(|()| answer);
        let answer = until_usable(person, || person.ask(question, offered), check)?;
        Ok(not_blank(&answer).filter(|answer| answer != "-"))
    }

    /// A file of trusted CAs from the user; `None` to give up.
    pub(super) fn ask_ca_file(&self) -> Result<Option<PathBuf>, Error> {
        let person = self.person("a CA file", "pass --ca-file")?;
        let answer = person.ask("CA file in PEM to trust for this profile (Enter to give up)", None)?;
        Ok(not_blank(&answer).map(|path| self.context.sources.absolute(&path)))
    }

    /// The preset of the present profile.
    pub(super) fn old_preset(&self) -> Preset {
        self.old.get("preset").and_then(|preset| serde_json::from_value(preset.clone()).ok()).unwrap_or_default()
    }

    /// The present `token_url`, if the tenant is the same.
    fn kept_token_url(&self, preset: Preset, tenant: &str) -> Option<String> {
        let url = self.old.get("token_url").and_then(Value::as_str)?;
        if preset == self.old_preset() && is_tenant_of(&self.old, preset, tenant) {
            return Some(url.to_owned());
        }
        self.context.log.warn("`token_url` of the profile is dropped: it belongs to the previous tenant");
        None
    }

    /// The file of trusted CAs from a flag or a variable; it must exist, or every call would fail.
    fn given_ca_file(&self) -> Result<Option<PathBuf>, Error> {
        let flag = self.args.ca_file.as_ref().map(|path| path.to_string_lossy().into_owned());
        let Some((setting, path)) = self.given("--ca-file", flag.as_ref(), "WS1_TOKEN_CA_FILE") else {
            return Ok(None);
        };
        let file = self.context.sources.absolute(path);
        match std::fs::metadata(&file) {
            Ok(_) => Ok(Some(file)),
            Err(error) => Err(Error::unusable(
                setting,
                format!("`{}`: {error}", file.display()),
                "name a PEM file that holds your CA's certificate",
            )),
        }
    }
}

/// Whether a profile already has this tenant, perhaps spelled differently.
pub(super) fn is_tenant_of(old: &Map<String, Value>, preset: Preset, tenant: &str) -> bool {
    let url = |tenant| config::token_url(preset, tenant, None, AuthStyle::default()).ok();
    old.get("tenant").and_then(Value::as_str).is_some_and(|old| url(old) == url(tenant))
}

/// A text, unless it is blank.
fn not_blank(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.trim().is_empty())
}
