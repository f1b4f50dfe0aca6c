//! The command line: definitions only, no logic.

#![expect(clippy::doc_markdown, reason = "these comments are the help pages, where backticks would be noise")]

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Overrides, Preset};

mod arguments;
mod quick;

pub(crate) use arguments::parse;

/// Hands a Workspace ONE Access (Omnissa Access) API token to whatever asks for one.
///
/// It serves the token from a cache, renews it near expiry, and speaks the caller's own protocol.
#[derive(Debug, Clone, PartialEq, Parser)]
#[command(name = "ws1-token", version, max_term_width = 100, after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Use this profile of the configuration file [env: WS1_TOKEN_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Read this configuration file [env: WS1_TOKEN_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Keep tokens in this directory [env: WS1_TOKEN_CACHE_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Ask this tenant: a host, host:port or URL [env: WS1_TOKEN_TENANT]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) tenant: Option<String>,
    /// Ask as this OAuth client [env: WS1_TOKEN_CLIENT_ID]
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// Read the client secret from this file [env: WS1_TOKEN_CLIENT_SECRET_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// Tell the steps on standard error, never a secret [env: WS1_TOKEN_VERBOSE]
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub(crate) enum Command {
    /// Print the token
    #[command(after_help = GET_EXAMPLES)]
    Get(Get),
    /// Answer kubectl as an exec credential plugin
    #[command(after_help = KUBECTL_EXAMPLES)]
    Kubectl,
    /// Answer git as a credential helper
    #[command(after_help = GIT_EXAMPLES)]
    Git(Git),
    /// Answer Bazel, and every tool that asks for a URL's headers, as a credential helper
    #[command(after_help = BAZEL_EXAMPLES)]
    Bazel(Bazel),
    /// Answer Terraform as a credentials helper
    #[command(after_help = TERRAFORM_EXAMPLES)]
    Terraform(Terraform),
    /// Answer Google's client libraries as an executable credential source
    #[command(after_help = GOOGLE_EXAMPLES)]
    Google,
    /// Run curl against the tenant or an allowed host, with the token handed over through a pipe
    #[command(after_help = CURL_EXAMPLES, override_usage = "ws1-token curl [OPTIONS] <PATH|URL> [CURL ARGS]...")]
    Curl(Curl),
    /// Run a command with the token in its environment
    #[command(after_help = EXEC_EXAMPLES)]
    Exec(Exec),
    /// Create or update a profile: ask for what is missing, get a token to prove it, store it
    #[command(after_help = LOGIN_EXAMPLES)]
    Login(Login),
    /// Drop the cached token and the stored client secret
    #[command(after_help = LOGOUT_EXAMPLES)]
    Logout(Logout),
    /// Drop the cached token
    #[command(after_help = FORGET_EXAMPLES)]
    Forget(Forget),
    /// Show every profile and the state of its token, without asking the tenant
    #[command(after_help = STATUS_EXAMPLES)]
    Status(Status),
    /// Show whose token is cached and what it is good for, without asking the tenant
    #[command(after_help = WHOAMI_EXAMPLES)]
    Whoami(Whoami),
    /// Check everything that a token depends on, in order, with a fix for what is wrong
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(Doctor),
    /// Print the exact configuration for a caller, or apply it through the caller's own tool
    #[command(after_help = SETUP_EXAMPLES)]
    Setup(Setup),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(Completions),
}

/// Arguments of `get`.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct Get {
    /// How to print it; `token` if this is not given
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Write to this file instead, atomically and with mode 0600; the bare token without a newline unless --format is given
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Renew unless the token lives at least this long: seconds, or a number with s, m, h or d
    #[arg(long, value_name = "DURATION", value_parser = arguments::duration, default_value = "0", hide_default_value = true)]
    pub(crate) min_ttl: i64,
    /// Renew even if the cached token is fresh; if that fails, a cached token that is still valid is printed with a warning
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
    #[arg(long, value_name = "NAME", default_value = "WS1_ACCESS_TOKEN", value_parser = arguments::variable)]
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
    /// Revoke the tokens at the tenant first, where it offers that
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
    pub(crate) shell: clap_complete::Shell,
}

impl Globals {
    /// What the flags say about the profile.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            profile: self.profile.clone(),
            config: self.config.clone(),
            tenant: self.tenant.clone(),
            client_id: self.client_id.clone(),
            client_secret_file: self.client_secret_file.clone(),
        }
    }
}

/// End of the main help page.
const EXAMPLES: &str = "\
Examples:
  ws1-token login                                  make a profile
  ws1-token get                                    print the token of the default profile
  ws1-token curl /SAAS/jersey/manager/api/scim/Users
  ws1-token --profile prod exec -- ./report.sh     with the token in WS1_ACCESS_TOKEN
  ws1-token doctor                                 when something is wrong

There is no option that takes a secret: it comes from a file, the environment or a command, as the
profile says. Configuration: ws1-token/config.json in your configuration directory.
Exit status: 0 answered, 1 system failure, 2 change the command or the profile, 3 retry later,
4 the tenant denied the client, 5 the tenant did not answer with a usable token.";

