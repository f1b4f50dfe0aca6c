//! `setup CALLER`: prints the configuration of a caller, or applies it with `--write` through the caller's own tool, and
//! takes it back with `--undo`. It never edits a file of another program itself.
//!
//! Values are kept raw, and quoted where they are written, as that caller reads them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::child::{self, Finished, Stderr, Wanted};
use crate::cli::{Caller, Setup};
use crate::clock::{Deadline, SystemClock};
use crate::config::Profile;
use crate::context::Context;
use crate::error::{Cause, Error};
use crate::origin::Origin;
use crate::outcome::Outcome;
use crate::text::shell_word;

pub(super) mod git;
pub(super) mod kubectl;
mod shells;

/// Timeout of a caller's own tool.
const TOOL_TIME: Duration = Duration::from_secs(10);

/// The most bytes of its output to read.
const TOOL_OUTPUT: usize = 1024 * 1024;

/// The parts of every caller's configuration.
struct Recipe<'a> {
    /// The program's absolute path.
    program: String,
    /// `--profile`, `--config` and `--cache-dir` of this call, whether from flags or variables.
    options: Vec<String>,
    /// The profile.
    profile: &'a Profile,
    /// The variables that no caller's tool inherits.
    secret_variables: Vec<String>,
}

/// Prints the configuration, applies it, or takes it back.
pub(crate) fn run(context: &Context<'_>, args: &Setup) -> Result<Outcome, Error> {
    let profile = context.sources.profile(None)?;
    let recipe = Recipe {
        program: slashes(plain("the program's path", context.program())?),
        options: options(context, &profile)?,
        profile: &profile,
        secret_variables: context.sources.secret_variables(),
    };
    let host = args.host.as_deref();
    let text = match args.caller {
        Caller::Kubectl => return kubectl::run(&recipe, context, args),
        Caller::Git => return git::run(&recipe, context, host, args),
        _ if args.write || args.undo => {
            let (option, hint) = if args.write {
                ("--write", "paste the text that it prints")
            } else {
                ("--undo", "remove the text that it prints")
            };
            let cause = "this caller has no tool that edits its configuration";
            return Err(Error::unusable(option, cause, format!("leave out {option}, and {hint}")));
        }
        Caller::Curl => recipe.curl()?,
        Caller::Bazel => recipe.bazel(host.unwrap_or(&profile.tenant.host))?,
        Caller::Cargo => recipe.cargo(),
        Caller::Terraform => recipe.terraform(context)?,
        Caller::Rclone => recipe.rclone()?,
        Caller::Google => recipe.google(),
    };
    Ok(Outcome::answer(text))
}

/// The options of this call that a caller has to repeat.
fn options(context: &Context<'_>, profile: &Profile) -> Result<Vec<String>, Error> {
    let sources = context.sources;
    let is_named = sources.overrides.profile.is_some() || sources.text("WS1_TOKEN_PROFILE")?.is_some();
    let config = sources.named_file().map(|(_, file)| sources.absolute(file));
    let mut options = Vec::new();
    for (name, value) in [
        ("--profile", is_named.then(|| PathBuf::from(&profile.name))),
        ("--config", config),
        ("--cache-dir", context.named_cache_dir()?),
    ] {
        let value = value.map(|value| plain(name, value)).transpose()?;
        match if name == "--profile" { value } else { value.map(slashes) } {
            // It would be taken for an option.
            Some(value) if value.starts_with('-') => options.push(format!("{name}={value}")),
            Some(value) => options.extend([name.to_owned(), value]),
            None => {}
        }
    }
    Ok(options)
}

/// A value as text that every caller's configuration can hold.
fn plain(what: &str, value: PathBuf) -> Result<String, Error> {
    match value.into_os_string().into_string() {
        Ok(text) if !text.contains(char::is_control) => Ok(text),
        _ => {
            let cause = "it holds a control character, or bytes that are not UTF-8";
            Err(Error::unusable(what, cause, "choose another name"))
        }
    }
}

/// A path with slashes, which Windows reads as well: a backslash is an escape to most shells and parsers. Verbatim paths
/// (`\\?\…`) have nothing else.
fn slashes(path: String) -> String {
    if cfg!(windows) && !path.starts_with(r"\\?\") { path.replace('\\', "/") } else { path }
}

/// A text as a string of JSON. YAML and TOML read the same, for it holds no control characters.
fn quoted(text: &str) -> String {
    serde_json::json!(text).to_string()
}

/// Words as the items of a list in JSON, TOML or YAML.
fn items<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// A word as a field of CSV, as Go's programs read it.
fn csv_field(word: &str, separator: char) -> String {
    if word.contains([separator, '"']) || word.starts_with(' ') {
        format!("\"{}\"", word.replace('"', "\"\""))
    } else {
        word.to_owned()
    }
}

/// Words as a command of a POSIX shell.
fn shell_line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(shell_word).collect::<Vec<_>>().join(" ")
}

/// Whether a command of another program's configuration is this program, wherever it is.
pub(super) fn is_ours(command: &str) -> bool {
    Path::new(command).file_stem().is_some_and(|stem| stem == "ws1-token" || stem == "git-credential-ws1")
}

