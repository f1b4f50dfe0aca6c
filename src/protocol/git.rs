//! git's credential helper protocol (git-credential(1), gitcredentials(7)).
//!
//! git sends `key=value` lines up to a blank line and reads the same. What decides:
//!
//! * A request without protocol and host, or for a host that is not ours, is not ours to answer: no output, status 0.
//!   git asks for the new host after a redirect, and some clients send no host at all, so absence is never a wildcard.
//! * git 2.46 and later offer `capability[]=authtype`: they get `Bearer` and the token, marked ephemeral, so that no
//!   other helper stores it. Older ones get user name and password.
//! * A cached token goes out with `state[]` and `continue=1` where offered: if the server refuses it, git comes back
//!   in the same command with our state, and gets a new one. Without this, the first command after a revocation fails.
//! * A request that is ours but cannot be answered ends the matter with `quit=1`, or git would ask for a password.
//! * A refresh token is never emitted: git would hand it to every helper of the chain.

use std::io::Read;

use super::{INPUT_LIMIT, with_token};
use crate::broker::{AccessToken, Renew, TokenRequest};
use crate::config::Profile;
use crate::context::Context;
use crate::error::{EXIT_SYSTEM, Error};
use crate::origin::Origin;
use crate::outcome::Outcome;

/// What our `state[]` values start with.
const STATE: &str = "ws1-token:";

/// A request, as far as it matters.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    /// `protocol`
    protocol: Option<String>,
    /// `host`, with the port if there is one.
    host: Option<String>,
    /// `username`
    username: Option<String>,
    /// `password` or `credential`: what an `erase` gives back.
    secret: Option<String>,
    /// `capability[]` that the caller offers.
    capabilities: Vec<String>,
    /// `state[]` that the caller gives back.
    states: Vec<String>,
}

/// Runs an operation. Unknown ones are read and ignored, as the protocol asks.
pub(crate) fn run(context: &Context<'_>, operation: &str, stdin: &mut dyn Read) -> Outcome {
    if operation == "capability" {
        return Outcome::answer("version 0\ncapability authtype\ncapability state\n");
    }
    // A caller that goes on writing must not meet a closed pipe, so the input is read whatever the operation.
    let request = read(stdin).and_then(|input| parse(&input));
    match (operation, request) {
        ("get", Some(request)) => get(context, &request),
        ("erase", Some(request)) => erase(context, &request),
        _ => Outcome::answer(""),
    }
}

/// Answers `get`.
fn get(context: &Context<'_>, request: &Request) -> Outcome {
    let Some(target) = request.target() else { return Outcome::answer("") };
    let profile = match context.sources.profile(None) {
        Ok(profile) => profile,
        // Whose request this is cannot be known without a profile, so the next helper gets its turn.
        Err(error) => return failed(&error, ""),
    };
    if !profile.allows(&target) {
        let secure = Origin { https: true, port: if target.port == 80 { 443 } else { target.port }, ..target.clone() };
        if !target.https && profile.allows(&secure) {
            return failed(&in_clear(&target), "quit=1\n");
        }
        return Outcome::answer("");
    }
    let refused = request.refused_fingerprint();
    let renew = refused.map_or(Renew::IfNeeded, |refused| Renew::IfRejected(refused.to_owned()));
    let answered = context.with_broker(&profile, |broker| {
        let token = broker.obtain(&TokenRequest { min_ttl: 0, renew })?;
        Ok(answer(request, &token, &profile, broker.identity))
    });
    match answered {
        Ok(answer) => Outcome::answer(answer),
        Err(error) => failed(&error, "quit=1\n"),
    }
}

/// The refusal of a host that is ours, but by plain http.
fn in_clear(target: &Origin) -> Error {
    Error::unusable(
        "git's URL",
        format!("`{target}` is another machine, and http would send the token in clear"),
        "use an https URL for the repository",
    )
}

/// Carries out `erase`. It is no proof that the token is bad, so it costs only that very token, and never a young one.
fn erase(context: &Context<'_>, request: &Request) -> Outcome {
    if let (Some(target), Some(secret)) = (request.target(), &request.secret)
        && let Ok(profile) = context.sources.profile(None)
        && profile.allows(&target)
    {
        let _ = context.with_broker(&profile, |broker| {
            broker.discard(secret);
            Ok(())
        });
    }
    Outcome::answer("")
}

