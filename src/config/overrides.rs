//! The options of every command: which profile a run uses, and what replaces its settings.

#![expect(clippy::doc_markdown, reason = "these comments are the help pages, where backticks would be noise")]

use std::path::PathBuf;

/// The options of every command. They override the environment and the configuration file.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Overrides {
    /// Use this profile of the configuration file [env: WS1_TOKEN_PROFILE]
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Read this configuration file [env: WS1_TOKEN_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Cache tokens in this directory [env: WS1_TOKEN_CACHE_DIR]
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Neither read nor write the cache [env: WS1_TOKEN_NO_CACHE]
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,
    /// Use this tenant: a host, host:port or URL [env: WS1_TOKEN_TENANT]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) tenant: Option<String>,
    /// Use this OAuth client ID [env: WS1_TOKEN_CLIENT_ID]
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// Read the client secret from this file [env: WS1_TOKEN_CLIENT_SECRET_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// Log each step to standard error, never a secret [env: WS1_TOKEN_VERBOSE]
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}
