//! git's credential helper protocol (git-credential(1), gitcredentials(7)).
//!
//! git sends `key=value` lines up to a blank line and reads the same; values are bytes. What decides:
//!
//! * A request without protocol and host, or for a host that is not ours, is not ours to answer: no output, status 0.
//!   git asks for the new host after a redirect, and some clients send no host at all, so absence is never a wildcard.
//! * git 2.46 and later offer `capability[]=authtype`: they get `Bearer` and the token, marked ephemeral, so that no
//!   other helper stores it. Older ones get user name and password, and so does every git for a server whose
//!   `WWW-Authenticate` has Basic and no Bearer.
//! * A token goes out with `state[]` and `continue=1` where offered: if the server refuses it, git comes back in the same
//!   command with our state, and gets a new one. Without this, the first command after a revocation fails.
//! * Callers without `state` (older git, git-lfs) give a refused token back by `erase` and ask again, git-lfs for ever. So
//!   the new token is not renewed again for half a minute, and a host that refuses it a few times gets `quit=1`.
//! * A request that is ours but cannot be answered ends the matter with `quit=1`, or git would ask for a password.
//! * A refresh token is never emitted: git would hand it to every helper of the chain.

use std::io::Read;

use super::{INPUT_LIMIT, with_token};
use crate::broker::{AccessToken, Renew, TokenRequest};
use crate::cache::checksum;
use crate::config::{Profile, TargetError};
use crate::context::Context;
use crate::error::{EXIT_SYSTEM, Error};
use crate::origin::Origin;
use crate::outcome::Outcome;

/// What our `state[]` values start with.
const STATE: &str = "ws1-token:";

/// Refusals of one new token by one host after which nothing is tried any more.
const ROUNDS: usize = 4;

/// A request, as far as it matters.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request<'a> {
    /// `protocol`
    protocol: &'a [u8],
    /// `host`, with the port if there is one.
    host: &'a [u8],
    /// `username`
    username: Option<&'a [u8]>,
    /// `password` or `credential`: what an `erase` gives back.
    secret: &'a [u8],
    /// `capability[]` that the caller offers.
    capabilities: Vec<&'a [u8]>,
    /// `state[]` that the caller gives back.
    states: Vec<&'a [u8]>,
    /// `wwwauth[]`: the server's `WWW-Authenticate` headers, as far as the caller has seen any.
    challenges: Vec<&'a [u8]>,
}

/// Runs an operation. Unknown ones are read and ignored, as the protocol asks.
pub(crate) fn run(context: &Context<'_>, operation: &str, stdin: &mut dyn Read) -> Outcome {
    if operation == "capability" {
        return Outcome::answer("version 0\ncapability authtype\ncapability state\n");
    }
    // A caller that goes on writing must not meet a closed pipe, so the input is read whatever the operation.
    let input = read(stdin).map(unix_lines);
    match (operation, input.as_deref().and_then(parse)) {
        ("get", Some(request)) => get(context, &request),
        ("erase", Some(request)) => erase(context, &request),
        _ => Outcome::answer(""),
    }
}

