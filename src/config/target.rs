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
        let names = config.profiles.names();
        let has = |name: &str| {
            config.profiles.get(name).is_some_and(|text| {
                let raw = serde_json::from_str::<RawProfile>(text.get()).ok();
                let allows = raw.and_then(|raw| layers::allows(self, name, &raw, target).ok());
                // One that cannot be read has the hosts that it mentions: its error is better than silence.
                allows.unwrap_or_else(|| text.get().contains(&target.host))
            })
        };
        let default = config.default_profile.as_deref();
        match owners(&names, default, has)[..] {
            [name] => Ok(Some(name.to_owned())),
            [] if default.is_some() => Ok(None),
            [] => Err(TargetError::Foreign(missing::no_owner(&target.host_and_port(), &names))),
            ref several => Err(TargetError::Unusable(missing::several_owners(&target.host_and_port(), several))),
        }
    }
}

/// The profiles that have a target; the default alone if it is one of them.
fn owners<'a>(names: &'a [String], default: Option<&str>, has: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let is_default = |name: &&str| Some(*name) == default;
    let names = || names.iter().map(String::as_str);
    match names().find(is_default).filter(|name| has(name)) {
        Some(name) => vec![name],
        None => names().filter(|name| !is_default(name) && has(name)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_wins_where_several_have_a_target() {
        let names = ["a", "b", "c"].map(str::to_owned);
        for (default, having, expected) in [
            (None, "", ""),
            (None, "b", "b"),
            (None, "bc", "bc"),
            (Some("b"), "bc", "b"),
            (Some("b"), "abc", "b"),
            (Some("b"), "ac", "ac"),
            (Some("b"), "c", "c"),
            (Some("b"), "", ""),
            (Some("z"), "az", "a"),
        ] {
            let found = owners(&names, default, |name| having.contains(name)).concat();
            assert_eq!(found, expected, "{default:?} {having}");
        }
    }
}
