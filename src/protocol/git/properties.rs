//! What holds for every request of git: for random ones in the tests below, and for the fuzzer's.

use super::{Request, answer, parse};
use crate::broker::AccessToken;
use crate::config::{Preset, Profile, sample};
use crate::origin::Origin;
use crate::secret::Secret;

/// The only targets that may have the token.
pub(crate) const ALLOWED: [&str; 4] =
    ["https://acme.example.com:443", "https://git.example.com:8443", "https://127.0.0.1:9000", "http://127.0.0.1:9000"];

/// What answers may say besides the token.
const KEYS: [&str; 9] = [
    "capability[]",
    "authtype",
    "credential",
    "ephemeral",
    "username",
    "password",
    "password_expiry_utc",
    "state[]",
    "continue",
];

/// A profile whose token goes to [`ALLOWED`].
pub(crate) fn profile() -> Profile {
    let origin = |host: &str, port| Origin { https: true, host: host.to_owned(), port };
    let hosts = vec![origin("git.example.com", 8443), origin("127.0.0.1", 9000)];
    Profile { name: "p".to_owned(), hosts, ..sample::profile(Preset::Access, "acme.example.com") }
}

/// Reads a request and answers it where it may be answered; panics if the answer goes to anybody else or could be
/// read in two ways. Gives the answer.
pub(crate) fn check(input: &[u8]) -> Option<String> {
    let (request, profile) = (parse(input)?, profile());
    let target = request.target().filter(|target| profile.allows(target))?;
    let addressed = addressed(input);
    assert!(
        addressed.as_deref().is_some_and(|addressed| ALLOWED.contains(&addressed)),
        "{target} may not have the token: {addressed:?}"
    );
    let access_token = Secret::new("T.o-k_e~n+/==".to_owned());
    let served = AccessToken { access_token, life: 3600, remaining: 3000, now: 1_800_000_000, refused_by: Vec::new() };
    check_answer(&request, &answer(&request, &served, &profile, &profile.identity()));
    Some(target.to_string())
}

/// The target of a request as another reader sees it: the last `protocol` and the last `host` before the blank line,
/// lines ending in LF alone.
pub(crate) fn addressed(input: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(input);
    let before = text.split_inclusive('\n').take_while(|line| *line != "\n").collect::<String>();
    let last = |key: &str| before.lines().rev().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let (protocol, host) = (last("protocol")?, last("host")?.to_ascii_lowercase());
    let (host, port) = match host.split_once(':') {
        Some((host, port)) => (host.to_owned(), port.trim_start_matches('0').to_owned()),
        None => (host, if protocol == "https" { "443" } else { "80" }.to_owned()),
    };
    Some(format!("{protocol}://{host}:{port}"))
}

