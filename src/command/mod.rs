//! One file per user command, and what they share: the context of a run and its outcome.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::broker::{Broker, Served, Want};
use crate::cache::Cache;
use crate::cli::Command;
use crate::clock::SystemClock;
use crate::config::{Profile, Sources};
use crate::endpoint::HttpEndpoint;
use crate::error::{EXIT_SYSTEM, Error};
use crate::log::{Audience, Log};
use crate::protocol;

mod completions;
mod curl;
mod doctor;
mod exec;
pub(crate) mod forget;
mod login;
mod logout;
mod setup;
mod status;
pub(crate) mod usage;
mod whoami;

/// What every command works with.
pub(crate) struct Context<'a> {
    /// Where profiles come from.
    pub(crate) sources: &'a Sources<'a>,
    /// `--cache-dir`
    pub(crate) cache_dir_flag: Option<&'a Path>,
    /// The platform's directory for caches.
    pub(crate) default_cache_dir: Option<&'a Path>,
    /// A variable of the environment; unset and empty are the same.
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
    /// Standard error.
    pub(crate) log: &'a Log<'a>,
    /// The program's own file, asked for only where it is written down.
    pub(crate) executable: &'a dyn Fn() -> Option<PathBuf>,
}

/// How a run ends: what goes to standard output, what is reported, and the exit status.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The complete answer, or nothing.
    pub(crate) stdout: Vec<u8>,
    /// Lines for standard error.
    pub(crate) report: String,
    /// The exit status.
    pub(crate) status: u8,
}

impl Outcome {
    /// An answer, exit status 0.
    pub(crate) fn answer(stdout: impl Into<Vec<u8>>) -> Self {
        Self { stdout: stdout.into(), report: String::new(), status: 0 }
    }

    /// An answer in JSON. Control characters stand in its texts alone, and those that JSON leaves as they are become
    /// escapes too: a terminal could take them for commands.
    pub(crate) fn json(value: &impl serde::Serialize) -> Self {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        let escape = |c: char| {
            let control = c.is_control() && c != '\n';
            if control { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }
        };
        Self::answer(text.chars().map(escape).collect::<String>() + "\n")
    }

    /// Another program's exit status.
    pub(crate) fn status(status: u8) -> Self {
        Self { stdout: Vec::new(), report: String::new(), status }
    }

    /// Writes the answer at once and whole, then the report; gives the exit status.
    pub(crate) fn finish(self, stdout: &mut dyn Write, log: &Log<'_>) -> u8 {
        let written =
            if self.stdout.is_empty() { Ok(()) } else { stdout.write_all(&self.stdout).and_then(|()| stdout.flush()) };
        log.write(&self.report);
        match written {
            Ok(()) => self.status,
            Err(error) => {
                let error = if error.kind() == std::io::ErrorKind::BrokenPipe {
                    Error::BrokenPipe
                } else {
                    Error::Stdout { source: error.into() }
                };
                log.write(&error.report());
                EXIT_SYSTEM
            }
        }
    }
}

impl From<Error> for Outcome {
    fn from(error: Error) -> Self {
        Self { stdout: Vec::new(), report: error.report(), status: error.exit_code() }
    }
}

impl From<Result<Self, Error>> for Outcome {
    fn from(result: Result<Self, Error>) -> Self {
        result.unwrap_or_else(Self::from)
    }
}

impl Context<'_> {
    /// The cache directory: flag, environment, or the platform's place; `None` where the user has no home.
    pub(crate) fn cache_dir(&self) -> Result<Option<PathBuf>, Error> {
        if let Some(dir) = self.cache_dir_flag {
            return Ok(Some(self.sources.absolute(&dir.to_string_lossy())));
        }
        let (name, dir) = match ((self.env)("WS1_TOKEN_CACHE_DIR"), self.default_cache_dir) {
            (Some(dir), _) => ("WS1_TOKEN_CACHE_DIR", crate::config::resolve(&dir, None, self.sources.home)),
            (None, Some(dir)) => ("HOME", dir.join("ws1-token")),
            (None, None) => return Ok(None),
        };
        if dir.is_absolute() { Ok(Some(dir)) } else { Err(Error::RelativePath { name, path: dir }) }
    }

    /// The program's own path, or its name where that cannot be found out.
    pub(crate) fn program(&self) -> String {
        (self.executable)().map_or_else(|| "ws1-token".to_owned(), |path| path.display().to_string())
    }

    /// Runs something with the broker of a profile.
    pub(crate) fn with_broker<T>(
        &self,
        profile: &Profile,
        work: impl FnOnce(&Broker<'_, Cache>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let identity = profile.identity();
        let cache = Cache::new(self.cache_dir()?.as_deref(), &identity);
        work(&Broker {
            profile,
            store: &cache,
            clock: &SystemClock::start(),
            endpoint: &HttpEndpoint { profile, env: self.env },
            log: self.log,
            identity: &identity,
        })
    }

    /// A token of a profile.
    pub(crate) fn obtain(&self, profile: &Profile, want: &Want) -> Result<Served, Error> {
        self.with_broker(profile, |broker| broker.obtain(want))
    }
}

/// Runs a command.
pub(crate) fn dispatch(context: &Context<'_>, command: &Command, stdin: &mut dyn Read) -> Outcome {
    if crate::platform::is_elevated() {
        return Error::Elevated.into();
    }
    context.log.set_audience(audience(command));
    match command {
        Command::Get(args) => protocol::serve(context, Ok(protocol::plain::Plain::new(context, args))),
        Command::Kubectl => protocol::serve(context, protocol::kubectl::Kubectl::read(context.env)),
        Command::Git(args) => protocol::git::run(context, &args.operation, stdin),
        Command::Bazel(_) => protocol::bazel::run(context, stdin).into(),
        Command::Terraform(args) => protocol::terraform::run(context, args.operation, &args.host).into(),
        Command::Google => protocol::google::run(context),
        Command::Curl(args) => curl::run(context, args).into(),
        Command::Exec(args) => exec::run(context, args).into(),
        Command::Login(args) => login::run(context, args).into(),
        Command::Logout(args) => logout::run(context, args).into(),
        Command::Forget(args) => forget::run(context, args).into(),
        Command::Status(args) => status::run(context, args).into(),
        Command::Whoami(args) => whoami::run(context, args).into(),
        Command::Doctor(args) => doctor::run(context, args),
        Command::Setup(args) => setup::run(context, args).into(),
        Command::Completions(args) => completions::run(context, args),
    }
}

/// Who reads standard error of a command.
fn audience(command: &Command) -> Audience {
    match command {
        Command::Kubectl | Command::Git(_) | Command::Bazel(_) | Command::Terraform(_) => Audience::Program,
        Command::Google => Audience::Nobody,
        _ => Audience::Person,
    }
}
