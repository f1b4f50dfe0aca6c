//! The environment variables of this program: their names, and how their values are read.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::Sources;
use crate::error::Error;
use crate::platform;
use crate::text::nearest;

/// The prefix of their names.
const PREFIX: &str = "WS1_TOKEN_";

/// The variables that replace settings of a profile.
pub(crate) const LAYERS: [&str; 14] = [
    "WS1_TOKEN_TENANT",
    "WS1_TOKEN_PRESET",
    "WS1_TOKEN_TOKEN_URL",
    "WS1_TOKEN_CLIENT_ID",
    "WS1_TOKEN_CLIENT_SECRET_FILE",
    "WS1_TOKEN_CLIENT_SECRET",
    "WS1_TOKEN_API_TOKEN_FILE",
    "WS1_TOKEN_API_TOKEN",
    "WS1_TOKEN_AUTH_STYLE",
    "WS1_TOKEN_SCOPE",
    "WS1_TOKEN_ORG_ID",
    "WS1_TOKEN_API",
    "WS1_TOKEN_HOSTS",
    "WS1_TOKEN_CA_FILE",
];

/// The variables that choose the profile, the files and how a run behaves.
const OTHERS: [&str; 6] = [
    "WS1_TOKEN_PROFILE",
    "WS1_TOKEN_CONFIG",
    "WS1_TOKEN_CACHE_DIR",
    "WS1_TOKEN_NO_CACHE",
    "WS1_TOKEN_ALLOW_SHARED_FILE",
    "WS1_TOKEN_VERBOSE",
];

/// Whether a variable says where a token comes from or goes to. With `--profile` these come from the profile alone.
pub(crate) fn says_whose(variable: &str) -> bool {
    LAYERS.contains(&variable) && variable != "WS1_TOKEN_CA_FILE"
}

/// Whether a name has our prefix and is not a known variable.
pub(crate) fn is_unknown(variable: &str) -> bool {
    variable.starts_with(PREFIX) && !LAYERS.contains(&variable) && !OTHERS.contains(&variable)
}

/// The most similar of our variables, if any is similar; the common prefix does not count.
pub(crate) fn nearest_variable(variable: &str) -> Option<String> {
    let known = LAYERS.into_iter().chain(OTHERS).filter_map(|name| name.strip_prefix(PREFIX));
    nearest(variable.strip_prefix(PREFIX)?, known).map(|near| format!("{PREFIX}{near}"))
}

impl Sources<'_> {
    /// The value of a variable as it is; an error if it is not UTF-8.
    pub(super) fn raw_text(&self, name: &str) -> Result<Option<String>, Error> {
        let text = (self.env)(name).map(OsString::into_string).transpose();
        text.map_err(|_| Error::unusable(name, "it holds bytes that are not UTF-8", format!("set {name} again")))
    }

    /// The value of one of our variables, without the one newline that may end it: files and here-documents have one.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Error> {
        let without_newline = |value: String| match value.strip_suffix('\n') {
            Some(line) => line.strip_suffix('\r').unwrap_or(line).to_owned(),
            None => value,
        };
        Ok(self.raw_text(name)?.map(without_newline).filter(|text| !text.is_empty()))
    }

    /// The path in one of our variables, whatever its bytes, without the one newline that may end it.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        let path = (self.env)(name).map(platform::without_newline);
        path.filter(|path| path != OsStr::new("")).map(PathBuf::from)
    }
}
