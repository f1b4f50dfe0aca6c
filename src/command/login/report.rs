//! The answer of `login`: what was verified, where everything is stored, and what to run next.

use super::Wizard;
use super::store::{Done, OldSecret};
use crate::config::{AuthStyle, LAYERS, Profile};
use crate::secret::source::SecretSource;
use crate::text::{line, shell_word, span};

impl Wizard<'_> {
    /// The answer on standard output; `life` is the lifetime of the issued token in seconds.
    pub(super) fn report(&self, done: &Done, life: Option<i64>) -> String {
        self.warn_of_overrides(done);
        let Done { profile, stored, old, .. } = done;
        let who = match profile.auth_style {
            AuthStyle::ApiToken => format!("{} with an API token", profile.tenant),
            _ => format!("{} as {}", profile.tenant, profile.client_id),
        };
        let first = match life {
            Some(life) => format!("logged in to {who}: the token is valid for {}", span(life)),
            None => format!("stored without verification: {who}"),
        };
        let is_default = stored.default_profile().as_ref() == Some(&self.name);
        let default = if is_default { ", the default" } else { "" };
        let mut lines = vec![
            first,
            format!("profile   `{}` in {}{default}", self.name, stored.file.display()),
            format!("secret    {}", place(profile)),
        ];
        lines.extend(old.as_ref().map(|old| match old {
            OldSecret::Removed(source) => format!("removed   the secret of {}", source.describe()),
            OldSecret::Kept(source) => format!("kept      {}, which the profile no longer uses", source.describe()),
        }));
        lines
            .extend(self.new_default(done).map(|name| format!("default   `{name}`, as before; now the file names it")));
        lines.extend(
            self.args.import.as_ref().map(|file| format!("delete    {}: it contains the secret too", file.display())),
        );
        lines.push("next".to_owned());
        let call = self.call(done);
        lines.extend(commands(profile).iter().map(|command| format!("  {call} {command}")));
        lines.iter().map(|text| line(text)).collect()
    }

    /// The program as a shell command, with the options that select this profile.
    fn call(&self, done: &Done) -> String {
        let mut words = vec!["ws1-token".to_owned()];
        if self.context.sources.overrides.config.is_some() {
            words.extend(["--config".to_owned(), shell_word(&done.stored.file.to_string_lossy())]);
        }
        let unnamed =
            self.context.sources.text("WS1_TOKEN_PROFILE").ok().flatten().or_else(|| done.stored.default_profile());
        if unnamed.as_ref() != Some(&self.name) {
            words.extend(["--profile".to_owned(), shell_word(&self.name)]);
        }
        words.join(" ")
    }

    /// Another profile that `default_profile` now names because it is no longer the only one.
    fn new_default(&self, done: &Done) -> Option<String> {
        let was_silent = !self.stored.names_a_default();
        done.stored.default_profile().filter(|default| was_silent && *default != self.name)
    }

    /// Warns of environment variables that override the profile in the next call.
    fn warn_of_overrides(&self, done: &Done) {
        for variable in LAYERS.into_iter().filter(|variable| (self.context.sources.env)(variable).is_some()) {
            let overridden = done.stored.profile(self.context.sources, &self.name, &[variable]);
            if !overridden.is_ok_and(|profile| is_same(&profile, done)) {
                self.context.log.warn(&format!("{variable} is set and overrides the profile: unset it"));
            }
        }
    }
}

/// Whether a profile makes the same requests as the stored one.
fn is_same(profile: &Profile, done: &Done) -> bool {
    let same_secret = match (&profile.client_secret, &done.secret) {
        (Some(SecretSource::Given { secret: given, .. }), Some(secret)) => given.expose().trim_end() == secret.expose(),
        (Some(one), _) => {
            done.profile.client_secret.as_ref().is_some_and(|other| one == other || one.is_same_place(other))
        }
        (None, _) => done.profile.client_secret.is_none(),
    };
    same_secret && profile.identity() == done.profile.identity() && profile.ca_file == done.profile.ca_file
}

/// The place of the secret in words.
fn place(profile: &Profile) -> String {
    match &profile.client_secret {
        Some(SecretSource::File { path, .. }) => format!("in {}", path.display()),
        Some(SecretSource::Keychain { account, .. }) => format!("in the key store, for `{account}`"),
        Some(source) => format!("from the {}", source.describe()),
        None => "none".to_owned(),
    }
}

/// Commands that users of a service probably run next.
fn commands(profile: &Profile) -> [String; 3] {
    let second = match profile.preset.sample_route() {
        Some(route) if profile.api_base().is_some() => format!("curl {route}"),
        _ => "exec ./your-script.sh".to_owned(),
    };
    let third = if profile.preset.is_access() { "setup kubectl --write" } else { "status" };
    ["get".to_owned(), second, third.to_owned()]
}
