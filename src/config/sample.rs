//! A profile for tests and fuzz targets.

use super::profile::SetBy;
use super::{AuthStyle, Preset, Profile, token_url};

/// The profile `prod` of a preset and a tenant, without a secret. Panics if the preset has no such tenant.
pub(crate) fn profile(preset: Preset, tenant: &str) -> Profile {
    let Ok((tenant, token_url)) = token_url(preset, tenant, None, AuthStyle::Basic) else {
        panic!("no tenant {tenant}")
    };
    Profile {
        name: "prod".to_owned(),
        tenant,
        token_url,
        preset,
        client_id: "ci-bot".to_owned(),
        client_secret: None,
        scope: None,
        auth_style: AuthStyle::Basic,
        use_refresh_token: true,
        api: None,
        org_id: None,
        hosts: Vec::new(),
        ca_file: None,
        ca_only: false,
        proxy: None,
        git_username: "oauth2".to_owned(),
        set_by: SetBy::default(),
        is_chosen: false,
    }
}
