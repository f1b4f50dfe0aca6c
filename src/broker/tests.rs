//! Table tests of the broker: time, the tenant and the disk are scripted, and every effect is noted in its order.
//!
//! A [`World`] holds what outlives a run. [`World::get`] is one run of one process; it gives the answer, the effects
//! and the warnings as text. Entries are written as `TOKEN REFRESH_TOKEN`, `-` for none, `!` after a refresh token that
//! is marked as in flight, then `pause N` and the failure, all in seconds from now.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write;
use std::rc::Rc;

use std::time::Instant;

use super::request::fingerprint;
use super::*;
use crate::cache::Loaded;
use crate::config::{Preset, sample};
use crate::failure::{CertificateProblem, ErrorCode, RequestFailure};
use crate::secret::source::SecretSource;
use crate::token::tests::token;

/// Wall-clock second at which `token()` is issued.
const ISSUED: i64 = 1_000_000;
/// Life of a token here.
const LIFE: i64 = 10_800;
/// Ages of a token `t1` of that life. Its advisory window is 492 s wide.
const FRESH: i64 = 100;
const EXPIRING: i64 = LIFE - 400;
const DUE: i64 = LIFE - 100;
const EXPIRED: i64 = LIFE;

/// What the store says to one attempt to lock; the last one of a script is repeated.
#[derive(Clone)]
enum Lock {
    Held,
    Busy,
    Unsupported,
    Unusable,
    Declined,
    /// Held, but another process replaced the entry just before.
    HeldAfter(Entry),
    /// Held, but this process was stopped for so many seconds before.
    HeldLate(i64),
}

/// What the tenant does with one request: it takes so many seconds, then says this.
struct Reply(i64, Result<TokenResponse, RequestError>);

/// A user's machine and the tenant.
struct World {
    profile: Profile,
    /// The entry on the disk.
    disk: RefCell<Entry>,
    /// What a read makes of it.
    read: fn(Entry) -> Loaded,
    /// What other processes write, and when (by `elapsed`, in milliseconds).
    others: RefCell<VecDeque<(i64, Entry)>>,
    locks: RefCell<VecDeque<Lock>>,
    /// Numbers of the writes that fail, from 1.
    full_at: Vec<usize>,
    writes: Cell<usize>,
    /// The failure that is noted beside the entry.
    noted: RefCell<Option<Failure>>,
    replies: RefCell<VecDeque<Reply>>,
    /// The tokens that the tenant issued in the last run.
    issued: RefCell<Vec<Secret>>,
    /// What happens while the next request is on its way.
    meanwhile: RefCell<Option<Box<dyn FnOnce()>>>,
    /// Milliseconds since the beginning, by which all clocks go.
    elapsed: Cell<i64>,
    /// Wall clock and boot clock at the beginning.
    wall: Cell<i64>,
    boot: Cell<i64>,
    boot_id: Cell<&'static str>,
    /// What is drawn, per mille.
    roll: Cell<u64>,
    effects: RefCell<Vec<String>>,
}

/// One run, as text.
#[derive(Debug)]
struct Run {
    answer: String,
    effects: String,
    warnings: String,
}

impl World {
    /// A world whose disk holds an entry, at a time when a token `t1` in it is so old.
    fn new(age: i64, entry: Entry) -> Self {
        Self {
            profile: profile(),
            disk: RefCell::new(entry),
            read: Loaded::Entry,
            others: RefCell::default(),
            locks: RefCell::new([Lock::Held].into()),
            full_at: Vec::new(),
            writes: Cell::new(0),
            noted: RefCell::default(),
            replies: RefCell::default(),
            issued: RefCell::default(),
            meanwhile: RefCell::default(),
            elapsed: Cell::new(0),
            wall: Cell::new(ISSUED + age),
            boot: Cell::new(5_000 + age),
            boot_id: Cell::new("this"),
            roll: Cell::new(500),
            effects: RefCell::default(),
        }
    }

    /// A world with the token `t1` of that age.
    fn aged(age: i64) -> Self {
        Self::new(age, t1())
    }

    /// A world with the token `t1` of that age and the refresh token `r1`.
    fn refreshable(age: i64) -> Self {
        Self::new(age, Entry { refresh_token: Some(secret("r1")), ..t1() })
    }

    /// A world without an entry.
    fn empty() -> Self {
        Self::new(0, Entry::default())
    }

    fn locks<const N: usize>(self, script: [Lock; N]) -> Self {
        *self.locks.borrow_mut() = script.into();
        self
    }

