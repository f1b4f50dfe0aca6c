//! The keys of the profile that a login changes in the file: those whose values differ.

use std::path::Path;

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::ask::is_tenant_of;
use super::{Draft, DraftSecret, Wizard};
use crate::cli::SecretStore;
use crate::config::edit::Changes;
use crate::config::{Preset, Stored, resolve};

impl Wizard<'_> {
    /// The changes that turn the profile of `present` into the draft.
    pub(super) fn changes(&self, draft: &Draft, present: &Stored) -> Changes<'_> {
        let old = present.settings(&self.name).unwrap_or_default();
        let mut keys = Vec::new();
        let mut set = |key: &'static str, value: Option<Value>| {
            if old.get(key) != value.as_ref() {
                keys.push((key, value));
            }
        };
        if !is_tenant_of(&old, draft.preset, &draft.tenant) {
            set("tenant", Some(json!(draft.tenant)));
        }
        if old.contains_key("preset") || draft.preset != Preset::default() {
            set("preset", draft.preset.to_possible_value().map(|value| json!(value.get_name())));
        }
        set("token_url", draft.token_url.as_ref().map(|url| json!(url)));
        set("client_id", (!draft.has_api_token).then(|| json!(draft.client_id)));
        let [key, other] = draft.secret_keys();
        if let Some(source) = self.source(draft, present, &old) {
            set(key, Some(source));
        }
        set(other, None);
        set("scope", draft.scope.as_ref().map(|scope| json!(scope)));
        if let Some(file) = &draft.ca_file
            && !self.is_same(old.get("ca_file"), file, present)
        {
            set("ca_file", Some(json!(file.to_string_lossy())));
        }
        for (key, value) in &draft.keys {
            set(key, value.clone());
        }
        Changes { default_profile: new_default(&self.name, present), profile: &self.name, keys }
    }

    /// The new source of the secret; `None` if the present one stays.
    fn source(&self, draft: &Draft, present: &Stored, old: &Map<String, Value>) -> Option<Value> {
        let secret = &draft.secret;
        let named = old.get(draft.secret_keys()[0]).and_then(|source| source.get("file"));
        let file = match (secret, self.store_kind(draft)) {
            (DraftSecret::Keep, _) => return None,
            (DraftSecret::Refer(path), _) => path.clone(),
            (DraftSecret::Store(secret), SecretStore::File) if self.has_stored(secret, present) => return None,
            (DraftSecret::Store(_), SecretStore::File) => present.dir().join(&self.new_file),
            (DraftSecret::Store(_), SecretStore::Keychain) => return Some(json!({ "keychain": true })),
        };
        if self.is_same(named, &file, present) {
            return None;
        }
        let inside = file.strip_prefix(present.dir()).ok().filter(|_| matches!(secret, DraftSecret::Store(_)));
        Some(json!({ "file": inside.unwrap_or(&file).to_string_lossy() }))
    }

    /// Whether a path in the file means this file.
    fn is_same(&self, named: Option<&Value>, file: &Path, present: &Stored) -> bool {
        let named = named.and_then(Value::as_str);
        named.is_some_and(|named| resolve(named, Some(present.dir()), self.context.sources.home) == file)
    }
}

/// A new `default_profile`: the first profile, or the only one when a second is added.
fn new_default(name: &str, present: &Stored) -> Option<String> {
    match present.names().as_slice() {
        _ if present.names_a_default() => None,
        [] => Some(name.to_owned()),
        [only] if only != name => Some(only.clone()),
        _ => None,
    }
}