/// Answers `get`.
fn get(context: &Context<'_>, request: &Request<'_>) -> Outcome {
    let Some(target) = request.target() else { return Outcome::answer("") };
    let profile = match context.sources.profile_for(&target) {
        Ok(profile) => profile,
        Err(TargetError::Unusable(error)) => return failed(&error, "quit=1\n"),
        // Whose request this is cannot be known without a profile, so the next helper gets its turn.
        Err(TargetError::Unknown(error)) => return failed(&error, ""),
        Err(TargetError::Foreign(_)) if !target.https && context.sources.profile_for(&target.by_https()).is_ok() => {
            return failed(&in_clear(&target), "quit=1\n");
        }
        Err(TargetError::Foreign(_)) => return Outcome::answer(""),
    };
    let refused = request.refused_fingerprint();
    let renew = refused.map_or(Renew::IfNeeded, |refused| Renew::IfRejected(refused.to_owned()));
    let answered = context.with_broker(&profile, |broker| {
        let token = broker.obtain(&TokenRequest { min_ttl: 0, renew })?;
        if token.refused_by.iter().filter(|host| **host == target_checksum(&target)).count() >= ROUNDS {
            return Err(refused_again(&target));
        }
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

/// The refusal to go on with a host that takes no token, not even a new one.
fn refused_again(target: &Origin) -> Error {
    Error::usage(format!("`{}` refuses every token, new ones too", target.host_and_port()))
        .because(format!("{ROUNDS} refusals of a token that is less than half a minute old"))
        .hint("check that the server accepts tokens of this tenant and client: `ws1-token whoami` shows what is in it")
}

/// A short name of a host, for counting.
fn target_checksum(target: &Origin) -> u32 {
    checksum(target.host_and_port().as_bytes())
}

/// Carries out `erase`. It is no proof that the token is bad, so it costs only that very token, and no new one.
fn erase(context: &Context<'_>, request: &Request<'_>) -> Outcome {
    if let (Some(target), Ok(secret)) = (request.target(), std::str::from_utf8(request.secret))
        && let Ok(profile) = context.sources.profile_for(&target)
    {
        let _ = context.with_broker(&profile, |broker| {
            broker.discard(secret, target_checksum(&target));
            Ok(())
        });
    }
    Outcome::answer("")
}

/// The answer to `get`, attributes in the order of git's documentation.
fn answer(request: &Request<'_>, issued: &AccessToken, profile: &Profile, identity: &str) -> String {
    let token = issued.access_token.expose();
    let offered = |name: &str| request.capabilities.contains(&name.as_bytes());
    let expiry = issued.expires_at();
    let (capability, state) = if offered("state") && request.refused_fingerprint().is_none() {
        let state = format!("state[]={STATE}{}:{}\ncontinue=1\n", &identity[..8], issued.fingerprint());
        ("capability[]=state\n", state)
    } else {
        ("", String::new())
    };
    if !offered("authtype") || request.is_basic_only() {
        let username = match request.username {
            Some(_) => String::new(),
            None => format!("username={}\n", profile.git_username),
        };
        let text = format_args!("{capability}{username}password={token}\npassword_expiry_utc={expiry}\n{state}");
        return with_token(token, text);
    }
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

impl Request<'_> {
    /// Whom the credential is for; `None` if that is not said, or not said properly.
    fn target(&self) -> Option<Origin> {
        let https = match self.protocol {
            b"https" => true,
            b"http" => false,
            _ => return None,
        };
        Origin::parse(std::str::from_utf8(self.host).ok()?, https).ok()
    }

    /// The fingerprint of the token that we sent with `continue=1` and that the server has refused since.
    fn refused_fingerprint(&self) -> Option<&str> {
        let states = self.states.iter().filter_map(|state| std::str::from_utf8(state).ok()?.strip_prefix(STATE));
        states.filter_map(|state| state.split_once(':')).map(|(_, fingerprint)| fingerprint).next()
    }

    /// Whether the server names Basic as a scheme and not Bearer.
    fn is_basic_only(&self) -> bool {
        let has = |name: &str| {
            self.challenges
                .iter()
                .any(|header| schemes(header).any(|scheme| scheme.eq_ignore_ascii_case(name.as_bytes())))
        };
        !self.challenges.is_empty() && has("Basic") && !has("Bearer")
    }
}

/// The first words of the parts of a `WWW-Authenticate` header (RFC 9110 §11.6.1), the schemes among them: a part is a
/// scheme, one with its first parameter, or a further parameter. Commas in quotes separate nothing.
fn schemes(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = header.split(move |byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_quoted,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        *byte == b',' && !is_quoted
    });
    parts.filter_map(|part| part.trim_ascii().split(u8::is_ascii_whitespace).next())
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
        let is_over = input.starts_with(b"\n") || input.windows(2).any(|pair| pair == b"\n\n");
        if is_over || input.ends_with(b"\n\r\n") {
            return Some(input);
        }
    }
}

/// Lines that end in LF, where every line ends in CRLF: what a shell of Windows pipes. git itself writes LF everywhere, so
/// a CR that it was tricked into stands beside lines without one, and stays.
fn unix_lines(input: Vec<u8>) -> Vec<u8> {
    let mut lines = input.split_inclusive(|byte| *byte == b'\n');
    if !lines.all(|line| line.ends_with(b"\r\n")) {
        return input;
    }
    input.split_inclusive(|byte| *byte == b'\n').flat_map(|line| [&line[..line.len() - 2], b"\n"].concat()).collect()
}

/// Parses a request strictly: lines end in LF alone; CR and NUL are refused, since one side taking them for a line
/// end is how credentials were stolen before (CVE-2020-5260, CVE-2024-52006).
fn parse(input: &[u8]) -> Option<Request<'_>> {
    if input.iter().any(|byte| matches!(byte, b'\r' | b'\0')) {
        return None;
    }
    let mut request = Request::default();
    for line in input.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty()) {
        let (key, value) = line.split_at(line.iter().position(|byte| *byte == b'=')?);
        let value = &value[1..];
        match key {
            b"protocol" => request.protocol = value,
            b"host" => request.host = value,
            b"username" => request.username = Some(value),
            b"password" | b"credential" => request.secret = value,
            b"capability[]" => append(&mut request.capabilities, value),
            b"state[]" => append(&mut request.states, value),
            b"wwwauth[]" => append(&mut request.challenges, value),
            _ => {}
        }
    }
    Some(request)
}

