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
        let expanded = |dir: &Path| crate::config::resolve(dir, None, self.sources.home);
        let (name, dir) = if let Some(dir) = self.cache_dir_flag {
            ("--cache-dir", expanded(dir))
        } else if let Some(dir) = self.sources.path("WS1_TOKEN_CACHE_DIR") {
            ("WS1_TOKEN_CACHE_DIR", expanded(&dir))
        } else if let Some(dir) = self.default_cache_dir {
            ("HOME", dir.join("ws1-token"))
        } else {
            return Ok(Place::NoHome);
        };
        if !dir.is_absolute() {
            return Err(Error::relative(name, &dir));
        }
        let is_home = name == "HOME" || self.sources.home.is_some_and(|home| dir.starts_with(home));
        Ok(if is_home { Place::Home(dir) } else { Place::Directory(dir) })
    }

    /// The cache of a profile.
    pub(crate) fn cache(&self, profile: &Profile) -> Result<Cache, Error> {
        Ok(Cache::new(self.cache_place()?, &profile.identity()))
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
        let cache = self.cache(profile)?;
        work(&Broker {
            profile,
            store: &cache,
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
