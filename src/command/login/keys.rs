//! Keys of the profile that a flag sets and no question asks for. Each value is checked here, so that an error names the
//! flag.

use clap::ValueEnum;
use serde_json::{Value, json};

use super::Wizard;
use crate::cli::LoginKeys;
use crate::config::{self, AuthStyle, Preset, WrongUrl};
use crate::error::Error;
use crate::proxy::Proxy;

/// A key with its new value; `None` removes it.
pub(super) type Key = (&'static str, Option<Value>);

impl Wizard<'_> {
    /// The keys that flags set.
    pub(super) fn given_keys(&self) -> Result<Vec<Key>, Error> {
        let LoginKeys { hosts, auth_style, ca_only, proxy, git_username, use_refresh_token, no_refresh_token, .. } =
            &self.args.keys;
        let LoginKeys { api, org_id, .. } = &self.args.keys;
        let mut keys = Vec::new();
        if let Some(api) = api {
            let refused = |cause| Error::unusable("--api", cause, "give the API's host, like `uem.example.com`");
            if !api.is_empty() {
                config::api_url(api).map_err(refused)?;
            }
            keys.push(("api", text(api)));
        }
        keys.extend(org_id.as_ref().map(|org_id| ("org_id", text(org_id))));
        if !hosts.is_empty() {
            keys.push(("hosts", list(hosts)?));
        }
        if let Some(style) = auth_style {
            keys.push(("auth_style", style.to_possible_value().map(|style| json!(style.get_name()))));
        }
        keys.extend(ca_only.map(|only| ("ca_only", Some(json!(only)))));
        if let Some(proxy) = proxy {
            self.check_proxy(proxy)?;
            keys.push(("proxy", text(proxy)));
        }
        if let Some(name) = git_username {
            if !name.is_empty() {
                config::check_git_username(name, "--git-username".to_owned())?;
            }
            keys.push(("git_username", text(name)));
        }
        let refresh = if *no_refresh_token { Some(false) } else { *use_refresh_token };
        keys.extend(refresh.map(|refresh| ("use_refresh_token", Some(json!(refresh)))));
        Ok(keys)
    }

    /// The token endpoint of `--token-url`; `None` if that is empty or not given.
    pub(super) fn given_token_url(&self, preset: Preset, tenant: &str) -> Result<Option<String>, Error> {
        let url = self.args.keys.token_url.as_ref().filter(|url| !url.is_empty());
        let check =
            |url: &String| config::token_url(preset, tenant, Some(url), AuthStyle::default()).map(|_| url.clone());
        url.map(check).transpose().map_err(|WrongUrl { cause, hint, .. }| Error::unusable("--token-url", cause, hint))
    }

    /// Checks a proxy. Other users can see the command line, so a password has no place there.
    fn check_proxy(&self, proxy: &str) -> Result<(), Error> {
        if proxy.contains('@') {
            let hint = format!("write it as `proxy` of profile `{}` in `{}`", self.name, self.stored.file.display());
            return Err(Error::unusable("--proxy", "it holds credentials, which other users could see", hint));
        }
        let failed = |cause| Error::unusable("--proxy", cause, "give it as http://host:port or socks5://host:port");
        if proxy.is_empty() { Ok(()) } else { Proxy::parse(proxy, "").map(drop).map_err(failed) }
    }
}

/// The list of hosts; empty ones are left out.
fn list(hosts: &[String]) -> Result<Option<Value>, Error> {
    let hosts: Vec<&String> = hosts.iter().filter(|host| !host.is_empty()).collect();
    for host in &hosts {
        config::read_host(host)
            .map_err(|cause| Error::unusable("--host", cause, "give it as `host` or `host:port`"))?;
    }
    Ok(Some(json!(hosts)).filter(|_| !hosts.is_empty()))
}

/// A text, unless it is empty.
fn text(value: &str) -> Option<Value> {
    Some(json!(value)).filter(|_| !value.is_empty())
}
