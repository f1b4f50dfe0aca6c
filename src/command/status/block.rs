//! How `status` shows profiles to people: a block for each, with its settings and what is wrong. Pure.

use std::path::{MAIN_SEPARATOR, Path};

use super::ProfileStatus;
use crate::terminal::{Colour, Palette};
use crate::text::{clean, from_now, line};

/// The block of a profile: its name and state, its settings, what is wrong with it. `home` is shown as `~`.
pub(super) fn block(profile: &ProfileStatus, home: Option<&Path>, palette: Palette) -> String {
    let default = if profile.default { " (default)" } else { "" };
    let name = palette.paint(Colour::Bold, &clean(&format!("{}{default}", profile.profile)));
    let (state, colour) = state(profile);
    let mut block = format!("{name}  {}{}\n", palette.paint(colour, state), expiry(profile));
    let tenant = profile.tenant.as_deref().map(|url| url.trim_start_matches("https://").to_owned());
    let secret = profile.client_secret.as_deref().map(|place| below_home(place, home));
    for (label, value) in [("tenant", tenant), ("client", profile.client_id.clone()), ("secret", secret)] {
        block.extend(value.map(|value| line(&format!("  {label}  {value}"))));
    }
    block.extend(troubles(profile).iter().map(|trouble| line(&format!("  {trouble}"))));
    block
}

/// The state of a profile, and its colour.
fn state(profile: &ProfileStatus) -> (&'static str, Colour) {
    match profile.token {
        "fresh" => ("fresh", Colour::Green),
        "expiring" | "due" => ("renews soon", Colour::Green),
        "none" | "expired" if profile.retry_in.is_some() => ("backed off", Colour::Red),
        "expired" => ("expired", Colour::Yellow),
        "none" => ("no token", Colour::Yellow),
        _ => ("invalid", Colour::Red),
    }
}

/// When the token expires or expired. Its last seconds, in which it is no longer handed out, count as expired.
fn expiry(profile: &ProfileStatus) -> String {
    match profile.left {
        None => String::new(),
        Some(left) if profile.token != "expired" => format!(", expires {}", from_now(left)),
        Some(left) if profile.retry_in.is_some() => format!(", expired {}", from_now(left.min(0))),
        Some(left) => format!(" {}", from_now(left.min(0))),
    }
}

/// `file ~/secret` for `file /home/ana/secret`.
fn below_home(place: &str, home: Option<&Path>) -> String {
    let home = home.filter(|home| home.parent().is_some());
    let path = place.strip_prefix("file ").and_then(|path| Path::new(path).strip_prefix(home?).ok());
    path.map_or_else(|| place.to_owned(), |path| format!("file ~{MAIN_SEPARATOR}{}", path.display()))
}

