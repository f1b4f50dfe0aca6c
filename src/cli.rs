//! The command line: definitions only, no logic.

#![expect(clippy::doc_markdown, reason = "these comments are the help pages, where backticks would be noise")]

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Overrides, Preset};

mod arguments;
mod examples;
#[cfg(test)]
mod man;
mod quick;
mod value;

pub(crate) use arguments::{Mistake, parse};

/// The version and what else there is to say of a build, as `build.rs` writes it down.
const BUILD: &str = include_str!(concat!(env!("OUT_DIR"), "/version.txt"));

/// Hands a Workspace ONE Access (Omnissa Access) API token to whatever asks for one.
///
/// It serves the token from a cache, renews it near expiry, and speaks the caller's own protocol.
#[derive(Debug, Clone, PartialEq, Parser)]
#[command(name = "ws1-token", version, long_version = BUILD, max_term_width = 100)]
#[command(after_help = examples::MAIN, after_long_help = examples::MAIN_LONG)]
pub(crate) struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub(crate) overrides: Overrides,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub(crate) enum Command {
    /// Print the token
    #[command(after_help = examples::GET)]
    Get(Get),
    /// Answer kubectl as an exec credential plugin
    #[command(after_help = examples::KUBECTL)]
    Kubectl,
    /// Answer git as a credential helper
    #[command(after_help = examples::GIT)]
    Git(Git),
    /// Answer Bazel, and every tool that asks for a URL's headers, as a credential helper
    #[command(after_help = examples::BAZEL)]
    Bazel(Bazel),
    /// Answer Terraform as a credentials helper
    #[command(after_help = examples::TERRAFORM)]
    Terraform(Terraform),
    /// Answer Google's client libraries as an executable credential source
    #[command(after_help = examples::GOOGLE)]
    Google,
    /// Run curl against the tenant or an allowed host, with the token handed over through a pipe
    #[command(after_help = examples::CURL, override_usage = "ws1-token curl [OPTIONS] <PATH|URL> [CURL ARGS]...")]
    Curl(Curl),
    /// Run a command with the token in its environment
    #[command(after_help = examples::EXEC)]
    Exec(Exec),
    /// Create or update a profile: ask for what is missing, get a token to prove it, store it
    #[command(after_help = examples::LOGIN)]
    Login(Login),
    /// Drop the cached token and the stored client secret
    #[command(after_help = examples::LOGOUT)]
    Logout(Logout),
    /// Drop the cached token
    #[command(after_help = examples::FORGET)]
    Forget(Forget),
    /// Show every profile and the state of its token, without asking the tenant
    #[command(after_help = examples::STATUS)]
    Status(Status),
    /// Show whose token is cached and what it is good for, without asking the tenant
    #[command(after_help = examples::WHOAMI)]
    Whoami(Whoami),
    /// Check everything that a token depends on, in order, with a fix for what is wrong
    #[command(after_help = examples::DOCTOR)]
    Doctor(Doctor),
    /// Print the exact configuration for a caller, or apply it through the caller's own tool
    #[command(after_help = examples::SETUP)]
    Setup(Setup),
    /// Print a completion script for a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(Completions),
}

/// Arguments of `get`.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct Get {
    /// How to print it; `token` if this is not given
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Write to this file, atomically, mode 0600; without --format the bare token, no newline
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Renew unless the token lives at least this long: seconds, or a number with s, m, h or d
    #[arg(long, value_name = "DURATION", value_parser = value::duration, default_value = "0", hide_default_value = true)]
    pub(crate) min_ttl: i64,
    /// Renew even if the cached token is fresh; if that fails, a valid one is printed with a warning
    #[arg(long)]
    pub(crate) force_refresh: bool,
}

/// What `get` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The token alone
    #[default]
    Token,
    /// Authorization: Bearer TOKEN
    Header,
    /// Bearer TOKEN
    HeaderValue,
    /// {"Authorization":"Bearer TOKEN"}
    HeadersJson,
    /// A curl configuration line, for curl --config
    Curl,
    /// A shell line that exports WS1_ACCESS_TOKEN
    Env,
    /// access_token, token_type, expires_in and expires_at as JSON
    Json,
}

/// Arguments of `git`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Git {
    /// get, store, erase or capability; git appends it
    #[arg(value_name = "OPERATION")]
    pub(crate) operation: String,
}

/// Arguments of `bazel`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Bazel {
    /// What is asked; the caller appends it
    #[arg(value_enum, value_name = "OPERATION")]
    pub(crate) operation: BazelOperation,
}

/// What Bazel asks of a credential helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BazelOperation {
    /// The headers for the URI on standard input
    Get,
}

