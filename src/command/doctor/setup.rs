//! What the user wrote: the configuration, who else can change it, and the client secret.

use std::path::Path;

use super::Time;
use super::finding::Finding;
use crate::command::Context;
use crate::config::{Overrides, Profile, Sources};
use crate::error::{EXIT_CONFIG, EXIT_SYSTEM, Error};
use crate::platform::{self, Access};
use crate::secret::{COMMAND_LIMIT, Secret, SecretError, SecretSource};

/// Stands in for a client where none is named: the way to the tenant can be examined without one.
const NOBODY: &str = "nobody";

/// What the later checks go by.
pub(super) struct Setup {
    /// The findings so far.
    pub(super) findings: Vec<Finding>,
    /// The profile, as far as there is one to go by.
    pub(super) profile: Option<Profile>,
    /// The profile is whole: it names a client.
    pub(super) is_complete: bool,
    /// The client secret, if it could be read.
    pub(super) secret: Option<Secret>,
}

/// Examines configuration and secret.
pub(super) fn check(context: &Context<'_>, time: &Time) -> Setup {
    let sources = context.sources;
    let chosen = sources.profile(None);
    let file = sources.file().filter(|file| file.exists());
    let in_file = |profile: &Profile| {
        sources.names().is_ok_and(|names| names.is_some_and(|names| names.profiles.contains(&profile.name)))
    };
    let overriding = overriding(sources);
    let (configuration, profile, is_complete) = match chosen {
        Ok(profile) => {
            let text = describe(file.as_deref().filter(|_| in_file(&profile)), &profile.name, &overriding);
            (Finding::ok("configuration", text), Some(profile), true)
        }
        Err(error) => {
            let profile = without_client(sources);
            (unusable(&error, profile.as_ref()), profile, false)
        }
    };
    let mut findings = vec![configuration];
    findings.extend(file.map(|file| permissions(&file)));
    let (finding, secret) = match &profile {
        Some(profile) if is_complete => secret(profile, time),
        Some(_) => (Finding::skipped("secret", "not read, no client is named"), None),
        None => (Finding::skipped("secret", "not read, no usable profile"), None),
    };
    findings.push(finding);
    Setup { findings, profile, is_complete, secret }
}

/// The profile of a run that has a tenant but names no client, if that alone is missing.
fn without_client(sources: &Sources<'_>) -> Option<Profile> {
    let overrides = Overrides { client_id: Some(NOBODY.to_owned()), ..sources.overrides.clone() };
    Sources { overrides: &overrides, ..*sources }.profile(None).ok()
}

/// The flags and variables that say something about the profile.
fn overriding(sources: &Sources<'_>) -> Vec<&'static str> {
    let Overrides { tenant, client_id, client_secret_file, .. } = sources.overrides;
    let variables = [
        "WS1_TOKEN_TENANT",
        "WS1_TOKEN_CLIENT_ID",
        "WS1_TOKEN_CLIENT_SECRET_FILE",
        "WS1_TOKEN_CLIENT_SECRET",
        "WS1_TOKEN_SCOPE",
        "WS1_TOKEN_CA_FILE",
    ];
    let flags = [
        ("--tenant", tenant.is_some()),
        ("--client-id", client_id.is_some()),
        ("--client-secret-file", client_secret_file.is_some()),
    ];
    let flags = flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag);
    flags.chain(variables.into_iter().filter(|name| (sources.env)(name).is_some())).collect()
}

/// Where the profile comes from, in words.
fn describe(file: Option<&Path>, profile: &str, overriding: &[&str]) -> String {
    let list = overriding.join(", ");
    match file {
        Some(file) if list.is_empty() => format!("{}, profile `{profile}`", file.display()),
        Some(file) => format!("{}, profile `{profile}`, overridden by {list}", file.display()),
        None => format!("no file, the profile is made of {list}"),
    }
}

/// Why there is no whole profile; with a tenant to go by, the lack of a file is no failure yet.
fn unusable(error: &Error, tenant: Option<&Profile>) -> Finding {
    const FIX: &str = "run `ws1-token login`";
    match (error, tenant) {
        (Error::NoConfig { .. } | Error::NoHome, Some(profile)) => {
            let text = format!("none yet; going by the tenant {} alone", profile.tenant.authority());
            Finding::warning("configuration", text, FIX)
        }
        (Error::NoConfig { .. } | Error::NoHome, None) => {
            Finding::failed("configuration", error.to_string(), FIX, error.exit_code())
        }
        (error, _) => Finding::of("configuration", error),
    }
}

/// Who else can change the file, or read a password in it.
fn permissions(file: &Path) -> Finding {
    let directory = file.parent().unwrap_or(Path::new("."));
    let holds_password = || std::fs::read_to_string(file).is_ok_and(|text| holds_proxy_password(&text));
    match (platform::access(file), platform::access(directory)) {
        (Some(of_file), Some(of_directory)) => {
            judge_permissions((file, of_file), (directory, of_directory), holds_password())
        }
        _ => Finding::skipped("permissions", "this system has no modes"),
    }
}

