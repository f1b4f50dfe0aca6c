//! `setup CALLER`: prints the configuration of a caller, or applies it with `--write` through the caller's own tool. It
//! never edits a file of another program itself.

use std::time::Duration;

use crate::child::{self, Finished, Stderr, Wanted};
use crate::cli::{Caller, Setup};
use crate::clock::{Deadline, SystemClock};
use crate::config::Profile;
use crate::context::Context;
use crate::error::{Cause, Error};
use crate::outcome::Outcome;
use crate::text::shell_word;

pub(super) mod git;
mod kubectl;

/// Timeout of a caller's own tool.
const TOOL_TIME: Duration = Duration::from_secs(10);

/// The most bytes of its output to read.
const TOOL_OUTPUT: usize = 1024 * 1024;

/// The parts of every caller's configuration.
struct Recipe<'a> {
    /// The program's absolute path.
    program: String,
    /// `--profile NAME`, if that was given.
    profile_args: Vec<String>,
    /// The profile.
    profile: &'a Profile,
    /// The variables that no caller's tool inherits.
    secret_variables: Vec<String>,
}

/// Prints the configuration, or applies it.
pub(crate) fn run(context: &Context<'_>, args: &Setup) -> Result<Outcome, Error> {
    let profile = context.sources.profile(None)?;
    let named = context.sources.overrides.profile.is_some();
    let recipe = Recipe {
        program: context.program(),
        profile_args: if named { vec!["--profile".to_owned(), profile.name.clone()] } else { Vec::new() },
        profile: &profile,
        secret_variables: context.sources.secret_variables(),
    };
    let host = args.host.as_deref();
    let text = match args.caller {
        Caller::Kubectl => return kubectl::run(&recipe, host.unwrap_or("ws1"), args.write),
        Caller::Git => return git::run(&recipe, context, host, args.write),
        _ if args.write => {
            return Err(Error::unusable(
                "--write",
                "this caller has no tool that edits its configuration",
                "leave out --write and paste the text",
            ));
        }
        Caller::Curl => recipe.curl(),
        Caller::Bazel => recipe.bazel(host.unwrap_or(&profile.tenant.host)),
        Caller::Cargo => recipe.cargo(),
        Caller::Terraform => recipe.terraform(),
        Caller::Rclone => recipe.rclone(),
        Caller::Google => recipe.google(),
    };
    Ok(Outcome::answer(text))
}

/// Words as the items of a list in JSON, TOML or YAML.
fn items<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| serde_json::json!(word).to_string()).collect();
    quoted.join(", ")
}

/// Words as a command of a shell.
fn shell_line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(shell_word).collect::<Vec<_>>().join(" ")
}

impl Recipe<'_> {
    /// The program with its profile and a command.
    fn words<'a>(&'a self, command: &[&'a str]) -> Vec<&'a str> {
        let ours = std::iter::once(&self.program).chain(&self.profile_args).map(String::as_str);
        ours.chain(command.iter().copied()).collect()
    }

    /// The program with its profile, as a shell command.
    fn call(&self) -> String {
        shell_line(self.words(&[]))
    }

    /// curl, by itself.
    fn curl(&self) -> String {
        format!(
            "# the tenant's API, or a host of `hosts`:\n{0} curl /SAAS/jersey/manager/api/scim/Users --silent\n\
             # curl itself (bash, zsh):\ncurl --config <({0} get --format curl) {1}/SAAS/jersey/manager/api/scim/Users\n",
            self.call(),
            self.profile.tenant
        )
    }

    /// Bazel. Its option takes a path without arguments, so a script names the profile.
    fn bazel(&self, host: &str) -> String {
        format!(
            "# tools/ws1-credential-helper, executable:\n#!/bin/sh\nexec {} bazel \"$@\"\n\n\
             # .bazelrc:\ncommon --credential_helper={host}=%workspace%/tools/ws1-credential-helper\n",
            self.call()
        )
    }

    /// cargo. Its token-from-stdout provider expects the whole header value.
    fn cargo(&self) -> String {
        format!(
            "# ~/.cargo/config.toml, for the registry NAME:\n[registries.NAME]\n\
             credential-provider = [\"cargo:token-from-stdout\", {}]\n",
            items(self.words(&["get", "--format", "header-value"]))
        )
    }

    /// Terraform. It finds its helper by name.
    fn terraform(&self) -> String {
        let args = items(self.profile_args.iter().map(String::as_str));
        let args = if args.is_empty() { args } else { format!(" args = [{args}] ") };
        format!(
            "mkdir -p ~/.terraform.d/plugins\nln -sf {} ~/.terraform.d/plugins/terraform-credentials-ws1\n\n\
             # ~/.terraformrc:\ncredentials_helper \"ws1\" {{{args}}}\n",
            shell_word(&self.program)
        )
    }

    /// rclone. It splits the command at spaces, without quotes.
    fn rclone(&self) -> String {
        let command = self.words(&["get"]).join(" ");
        format!("# the remote's section of rclone.conf:\nbearer_token_command = {command}\n")
    }

    /// Google's client libraries; the audience is the workload identity provider's.
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
        let failed = |source: Cause| Error::spawn(program, source);
        let mut command = child::command(program, &self.secret_variables);
        let deadline = Deadline::after(&SystemClock, TOOL_TIME);
        let finished = child::run(command.args(args), Stderr::Read, Wanted::all(TOOL_OUTPUT), deadline);
        match finished.map_err(|error| failed(error.into()))? {
            None => Err(failed(format!("it did not finish within {} s", TOOL_TIME.as_secs()).into())),
            Some(Finished { status: None, .. }) => Err(failed("it printed more than 1 MiB".into())),
            Some(Finished { stdout, status: Some(status), .. }) if status.success() => {
                Ok(String::from_utf8_lossy(&stdout).into_owned())
            }
            Some(Finished { stderr, status: Some(status), .. }) => {
                let words = String::from_utf8_lossy(&stderr);
                let last = words.trim().lines().next_back().unwrap_or_default();
                Err(failed(format!("it failed ({status}): {last}").into()))
            }
        }
    }
}
