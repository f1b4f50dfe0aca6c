//! The secret of a login: from a flag, a variable, the present profile, or a question; and where it is to be stored.

use super::ask::is_tenant_of;
use super::{Draft, DraftSecret, Wizard, is_plain};
use crate::child::Stderr;
use crate::cli::SecretStore;
use crate::config::{self, AuthStyle};
use crate::error::Error;
use crate::platform;
use crate::prompt;
use crate::secret::source::{COMMAND_LIMIT, SHARED_FILE_VARIABLE, SecretSource};
use crate::secret::store::check_key_store;
use crate::secret::{Secret, SecretError};

impl Wizard<'_> {
    /// The client secret, or the API token, from a flag or a variable.
    pub(super) fn given_secret(&self, draft: &Draft) -> Result<Option<DraftSecret>, Error> {
        let sources = self.context.sources;
        let (file, file_variable, variable) = if draft.has_api_token {
            (self.args.api_token_file.clone(), "WS1_TOKEN_API_TOKEN_FILE", "WS1_TOKEN_API_TOKEN")
        } else {
            let flag = sources.overrides.client_secret_file.clone();
            (flag, "WS1_TOKEN_CLIENT_SECRET_FILE", "WS1_TOKEN_CLIENT_SECRET")
        };
        let stored = |secret| Some(DraftSecret::Store(secret));
        if self.args.secret_stdin || self.args.api_token_stdin {
            self.check_store(draft)?;
            return prompt::secret_from_stdin(self.context.log, self.context.executable).map(stored);
        }
        if let Some(file) = file.or_else(|| sources.path(file_variable)) {
            let path = sources.absolute(file);
            // A pipe cannot be read by later runs.
            if self.args.store.is_none() && !platform::is_pipe(&path) {
                return Ok(Some(DraftSecret::Refer(path)));
            }
            self.check_store(draft)?;
            let source = SecretSource::File { path, shared: sources.is_on(SHARED_FILE_VARIABLE)?, named_by: None };
            return source.read_for(&self.name, COMMAND_LIMIT, Stderr::Inherited).map(stored);
        }
        if let Some(value) = (self.context.env)(variable) {
            self.check_store(draft)?;
            let failed = |SecretError { cause, .. }| Error::unusable(variable, cause, "set it to the secret alone");
            return Secret::from_line(value.into_bytes(), "it").map(stored).map_err(failed);
        }
        Ok(None)
    }

    /// The client secret from the user, who may keep the present one; a script keeps it. A draft for another tenant or
    /// client needs a secret of its own.
    pub(super) fn ask_secret(&self, draft: &Draft, may_keep: bool) -> Result<DraftSecret, Error> {
        let stored = self.present_secret().filter(|_| may_keep);
        let present = stored.filter(|_| self.is_at_home(draft));
        if self.person.is_some() || self.args.store.is_some() {
            self.check_store(draft)?;
        }
        let Some(person) = &self.person else {
            return match (present, stored) {
                (Some(source), _) => self.keep(source),
                (None, Some(_)) => Err(draft.no_secret().because("the profile's own is for another tenant or client")),
                (None, None) => Err(draft.no_secret()),
            };
        };
        let what = if draft.has_api_token { "API token" } else { "Client secret" };
        let question = match present {
            Some(source) => format!("{what} (not shown; Enter keeps that of {})", source.describe()),
            None => format!("{what} (not shown)"),
        };
        loop {
            match (person.ask_secret(&question)?, present) {
                (Some(secret), _) => return Ok(DraftSecret::Store(secret)),
                (None, Some(source)) => return self.keep(source),
                (None, None) => person.say("a value is required"),
            }
        }
    }

    /// Keeps the present secret where it is, unless `--store` moves it or it is in the key store, under the client's account.
    pub(super) fn keep(&self, source: &SecretSource) -> Result<DraftSecret, Error> {
        if self.args.store.is_none() && !matches!(source, SecretSource::Keychain { .. }) {
            return Ok(DraftSecret::Keep);
        }
        source.read_for(&self.name, COMMAND_LIMIT, Stderr::Inherited).map(DraftSecret::Store)
    }

    /// The source of the present secret, unless the secret is missing.
    pub(super) fn present_secret(&self) -> Option<&SecretSource> {
        let look = || {
            let source = self.stored.profile(self.context.sources, &self.name, &[]).ok()?.client_secret?;
            Some(source).filter(|source| source.is_present(&self.name))
        };
        self.present.get_or_init(look).as_ref()
    }

    /// Whether a draft has the tenant, the token endpoint's server and the client of the profile in the file. A stored
    /// secret goes nowhere else (I13).
    pub(super) fn is_at_home(&self, draft: &Draft) -> bool {
        let old = self.stored.profile(self.context.sources, &self.name, &[]);
        let new = config::token_url(draft.preset, &draft.tenant, draft.token_url.as_deref(), draft.style());
        old.ok().zip(new.ok()).is_some_and(|(old, (tenant, token_url))| {
            old.tenant == tenant
                && old.token_url.origin == token_url.origin
                && old.client_id == draft.client_id
                && (old.auth_style == AuthStyle::ApiToken) == draft.has_api_token
        }) && is_tenant_of(&self.old, draft.preset, &draft.tenant)
    }

    /// Whether only the secret of the profile is missing, as after a logout.
    pub(super) fn lacks_its_secret_alone(&self) -> bool {
        let usable = self.stored.profile(self.context.sources, &self.name, &[]).is_ok();
        !self.old.is_empty() && usable && self.present_secret().is_none()
    }

    /// Fails if the secret cannot be stored, before the user types it.
    pub(super) fn check_store(&self, draft: &Draft) -> Result<(), Error> {
        match self.store_kind(draft) {
            SecretStore::File if is_plain(&self.name) => Ok(()),
            SecretStore::File => Err(Error::unusable(
                "the profile's name",
                "it cannot be part of the name of the file that its secret would be stored in",
                "store the secret in a file yourself and pass --client-secret-file",
            )),
            SecretStore::Keychain => {
                // An invalid tenant is reported later.
                let Ok((tenant, _)) = config::token_url(draft.preset, &draft.tenant, None, AuthStyle::default()) else {
                    return Ok(());
                };
                let owner = if draft.has_api_token { &self.name } else { &draft.client_id };
                check_key_store(&config::keychain_account(owner, &tenant), &self.name)
            }
        }
    }

    /// The store of the secret: `--store`, or that of the present secret, or a file.
    pub(super) fn store_kind(&self, draft: &Draft) -> SecretStore {
        let in_keychain = self.old.get(draft.secret_keys()[0]).is_some_and(|source| source.get("keychain").is_some());
        self.args.store.unwrap_or(if in_keychain { SecretStore::Keychain } else { SecretStore::File })
    }
}