/// A multi-valued attribute: an empty value empties the list.
fn append<'a>(list: &mut Vec<&'a [u8]>, value: &'a [u8]) {
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
        assert_eq!(request.capabilities, [&b"authtype"[..], b"state"]);
        assert_eq!(request.target().unwrap().to_string(), "https://h.example.com:8443");
        assert_eq!(request.refused_fingerprint(), Some("89abcdef"));
        assert_eq!(request.username, Some(&b"u"[..]));
    }

    #[test]
    fn the_user_name_is_named_unless_git_names_one() {
        let served = AccessToken {
            access_token: crate::secret::Secret::new("T".to_owned()),
            life: 3600,
            remaining: 60,
            now: 1_000,
            refused_by: Vec::new(),
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
    fn values_are_bytes() {
        let request = parse(
            b"protocol=https\npath=\xff\nusername=\xe9\nwwwauth[]=Basic realm=\"\xfc\"\nstate[]=\xff\nhost=h\n\xff=\xff\n",
        );
        let request = request.unwrap();
        assert_eq!(request.target().unwrap().to_string(), "https://h");
        assert_eq!((request.username, request.refused_fingerprint()), (Some(&b"\xe9"[..]), None));
        assert!(request.is_basic_only());
    }

    #[test]
    fn a_server_with_basic_and_no_bearer_gets_a_password() {
        for (headers, expected) in [
            (&[][..], false),
            (&["Basic realm=\"GitLab\""], true),
            (&["basic"], true),
            (&["Basic realm=\"a\"", "Bearer"], false),
            (&["Bearer realm=\"a\"", "Basic realm=\"b\""], false),
            (&["Basic realm=\"a, b\", Bearer realm=\"c\""], false),
            (&["Basic realm=\"a, Bearer b\""], true),
            (&["Basic realm=\"a\\\", Bearer b\""], true),
            (&["Basic realm=\"a\\\\\", Bearer b"], false),
            (&["Negotiate", "Basic realm=x,charset=\"UTF-8\""], true),
            (&["Basic realm=Bearer"], true),
            (&["BEARER error=\"invalid_token\", Basic"], false),
            (&["Negotiate"], false),
            (&["Digest realm=\"Basic\""], false),
            (&["BasicX"], false),
            (&[" ,, "], false),
        ] {
            let lines = headers.iter().fold(String::new(), |lines, header| lines + "wwwauth[]=" + header + "\n");
            assert_eq!(parse(lines.as_bytes()).unwrap().is_basic_only(), expected, "{headers:?}");
        }
    }

    #[test]
    fn what_an_erase_gives_back_is_a_password_or_a_credential() {
        for key in ["password", "credential"] {
            assert_eq!(parse(format!("{key}=T\n").as_bytes()).unwrap().secret, b"T");
        }
        assert_eq!(parse(b"oauth_refresh_token=T\n").unwrap().secret, b"");
    }

    #[test]
    fn an_empty_value_empties_a_list_and_the_last_value_wins() {
        let request = parse(b"capability[]=a\ncapability[]=\ncapability[]=b\nhost=x\nhost=y\n").unwrap();
        assert_eq!(request.capabilities, [b"b"]);
        assert_eq!(request.host, b"y");
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
        for host in [&b"protocol=https\nhost=\xff\n"[..], b"protocol=https\nhost=h\nhost=\xff\n"] {
            assert_eq!(parse(host).unwrap().target(), None, "the last one counts");
        }
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
