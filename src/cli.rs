//! The command line: definitions only, no logic.

#![expect(clippy::doc_markdown, reason = "these comments are the help pages, where backticks would be noise")]

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{AuthStyle, Overrides, Preset};

mod arguments;
mod examples;
#[cfg(test)]
mod man;
mod quick;
mod value;

pub(crate) use arguments::{Mistake, parse};

/// The version and what else there is to say of a build, as `build.rs` writes it down.
const BUILD: &str = include_str!(concat!(env!("OUT_DIR"), "/version.txt"));

/// Gets a Workspace ONE Access (Omnissa Access) API token and hands it to the program that needs it.
///
/// It caches the token, renews it before it expires, and answers each caller in its own protocol.
#[derive(Debug, Clone, PartialEq, Parser)]
#[command(name = "ws1-token", bin_name = "ws1-token", version, long_version = BUILD, help_template = examples::OVERVIEW)]
#[command(after_help = examples::MAIN, after_long_help = examples::MAIN_LONG)]
pub(crate) struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub(crate) overrides: Overrides,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, in the order of the overview.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub(crate) enum Command {
    /// Create or update a profile, and prove it by getting a token
    #[command(after_help = examples::LOGIN)]
    Login(Box<Login>),
    /// Print a caller's configuration, or apply it with its own tool
    #[command(after_help = examples::SETUP)]
    Setup(Setup),
    /// Print a completion script for a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(Completions),
    /// Print the token
    #[command(after_help = examples::GET)]
    Get(Get),
    /// Run a command with the token in its environment
    #[command(after_help = examples::EXEC)]
    Exec(Exec),
    /// Run curl with the token, against the tenant or an allowed host
    #[command(after_help = examples::CURL, override_usage = "ws1-token curl [OPTIONS] [CURL ARGS]... <PATH|URL> [CURL ARGS]...")]
    Curl(Curl),
    /// Answer kubectl as an exec credential plugin
    #[command(after_help = examples::KUBECTL)]
    Kubectl(Kubectl),
    /// Answer git as a credential helper
    #[command(after_help = examples::GIT)]
    Git(Git),
    /// Answer Bazel, and tools with its protocol, as a credential helper
    #[command(after_help = examples::BAZEL)]
    Bazel(Bazel),
    /// Answer Terraform as a credentials helper
    #[command(after_help = examples::TERRAFORM)]
    Terraform(Terraform),
    /// Answer Google's client libraries as an executable source
    #[command(after_help = examples::GOOGLE)]
    Google,
    /// Show profiles and the state of their tokens, offline
    #[command(after_help = examples::STATUS)]
    Status(Status),
    /// Show subject, scopes and claims of the cached token, offline
    #[command(after_help = examples::WHOAMI)]
    Whoami(Whoami),
    /// Check everything that a token depends on, and suggest fixes
    #[command(after_help = examples::DOCTOR)]
    Doctor(Doctor),
    /// Drop the cached token
    #[command(after_help = examples::FORGET)]
    Forget(Forget),
    /// Drop the cached token and the stored client secret
    #[command(after_help = examples::LOGOUT)]
    Logout(Logout),
}

/// The profile that a command names: the same as `--profile`, where [`parse`] puts it.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct Named {
    /// The profile, as with --profile
    #[arg(value_name = "NAME", conflicts_with = "profile")]
    pub(crate) name: Option<String>,
}