impl Recipe<'_> {
    /// The program with its options and a command.
    fn words<'a>(&'a self, command: &[&'a str]) -> Vec<&'a str> {
        let ours = std::iter::once(&self.program).chain(&self.options).map(String::as_str);
        ours.chain(command.iter().copied()).collect()
    }

    /// The program with its options, as a shell command.
    fn call(&self) -> String {
        shell_line(self.words(&[]))
    }

    /// curl, by itself.
    fn curl(&self) -> Result<String, Error> {
        let route = self.profile.preset.sample_route().unwrap_or("/PATH");
        let base = self.profile.api_base().unwrap_or_else(|| "https://API_HOST".to_owned());
        if cfg!(windows) {
            return self.curl_on_windows(&base, route);
        }
        Ok(format!(
            "# the tenant's API, or a host of `hosts`:\n{0} curl {route} --silent\n\
             # curl itself (bash, zsh):\ncurl --config <({0} get --format curl) {base}{route}\n",
            self.call(),
        ))
    }

    /// Bazel. Its option takes a path without arguments, so a script has the options.
    fn bazel(&self, host: &str) -> Result<String, Error> {
        let hint = "write a host, or `*.example.com` for those below it";
        Origin::parse(host.trim_start_matches("*."), true)
            .map_err(|why| Error::unusable("the host name", why, hint))?;
        if cfg!(windows) {
            return self.bazel_on_windows(host);
        }
        Ok(format!(
            "# tools/ws1-credential-helper, executable:\n#!/bin/sh\nexec {} bazel \"$@\"\n\n\
             # .bazelrc:\ncommon --credential_helper={host}=%workspace%/tools/ws1-credential-helper\n",
            self.call()
        ))
    }

    /// cargo. Its token-from-stdout provider expects the whole header value.
    fn cargo(&self) -> String {
        format!(
            "# ~/.cargo/config.toml, for the registry NAME:\n[registries.NAME]\n\
             credential-provider = [\"cargo:token-from-stdout\", {}]\n",
            items(self.words(&["get", "--format", "header-value"]))
        )
    }

    /// Terraform. It finds its helper by name. Its file is HCL 1, where `${` begins an interpolation that has to end.
    fn terraform(&self, context: &Context<'_>) -> Result<String, Error> {
        let args = items(self.options.iter().map(String::as_str)).replace("${", "\\u0024{");
        let args = if args.is_empty() { args } else { format!(" args = [{args}] ") };
        let helper = format!("credentials_helper \"ws1\" {{{args}}}\n");
        if cfg!(windows) {
            let settings = context.sources.config_dir.map_or("%APPDATA%".into(), Path::to_string_lossy);
            return self.terraform_on_windows(&settings, &helper);
        }
        Ok(format!(
            "mkdir -p ~/.terraform.d/plugins\nln -sf {} ~/.terraform.d/plugins/terraform-credentials-ws1\n\n\
             # ~/.terraformrc:\n{helper}",
            shell_word(&self.program)
        ))
    }

    /// rclone. It reads the command as CSV with spaces (old versions split it at every space), after it has replaced
    /// `%(KEY)s`, which nothing escapes.
    fn rclone(&self) -> Result<String, Error> {
        let fields: Vec<String> = self.words(&["get"]).into_iter().map(|word| csv_field(word, ' ')).collect();
        let command = fields.join(" ");
        if command.contains("%(") {
            let hint = "choose a name or path without `%(`";
            return Err(Error::unusable("the command", "rclone replaces `%(` in it", hint));
        }
        Ok(format!("# the remote's section of rclone.conf:\nbearer_token_command = {command}\n"))
    }

    /// Google's client libraries, which split the command as a shell does; the audience is the workload identity
    /// provider's.
    fn google(&self) -> String {
        let credentials = serde_json::json!({
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "https://sts.googleapis.com/v1/token",
            "credential_source": { "executable": { "command": format!("{} google", self.call()), "timeout_millis": 30_000 } },
        });
        format!("{}\n", serde_json::to_string_pretty(&credentials).unwrap_or_default())
    }

    /// Runs a caller's tool and returns its standard output; an error has the last line of its standard error.
    fn tool(&self, program: &str, args: &[&str]) -> Result<String, Error> {
        let mut command = child::command(program, &self.secret_variables);
        let deadline = Deadline::after(&SystemClock, TOOL_TIME);
        let finished = child::run(command.args(args), Stderr::Read, Wanted::all(TOOL_OUTPUT), deadline);
        let why: Cause = match finished.map_err(|error| Error::spawn(program, error))? {
            None => format!("it did not finish within {} s", TOOL_TIME.as_secs()).into(),
            Some(Finished { status: None, .. }) => "it printed more than 1 MiB".into(),
            Some(Finished { stdout, status: Some(status), .. }) if status.success() => {
                return Ok(String::from_utf8_lossy(&stdout).into_owned());
            }
            Some(Finished { stderr, status: Some(status), .. }) => {
                let words = String::from_utf8_lossy(&stderr);
                Cause::new(words.trim().lines().next_back().map_or_else(|| status.to_string(), str::to_owned))
            }
        };
        Err(Error::system(format!("`{}` failed", shell_line([&[program], &args[..2]].concat()))).because(why))
    }
}
