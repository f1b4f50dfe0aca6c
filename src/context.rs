//! What a run works with: configuration, cache directory, standard error; and a token of a profile.

use std::path::{Path, PathBuf};

use crate::broker::forget::forget;
use crate::broker::{AccessToken, Broker, TokenRequest};
use crate::cache::{Cache, Place};
use crate::clock::{Deadline, SystemClock};
use crate::config::{Profile, Sources};
use crate::endpoint::HttpEndpoint;
use crate::entry::Entry;
use crate::error::Error;
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
    /// Standard error.
    pub(crate) log: &'a Log<'a>,
    /// When the run has to end.
    pub(crate) deadline: Deadline,
    /// The program's own file, asked for only where it is written down.
    pub(crate) executable: &'a dyn Fn() -> Option<PathBuf>,
}

impl Context<'_> {
    /// Where tokens are cached: nowhere if the user says so, else flag, environment, or the platform's place.
    pub(crate) fn cache_place(&self) -> Result<Place, Error> {
        if self.sources.overrides.no_cache || self.sources.is_on("WS1_TOKEN_NO_CACHE") {
            return Ok(Place::Off);
        }
        if let Some(dir) = self.cache_dir_flag {
            return Ok(Place::Directory(self.sources.absolute(dir)));
        }
        let (name, dir) = match ((self.env)("WS1_TOKEN_CACHE_DIR"), self.default_cache_dir) {
            (Some(dir), _) => ("WS1_TOKEN_CACHE_DIR", crate::config::resolve(dir, None, self.sources.home)),
            (None, Some(dir)) => ("HOME", dir.join("ws1-token")),
            (None, None) => return Ok(Place::NoHome),
        };
        if dir.is_absolute() {
            return Ok(Place::Directory(dir));
        }
        let what = format!("{name} is not an absolute path: `{}`", dir.display());
        Err(Error::usage(what).hint(format!("set {name} to an absolute path")))
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

    /// Drops the cached token of a profile; gives what was cached.
    pub(crate) fn forget(&self, profile: &Profile) -> Result<Entry, Error> {
        match self.cache_place()? {
            Place::NoHome | Place::Off => Ok(Entry::default()),
            place @ Place::Directory(_) => forget(self.log, &Cache::new(place, &profile.identity()), &profile.name),
        }
    }

    /// A token of a profile.
    pub(crate) fn obtain(&self, profile: &Profile, request: &TokenRequest) -> Result<AccessToken, Error> {
        self.with_broker(profile, |broker| broker.obtain(request))
    }
}