    fn replies<const N: usize>(self, script: [Reply; N]) -> Self {
        self.tenant_says(script);
        self
    }

    fn tenant_says<const N: usize>(&self, script: [Reply; N]) {
        self.replies.borrow_mut().extend(script);
    }

    /// Another process writes this entry after so many seconds.
    fn other_writes(self, after: i64, entry: Entry) -> Self {
        self.others.borrow_mut().push_back((after * 1000, entry));
        self
    }

    fn client_secret(mut self, text: &str) -> Self {
        self.profile.client_secret = Some(SecretSource::given(secret(text)));
        self
    }

    /// Makes the client secret unreadable.
    fn without_secret(mut self) -> Self {
        self.profile.client_secret = Some(SecretSource::Env { name: "GONE".to_owned(), value: Err("is not set") });
        self
    }

    fn pass(&self, seconds: i64) {
        self.elapsed.set(self.elapsed.get() + seconds * 1000);
    }

    /// One run for any valid token.
    fn get(&self) -> Run {
        self.ask(0, Renew::IfNeeded)
    }

    /// One run.
    fn ask(&self, min_ttl: i64, renew: Renew) -> Run {
        let (result, effects, warnings) = self.run(|broker| broker.obtain(&TokenRequest { min_ttl, renew }));
        assert!(self.replies.borrow().is_empty(), "a reply was not asked for: {effects}");
        let answer = match result {
            Ok(served) => {
                assert!(served.remaining > crate::token::FLOOR, "too old: {served:?}");
                let is_new = self.issued.borrow().contains(&served.access_token);
                let source = if is_new { "new" } else { "cached" };
                format!("{}, {} s left, {source}", served.access_token.expose(), served.remaining)
            }
            Err(error) => told(&error),
        };
        Run { answer, effects, warnings }
    }

    /// A caller gives a token back.
    fn discard(&self, given: &str) -> String {
        self.run(|broker| broker.discard(given, 7)).1
    }

    /// Runs something on a broker; also gives the effects and the warnings.
    fn run<T>(&self, call: impl FnOnce(&Broker<'_, Self>) -> T) -> (T, String, String) {
        self.effects.borrow_mut().clear();
        self.issued.borrow_mut().clear();
        let stderr = Stderr::default();
        let log = Log::new(Box::new(stderr.clone()), &|_| None);
        let broker = Broker {
            profile: &self.profile,
            store: self,
            clock: self,
            endpoint: self,
            log: &log,
            identity: "id",
            deadline: Deadline::after(self, RUN_LIMIT),
        };
        let result = call(&broker);
        let warnings = String::from_utf8(stderr.0.take()).unwrap();
        let warnings: Vec<&str> = warnings.lines().map(|line| line.strip_prefix("warning: ").unwrap()).collect();
        (result, self.effects.borrow().join(", "), warnings.join(" | "))
    }

    /// Notes an effect. A poll that is like the one before is not noted again.
    fn note(&self, effect: impl Into<String>) {
        let mut effects = self.effects.borrow_mut();
        effects.push(effect.into());
        if let [.., a, b, c, d, e, f] = effects.as_slice()
            && [a, b, c] == [d, e, f]
        {
            let keep = effects.len() - 3;
            effects.truncate(keep);
        }
    }

    /// What is on the disk.
    fn disk(&self) -> String {
        self.tell(&self.disk.borrow())
    }

    fn tell(&self, entry: &Entry) -> String {
        let now = self.now().wall;
        let text = |secret: Option<&Secret>| secret.map_or("-", Secret::expose).to_owned();
        let token = text(entry.token.as_ref().map(|token| &token.access_token));
        let mark = if entry.refresh_in_flight { "!" } else { "" };
        let mut all = format!("{token} {}{mark}", text(entry.refresh_token.as_ref()));
        if entry.renew_after != 0 {
            write!(all, " pause {}", entry.renew_after - now).unwrap();
        }
        if let Some(failure) = &entry.failure {
            let kind = format!("{:?}", failure.kind);
            let kind = kind.split('(').next().unwrap();
            write!(all, " {kind}#{} for {}", failure.count, failure.until - now).unwrap();
        }
        all
    }
}

impl Clock for World {
    fn now(&self) -> Now {
        let seconds = self.elapsed.get() / 1000;
        Now { wall: self.wall.get() + seconds, boot: Some(self.boot.get() + seconds) }
    }

