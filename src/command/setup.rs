//! `setup CALLER`: the exact configuration for a caller, to paste, or applied with `--write` through the caller's own
//! tool. No file of another program is ever edited here.

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

/// How long a caller's own tool may take.
const TOOL_TIME: Duration = Duration::from_secs(10);

/// Bytes of its output that are read at most.
const TOOL_OUTPUT: usize = 1024 * 1024;

/// What every caller's text is made of.
struct Words<'a> {
    /// The program, absolute, quoted for a shell where that is needed.
    program: String,
    /// ` --profile NAME` if one was named, else nothing: the default applies.
    profile_option: String,
    /// The profile.
    profile: &'a Profile,
}

/// Prints the configuration, or applies it.
pub(crate) fn run(context: &Context<'_>, args: &Setup) -> Result<Outcome, Error> {
    let profile = context.sources.profile(None)?;
    let named = context.sources.overrides.profile.is_some();
    let words = Words {
        program: shell_word(&context.program()),
        profile_option: if named { format!(" --profile {}", shell_word(&profile.name)) } else { String::new() },
        profile: &profile,
    };
    match (args.caller, args.write) {
        (Caller::Kubectl, write) => kubectl::run(&words, args.host.as_deref().unwrap_or("ws1"), write),
        (Caller::Git, write) => git::run(&words, args.host.as_deref(), write),
        (_, true) => Err(Error::unusable(
            "--write",
            "this caller has no tool that edits its configuration",
            "leave out --write and paste the text",
        )),
        (Caller::Curl, false) => Ok(Outcome::answer(words.curl())),
        (Caller::Bazel, false) => Ok(Outcome::answer(words.bazel(args.host.as_deref()))),
        (Caller::Cargo, false) => Ok(Outcome::answer(words.cargo())),
        (Caller::Terraform, false) => Ok(Outcome::answer(words.terraform())),
        (Caller::Rclone, false) => Ok(Outcome::answer(words.rclone())),
        (Caller::Google, false) => Ok(Outcome::answer(words.google())),
    }
}

impl Words<'_> {
    /// The program with its profile, as a shell line starts.
    fn call(&self) -> String {
        format!("{}{}", self.program, self.profile_option)
    }

    /// The program with its profile and a command, as items of a JSON or TOML list.
    fn list(&self, command: &[&str]) -> String {
        let mut items = vec![self.program.trim_matches('\'').to_owned()];
        if !self.profile_option.is_empty() {
            items.extend(["--profile".to_owned(), self.profile.name.clone()]);
        }
        items.extend(command.iter().map(|word| (*word).to_owned()));
        serde_json::to_string(&items).unwrap_or_default().replace(',', ", ")
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

    /// Bazel, whose option takes a path without arguments: a two-line script, which can name the profile.
    fn bazel(&self, host: Option<&str>) -> String {
        let host = host.map_or_else(|| self.profile.tenant.host.clone(), str::to_owned);
        format!(
            "# tools/ws1-credential-helper, executable:\n#!/bin/sh\nexec {} bazel \"$@\"\n\n\
             # .bazelrc:\ncommon --credential_helper={host}=%workspace%/tools/ws1-credential-helper\n",
            self.call()
        )
    }

    /// cargo, whose token-from-stdout provider takes the whole header value.
    fn cargo(&self) -> String {
        let list = self.list(&["get", "--format", "header-value"]);
        format!(
            "# ~/.cargo/config.toml, for the registry NAME:\n[registries.NAME]\n\
             credential-provider = [\"cargo:token-from-stdout\", {}\n",
            list.trim_start_matches('[')
        )
    }

    /// Terraform, which finds its helper by name.
    fn terraform(&self) -> String {
        let args = if self.profile_option.is_empty() {
            String::new()
        } else {
            format!(" args = [\"--profile\", \"{}\"] ", self.profile.name)
        };
        format!(
            "mkdir -p ~/.terraform.d/plugins\nln -sf {} ~/.terraform.d/plugins/terraform-credentials-ws1\n\n\
             # ~/.terraformrc:\ncredentials_helper \"ws1\" {{{args}}}\n",
            self.program
        )
    }

    /// rclone, which asks again after a 401. It splits at spaces and knows no quotes.
    fn rclone(&self) -> String {
        format!(
            "# the remote's section of rclone.conf:\nbearer_token_command = {}{} get\n",
            self.program.trim_matches('\''),
            self.profile_option
        )
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
}

/// Runs a tool and gives what it printed; its failure is an error with its last words.
fn tool(program: &str, args: &[&str]) -> Result<String, Error> {
    let failed = |source: Cause| Error::spawn(&program, source);
    let mut command = child::command(program, None);
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
