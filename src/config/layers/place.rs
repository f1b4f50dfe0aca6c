//! Where tokens are asked for and where they may go: tenant, token URL, API, further hosts.

use super::{Layer, Layers, read_host};
use crate::config::file::RawProfile;
use crate::config::{AuthStyle, Preset, preset};
use crate::error::Error;
use crate::origin::{Origin, Target};

/// The variable of the token URL.
const TOKEN_URL_VARIABLE: &str = "WS1_TOKEN_TOKEN_URL";
/// The variable of the API's base URL.
const API_VARIABLE: &str = "WS1_TOKEN_API";
/// The variable of further hosts, separated by commas.
const HOSTS_VARIABLE: &str = "WS1_TOKEN_HOSTS";

impl Layers<'_> {
    /// The tenant and its token URL.
    pub(super) fn tenant(
        &self,
        raw: &RawProfile,
        (preset, preset_layer): (Preset, Layer),
        style: AuthStyle,
        set_by: &mut Layer,
    ) -> Result<(Origin, Target), Error> {
        let flag = ("--tenant", self.sources.overrides.tenant.as_ref());
        let missing = ("tenant", "set `tenant` in the profile, or pass --tenant");
        let (tenant, layer) = self.required(flag, "WS1_TOKEN_TENANT", raw.tenant.as_ref(), missing)?;
        *set_by = layer;
        let given_url = self.variable(TOKEN_URL_VARIABLE)?;
        let url_layer = if given_url.is_some() { Layer::Variable(TOKEN_URL_VARIABLE) } else { Layer::File };
        let read = |tenant: &str, token_url: Option<&str>| {
            preset::token_url(preset, tenant, token_url, style).map_err(|wrong| {
                let (layer, key) = if wrong.in_token_url { (url_layer, "token_url") } else { (layer, "tenant") };
                Error::unusable(self.setting(layer, key), wrong.cause, wrong.hint)
            })
        };
        let found = read(&tenant, given_url.as_deref().or(raw.token_url.as_deref()))?;
        let layers = [(layer, "tenant"), (url_layer, "token URL"), (preset_layer, "service")];
        let Some((layer_to_blame, what)) = layers.into_iter().find(|(layer, _)| *layer != Layer::File) else {
            return Ok(found);
        };
        let is_home = match &raw.tenant {
            Some(stored) => preset::token_url(raw.preset, stored, raw.token_url.as_deref(), style)
                .is_ok_and(|stored| stored == found),
            None => raw.client_secret.is_none() && raw.api_token.is_none() && raw.token_url.is_none(),
        };
        if is_home {
            return Ok(found);
        }
        self.with_its_own_secret(style, layer_to_blame, what)
            .map_err(|error| if raw.tenant.is_none() { error.hint("set `tenant` in the profile") } else { error })?;
        // The stored `token_url` belongs to the stored tenant, not to another.
        let stored_url = raw.token_url.as_deref().filter(|_| layer == Layer::File);
        read(&tenant, given_url.as_deref().or(stored_url))
    }

    /// The base URL of the API. Only a profile of variables alone has it from one (I13).
    pub(super) fn api(&self, raw: Option<&str>) -> Result<Option<Target>, Error> {
        let given = if self.is_stored { None } else { self.variable(API_VARIABLE)? };
        let layer = if given.is_some() { Layer::Variable(API_VARIABLE) } else { Layer::File };
        let hint = "write the API's host, like `uem.example.com`";
        let api = given.as_deref().or(raw).map(preset::api_url).transpose();
        api.map_err(|cause| Error::unusable(self.setting(layer, "api"), cause, hint))
    }

    /// Hosts that may receive the token besides the tenant and the API. Only a profile of variables alone has them from
    /// one (I13).
    pub(super) fn hosts(&self, raw: &[String]) -> Result<Vec<Origin>, Error> {
        let given = if self.is_stored { None } else { self.variable(HOSTS_VARIABLE)? };
        let layer = if given.is_some() { Layer::Variable(HOSTS_VARIABLE) } else { Layer::File };
        let hint = "write `host` or `host:port`";
        let read =
            |host: &str| read_host(host).map_err(|cause| Error::unusable(self.setting(layer, "hosts"), cause, hint));
        match &given {
            Some(given) => given.split(',').map(str::trim).filter(|host| !host.is_empty()).map(read).collect(),
            None => raw.iter().map(|host| read(host)).collect(),
        }
    }
}