/// What is wrong with a profile, one sentence each.
fn troubles(profile: &ProfileStatus) -> Vec<String> {
    let mut troubles = Vec::new();
    if let Some(why) = &profile.cache_problem {
        troubles.push(format!("the cache entry is not used, the next call gets a new token: {why}"));
    }
    if profile.token == "expired" && profile.left.is_none() {
        troubles.push("the system clock is before the time at which the token was issued".to_owned());
    }
    if profile.renewal_unfinished {
        troubles.push("a renewal is under way or was interrupted; the next one uses the client secret".to_owned());
    }
    if let Some(problem) = &profile.problem {
        troubles.push(match (profile.retry_in, profile.failed) {
            (_, Some(failed)) if profile.token == "fresh" => format!("{problem}, {}", from_now(-failed.max(0))),
            (Some(seconds), _) => {
                let at = profile.retry_at.as_ref().and_then(|at| at.get(11..19)).unwrap_or_default();
                format!("{problem}, next attempt {} ({at} UTC)", from_now(seconds))
            }
            (None, Some(failed)) => format!("{problem}, {}; the next call tries again", from_now(-failed.max(0))),
            (None, None) => problem.clone(),
        });
    }
    troubles
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile with a fresh token.
    fn fresh(name: &str) -> ProfileStatus {
        ProfileStatus {
            profile: name.to_owned(),
            tenant: Some("https://acme.example.com".to_owned()),
            client_id: Some("ci-bot".to_owned()),
            client_secret: Some("file /home/ana/.config/ws1-token/prod.secret".to_owned()),
            token: "fresh",
            left: Some(8000),
            ..ProfileStatus::default()
        }
    }

    /// One of every state.
    fn all() -> Vec<ProfileStatus> {
        let failing =
            |line: ProfileStatus| ProfileStatus { problem: Some("HTTP 401 invalid_client".to_owned()), ..line };
        let backed_off = ProfileStatus {
            retry_in: Some(42),
            retry_at: Some("2026-11-24T14:03:10Z".to_owned()),
            failed: Some(18),
            ..failing(fresh("d"))
        };
        vec![
            ProfileStatus { default: true, ..fresh("prod") },
            ProfileStatus { token: "due", left: Some(100), ..fresh("a") },
            ProfileStatus {
                token: "expired",
                left: Some(4),
                client_secret: Some("environment A".to_owned()),
                ..fresh("b")
            },
            ProfileStatus { token: "expired", left: Some(-720), renewal_unfinished: true, ..fresh("c") },
            ProfileStatus { token: "expired", left: None, ..fresh("clock") },
            ProfileStatus { left: Some(700), ..backed_off.clone() },
            ProfileStatus { left: Some(70), token: "due", ..backed_off.clone() },
            ProfileStatus { token: "none", left: None, profile: "e".to_owned(), ..backed_off },
            ProfileStatus { token: "none", left: None, failed: Some(7200), client_secret: None, ..failing(fresh("f")) },
            ProfileStatus {
                token: "none",
                left: None,
                cache_problem: Some("the cache entry is damaged".to_owned()),
                ..fresh("g")
            },
            ProfileStatus {
                profile: "x\u{1b}[2J".to_owned(),
                token: "invalid",
                problem: Some("bad\nline".to_owned()),
                ..ProfileStatus::default()
            },
        ]
    }

    #[cfg_attr(windows, ignore = "the paths of the example are Unix'")]
    #[test]
    fn every_state_has_a_block() {
        let blocks = all().into_iter().map(|profile| block(&profile, Some(Path::new("/home/ana")), Palette::PLAIN));
        insta::assert_snapshot!(blocks.collect::<String>(), @r"
        prod (default)  fresh, expires in 2 h 13 min
          tenant  acme.example.com
          client  ci-bot
          secret  file ~/.config/ws1-token/prod.secret
        a  renews soon, expires in 1 min 40 s
          tenant  acme.example.com
          client  ci-bot
          secret  file ~/.config/ws1-token/prod.secret
        b  expired now
          tenant  acme.example.com
          client  ci-bot
          secret  environment A
        c  expired 12 min ago
          tenant  acme.example.com
          client  ci-bot
          secret  file ~/.config/ws1-token/prod.secret
          a renewal is under way or was interrupted; the next one uses the client secret
        clock  expired
          tenant  acme.example.com
          client  ci-bot
          secret  file ~/.config/ws1-token/prod.secret
          the system clock is before the time at which the token was issued
        d  fresh, expires in 12 min
          tenant  acme.example.com
          client  ci-bot
          secret  file ~/.config/ws1-token/prod.secret
          HTTP 401 invalid_client, 18 s ago
        d  renews soon, expires in 1 min 10 s
          tenant  acme.example.com
          client  ci-bot
          secret  file ~/.config/ws1-token/prod.secret
          HTTP 401 invalid_client, next attempt in 42 s (14:03:10 UTC)
        e  backed off
          tenant  acme.example.com
          client  ci-bot
          secret  file ~/.config/ws1-token/prod.secret
          HTTP 401 invalid_client, next attempt in 42 s (14:03:10 UTC)
        f  no token
          tenant  acme.example.com
          client  ci-bot
          HTTP 401 invalid_client, 2 h ago; the next call tries again
        g  no token
          tenant  acme.example.com
          client  ci-bot
          secret  file ~/.config/ws1-token/prod.secret
          the cache entry is not used, the next call gets a new token: the cache entry is damaged
        x?[2J  invalid
          bad?line
        ");
    }

    #[test]
    fn only_paths_below_home_are_shortened() {
        let whole = "file /home/ana/s";
        let shown = |home: &str, place: &str| below_home(place, Some(Path::new(home)));
        assert_eq!(shown("/home/ana", whole).replace(MAIN_SEPARATOR, "/"), "file ~/s");
        for (home, place) in
            [("/home/an", whole), ("/", whole), ("/home/ana", "command /home/ana/s"), ("/home/ana", "keychain")]
        {
            assert_eq!(shown(home, place), place);
        }
    }
}