/// Arguments of `get`.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct Get {
    /// Output format; `token` by default
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Write to this file (atomically, mode 0600), pipe or device; without --format the token, no newline
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Keep the file fresh until SIGTERM: write it at once, and again whenever there is a new token
    #[arg(long, requires = "output")]
    pub(crate) watch: bool,
    /// Renew unless the token is valid for at least this long: seconds, or a number with s, m, h or d
    #[arg(long, value_name = "DURATION", value_parser = value::duration, default_value = "0", hide_default_value = true)]
    pub(crate) min_ttl: i64,
    /// Renew even if the cached token is fresh; fails without a new one, and the cache keeps the old
    #[arg(long)]
    pub(crate) force_refresh: bool,
    /// Name of the Secret, with --format kubernetes-secret
    #[arg(long, value_name = "NAME", value_parser = value::subdomain, required_if_eq("format", "kubernetes-secret"))]
    pub(crate) name: Option<String>,
    /// Namespace of the Secret; without it, kubectl's own
    #[arg(long, value_name = "NAMESPACE", value_parser = value::label, requires = "name")]
    pub(crate) namespace: Option<String>,
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
    /// The same for PowerShell
    Powershell,
    /// Mask the token in the log of GitHub Actions, and set WS1_ACCESS_TOKEN for later steps
    Github,
    /// access_token, token_type, expires_in and expires_at as JSON
    Json,
    /// The manifest of a Secret, for kubectl apply
    KubernetesSecret,
}

/// Arguments of `kubectl`.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct Kubectl {
    /// Renew unless the token is valid for at least this long, for clients that ask only once
    #[arg(long, value_name = "DURATION", value_parser = value::duration, default_value = "0", hide_default_value = true)]
    pub(crate) min_ttl: i64,
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
    /// The operation; the caller appends it
    #[arg(value_enum, value_name = "OPERATION")]
    pub(crate) operation: BazelOperation,
}

/// The operations of Bazel's credential helper protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BazelOperation {
    /// The headers for the URI on standard input
    Get,
}

/// Arguments of `terraform`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Terraform {
    /// The operation; Terraform appends it
    #[arg(value_enum, value_name = "OPERATION")]
    pub(crate) operation: TerraformOperation,
    /// The host name
    #[arg(value_name = "HOST")]
    pub(crate) host: String,
}

/// The operations of Terraform's credentials helper protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TerraformOperation {
    /// The token for a host
    Get,
    /// Refused: tokens come from the tenant
    Store,
    /// Drop the cached token
    Forget,
}

/// Arguments of `curl`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Curl {
    /// A path on the tenant or the URL of an allowed host, before or after arguments for curl
    #[arg(value_name = "PATH|URL", trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    pub(crate) args: Vec<OsString>,
}

/// Arguments of `exec`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Exec {
    /// The environment variable that gets the token
    #[arg(long, value_name = "NAME", default_value = "WS1_ACCESS_TOKEN", value_parser = value::variable)]
    pub(crate) var: String,
    /// Renew unless the token is valid for at least this long: seconds, or a number with s, m, h or d
    #[arg(long, value_name = "DURATION", value_parser = value::duration, default_value = "0", hide_default_value = true)]
    pub(crate) min_ttl: i64,
    /// The command and its arguments; no `--` is needed before it
    #[arg(value_name = "CMD", trailing_var_arg = true, required = true, value_hint = clap::ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
}

/// Arguments of `login`.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct Login {
    /// The profile; by default the default profile, or a new one named `default`
    #[arg(value_name = "NAME", conflicts_with = "profile")]
    pub(crate) name: Option<String>,
    /// Request these scopes, separated by spaces
    #[arg(long, value_name = "SCOPES")]
    pub(crate) scope: Option<String>,
    /// Read the client secret from standard input, for scripts
    #[arg(long, conflicts_with = "client_secret_file")]
    pub(crate) secret_stdin: bool,
    /// Log in with an API token, read from standard input (Connect, VIDB)
    #[arg(long, conflicts_with_all = ["client_id", "client_secret_file", "secret_stdin", "api_token_file", "import"])]
    pub(crate) api_token_stdin: bool,
    /// Log in with the API token in this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["client_id", "client_secret_file", "secret_stdin", "import"])]
    pub(crate) api_token_file: Option<PathBuf>,
    /// Use the token endpoint of this region: na, emea, apac or uat of UEM, na1 and others of Intelligence
    #[arg(long, value_name = "REGION", conflicts_with_all = ["tenant", "import"])]
    pub(crate) region: Option<String>,
    /// Where to store the client secret; `file` by default
    #[arg(long, value_enum, value_name = "STORE", conflicts_with = "client_secret_file")]
    pub(crate) store: Option<SecretStore>,
    /// Also trust the CA certificates in this PEM file; stored as `ca_file` of the profile
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The service that the profile is for
    #[arg(long, value_enum, value_name = "PRESET")]
    pub(crate) preset: Option<Preset>,
    /// Settings that are never asked for.
    #[command(flatten)]
    pub(crate) keys: LoginKeys,
    /// Read the client from a JSON file downloaded from the Intelligence console
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tenant", "client_id", "client_secret_file", "secret_stdin", "preset"])]
    pub(crate) import: Option<PathBuf>,
    /// Store the profile without getting a token first
    #[arg(long)]
    pub(crate) no_verify: bool,
}