/// Arguments of `terraform`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Terraform {
    /// What is asked; Terraform appends it
    #[arg(value_enum, value_name = "OPERATION")]
    pub(crate) operation: TerraformOperation,
    /// The host that it is asked for
    #[arg(value_name = "HOST")]
    pub(crate) host: String,
}

/// What Terraform asks of a credentials helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TerraformOperation {
    /// The token for a host
    Get,
    /// Keep a token: refused, they come from the tenant
    Store,
    /// Drop the cached token
    Forget,
}

/// Arguments of `curl`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Curl {
    /// A path on the tenant, like /SAAS/jersey/manager/api/scim/Users, or the URL of an allowed host
    #[arg(value_name = "PATH|URL")]
    pub(crate) target: String,
    /// Arguments for curl, as they are
    #[arg(value_name = "CURL ARGS", last = true)]
    pub(crate) args: Vec<OsString>,
}

/// Arguments of `exec`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Exec {
    /// The environment variable that gets the token
    #[arg(long, value_name = "NAME", default_value = "WS1_ACCESS_TOKEN", value_parser = value::variable)]
    pub(crate) var: String,
    /// The command and its arguments
    #[arg(value_name = "CMD", last = true, required = true)]
    pub(crate) command: Vec<OsString>,
}

/// Arguments of `login`.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct Login {
    /// The profile; without it the default one, or a first one named `default`
    #[arg(value_name = "NAME", conflicts_with = "profile")]
    pub(crate) name: Option<String>,
    /// Ask for these scopes, separated by spaces
    #[arg(long, value_name = "SCOPES")]
    pub(crate) scope: Option<String>,
    /// Read the client secret from standard input, for scripts
    #[arg(long, conflicts_with = "client_secret_file")]
    pub(crate) secret_stdin: bool,
    /// Keep the client secret there; `file` if this is not given
    #[arg(long, value_enum, value_name = "STORE", conflicts_with = "client_secret_file")]
    pub(crate) store: Option<SecretStore>,
    /// Trust the certificates of this PEM file too; the profile keeps it as `ca_file`
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Which service the profile talks to
    #[arg(long, value_enum, value_name = "PRESET")]
    pub(crate) preset: Option<Preset>,
    /// Take the client from the JSON file that the Intelligence console downloads
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tenant", "client_id", "client_secret_file", "secret_stdin", "preset"])]
    pub(crate) import: Option<PathBuf>,
    /// Store the profile without asking the tenant for a token
    #[arg(long)]
    pub(crate) no_verify: bool,
}

/// Where `login` keeps a client secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SecretStore {
    /// A file beside the configuration that only you can read
    #[default]
    File,
    /// The platform's key store, where the build supports it
    Keychain,
}

/// Arguments of `logout`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Logout {
    /// The profile; without it the default one
    #[arg(value_name = "NAME", conflicts_with = "profile")]
    pub(crate) name: Option<String>,
    /// Revoke the tokens at the tenant too, where it offers that
    #[arg(long)]
    pub(crate) revoke: bool,
}

/// Arguments of `whoami`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Whoami {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `doctor`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `status`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Status {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `forget`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Forget {
    /// Drop the tokens of all profiles
    #[arg(long, conflicts_with = "profile")]
    pub(crate) all: bool,
}

/// Arguments of `setup`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Setup {
    /// The caller
    #[arg(value_enum)]
    pub(crate) caller: Caller,
    /// For git and bazel the host (else the tenant's own), for kubectl the user's name (else ws1)
    #[arg(value_name = "HOST|USER")]
    pub(crate) host: Option<String>,
    /// Apply it through the caller's own tool: kubectl config, git config
    #[arg(long)]
    pub(crate) write: bool,
}

/// A caller that can be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Caller {
    /// A user of the kubeconfig
    Kubectl,
    /// The credential helper of a host
    Git,
    /// Shell lines
    Curl,
    /// .bazelrc and a helper script
    Bazel,
    /// A registry's credential provider
    Cargo,
    /// The credentials helper
    Terraform,
    /// A remote's bearer token command
    Rclone,
    /// A credential configuration
    Google,
}

/// Arguments of `completions`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
    /// Asked by the scripts: what can stand in the place of this word
    #[arg(long, value_name = "WORD", hide = true)]
    pub(crate) word: Option<OsString>,
    /// The words before it
    #[arg(value_name = "WORDS", last = true, hide = true, requires = "word")]
    pub(crate) before: Vec<OsString>,
}

/// A shell that there is a completion script for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// `ws1-token` in ~/.local/share/bash-completion/completions; bash 3.2 or later
    Bash,
    /// `_ws1-token` in a directory of `fpath`
    Zsh,
    /// `ws1-token.fish` in ~/.config/fish/completions
    Fish,
    /// Lines of $PROFILE
    Powershell,
    /// In rc.elv: eval (ws1-token completions elvish | slurp)
    Elvish,
}
