//! A profile for the tests of judgements.

use crate::config::{AuthStyle, Preset, Profile, SetBy, token_url};

/// A profile of a preset and a tenant.
pub(super) fn profile(preset: Preset, tenant: &str) -> Profile {
    let (tenant, token_url) = token_url(preset, tenant, None, AuthStyle::Basic).unwrap();
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
