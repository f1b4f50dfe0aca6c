//! The configuration, who else can change it, and the client secret.

use std::ffi::OsString;
use std::path::Path;

use super::TimeBudget;
use super::finding::Finding;
use crate::child::Stderr;
use crate::config::{LAYERS, Overrides, Profile, Sources, is_unknown, nearest_variable, says_whose};
use crate::context::Context;
use crate::error::{EXIT_CONFIG, EXIT_SYSTEM, Error, ErrorKind};
use crate::platform::{self, Access};
use crate::secret::source::{COMMAND_LIMIT, SecretSource};
use crate::secret::{Secret, SecretError};

/// Placeholder client ID: the route to the tenant can be checked without a client.
const PLACEHOLDER: &str = "nobody";

/// What the later checks need.
pub(super) struct ConfigCheck {
    /// The findings so far.
    pub(super) findings: Vec<Finding>,
    /// The profile; with a placeholder client ID if only that is missing.
    pub(super) profile: Option<Profile>,
    /// Whether the profile names a client.
    pub(super) is_complete: bool,
    /// The client secret, if it could be read.
    pub(super) secret: Option<Secret>,
}

/// Checks configuration and secret.
pub(super) fn check(context: &Context<'_>, time: &TimeBudget) -> ConfigCheck {
    let sources = context.sources;
    let file = sources.file().filter(|file| file.exists());
    let mut setup = ConfigCheck { findings: Vec::new(), profile: None, is_complete: false, secret: None };
    match sources.profile(None) {
        Ok(profile) => {
            let names = sources.names().ok().flatten();
            let is_in_file = names.is_some_and(|names| names.profiles.contains(&profile.name));
            let file = file.as_deref().filter(|_| is_in_file);
            setup.findings.push(configuration(file, &profile.name, &overriding(sources)));
            setup.profile = Some(profile);
            setup.is_complete = true;
        }
        Err(error) => {
            setup.profile = without_client(sources);
            setup.findings.push(unusable(&error, setup.profile.as_ref()));
        }
    }
    setup.findings.extend(misspelt_variables(&(context.env_names)(), &sources.secret_variables()));
    if let Some(file) = file {
        setup.findings.push(permissions(&file));
    }
    let (finding, secret) = match &setup.profile {
        Some(profile) if setup.is_complete => secret(profile, time),
        Some(_) => (Finding::skipped("secret", "not read, no client is named"), None),
        None => (Finding::skipped("secret", "not tried, no usable profile"), None),
    };
    setup.findings.push(finding);
    setup.secret = secret;
    setup
}

/// The profile with a placeholder client ID, if only that is missing.
fn without_client(sources: &Sources<'_>) -> Option<Profile> {
    let overrides = Overrides { client_id: Some(PLACEHOLDER.to_owned()), ..sources.overrides.clone() };
    Sources { overrides: &overrides, ..*sources }.profile(None).ok()
}

/// The flags and variables that override the profile, separated by commas.
fn overriding(sources: &Sources<'_>) -> String {
    let Overrides { profile, tenant, client_id, client_secret_file, .. } = sources.overrides;
    let flags = [
        ("--tenant", tenant.is_some()),
        ("--client-id", client_id.is_some()),
        ("--client-secret-file", client_secret_file.is_some()),
    ];
    let is_used = |name| (sources.env)(name).is_some() && !(profile.is_some() && says_whose(name));
    let variables = LAYERS.map(|name| (name, is_used(name)));
    let given = flags.into_iter().chain(variables).filter(|(_, is_given)| *is_given);
    given.map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}

/// Where a profile comes from: a file and overrides, or overrides alone.
fn configuration(file: Option<&Path>, profile: &str, overriding: &str) -> Finding {
    let Some(file) = file else {
        return Finding::ok("configuration", format!("no file, the profile comes from {overriding}"));
    };
    let by = if overriding.is_empty() { "" } else { ", overridden by " };
    Finding::ok("configuration", format!("{}, profile `{profile}`{by}{overriding}", file.display()))
}

/// The finding for variables that look like ours and have no effect. `secrets` hold secrets of profiles, whatever their
/// names.
fn misspelt_variables(names: &[OsString], secrets: &[String]) -> Option<Finding> {
    let names = names.iter().filter_map(|name| name.to_str());
    let mut unknown: Vec<_> =
        names.filter(|name| is_unknown(name) && secrets.iter().all(|secret| secret != name)).collect();
    unknown.sort_unstable();
    let first = unknown.first()?;
    let fix = match nearest_variable(first) {
        Some(near) => format!("rename {first}: did you mean {near}?"),
        None => format!("unset {first}"),
    };
    let text = format!("no variable of ws1-token, without effect: {}", unknown.join(", "));
    Some(Finding::warning("environment", text, fix))
}