/// Keys of a profile that `login` sets by a flag alone.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct LoginKeys {
    /// Let this host or host:port receive the token too; repeat it for more, they replace the list
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Vec<String>,
    /// Request tokens at this URL instead of the preset's
    #[arg(long, value_name = "URL", conflicts_with = "import")]
    pub(crate) token_url: Option<String>,
    /// Host or base URL of the API, where it is not the tenant: your own UEM host
    #[arg(long, value_name = "URL")]
    pub(crate) api: Option<String>,
    /// Ask for tokens of this organisation (Connect)
    #[arg(long, value_name = "ID")]
    pub(crate) org_id: Option<String>,
    /// How the client authenticates
    #[arg(long, value_enum, value_name = "STYLE")]
    pub(crate) auth_style: Option<AuthStyle>,
    /// Trust the CA certificates of `ca_file` alone
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    pub(crate) ca_only: Option<bool>,
    /// Request tokens through this proxy; one that needs a password is written into the file
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// User name for git before 2.46, which needs one
    #[arg(long, value_name = "NAME")]
    pub(crate) git_username: Option<String>,
    /// Renew with the refresh token where there is one
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    pub(crate) use_refresh_token: Option<bool>,
    /// Renew with the client's credentials only, and store no refresh token
    #[arg(long, conflicts_with = "use_refresh_token")]
    pub(crate) no_refresh_token: bool,
}

/// Where `login` stores a client secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SecretStore {
    /// A file in the configuration directory that only you can read
    #[default]
    File,
    /// The platform's key store, where the build supports it
    Keychain,
}

/// Arguments of `logout`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Logout {
    /// The profile.
    #[command(flatten)]
    pub(crate) named: Named,
    /// Also revoke the tokens, if the tenant has a revocation endpoint
    #[arg(long)]
    pub(crate) revoke: bool,
}

/// Arguments of `whoami`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Whoami {
    /// The profile.
    #[command(flatten)]
    pub(crate) named: Named,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `doctor`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Doctor {
    /// The profile.
    #[command(flatten)]
    pub(crate) named: Named,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `status`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Status {
    /// The profile.
    #[command(flatten)]
    pub(crate) named: Named,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `forget`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Forget {
    /// The profile.
    #[command(flatten)]
    pub(crate) named: Named,
    /// Drop the tokens of all profiles
    #[arg(long, conflicts_with_all = ["profile", "name"])]
    pub(crate) all: bool,
}

/// Arguments of `setup`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct Setup {
    /// The caller
    #[arg(value_enum)]
    pub(crate) caller: Caller,
    /// Host for git (default: tenant and all `hosts`) and bazel (tenant); user name for kubectl (ws1)
    #[arg(value_name = "HOST|USER")]
    pub(crate) host: Option<String>,
    /// Apply it with the caller's own tool: kubectl config or git config
    #[arg(long)]
    pub(crate) write: bool,
    /// Take back what --write applied
    #[arg(long, conflicts_with = "write")]
    pub(crate) undo: bool,
}

/// A caller that can be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Caller {
    /// A user entry of the kubeconfig
    Kubectl,
    /// A credential helper for one host
    Git,
    /// Shell commands
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
    /// Used by the scripts: list completions of this word
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
