//! Finds the profile of a target: the one whose tenant or `hosts` it is.

use std::path::Path;

use super::file::{RawConfig, RawProfile};
use super::{Sources, invalid, layers, missing};
use crate::error::Error;
use crate::origin::Origin;

/// Why a target gets no token.
#[derive(Debug)]
pub(crate) enum TargetError {
    /// No profile may send its token there.
    Foreign(Error),
    /// Without a usable configuration nothing is known of the target.
    Unknown(Error),
    /// It belongs to a profile that cannot be used, or to several.
    Unusable(Error),
}

impl TargetError {
    /// The error of a profile, which was found by the target or not.
    pub(super) fn of(error: Error, is_owner: bool) -> Self {
        if is_owner { Self::Unusable(error) } else { Self::Unknown(error) }
    }

    /// The error, for callers to whom all three are failures.
    pub(crate) fn into_error(self) -> Error {
        let (Self::Foreign(error) | Self::Unknown(error) | Self::Unusable(error)) = self;
        error
    }
}

impl From<Error> for TargetError {
    fn from(error: Error) -> Self {
        Self::Unknown(error)
    }
}

impl Sources<'_> {
    /// The name of the profile that a target belongs to. `None` leaves the choice to the usual rule: there is only one
    /// profile, the default is as good as any, or the tenant of this run is given beside the file.
    pub(super) fn owner(&self, text: &str, file: &Path, target: &Origin) -> Result<Option<String>, TargetError> {
        if self.overrides.tenant.is_some() || (self.env)("WS1_TOKEN_TENANT").is_some() {
            return Ok(None);
        }
        let config: RawConfig = serde_json::from_str(text).map_err(|error| invalid::explain(file, text, &error))?;
        if config.profiles.0.len() < 2 {
            return Ok(None);
        }
        let has = |name: &str, text: &str| {
            let allows = || layers::allows(self, name, &serde_json::from_str::<RawProfile>(text).ok()?, target).ok();
            let is_mentioned = mentions(text, &target.host);
            // An escape can hide a letter. One that cannot be read has the hosts that it mentions: its error is better
            // than silence.
            (is_mentioned || text.contains('\\')) && allows().unwrap_or(is_mentioned)
        };
        let all = config.profiles.0.iter();
        let having = all.filter(|(name, text)| has(name, text.get())).map(|(name, _)| &**name).collect();
        let default = config.default_profile.as_deref();
        match owners(having, default)[..] {
            [name] => Ok(Some(name.to_owned())),
            [] if default.is_some() => Ok(None),
            [] => Err(TargetError::Foreign(missing::no_owner(&target.host_and_port(), &config.profiles.names()))),
            ref several => Err(TargetError::Unusable(missing::several_owners(&target.host_and_port(), several))),
        }
    }
}

/// Whether a profile's text names a host: of a thousand profiles, most need no closer look.
fn mentions(text: &str, host: &str) -> bool {
    let is_host = |part: &[u8]| part.eq_ignore_ascii_case(host.as_bytes());
    text.as_bytes().windows(host.len()).any(is_host)
}

/// Of the profiles that have a target, those that count, sorted: the default alone if it is one of them.
fn owners<'a>(mut having: Vec<&'a str>, default: Option<&str>) -> Vec<&'a str> {
    having.sort_unstable();
    having.dedup();
    match having.iter().find(|name| Some(**name) == default) {
        Some(name) => vec![name],
        None => having,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_wins_where_several_have_a_target() {
        for (default, having, expected) in [
            (None, &[][..], &[][..]),
            (None, &["b"], &["b"]),
            (None, &["c", "b", "c"], &["b", "c"]),
            (Some("b"), &["c", "b"], &["b"]),
            (Some("b"), &["c", "a"], &["a", "c"]),
            (Some("b"), &["c"], &["c"]),
            (Some("z"), &["a"], &["a"]),
        ] {
            assert_eq!(owners(having.to_vec(), default), expected, "{default:?} {having:?}");
        }
    }

    #[test]
    fn a_host_is_seen_however_it_is_written() {
        for (text, expected) in [
            (r#"{"tenant":"https://A.Example.com/SAAS"}"#, true),
            (r#"{"hosts":["a.example.com:8443"]}"#, true),
            (r#"{"tenant":"b.example.com"}"#, false),
            ("{}", false),
        ] {
            assert_eq!(mentions(text, "a.example.com"), expected, "{text}");
        }
    }
}