/// Why there is no complete profile; with a tenant, a missing file is only a warning.
fn unusable(error: &Error, tenant: Option<&Profile>) -> Finding {
    let login = "run `ws1-token login`";
    match (&error.kind, tenant) {
        (ErrorKind::NoConfig, Some(Profile { tenant, .. })) => {
            let text = format!("none yet; using the tenant {} alone", tenant.authority());
            Finding::warning("configuration", text, login)
        }
        (ErrorKind::NoConfig, None) => Finding::failed("configuration", error.to_string(), login, error.exit_code()),
        _ => Finding::of("configuration", error),
    }
}

/// Who else can change the file, or read a password in it.
fn permissions(file: &Path) -> Finding {
    let directory = file.parent().unwrap_or(Path::new("."));
    let (Some(of_file), Some(of_directory)) = (platform::access(file), platform::access(directory)) else {
        return Finding::skipped(
            "permissions",
            "access lists are not checked here, nor those of the secret and the cache",
        );
    };
    let holds_password = std::fs::read_to_string(file).is_ok_and(|text| holds_proxy_password(&text));
    judge_permissions((file, of_file), (directory, of_directory), holds_password)
}

/// Whether any profile's proxy has credentials in its URL: also in a file that cannot be parsed.
fn holds_proxy_password(text: &str) -> bool {
    text.split("\"proxy\"").skip(1).any(|rest| rest.split('"').nth(1).is_some_and(|url| url.contains('@')))
}

/// The finding for the configuration's modes.
fn judge_permissions(file: (&Path, Access), directory: (&Path, Access), holds_password: bool) -> Finding {
    for (path, access) in [file, directory] {
        let shown = path.display();
        if access.is_foreign() {
            return Finding::warning(
                "permissions",
                format!("`{shown}` belongs to another user, who can send the secret elsewhere"),
                format!("take it over: `sudo chown \"$USER\" {shown}`"),
            );
        }
        if access.lets_others_write() {
            let mode = access.mode;
            return Finding::warning(
                "permissions",
                format!("`{shown}` is writable by others (mode {mode:04o}), who can send the secret elsewhere"),
                format!("run `chmod go-w {shown}`"),
            );
        }
    }
    let ((path, access), (_, around)) = (file, directory);
    if holds_password && access.lets_others_read() {
        return Finding::warning(
            "permissions",
            format!("others can read it (mode {:04o}), and it holds the password of a proxy", access.mode),
            format!("run `chmod 600 {}`", path.display()),
        );
    }
    let text = format!("mode {:04o}, in a directory of mode {:04o}", access.mode, around.mode);
    Finding::ok("permissions", text)
}

/// Reads the secret, once for all later checks.
fn secret(profile: &Profile, time: &TimeBudget) -> (Finding, Option<Secret>) {
    let Some(source) = &profile.client_secret else {
        let text = format!("profile `{}` has no client secret", profile.name);
        let fix = "run `ws1-token login`, or set WS1_TOKEN_CLIENT_SECRET_FILE";
        return (Finding::failed("secret", text, fix, EXIT_CONFIG), None);
    };
    match source.read(time.left(COMMAND_LIMIT).unwrap_or_default(), Stderr::Inherited) {
        Ok(secret) => (judge_secret(source, &profile.client_id, &secret), Some(secret)),
        Err(SecretError { cause, hint }) => {
            let status = if hint.is_some() { EXIT_CONFIG } else { EXIT_SYSTEM };
            let fix = hint.as_deref().unwrap_or("close some programs");
            (Finding::failed("secret", cause.to_string(), fix, status), None)
        }
    }
}

/// The finding for a secret that could be read. Nothing of it is shown, not even its length.
fn judge_secret(source: &SecretSource, client_id: &str, secret: &Secret) -> Finding {
    let place = source.describe();
    if let Some((what, fix)) = secret.mistake(client_id) {
        return Finding::warning("secret", format!("{place}: it {what}"), fix);
    }
    let access = match source {
        SecretSource::File { path, .. } => platform::access(path),
        _ => None,
    };
    match access {
        Some(access) => Finding::ok("secret", format!("{place}, mode {:04o}", access.mode)),
        None => Finding::ok("secret", place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Level;

    /// Access with a mode.
    fn access(mode: u32) -> Access {
        Access { mode, user: 1000, me: 1000, is_own_group: false }
    }

    #[test]
    fn what_others_can_do_with_the_configuration() {
        let foreign = Access { user: 1001, ..access(0o644) };
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
        assert!(holds_proxy_password("half of it: \"proxy\" : \"user@host"));
        assert!(!holds_proxy_password("\"proxy\""));
    }
}