    fn instant(&self) -> Instant {
        crate::clock::tests::instant(Duration::from_millis(self.elapsed.get().unsigned_abs()))
    }

    fn boot_id(&self) -> Option<String> {
        Some(self.boot_id.get().to_owned())
    }

    fn sleep(&self, time: Duration) {
        self.note(format!("sleep {}", time.as_millis()));
        self.elapsed.set(self.elapsed.get() + i64::try_from(time.as_millis()).unwrap());
    }

    fn jitter(&self, limit: Duration) -> Duration {
        limit * u32::try_from(self.roll.get()).unwrap() / 1000
    }
}

impl Endpoint for World {
    fn request(
        &self,
        grant: &Grant,
        secret: &Secret,
        _known: &[Secret],
        limit: Duration,
    ) -> Result<TokenResponse, RequestError> {
        let Some(SecretSource::Given { secret: expected, .. }) = &self.profile.client_secret else {
            panic!("no secret to send")
        };
        assert_eq!(secret, expected);
        self.note(match grant {
            Grant::ClientCredentials => format!("ask credentials {}", limit.as_millis()),
            Grant::RefreshToken(token) => format!("ask refresh {} {}", token.expose(), limit.as_millis()),
        });
        let Reply(takes, result) = self.replies.borrow_mut().pop_front().expect("an unexpected request");
        self.pass(takes);
        if let Some(happen) = self.meanwhile.take() {
            happen();
        }
        self.issued.borrow_mut().extend(result.as_ref().ok().map(|response| response.access_token.clone()));
        result
    }
}

impl Store for World {
    type Guard = ();

    fn load(&self) -> Loaded {
        self.note("load");
        let mut others = self.others.borrow_mut();
        while others.front().is_some_and(|(at, _)| *at <= self.elapsed.get()) {
            self.disk.replace(others.pop_front().unwrap().1);
        }
        (self.read)(self.disk.borrow().clone())
    }

    fn try_lock(&self) -> LockAttempt<()> {
        let mut locks = self.locks.borrow_mut();
        let next = if locks.len() > 1 { locks.pop_front() } else { locks.front().cloned() };
        match next.unwrap() {
            Lock::Held => self.note("lock"),
            Lock::HeldAfter(entry) => {
                self.note("lock");
                self.disk.replace(entry);
            }
            Lock::HeldLate(seconds) => {
                self.note("lock");
                self.pass(seconds);
            }
            Lock::Busy => {
                self.note("busy");
                return LockAttempt::Busy;
            }
            Lock::Unsupported => {
                self.note("no lock");
                return LockAttempt::Unsupported((), "not supported".to_owned());
            }
            Lock::Unusable => {
                self.note("no cache");
                return LockAttempt::Unusable("read-only".to_owned());
            }
            Lock::Declined => {
                self.note("no cache wanted");
                return LockAttempt::Declined("switched off".to_owned());
            }
        }
        LockAttempt::Held(())
    }

    fn save(&self, _guard: &(), entry: &Entry) -> Result<(), String> {
        self.writes.set(self.writes.get() + 1);
        if self.full_at.contains(&self.writes.get()) {
            self.note("save fails");
            return Err("disk full".to_owned());
        }
        self.note(format!("save {}", self.tell(entry)));
        self.disk.replace(entry.clone());
        Ok(())
    }

    fn note_failure(&self, _guard: &(), failure: &Failure) {
        self.note("note");
        self.noted.replace(Some(failure.clone()));
    }

    fn noted_failure(&self, _guard: Option<&()>) -> Option<Failure> {
        self.noted.borrow().clone()
    }

    fn holder(&self) -> Option<u32> {
        Some(77)
    }

