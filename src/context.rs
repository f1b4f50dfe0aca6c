//! What a run works with: configuration, cache directory, standard error; and a token of a profile.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::broker::forget::forget;
use crate::broker::{AccessToken, Broker, TokenRequest};
use crate::cache::{Cache, Place};
use crate::clock::{Deadline, SystemClock};
use crate::config::{Profile, Sources};
use crate::endpoint::HttpEndpoint;
use crate::entry::Entry;
use crate::error::Error;
use crate::lock::LockGuard;
use crate::log::Log;

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
    /// The names of all variables, asked for by `doctor` only.
    pub(crate) env_names: &'a dyn Fn() -> Vec<OsString>,
    /// Standard error.
    pub(crate) log: &'a Log<'a>,
    /// When the run has to end.
    pub(crate) deadline: Deadline,
    /// The program's own file, asked for only where it is written down.
    pub(crate) executable: &'a dyn Fn() -> Option<PathBuf>,
    /// The name that the program was called by, asked for only where its path is written down.
    pub(crate) called: &'a dyn Fn() -> Option<OsString>,
}

impl Context<'_> {
    /// Where tokens are cached: nowhere if the user says so.
    pub(crate) fn cache_place(&self) -> Result<Place, Error> {
        if self.is_cache_off()? { Ok(Place::Off) } else { self.usual_place() }
    }

    /// Whether the user wants no cache.
    fn is_cache_off(&self) -> Result<bool, Error> {
        Ok(self.sources.overrides.no_cache || self.sources.is_on("WS1_TOKEN_NO_CACHE")?)
    }

    /// Where tokens are cached, unless the user wants no cache: flag, environment, or the platform's place.
    pub(crate) fn usual_place(&self) -> Result<Place, Error> {
        let (is_home, dir) = match (self.named_cache_dir()?, self.default_cache_dir) {
            (Some(dir), _) => (self.sources.home.is_some_and(|home| dir.starts_with(home)), dir),
            (None, Some(dir)) => (true, absolute("HOME", dir.join("ws1-token"))?),
            (None, None) => return Ok(Place::NoHome),
        };
        Ok(if is_home { Place::Home(dir) } else { Place::Directory(dir) })
    }

    /// The cache directory that a flag or a variable names.
    pub(crate) fn named_cache_dir(&self) -> Result<Option<PathBuf>, Error> {
        let (name, dir) = if let Some(dir) = self.cache_dir_flag {
            ("--cache-dir", dir.to_owned())
        } else if let Some(dir) = self.sources.path("WS1_TOKEN_CACHE_DIR") {
            ("WS1_TOKEN_CACHE_DIR", dir)
        } else {
            return Ok(None);
        };
        absolute(name, crate::config::resolve(dir, None, self.sources.home)).map(Some)
    }

    /// The cache of a profile.
    pub(crate) fn cache(&self, profile: &Profile) -> Result<Cache, Error> {
        Ok(Cache::new(self.cache_place()?, &profile.identity()))
    }

    /// The program's path for other programs' configuration: as PATH finds it, a link unresolved, for an upgrade may
    /// remove what it points to today; else as the program was called, else the running file.
    pub(crate) fn program(&self) -> PathBuf {
        let running = (self.executable)().unwrap_or_else(|| "ws1-token".into());
        let file = running.canonicalize().ok();
        let path = (self.sources.env)("PATH").unwrap_or_default();
        let name = format!("ws1-token{}", std::env::consts::EXE_SUFFIX);
        let on_path = std::env::split_paths(&path).map(|dir| dir.join(&name));
        let called = (self.called)().map(PathBuf::from).filter(|called| called.components().count() > 1);
        let called = called.map(|called| self.sources.absolute(called).components().collect());
        let mut candidates = on_path.chain(called).filter(|path| path.is_absolute());
        candidates.find(|path| file.is_some() && path.canonicalize().ok() == file).unwrap_or(running)
    }

    /// Runs something with the broker of a profile.
    pub(crate) fn with_broker<T>(
        &self,
        profile: &Profile,
        work: impl FnOnce(&Broker<'_, Cache>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.with_cache(profile, &self.cache(profile)?, work)
    }

    /// The same with a cache of the profile that the caller has.
    pub(crate) fn with_cache<T>(
        &self,
        profile: &Profile,
        cache: &Cache,
        work: impl FnOnce(&Broker<'_, Cache>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        work(&Broker {
            profile,
            store: cache,
            clock: &SystemClock,
            endpoint: &HttpEndpoint { profile, env: self.env },
            log: self.log,
            identity: cache.identity(),
            deadline: self.deadline,
        })
    }

    /// Drops the cached token of a profile; gives what was cached, and the lock that keeps it dropped.
    ///
    /// A run without a cache drops what other runs have cached, and makes no directory for that.
    pub(crate) fn forget(&self, profile: &Profile) -> Result<(Entry, Option<LockGuard>), Error> {
        let place = self.usual_place()?;
        let may_make = place != Place::NoHome && !self.is_cache_off()?;
        let cache = Cache::new(place, &profile.identity());
        if !may_make && !cache.is_there() {
            return Ok((Entry::default(), None));
        }
        let (entry, guard) = forget(self.log, &cache, &profile.name)?;
        Ok((entry, Some(guard)))
    }

    /// A token of a profile.
    pub(crate) fn obtain(&self, profile: &Profile, request: &TokenRequest) -> Result<AccessToken, Error> {
        self.with_broker(profile, |broker| broker.obtain(request))
    }
}

/// A directory that is the same wherever the program is called.
fn absolute(setting: &str, dir: PathBuf) -> Result<PathBuf, Error> {
    if dir.is_absolute() { Ok(dir) } else { Err(Error::relative(setting, &dir)) }
}