/// Whether any profile's proxy has credentials in its URL.
fn holds_proxy_password(text: &str) -> bool {
    let file: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let mut profiles = file["profiles"].as_object().into_iter().flat_map(serde_json::Map::values);
    profiles.any(|profile| profile["proxy"].as_str().is_some_and(|proxy| proxy.contains('@')))
}

/// The judgement on the configuration's modes.
fn judge_permissions(file: (&Path, Access), directory: (&Path, Access), holds_password: bool) -> Finding {
    let danger = "can send the secret elsewhere";
    for (path, access) in [file, directory] {
        let shown = path.display();
        if access.is_foreign {
            let text = format!("`{shown}` belongs to another user, who {danger}");
            return Finding::warning("permissions", text, format!("take it over: `sudo chown \"$USER\" {shown}`"));
        }
        if access.lets_others_write() {
            let text = format!("`{shown}` is writable by others (mode {:04o}), who {danger}", access.mode);
            return Finding::warning("permissions", text, format!("run `chmod go-w {shown}`"));
        }
    }
    let (path, access) = file;
    let mode = access.mode;
    if holds_password && access.lets_others_read() {
        let text = format!("others can read it (mode {mode:04o}), and it holds the password of a proxy");
        return Finding::warning("permissions", text, format!("run `chmod 600 {}`", path.display()));
    }
    Finding::ok("permissions", format!("mode {mode:04o}, in a directory of mode {:04o}", directory.1.mode))
}

/// Reads the secret, once for all that follows.
fn secret(profile: &Profile, time: &Time) -> (Finding, Option<Secret>) {
    let Some(source) = &profile.client_secret else {
        let text = format!("profile `{}` has no client secret", profile.name);
        let fix = "run `ws1-token login`, or set WS1_TOKEN_CLIENT_SECRET_FILE";
        return (Finding::failed("secret", text, fix, EXIT_CONFIG), None);
    };
    match source.read(time.left(COMMAND_LIMIT).unwrap_or_default()) {
        Ok(secret) => (judge_secret(source, &profile.client_id, &secret), Some(secret)),
        Err(SecretError { cause, hint: Some(fix) }) => {
            (Finding::failed("secret", cause.to_string(), fix, EXIT_CONFIG), None)
        }
        Err(SecretError { cause, hint: None }) => {
            (Finding::failed("secret", cause.to_string(), "close some programs", EXIT_SYSTEM), None)
        }
    }
}

/// The judgement on a secret that could be read. Nothing of it is shown, not even its length.
fn judge_secret(source: &SecretSource, client_id: &str, secret: &Secret) -> Finding {
    let place = source.describe();
    if let Some((what, fix)) = secret.mistake(client_id) {
        return Finding::warning("secret", format!("{place}: it {what}"), fix);
    }
    let mode = match source {
        SecretSource::File { path, .. } => platform::access(path).map(|access| format!(", mode {:04o}", access.mode)),
        _ => None,
    };
    Finding::ok("secret", format!("{place}{}", mode.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Level;

    /// Access with a mode.
    fn access(mode: u32) -> Access {
        Access { mode, is_foreign: false, is_own_group: false }
    }

    #[test]
    fn what_others_can_do_with_the_configuration() {
        let foreign = Access { is_foreign: true, ..access(0o644) };
        for (file, directory, password, found) in [
            (access(0o600), access(0o700), true, "mode 0600, in a directory of mode 0700"),
            (access(0o644), access(0o755), false, "mode 0644, in a directory of mode 0755"),
            (
                access(0o644),
                access(0o755),
                true,
                "others can read it (mode 0644), and it holds the password of a proxy",
            ),
            (
                access(0o664),
                access(0o755),
                false,
                "`/c/f` is writable by others (mode 0664), who can send the secret elsewhere",
            ),
            (
                access(0o600),
                access(0o777),
                false,
                "`/c` is writable by others (mode 0777), who can send the secret elsewhere",
            ),
            (foreign, access(0o755), false, "`/c/f` belongs to another user, who can send the secret elsewhere"),
        ] {
            let finding = judge_permissions((Path::new("/c/f"), file), (Path::new("/c"), directory), password);
            assert_eq!(finding.text, found);
            assert_eq!(finding.level == Level::Ok, found.starts_with("mode"), "{found}");
        }
    }

    #[test]
    fn a_password_is_seen_in_any_profile() {
        let with =
            |proxy: &str| holds_proxy_password(&format!(r#"{{"profiles":{{"a":{{}},"b":{{"proxy":"{proxy}"}}}}}}"#));
        assert!(with("http://user:x@proxy:3128"));
        assert!(!with("http://proxy:3128"));
        assert!(!holds_proxy_password("no JSON, but \"proxy\": \"user@host\""));
    }
}