/// End of the page of `get`.
const GET_EXAMPLES: &str = "\
Examples:
  TOKEN=$(ws1-token get)
  curl -K <(ws1-token get --format curl) https://acme.example.com/SAAS/jersey/manager/api/scim/Users
  ws1-token get --min-ttl 30m --format json
  ws1-token get --output /run/prometheus/ws1.token";

/// End of the page of `kubectl`.
const KUBECTL_EXAMPLES: &str = "\
Example:
  kubectl config set-credentials ws1 --exec-command=ws1-token --exec-arg=kubectl \\
    --exec-api-version=client.authentication.k8s.io/v1 --exec-interactive-mode=Never

The profile comes from --profile (a further --exec-arg), or from `profile` in the cluster's
client.authentication.k8s.io/exec extension where provideClusterInfo is on.";

/// End of the page of `git`.
const GIT_EXAMPLES: &str = "\
Example:
  git config --global credential.https://git.example.com.helper \"$(command -v ws1-token) git\"

It answers for the tenant's own host and for `hosts` of the profile, and for no other.
For git 2.46 to 2.53 also set http.https://git.example.com/.postBuffer 52428800: those versions
drop the token from pushes larger than that buffer.";

/// End of the page of `bazel`.
const BAZEL_EXAMPLES: &str = "\
Bazel's option takes a path without arguments, so give it the link bazel-credential-ws1 (.bazelrc):
  common --credential_helper=build.example.com=/path/to/bazel-credential-ws1

It reads {\"uri\": URL} on standard input. A URL that is neither the tenant's nor of `hosts` of the
profile is an error.";

/// End of the page of `terraform`.
const TERRAFORM_EXAMPLES: &str = "\
Link terraform-credentials-ws1 in ~/.terraform.d/plugins to ws1-token, and in ~/.terraformrc:
  credentials_helper \"ws1\" { args = [\"--profile\", \"prod\"] }

It answers for the tenant's own host and for `hosts` of the profile, and for no other.";

/// End of the page of `google`.
const GOOGLE_EXAMPLES: &str = "\
In the credential configuration, with GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1:
  \"credential_source\": { \"executable\": { \"command\": \"/path/to/ws1-token google\" } }

A failure is an answer too, with exit status 0: the libraries read its message from there.";

/// End of the page of `curl`.
const CURL_EXAMPLES: &str = "\
Examples:
  ws1-token curl /SAAS/jersey/manager/api/scim/Users --silent
  ws1-token curl https://api.example.com/v1/jobs -X POST -d @job.json

The exit status is curl's. Your .curlrc is not read. Arguments that would show the token or hand it
to another host are refused: -v, -k, --location-trusted, a further URL before --next.";

/// End of the page of `exec`.
const EXEC_EXAMPLES: &str = "\
Examples:
  ws1-token exec -- ./report.sh
  ws1-token exec --var TF_VAR_token -- terraform apply

The exit status is the command's. The token stays valid for as long as `ws1-token get` says; a
command that runs for hours should ask again.";

/// End of the page of `login`.
const LOGIN_EXAMPLES: &str = "\
Examples:
  ws1-token login                                  asks for tenant, client ID, secret and scopes
  ws1-token login prod --tenant acme.example.com --client-id ci-bot
  pass show ci-bot | ws1-token login prod --tenant acme.example.com --client-id ci-bot --secret-stdin
  ws1-token login insights --import ~/Downloads/service-account.json

The tenant may be pasted from the browser. Nothing is stored before the tenant has issued a token;
other profiles and the order of the file stay as they are.";

/// End of the page of `logout`.
const LOGOUT_EXAMPLES: &str = "\
Examples:
  ws1-token logout
  ws1-token logout prod --revoke

The profile stays, so that `ws1-token login prod` asks for the secret alone. A secret that login did
not store (another file, a variable, a command) is left alone.";

/// End of the page of `forget`.
const FORGET_EXAMPLES: &str = "\
Examples:
  ws1-token forget                                 the next call gets a new token
  ws1-token forget --all";

/// End of the page of `status`.
const STATUS_EXAMPLES: &str = "\
Examples:
  ws1-token status
  ws1-token status --json | jq -r '.[] | select(.token != \"fresh\") | .profile'";

/// End of the page of `whoami`.
const WHOAMI_EXAMPLES: &str = "\
Examples:
  ws1-token whoami
  ws1-token --profile prod whoami --json

The claims are read from the cached token. Nothing is verified: that is the business of whoever
accepts the token.";

/// End of the page of `doctor`.
const DOCTOR_EXAMPLES: &str = "\
Examples:
  ws1-token doctor
  ws1-token --tenant acme.example.com doctor       before there is any configuration

The exit status is that of the worst line; a warning (!) leaves it 0.";

/// End of the page of `setup`.
const SETUP_EXAMPLES: &str = "\
Examples:
  ws1-token setup git git.example.com
  ws1-token --profile prod setup kubectl --write

A profile that is named here is named in the configuration too. Applied twice, the second time changes nothing.";

/// End of the page of `completions`.
const COMPLETIONS_EXAMPLES: &str = "\
Example:
  ws1-token completions bash > ~/.local/share/bash-completion/completions/ws1-token";
