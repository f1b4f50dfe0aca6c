//! `ws1-token` hands a Workspace ONE Access API token to whatever program asks for one.
//!
//! # Where things are
//!
//! | file | what |
//! |---|---|
//! | `build.rs` | what `--version` tells of the build; how the static program is linked |
//! | `main.rs` | the edge of the process: arguments, environment, streams, exit status |
//! | `lib.rs` | [`run`]: the flow of every command |
//! | `cli.rs`, `cli/` | clap definitions; the ends of the help pages; the manual pages in `man/`; the argument list; the quick reading of hot command lines |
//! | `config.rs`, `config/` | file, layers of environment and flags, the checked `Profile`; mistakes in words; the sibling services; edits that keep the rest of the file |
//! | `secret.rs`, `secret/` | `Secret`, which cannot be shown, and the places a client secret comes from; what people store instead |
//! | `keychain.rs`, `keychain/` | the platform's key store, in builds that have it, and what the others say |
//! | `origin.rs` | scheme, host, port: who may have a token |
//! | `token.rs`, `entry.rs` | the decisions: how fresh a token is, what a cache entry means for a caller. Pure |
//! | `broker.rs` | the heart: cache, refresh token or client credentials; the effects in their order |
//! | `cache.rs`, `lock.rs` | one self-checking entry per identity; the lock whose guard is leave to write |
//! | `grant.rs` | what is sent and what an answer means. Pure |
//! | `endpoint.rs`, `endpoint/`, `proxy.rs` | the token endpoint and the tenant's other doors over HTTP; TLS roots; which proxy; `doctor`'s way there step by step |
//! | `claims.rs` | what a token says about itself, decoded and never verified. Pure |
//! | `clock.rs`, `background.rs` | wall clock and boot clock; work that is waited for only so long |
//! | `terminal.rs` | which streams are a person's terminal, and how wide; colours |
//! | `prompt.rs` | questions to a person, answers shown or not |
//! | `error.rs`, `log.rs` | everything that can go wrong, its hint and exit status; warnings and steps, for whom |
//! | `progress.rs` | the line that tells of a long wait, and goes again |
//! | `platform/` | the one place that knows the operating system |
//! | `protocol/` | one file per caller: its request, its answer, its error channel |
//! | `command/` | one file per user command; `setup/` for the callers that are set up through their own tool, `doctor/` for its groups of checks, `completions/` with the shells' scripts |
//! | `fuzzing.rs`, `*/properties.rs` | promises about the parsers of foreign input, held by property tests and by `fuzz/` |
//! | `broker/model.rs` | the broker in every order of a few deviations, one step at a time |
//! | `bench/` | what a call costs, against what; the budgets and their guard |
//! | `tests/FAULTS.md` | what can go wrong, what must then happen, which test makes it go wrong |
//!
//! # Invariants
//!
//! The tests name them by these numbers.
//!
//! * **I1** At most one token request is in flight per identity, whatever the number of processes.
//! * **I2** A token is never handed out past its expiry, even if the wall clock is set back.
//! * **I3** No secret is on standard error, in an argument list, in a child's environment (except `exec`, on request),
//!   in a log, a core dump or a byte that others can read.
//! * **I4** A good entry is never replaced by a bad or earlier-expiring one.
//! * **I5** A refresh token that may have been consumed is never sent again.
//! * **I6** A token that is still valid is served whatever the tenant, the lock or the disk does.
//! * **I7** Failing processes make at most one request per back-off window together; a changed secret is tried at once.
//! * **I8** Standard output is all or nothing, and exit status 0 means that a token was written.
//! * **I9** Every run ends within its deadline: 15 s for the lock, 10 s for the network, 27 s in all.
//! * **I10** Credentials go only to the configured origin over verified TLS; no redirect is followed; a token goes only
//!   to an allowed host.
//! * **I11** No input makes it panic.
//! * **I12** The kernel frees the lock on any death of its holder.
//!
//! As absences: nothing but `main.rs` touches process globals, nothing but `prompt.rs` and `progress.rs` a person's
//! terminal; nothing but `endpoint.rs` and `endpoint/` opens sockets, and `keychain/`, whose library does to ask the key
//! store; nothing but `cache.rs` and `lock.rs` touches the cache directory; standard output is written once, last; no
//! `expose()` outside the request, the cache entry, the places where `login` stores a secret, and the answers; a broken
//! cache never prevents a token; nothing prompts but `login`, and a key store that is locked.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;

mod background;
mod broker;
mod cache;
mod child;
mod claims;
mod cli;
mod clock;
mod command;
mod config;
mod context;
mod endpoint;
mod entry;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod grant;
mod lock;
mod log;
mod origin;
mod outcome;
mod platform;
mod probe;
mod progress;
mod prompt;
mod protocol;
mod proxy;
mod secret;
mod terminal;
mod text;
mod token;

pub use platform::{Stdin, Stdout, harden};

/// Everything of the process that the program works with; `main.rs` fills it in.
pub struct Process<'a> {
    /// The argument list, the program's name first.
    pub args: Vec<OsString>,
    /// Looks up a variable of the environment.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    /// The platform's directory for configuration.
    pub config_dir: Option<PathBuf>,
    /// The platform's directory for caches.
    pub cache_dir: Option<PathBuf>,
    /// The user's home.
    pub home: Option<PathBuf>,
    /// The working directory, asked for only where a relative path needs it.
    pub working_dir: &'a dyn Fn() -> Option<PathBuf>,
    /// The program's own file, asked for only where it is written down.
    pub executable: &'a dyn Fn() -> Option<PathBuf>,
    /// Standard input; read by the protocol modes only.
    pub stdin: &'a mut dyn Read,
    /// Standard output; written once, last.
    pub stdout: &'a mut dyn Write,
    /// Standard error.
    pub stderr: Box<dyn Write>,
}

/// Runs the program and gives its exit status.
#[must_use]
pub fn run(process: Process<'_>) -> u8 {
    let Process { args, env, config_dir, cache_dir, home, working_dir, executable, stdin, stdout, stderr } = process;
    let env = |name: &str| env(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty());
    let log = log::Log::new(stderr, &env);
    let cli = match cli::parse(args) {
        Ok(cli) => cli,
        Err(mistake) => return command::usage::outcome(&mistake).finish(stdout, &log),
    };
    log.set_verbose(cli.overrides.verbose || env("WS1_TOKEN_VERBOSE").is_some_and(|on| on != "0"));
    let sources = config::Sources {
        overrides: &cli.overrides,
        env: &env,
        config_dir: config_dir.as_deref(),
        home: home.as_deref(),
        working_dir,
    };
    let context = context::Context {
        sources: &sources,
        cache_dir_flag: cli.overrides.cache_dir.as_deref(),
        default_cache_dir: cache_dir.as_deref(),
        env: &env,
        log: &log,
        executable,
    };
    let outcome = command::dispatch(&context, &cli.command, stdin);
    outcome.finish(stdout, &log)
}

/// What is said when the program panicked, which is a bug.
const BUG: &str = "error: ws1-token stopped on a bug of its own\nhint: rerun with -v and report what it says\n";

/// Says that the program panicked; gives the exit status.
#[must_use]
pub fn bug() -> u8 {
    let _ = std::io::stderr().write_all(BUG.as_bytes());
    error::EXIT_SYSTEM
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_bug_is_told_as_a_failure_and_without_its_words() {
        assert_eq!(super::bug(), 1);
        let lines: Vec<&str> = super::BUG.lines().collect();
        assert!(matches!(lines[..], [error, hint] if error.starts_with("error: ") && hint.starts_with("hint: ")));
    }
}