/// The answer to `get`, attributes in the order of git's documentation.
fn answer(request: &Request, issued: &AccessToken, profile: &Profile, identity: &str) -> String {
    let token = issued.access_token.expose();
    let offered = |name: &str| request.capabilities.iter().any(|capability| capability == name);
    let expiry = issued.expires_at();
    if !offered("authtype") {
        let username = match &request.username {
            Some(_) => String::new(),
            None => format!("username={}\n", profile.git_username),
        };
        return with_token(token, format_args!("{username}password={token}\npassword_expiry_utc={expiry}\n"));
    }
    let heal = offered("state") && issued.from_cache && request.refused_fingerprint().is_none();
    let (capability, state) = if heal {
        let state = format!("state[]={STATE}{}:{}\ncontinue=1\n", &identity[..8], issued.fingerprint());
        ("capability[]=state\n", state)
    } else {
        ("", String::new())
    };
    let text = format_args!(
        "capability[]=authtype\n{capability}authtype=Bearer\ncredential={token}\nephemeral=1\n\
         password_expiry_utc={expiry}\n{state}"
    );
    with_token(token, text)
}

/// A failure: one line on standard error, since git shows it among its own.
fn failed(error: &Error, stdout: &str) -> Outcome {
    let report = error.report();
    let mut lines = report.lines();
    let mut text = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        text.push_str("; ");
        text.push_str(line.trim());
    }
    Outcome { stdout: stdout.into(), report: crate::text::line(&text), status: error.exit_code().min(EXIT_SYSTEM) }
}

impl Request {
    /// Whom the credential is for; `None` if that is not said, or not said properly.
    fn target(&self) -> Option<Origin> {
        let https = match self.protocol.as_deref()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Origin::parse(self.host.as_deref()?, https).ok()
    }

    /// The fingerprint of the token that we sent with `continue=1` and that the server has refused since.
    fn refused_fingerprint(&self) -> Option<&str> {
        self.states
            .iter()
            .filter_map(|state| state.strip_prefix(STATE))
            .find_map(|state| state.split_once(':'))
            .map(|(_, fingerprint)| fingerprint)
    }
}

/// Reads the request: up to a blank line or the end, at most 64 KiB. `None` if it is larger or cannot be read.
fn read(stdin: &mut dyn Read) -> Option<Vec<u8>> {
    let mut input = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stdin.read(&mut buffer) {
            Ok(0) => return Some(input),
            Ok(count) => input.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
        if input.len() > INPUT_LIMIT {
            return None;
        }
        // What follows the blank line may come with it, and from a caller that then waits for the answer.
        if input.starts_with(b"\n") || input.windows(2).any(|pair| pair == b"\n\n") {
            return Some(input);
        }
    }
}

/// Parses a request strictly: lines end in LF alone; CR and NUL are refused, since one side taking them for a line
/// end is how credentials were stolen before (CVE-2020-5260, CVE-2024-52006).
fn parse(input: &[u8]) -> Option<Request> {
    let text = std::str::from_utf8(input).ok()?;
    if text.contains(['\r', '\0']) {
        return None;
    }
    let mut request = Request::default();
    for line in text.split('\n').take_while(|line| !line.is_empty()) {
        let (key, value) = line.split_once('=')?;
        let value = value.to_owned();
        match key {
            "protocol" => request.protocol = Some(value),
            "host" => request.host = Some(value),
            "username" => request.username = Some(value),
            "password" | "credential" => request.secret = Some(value),
            "capability[]" => append(&mut request.capabilities, value),
            "state[]" => append(&mut request.states, value),
            _ => {}
        }
    }
    Some(request)
}

