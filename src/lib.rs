//! `ws1-token` hands a Workspace ONE Access API token to whatever program asks for one.
//!
//! # Where things are
//!
//! Imports only go down this list; `tests/it/structure.rs` holds it.
//!
//! | file | what |
//! |---|---|
//! | `build.rs` | the text of `--version`; how the static program is linked |
//! | `main.rs` | the edge of the process: arguments, environment, streams, exit status |
//! | `lib.rs` | [`run`]: the flow of every command |
//! | `command/` | one file per user command, and the dispatch; `setup/` per caller, `doctor/` per group of checks |
//! | `protocol/` | one file per caller: request in, answer out, its own error channel |
//! | `context.rs`, `outcome.rs` | what a run works with, and a token of a profile; how a run ends |
//! | `prompt.rs` | questions to a person, answers shown or not |
//! | `broker.rs`, `broker/` | the renewal algorithm; its lock, its errors, dropping a token, proving credentials |
//! | `probe.rs`, `probe/` | `doctor`'s connection to the tenant: address, TCP, tunnel, TLS handshake |
//! | `endpoint.rs`, `endpoint/` | requests to the tenant; the way there: trusted roots, TLS, proxies |
//! | `cache.rs` | one self-checking entry per identity |
//! | `grant.rs` | grants to form fields, responses to types. Pure |
//! | `entry.rs` | the decisions on an entry. Pure |
//! | `cli.rs`, `cli/` | clap definitions, help pages, the quick reading of hot command lines |
//! | `config.rs`, `config/` | file, environment and flags become a `Profile`; the sibling services; edits of the file |
//! | `lock.rs` | the lock, whose guard every write needs |
//! | `log.rs`, `progress.rs`, `terminal.rs` | standard error: warnings, steps, a line during long waits, colours |
//! | `proxy.rs`, `origin.rs` | which proxy; scheme, host and port. Pure |
//! | `claims.rs`, `token.rs` | what a token says about itself; how long it is usable. Pure |
//! | `secret.rs`, `secret/` | `Secret`, which cannot be shown; where it is read and stored; `mask` hides it in words from outside |
//! | `child.rs` | starts other programs, and this one again as the guard of the terminal |
//! | `background.rs`, `clock.rs` | work with a time limit; wall clock, boot clock, deadlines |
//! | `error.rs`, `failure.rs` | a failed run: report and exit status; what can go wrong with a request, as types |
//! | `text.rs` | clean and bounded lines, quoting, spans of time. Pure |
//! | `platform/` | the one place that knows the operating system |
//! | `fuzzing.rs`, `*/properties.rs` | promises about the parsers of foreign input, held by property tests and by `fuzz/` |
//! | `broker/tests/interleavings.rs` | the broker in every order of a few deviations, one step at a time |
//! | `bench/` | what a call costs, against what; the budgets and their guard |
//! | `tests/FAULTS.md` | what can go wrong, the wanted behaviour, the test that provokes it |
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
//! * **I9** Every run ends within its deadline: 15 s for the lock, 10 s for the network, 27 s in all. The one exception
//!   is `get --watch`, which ends by a signal; what it does for one renewal keeps the same limits.
//! * **I10** Credentials go only to the configured origin over verified TLS; no redirect is followed; a token goes only
//!   to an allowed host.
//! * **I11** No input makes it panic.
//! * **I12** The kernel frees the lock on any death of its holder.
//! * **I13** A stored secret or refresh token goes only to the origin that it is stored for.
//! * **I14** Failures are remembered: processes that fail in the same way, whatever the way, make a handful of attempts
//!   per back-off window together, and each of them reports the true error.
//!
//! # Where the cache is
//!
//! In the directory that flag, variable or platform names, if it is ours alone, else in a private one inside it
//! (`platform/unix/directory.rs`), as in the volume of a pod or in `/tmp`. Neither is ever emptied. If `sudo` keeps
//! another user's HOME, root reads configuration and secret there, works without a cache and refuses to change
//! anything: files that root creates there would lock the user out.
//!
//! # Boundaries
//!
//! Only `main.rs` touches process globals; only `prompt.rs` and `progress.rs` write to the user's terminal; only
//! `endpoint/`, `probe/` and the key store's library open sockets; only `child.rs` starts programs; only `cache.rs` and
//! `lock.rs` touch the cache directory; standard output is written once, last; `expose()` is called only for the
//! request, the cache entry, the place where `login` stores a secret, and the answer; a broken cache never prevents a
//! token; only `login` and a locked key store prompt.

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
mod failure;
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

pub use platform::{harden, stdin, stdout, user_dir};

/// Everything of the process that the program works with; `main.rs` fills it in.
pub struct Process<'a> {
    /// The argument list, the program's name first.
    pub args: Vec<OsString>,
    /// Looks up a variable of the environment.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    /// The names of all variables, asked for by `doctor` only.
    pub env_names: &'a dyn Fn() -> Vec<OsString>,
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
    /// The name that the program was called by, asked for only where its path is written down.
    pub called: &'a dyn Fn() -> Option<OsString>,
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
    let Process { args, env, env_names, config_dir, cache_dir, home, working_dir, executable, called, .. } = process;
    if child::is_guard(&args) {
        return platform::guard_terminal();
    }
    let Process { stdin, stdout, stderr, .. } = process;
    let variables = |name: &str| env(name).filter(|value| !value.is_empty());
    let env = |name: &str| variables(name).and_then(|value| value.into_string().ok());
    let log = log::Log::new(stderr, &env);
    let cli = match cli::parse(args) {
        Ok(cli) => cli,
        Err(mistake) => return command::usage::outcome(&mistake, &env).finish(stdout, &log),
    };
    let sources = config::Sources {
        overrides: &cli.overrides,
        env: &variables,
        config_dir: config_dir.as_deref(),
        home: home.as_deref().filter(|home| home.is_absolute()),
        working_dir,
    };
    match sources.text("WS1_TOKEN_VERBOSE") {
        Ok(value) => _ = log.set_verbose(cli.overrides.verbose || value.is_some_and(|on| on != "0")),
        Err(error) => return outcome::Outcome::from(error).finish(stdout, &log),
    }
    let context = context::Context {
        sources: &sources,
        cache_dir_flag: cli.overrides.cache_dir.as_deref(),
        default_cache_dir: cache_dir.as_deref(),
        env: &env,
        env_names,
        log: &log,
        deadline: clock::Deadline::after(&clock::SystemClock, broker::RUN_LIMIT),
        executable,
        called,
    };
    let outcome = command::dispatch(&context, &cli.command, stdin);
    outcome.finish(stdout, &log)
}

/// Reports a panic by its place, file and line; returns the exit status.
#[must_use]
pub fn bug(place: Option<String>) -> u8 {
    let _ = std::io::stderr().write_all(bug_report(place).as_bytes());
    error::EXIT_SYSTEM
}

/// The report on a panic.
fn bug_report(place: Option<String>) -> String {
    let place = place.map_or_else(String::new, |place| format!(" ({place})"));
    let error = text::line(&format!("error: ws1-token stopped on a bug of its own{place}"));
    error + "hint: rerun with -v and report the output\n"
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_bug_is_reported_by_its_place() {
        assert_eq!(super::bug(None), 1);
        insta::assert_snapshot!(super::bug_report(Some("src/x.rs:12".to_owned())), @r"
        error: ws1-token stopped on a bug of its own (src/x.rs:12)
        hint: rerun with -v and report the output
        ");
    }
}
