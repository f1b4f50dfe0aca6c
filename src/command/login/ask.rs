//! Where each value comes from: a flag, a variable, the profile as it is, or a question.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Choice, Draft, Login, import, is_plain, tenant};
use crate::cli::SecretStore;
use crate::config::{self, Preset};
use crate::error::Error;
use crate::prompt::{self, Person};
use crate::secret::keychain;
use crate::secret::source::SecretSource;
use crate::secret::{Secret, SecretError};
use crate::text::line;

/// How long a key store may take before a secret is asked for: a person may have to unlock it.
const KEY_STORE_LIMIT: Duration = Duration::from_secs(60);

/// The error of a script that gives no secret.
pub(super) fn no_secret() -> Error {
    let hint = "pass --secret-stdin or --client-secret-file, or set WS1_TOKEN_CLIENT_SECRET_FILE";
    nothing_to_ask("the client secret", hint)
}

/// The error of a script that leaves out a value that only a person could be asked for.
fn nothing_to_ask(what: &str, hint: &str) -> Error {
    Error::usage(format!("login needs {what}, and there is no terminal to ask at")).hint(hint)
}

impl Login<'_> {
    /// Everything that the profile is to say.
    pub(super) fn draft(&self) -> Result<Draft, Error> {
        self.introduce();
        if let Some(file) = &self.args.import {
            return self.imported(file);
        }
        let old = |key: &str| self.old.get(key).and_then(Value::as_str).map(str::to_owned);
        // After a logout everything but the secret is there.
        let settled = self.lacks_its_secret_alone();
        let preset = self.args.preset.unwrap_or_else(|| self.old_preset());
        let overrides = self.context.sources.overrides;
        let tenant = match self.given("--tenant", overrides.tenant.as_ref(), "WS1_TOKEN_TENANT") {
            Some((setting, given)) => self.read_tenant(preset, &given, &setting)?,
            None if settled => tenant::read(&old("tenant").unwrap_or_default(), preset, "the tenant")?,
            None => self.ask_tenant(preset, old("tenant").as_deref())?,
        };
        let client_id = match self.given("--client-id", overrides.client_id.as_ref(), "WS1_TOKEN_CLIENT_ID") {
            Some((setting, given)) => config::check_client_id(&given, setting).map(|()| given)?,
            None if settled => old("client_id").unwrap_or_default(),
            None => self.ask_client_id(old("client_id").as_deref())?,
        };
        if let Some(person) = self.person.as_ref().filter(|_| settled) {
            person.say(&format!("{tenant} as {client_id}: only the secret is missing"));
        }
        let token_url = self.kept_token_url(preset, &tenant);
        let ca_file = self.given_ca_file()?;
        let mut draft = Draft { preset, tenant, token_url, client_id, secret: Choice::Stay, scope: None, ca_file };
        draft.secret = self.secret(&draft)?;
        draft.scope = match self.given("--scope", self.args.scope.as_ref(), "WS1_TOKEN_SCOPE") {
            Some((setting, given)) => config::check_scope(&given, setting).map(|()| not_blank(&given))?,
            None if settled => old("scope"),
            None => self.ask_scope(old("scope").as_deref())?,
        };
        Ok(draft)
    }

    /// What the file of `--import` says.
    fn imported(&self, file: &Path) -> Result<Draft, Error> {
        let file = self.context.sources.absolute(&file.to_string_lossy());
        let imported = import::read(&file)?;
        config::check_client_id(&imported.client_id, "`clientId` of the file of --import".to_owned())?;
        self.tell_tenant(&imported.tenant);
        let old_scope = self.old.get("scope").and_then(Value::as_str).map(str::to_owned);
        let mut draft = Draft {
            preset: Preset::Intelligence,
            tenant: imported.tenant,
            token_url: imported.token_url,
            client_id: imported.client_id,
            secret: Choice::Store(imported.secret),
            scope: old_scope,
            ca_file: self.given_ca_file()?,
        };
        if let Some((setting, given)) = self.given("--scope", self.args.scope.as_ref(), "WS1_TOKEN_SCOPE") {
            config::check_scope(&given, setting)?;
            draft.scope = not_blank(&given);
        }
        self.check_store(&draft)?;
        Ok(draft)
    }

    /// Tells a person which profile it is about.
    fn introduce(&self) {
        if let Some(person) = &self.person {
            let new = if self.old.is_empty() { "New profile" } else { "Profile" };
            person.say(&format!("{new} `{}` of `{}`", self.name, self.stored.file.display()));
        }
    }

    /// A value of a flag or of a variable, and what to call it.
    fn given(&self, flag: &str, value: Option<&String>, variable: &str) -> Option<(String, String)> {
        match value {
            Some(value) => Some((flag.to_owned(), value.clone())),
            None => (self.context.env)(variable).map(|value| (variable.to_owned(), value)),
        }
    }

    /// The person, or the error of a script that must give a value.
    fn person(&self, what: &'static str, hint: &'static str) -> Result<&Person<'_>, Error> {
        self.person.as_ref().ok_or_else(|| nothing_to_ask(what, hint))
    }

    /// Reads what was given for the tenant, and tells what was made of it.
    fn read_tenant(&self, preset: Preset, given: &str, setting: &str) -> Result<String, Error> {
        let tenant = tenant::read(given, preset, setting)?;
        let bare = given.trim().trim_end_matches('/');
        // A script knows that a host alone means https.
        if tenant != bare && (self.person.is_some() || tenant.trim_start_matches("https://") != bare) {
            self.tell_tenant(&tenant);
        }
        Ok(tenant)
    }

    /// Tells which tenant it is.
    fn tell_tenant(&self, tenant: &str) {
        self.context.log.write(&line(&format!("using {tenant}")));
    }

    /// The tenant, from a person; a script leaves it as it is.
    pub(super) fn ask_tenant(&self, preset: Preset, offered: Option<&str>) -> Result<String, Error> {
        if let (None, Some(offered)) = (&self.person, offered) {
            return self.read_tenant(preset, offered, &format!("`tenant` of profile `{}`", self.name));
        }
        let person = self.person("the tenant", "pass --tenant, or set WS1_TOKEN_TENANT")?;
        let question = if offered.is_some() { "Tenant" } else { "Tenant (its host, or a URL of it from the browser)" };
        loop {
            let answer = person.insist(question, offered)?;
            match self.read_tenant(preset, &answer, "the tenant") {
                Ok(tenant) => return Ok(tenant),
                Err(error) => person.show(&error),
            }
        }
    }

    /// The client's ID.
    pub(super) fn ask_client_id(&self, offered: Option<&str>) -> Result<String, Error> {
        if let (None, Some(offered)) = (&self.person, offered) {
            return Ok(offered.to_owned());
        }
        let person = self.person("the client ID", "pass --client-id, or set WS1_TOKEN_CLIENT_ID")?;
        loop {
            let answer = person.insist("Client ID", offered)?;
            match config::check_client_id(&answer, "the client ID".to_owned()) {
                Ok(()) => return Ok(answer),
                Err(error) => person.show(&error),
            }
        }
    }

    /// The scopes; none are the client's own.
    pub(super) fn ask_scope(&self, offered: Option<&str>) -> Result<Option<String>, Error> {
        let Some(person) = &self.person else { return Ok(offered.map(str::to_owned)) };
        let question =
            if offered.is_some() { "Scopes (- for the client's own)" } else { "Scopes (Enter for the client's own)" };
        loop {
            let answer = person.ask(question, offered)?;
            match config::check_scope(&answer, "the list of scopes".to_owned()) {
                Ok(()) if answer == "-" => return Ok(None),
                Ok(()) => return Ok(not_blank(&answer)),
                Err(error) => person.show(&error),
            }
        }
    }

    /// A file of trusted roots for a tenant whose certificate is not trusted; `None` if the person has none.
    pub(super) fn ask_ca_file(&self) -> Result<Option<PathBuf>, Error> {
        let person = self.person("a CA file", "pass --ca-file")?;
        let answer = person.ask("CA file in PEM to trust for this profile (Enter to give up)", None)?;
        Ok(not_blank(&answer).map(|path| self.context.sources.absolute(&path)))
    }

    /// The client secret, without a question where it is given.
    fn secret(&self, draft: &Draft) -> Result<Choice, Error> {
        let sources = self.context.sources;
        let file = sources.overrides.client_secret_file.as_ref().map(|path| path.to_string_lossy().into_owned());
        if self.args.secret_stdin {
            self.check_store(draft)?;
            return prompt::secret_from_stdin(self.context.log).map(Choice::Store);
        }
        if let Some(file) = file.or_else(|| (self.context.env)("WS1_TOKEN_CLIENT_SECRET_FILE")) {
            let path = sources.absolute(&file);
            if self.args.store.is_none() {
                return Ok(Choice::Refer(path));
            }
            self.check_store(draft)?;
            let source = SecretSource::File { path, shared: false };
            return source.read_for(&self.name, Duration::ZERO).map(Choice::Store);
        }
        if let Some(value) = (self.context.env)("WS1_TOKEN_CLIENT_SECRET") {
            self.check_store(draft)?;
            let failed = |SecretError { cause, .. }| {
                Error::unusable("WS1_TOKEN_CLIENT_SECRET", cause, "set it to the client secret alone")
            };
            return Secret::from_line(value.into_bytes(), "it").map(Choice::Store).map_err(failed);
        }
        self.ask_secret(draft, true)
    }

    /// Whether a flag or a variable says what the secret is: then it is not asked for again.
    pub(super) fn secret_is_given(&self, draft: &Draft) -> bool {
        let set = |variable| (self.context.env)(variable).is_some();
        self.args.secret_stdin
            || self.args.import.is_some()
            || matches!(draft.secret, Choice::Refer(_))
            || set("WS1_TOKEN_CLIENT_SECRET")
            || set("WS1_TOKEN_CLIENT_SECRET_FILE")
    }

    /// The client secret, from a person who may keep the one that is there; a script keeps it.
    pub(super) fn ask_secret(&self, draft: &Draft, may_keep: bool) -> Result<Choice, Error> {
        let present = self.present_secret().filter(|_| may_keep);
        if self.person.is_some() || self.args.store.is_some() {
            self.check_store(draft)?;
        }
        let Some(person) = &self.person else {
            return present.map_or_else(|| Err(no_secret()), |source| self.keep(source));
        };
        let question = match present {
            Some(source) => format!("Client secret (not shown; Enter keeps that of {})", source.describe()),
            None => "Client secret (not shown)".to_owned(),
        };
        loop {
            match (person.ask_secret(&question)?, present) {
                (Some(secret), _) => return Ok(Choice::Store(secret)),
                (None, Some(source)) => return self.keep(source),
                (None, None) => person.say("it cannot be empty; once more"),
            }
        }
    }

    /// Keeps the secret that is there: where it is, unless it shall be, or is under the client's name, in a store.
    fn keep(&self, source: &SecretSource) -> Result<Choice, Error> {
        if self.args.store.is_none() && !matches!(source, SecretSource::Keychain { .. }) {
            return Ok(Choice::Stay);
        }
        source.read_for(&self.name, crate::secret::source::COMMAND_LIMIT).map(Choice::Store)
    }

    /// The secret that the profile has, if it has one that is there.
    fn present_secret(&self) -> Option<&SecretSource> {
        let look = || {
            let source = self.stored.profile(self.context.sources, &self.name, &[]).ok()?.client_secret?;
            let there = match &source {
                SecretSource::Keychain { account, .. } => !matches!(keychain::read(account, KEY_STORE_LIMIT), Ok(None)),
                source => !source.is_gone(&self.name),
            };
            there.then_some(source)
        };
        self.present.get_or_init(look).as_ref()
    }

    /// Whether the profile is complete but for its secret, as a logout leaves it.
    fn lacks_its_secret_alone(&self) -> bool {
        let usable = self.stored.profile(self.context.sources, &self.name, &[]).is_ok();
        !self.old.is_empty() && usable && self.present_secret().is_none()
    }

    /// Refuses a store that cannot be used, before anybody types a secret in vain.
    fn check_store(&self, draft: &Draft) -> Result<(), Error> {
        match self.store_kind() {
            SecretStore::File if is_plain(&self.name) => Ok(()),
            SecretStore::File => Err(Error::unusable(
                "the profile's name",
                "it cannot be a part of a file's name, which its secret would be stored in",
                "keep the secret in a file of yours and name that with --client-secret-file",
            )),
            SecretStore::Keychain => {
                // A tenant that is none is told of by whoever reads it next.
                let Ok((tenant, _)) = config::token_url(draft.preset, &draft.tenant, None) else { return Ok(()) };
                let account = config::keychain_account(&draft.client_id, &tenant);
                keychain::read_before_storing(&account, KEY_STORE_LIMIT)
                    .map(|_| ())
                    .map_err(|error| self.store_error(error))
            }
        }
    }

    /// Where a secret is stored: as asked, or where that of the profile is, or in a file.
    pub(super) fn store_kind(&self) -> SecretStore {
        let in_keychain = self.old.get("client_secret").is_some_and(|source| source.get("keychain").is_some());
        self.args.store.unwrap_or(if in_keychain { SecretStore::Keychain } else { SecretStore::File })
    }

    /// The error of a store.
    pub(super) fn store_error(&self, SecretError { cause, hint }: SecretError) -> Error {
        let hint = hint.unwrap_or_else(|| "store it in a file: leave out `--store keychain`".to_owned());
        Error::usage(format!("cannot store the client secret of profile `{}`", self.name)).because(cause).hint(hint)
    }

    /// The preset of the profile as it is.
    pub(super) fn old_preset(&self) -> Preset {
        self.old.get("preset").and_then(|preset| serde_json::from_value(preset.clone()).ok()).unwrap_or_default()
    }

    /// The profile's token URL, as long as the tenant is the same.
    fn kept_token_url(&self, preset: Preset, tenant: &str) -> Option<String> {
        let url = self.old.get("token_url").and_then(Value::as_str)?;
        if preset == self.old_preset() && is_tenant_of(&self.old, preset, tenant) {
            return Some(url.to_owned());
        }
        self.context.log.warn("`token_url` of the profile is dropped: it belongs to the tenant that it had");
        None
    }

    /// The file of trusted roots that a flag or a variable names; it is there, or no call would ever succeed.
    fn given_ca_file(&self) -> Result<Option<PathBuf>, Error> {
        let flag = self.args.ca_file.as_ref().map(|path| path.to_string_lossy().into_owned());
        let Some((setting, path)) = self.given("--ca-file", flag.as_ref(), "WS1_TOKEN_CA_FILE") else {
            return Ok(None);
        };
        let file = self.context.sources.absolute(&path);
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

/// Whether a profile has that tenant already, however it is written there.
pub(super) fn is_tenant_of(old: &Map<String, Value>, preset: Preset, tenant: &str) -> bool {
    let url = |tenant| config::token_url(preset, tenant, None).ok();
    old.get("tenant").and_then(Value::as_str).is_some_and(|old| url(old) == url(tenant))
}

/// A text, unless it is blank.
fn not_blank(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.trim().is_empty())
}
