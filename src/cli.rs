//! The command line: definitions only, no logic.

#![expect(clippy::doc_markdown, reason = "these comments are the help pages, where backticks would be noise")]

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Overrides;

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
    /// Run curl against the tenant or an allowed host, with the token handed over through a pipe
    #[command(after_help = CURL_EXAMPLES, override_usage = "ws1-token curl [OPTIONS] <PATH|URL> [CURL ARGS]...")]
    Curl(Curl),
    /// Run a command with the token in its environment
    #[command(after_help = EXEC_EXAMPLES)]
    Exec(Exec),
    /// Show every profile and the state of its token, without asking the tenant
    Status(Status),
    /// Drop the cached token
    Forget(Forget),
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
  ws1-token get                                    print the token of the default profile
  ws1-token curl /SAAS/jersey/manager/api/scim/Users
  ws1-token --profile prod exec -- ./report.sh     with the token in WS1_ACCESS_TOKEN
  ws1-token status

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

/// End of the page of `completions`.
const COMPLETIONS_EXAMPLES: &str = "\
Example:
  ws1-token completions bash > ~/.local/share/bash-completion/completions/ws1-token";