    fn lock_path(&self) -> String {
        "/cache/v1.lock".to_owned()
    }
}

/// Standard error, kept.
#[derive(Clone, Default)]
struct Stderr(Rc<RefCell<Vec<u8>>>);

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(super) fn profile() -> Profile {
    let client_secret = Some(SecretSource::given(secret("client-secret-1")));
    Profile { client_secret, ..sample::profile(Preset::Access, "acme.example.com") }
}

/// An entry with the token `t1`.
fn t1() -> Entry {
    Entry { token: Some(token("t1", LIFE)), ..Entry::default() }
}

/// An entry that another process renewed at that age of `t1`, while the clocks were right.
fn renewed(text: &str, age: i64) -> Entry {
    let mut token = token(text, LIFE);
    token.issued_at += age;
    token.expires_at += age;
    token.issued_boot = token.issued_boot.map(|boot| boot + age);
    Entry { token: Some(token), ..Entry::default() }
}

/// A failure that another process had at that age of `t1`, with the client secret of [`profile`].
fn failed(kind: FailureKind, age: i64, pause: i64) -> Failure {
    let at = ISSUED + age;
    let tried = vec![failure::fingerprint(&profile(), "id", "")];
    Failure { kind, cause: "what it said".to_owned(), at, until: at + pause, count: 1, tried }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

/// A reply with a token of that life.
fn issued(text: &str, life: i64) -> Reply {
    Reply(0, Ok(TokenResponse { access_token: secret(text), life, life_is_assumed: false, refresh_token: None }))
}

fn fails(error: RequestError) -> Reply {
    Reply(0, Err(error))
}

fn unreachable() -> Reply {
    refused(FailureKind::Unreachable, "connection refused")
}

fn broken() -> Reply {
    refused(FailureKind::Interrupted, "connection reset")
}

fn refused(kind: FailureKind, cause: &str) -> Reply {
    fails(RequestFailure::new(kind, cause).into())
}

/// A denial; the cause names the code.
fn denied(cause: &str) -> Reply {
    let code = cause.split(' ').nth(2).map(|code| ErrorCode::parse(code.trim_matches('"')));
    refused(FailureKind::Denied(code), cause)
}

fn limited(retry_after: Option<i64>, cause: &str) -> Reply {
    fails(RequestFailure { retry_after, ..RequestFailure::new(FailureKind::TooManyRequests, cause) }.into())
}

fn untrusted() -> Reply {
    refused(FailureKind::Certificate(CertificateProblem::UnknownIssuer(None)), "invalid certificate")
}

impl Reply {
    /// The same with a refresh token.
    fn with(mut self, refresh_token: &str) -> Self {
        self.1 = self.1.map(|issued| TokenResponse { refresh_token: Some(secret(refresh_token)), ..issued });
        self
    }

    /// The same after so many seconds.
    fn after(self, seconds: i64) -> Self {
        Self(seconds, self.1)
    }
}

/// Exit status, error and causes.
fn told(error: &Error) -> String {
    format!("exit {}: {}", error.exit_code(), error.chain().collect::<Vec<_>>().join(" < "))
}

/// A run that must have answered so, with these effects, silently.
#[track_caller]
fn quiet(run: &Run, answer: &str, effects: &str) {
    loud(run, answer, effects, "");
}

/// The same with warnings.
#[track_caller]
fn loud(run: &Run, answer: &str, effects: &str, warnings: &str) {
    assert_eq!((&*run.answer, &*run.effects, &*run.warnings), (answer, effects, warnings));
}

#[test]
fn nothing_that_holds_a_secret_shows_it() {
    const CANARY: &str = "canary";
    let canary = || Secret::new(CANARY.to_owned());
    let profile = Profile { client_secret: Some(SecretSource::given(canary())), proxy: Some(canary()), ..profile() };
    let entry = Entry { token: Some(token(CANARY, LIFE)), refresh_token: Some(canary()), ..Entry::default() };
    let issued =
        TokenResponse { access_token: canary(), refresh_token: Some(canary()), life: LIFE, life_is_assumed: false };
    let served = AccessToken { access_token: canary(), life: LIFE, remaining: LIFE, now: ISSUED, refused_by: vec![] };
    let need = Need { rejected: Some(canary()), ..Need::default() };
    let request = TokenRequest { renew: Renew::IfRejected(served.fingerprint()), ..TokenRequest::default() };
    for text in [
        format!("{:?}", canary()),
        format!("{profile:#?}"),
        format!("{:?}", profile.client_secret),
        format!("{entry:#?}"),
        format!("{:?}", entry.token),
        format!("{:?}", Loaded::Entry(entry)),
        format!("{issued:?}"),
        format!("{served:?}"),
        format!("{need:?} {request:?}"),
        format!("{:?}", Grant::RefreshToken(canary())),
    ] {
        assert!(!text.contains(CANARY), "{text}");
        // As a list of bytes, too.
        assert!(!text.contains("99, 97, 110, 97, 114, 121"), "{text}");
    }
}

mod back_off;
mod caching;
mod clocks;
mod giving_back;
mod interleavings;
mod proof;
mod refresh_token;
mod rejected;
mod replies;
mod uncoordinated;
mod waiting;