/// A multi-valued attribute: an empty value empties the list.
fn append(list: &mut Vec<String>, value: String) {
    if value.is_empty() {
        list.clear();
    } else {
        list.push(value);
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod properties;
#[cfg(test)]
mod tests {
    use super::*;

    fn target(input: &str) -> Option<String> {
        parse(input.as_bytes()).and_then(|request| request.target()).map(|target| target.to_string())
    }

    #[test]
    fn requests_are_read() {
        let request = parse(
            b"capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=h.example.com:8443\nusername=u\n\
              wwwauth[]=Bearer realm=\"x\"\nfuture=1\nstate[]=other:1\nstate[]=ws1-token:01234567:89abcdef\n\nhost=evil\n",
        )
        .unwrap();
        assert_eq!(request.capabilities, ["authtype", "state"]);
        assert_eq!(request.target().unwrap().to_string(), "https://h.example.com:8443");
        assert_eq!(request.refused_fingerprint(), Some("89abcdef"));
        assert_eq!(request.username.as_deref(), Some("u"));
    }

    #[test]
    fn the_user_name_is_named_unless_git_names_one() {
        let served = AccessToken {
            access_token: crate::secret::Secret::new("T".to_owned()),
            life: 3600,
            remaining: 60,
            now: 1_000,
            from_cache: true,
        };
        let said =
            |input: &str| answer(&parse(input.as_bytes()).unwrap(), &served, &properties::profile(), "0123456789");
        assert_eq!(said("host=h\n"), "username=oauth2\npassword=T\npassword_expiry_utc=1060\n");
        assert_eq!(said("host=h\nusername=u\n"), "password=T\npassword_expiry_utc=1060\n");
        let modern = "capability[]=authtype\nauthtype=Bearer\ncredential=T\nephemeral=1\npassword_expiry_utc=1060\n";
        assert_eq!(said("capability[]=authtype\n"), modern);
        let heal = said("capability[]=authtype\ncapability[]=state\n");
        assert!(
            heal.ends_with(&format!("state[]=ws1-token:01234567:{}\ncontinue=1\n", served.fingerprint())),
            "{heal}"
        );
        let healed = said("capability[]=authtype\ncapability[]=state\nstate[]=ws1-token:01234567:89abcdef\n");
        assert_eq!(healed, modern);
    }

    #[test]
    fn what_an_erase_gives_back_is_a_password_or_a_credential() {
        for key in ["password", "credential"] {
            assert_eq!(parse(format!("{key}=T\n").as_bytes()).unwrap().secret.as_deref(), Some("T"));
        }
        assert_eq!(parse(b"oauth_refresh_token=T\n").unwrap().secret, None);
    }

    #[test]
    fn an_empty_value_empties_a_list_and_the_last_value_wins() {
        let request = parse(b"capability[]=a\ncapability[]=\ncapability[]=b\nhost=x\nhost=y\n").unwrap();
        assert_eq!(request.capabilities, ["b"]);
        assert_eq!(request.host.as_deref(), Some("y"));
    }

    #[test]
    fn a_failure_is_one_line_and_status_1() {
        let error = Error::unusable("it", "why", "do that");
        assert_eq!(error.exit_code(), 2);
        let outcome = failed(&error, "quit=1\n");
        assert_eq!(outcome.report, "error: it is not usable; caused by: why; hint: do that\n");
        assert_eq!((&outcome.stdout[..], outcome.status), (&b"quit=1\n"[..], 1));
    }

    #[test]
    fn hostile_requests_have_no_target() {
        for input in [
            "",
            "\n",
            "protocol=https\n",
            "host=h\n",
            "protocol=https\nhost=\n",
            "protocol=\nhost=h\n",
            "protocol=https\nhost=h\r\n",
            "protocol=https\nhost=h\0evil\n",
            "protocol=https\nhost=u@h\n",
            "protocol=https\nhost=h/path\n",
            "protocol=https\nhost=h evil\n",
            "protocol=https\nhost=h:99999\n",
            "protocol=ssh\nhost=h\n",
            "protocol=HTTPS\nhost=h\n",
            "garbage\nprotocol=https\nhost=h\n",
            "protocol=https\n\nhost=h\n",
        ] {
            assert_eq!(target(input), None, "{input:?}");
        }
        assert_eq!(parse(b"protocol=https\nhost=\xff\n"), None);
        for end in ["\r", "\0"] {
            assert_eq!(
                target(&format!("protocol=https\nhost=h\npath=a{end}b\n")),
                None,
                "a line end to somebody: {end:?}"
            );
        }
    }

    /// Input that comes in parts, an error among them.
    struct Parts(Vec<std::io::Result<&'static [u8]>>);

    impl Read for Parts {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let part = self.0.remove(0)?;
            buffer[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    #[test]
    fn an_interrupted_read_is_repeated_and_no_other_error_is() {
        let with = |kind: std::io::ErrorKind| {
            read(&mut Parts(vec![Ok(b"a="), Err(kind.into()), Ok(b"b\n"), Err(kind.into()), Ok(b"\n"), Ok(b"more")]))
        };
        assert_eq!(with(std::io::ErrorKind::Interrupted).as_deref(), Some(&b"a=b\n\n"[..]), "nor read any further");
        assert_eq!(with(std::io::ErrorKind::TimedOut), None);
    }

    #[test]
    fn a_request_has_64_kib_at_most() {
        let request = |bytes: usize| [&vec![b'x'; bytes - 1][..], b"\n"].concat();
        assert_eq!(read(&mut &request(INPUT_LIMIT)[..]).map(|input| input.len()), Some(64 * 1024));
        assert_eq!(read(&mut &request(INPUT_LIMIT + 1)[..]), None);
    }

    #[test]
    fn reading_ends_at_a_blank_line_or_the_limit() {
        let mut endless = std::io::repeat(b'a');
        assert_eq!(read(&mut endless), None);
        let mut blank = (&b"a=b\n\n"[..]).chain(std::io::repeat(b'x'));
        assert!(read(&mut blank).is_some());
        let mut together = &[&b"a=b\n\n"[..], &vec![b'x'; 100_000]].concat()[..];
        assert!(read(&mut together).is_some());
        assert_eq!(read(&mut &b"a=b"[..]), Some(b"a=b".to_vec()));
    }
}