/// Every line of an answer is `key=value` with a known key, and the token stands in exactly one.
fn check_answer(request: &Request<'_>, answer: &str) {
    assert!(answer.ends_with('\n') && !answer.contains(['\r', '\0']), "{answer:?}");
    let lines: Vec<_> = answer.split_terminator('\n').map(|line| line.split_once('=').unwrap_or_default()).collect();
    for (key, value) in &lines {
        assert!(KEYS.contains(key) && !value.is_empty(), "{answer:?}");
    }
    let offered = |name: &str| request.capabilities.contains(&name.as_bytes());
    let modern = offered("authtype") && !request.is_basic_only();
    let key = if modern { "credential" } else { "password" };
    assert_eq!(lines.iter().filter(|line| **line == (key, "T.o-k_e~n+/==")).count(), 1, "{answer:?}");
    assert_eq!(answer.matches("T.o-k_e~n+/==").count(), 1, "{answer:?}");
    assert!(offered("state") || !answer.contains("state[]="), "not offered: {answer:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Cache, Place, Store};
    use crate::config::{Overrides, Sources};
    use crate::context::Context;
    use crate::entry::Entry;
    use crate::lock::LockAttempt;
    use crate::log::Log;
    use crate::token::Token;
    use proptest::prelude::*;
    use proptest::sample::select;

    /// A line of a request, more often than not one that git could send for a host that is ours or nearly so.
    fn line() -> impl Strategy<Value = String> {
        let value = prop_oneof![
            6 => select(vec![
                "https", "http", "ssh", "acme.example.com", "ACME.example.com:443", "acme.example.com:0443",
                "git.example.com", "git.example.com:8443", "127.0.0.1:9000", "evil.example",
                "acme.example.com.evil.example", "acme.example.com@evil.example", "acme.example.com:443@evil.example",
                "evil.example\\@acme.example.com", "acme.example.com/evil", "acme.example.com\r", "acme.example.com\0",
                "acme.example.com:80", "", "u", "authtype", "state", "ws1-token:01234567:89abcdef",
            ]).prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        let key = select(vec![
            "protocol",
            "protocol",
            "protocol",
            "host",
            "host",
            "host",
            "path",
            "username",
            "password",
            "credential",
            "capability[]",
            "state[]",
            "wwwauth[]",
            "url",
            "",
            "host[]",
            " host",
        ]);
        let end = select(vec!["\n", "\n", "\n", "\n", "\n", "\n", "\n\n", "\r\n", "\0", ""]);
        (key, value, end).prop_map(|(key, value, end)| format!("{key}={value}{end}"))
    }

    fn request() -> impl Strategy<Value = Vec<u8>> {
        let start = prop_oneof![
            Just(String::new()),
            Just("protocol=https\n".to_owned()),
            Just("protocol=https\nhost=acme.example.com\n".to_owned()),
            Just("protocol=https\nhost=git.example.com\n".to_owned()),
            Just("capability[]=authtype\ncapability[]=state\nprotocol=http\nhost=127.0.0.1:9000\n".to_owned()),
        ];
        let lines = (start, proptest::collection::vec(line(), 0..6)).prop_map(|(start, lines)| start + &lines.concat());
        prop_oneof![9 => lines.prop_map(String::into_bytes), 1 => any::<Vec<u8>>()]
    }

    /// Runs `get` against a cache that holds a token, without a tenant that could be reached.
    fn get(dir: &std::path::Path, input: &[u8]) -> crate::outcome::Outcome {
        let env = |name: &str| {
            Some(match name {
                "WS1_TOKEN_CONFIG" => dir.join("config.json").display().to_string(),
                "WS1_TOKEN_CACHE_DIR" => dir.join("cache").display().to_string(),
                _ => return None,
            })
        };
        let overrides = Overrides::default();
        let variables = |name: &str| env(name).map(Into::into);
        let sources =
            Sources { overrides: &overrides, env: &variables, config_dir: None, home: None, working_dir: &|| None };
        let log = Log::new(Box::new(std::io::sink()), &|_| None);
        let context = Context {
            sources: &sources,
            cache_dir_flag: None,
            default_cache_dir: None,
            env: &env,
            env_names: &Vec::new,
            log: &log,
            deadline: crate::clock::Deadline::after(&crate::clock::SystemClock, crate::broker::RUN_LIMIT),
            executable: &|| None,
            called: &|| None,
        };
        super::super::run(&context, "get", &mut &input[..])
    }

    /// A directory with the configuration of [`profile`] and a fresh token in its cache.
    fn world() -> tempfile::TempDir {
        let dir = crate::platform::temporary();
        let config = r#"{"profiles":{"p":{"tenant":"acme.example.com","client_id":"ci-bot",
            "hosts":["git.example.com:8443","127.0.0.1:9000"]}}}"#;
        let file = std::fs::File::create(dir.path().join("config.json"));
        file.and_then(|mut file| std::io::Write::write_all(&mut file, config.as_bytes())).unwrap();
        let cache = Cache::new(Place::Directory(dir.path().join("cache")), &profile().identity());
        let now = crate::clock::wall();
        let token = Token {
            access_token: Secret::new("T.o-k_e~n+/==".to_owned()),
            issued_at: now,
            expires_at: now + 86_400,
            issued_boot: None,
            boot_id: None,
        };
        let LockAttempt::Held(guard) = cache.try_lock() else { panic!("the lock is free") };
        cache.save(&guard, &Entry { token: Some(token), ..Entry::default() }).unwrap();
        dir
    }

    proptest! {
        #[test]
        fn only_allowed_hosts_are_answered_and_only_in_whole_lines(input in request()) {
            check(&input);
        }

        #[test]
        fn a_plain_request_for_each_allowed_host_is_answered(
            target in select(ALLOWED.to_vec()), upper in any::<bool>(), noise in "([a-z]{1,8}\\[\\]=[ -~]{0,20}\n){0,3}",
        ) {
            let (protocol, host) = target.split_once("://").unwrap();
            let host = if upper { host.to_uppercase() } else { host.to_owned() };
            let input = format!("{noise}protocol={protocol}\nhost={host}\n\n");
            prop_assert!(check(input.as_bytes()).is_some(), "{input}");
        }

        #[test]
        fn nothing_is_read_behind_the_blank_line(input in request()) {
            let before = format!("protocol=https\nhost=evil.example\n\n{}", String::from_utf8_lossy(&input));
            prop_assert_eq!(check(before.as_bytes()), None);
        }
    }

    #[test]
    fn the_whole_of_get_keeps_the_token_to_allowed_hosts() {
        let dir = world();
        let check = |input: &[u8]| {
            let stdout = String::from_utf8(get(dir.path(), input).stdout).unwrap();
            let answered = !stdout.is_empty() && stdout != "quit=1\n";
            if answered {
                assert!(addressed(input).is_some_and(|addressed| ALLOWED.contains(&addressed.as_str())), "{input:?}");
                check_answer(&parse(input).unwrap(), &stdout);
            }
            answered
        };
        // Requests by chance may all be for other hosts.
        for target in ALLOWED {
            let (protocol, host) = target.split_once("://").unwrap();
            assert!(check(format!("protocol={protocol}\nhost={host}\n\n").as_bytes()), "{target}");
        }
        proptest!(|(input in request())| {
            check(&input);
        });
    }
}
