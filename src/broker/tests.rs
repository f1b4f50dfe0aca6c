//! Table tests of the broker: time, the tenant and the disk are scripted, and every effect is noted in its order.
//!
//! A [`World`] holds what outlives a run. [`World::get`] is one run of one process; it tells the answer, the effects
//! and the warnings as text. Entries are told as `TOKEN REFRESH_TOKEN`, `-` for none, `!` after a refresh token that
//! is marked as in flight, then `pause N` and the failure, all in seconds from now.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write;
use std::rc::Rc;

use super::*;
use crate::config::{AuthStyle, Preset};
use crate::origin::{Origin, Target};
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
    /// Held, but somebody replaced the entry just before.
    HeldAfter(Entry),
    /// Held, but this process was stopped for so many seconds before.
    HeldLate(i64),
}

/// What the tenant does with one request: it takes so many seconds, then says this.
struct Reply(i64, Result<Issued, EndpointError>);

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
    warning: Option<&'static str>,
    replies: RefCell<VecDeque<Reply>>,
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
            warning: None,
            replies: RefCell::default(),
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
        self.profile.client_secret = Some(SecretSource::Given(secret(text)));
        self
    }

    /// Makes the client secret unreadable.
    fn without_secret(mut self) -> Self {
        self.profile.client_secret = Some(SecretSource::Env { name: "GONE".to_owned(), value: None });
        self
    }

    fn pass(&self, seconds: i64) {
        self.elapsed.set(self.elapsed.get() + seconds * 1000);
    }

    /// One run for any valid token.
    fn get(&self) -> Run {
        self.want(0, Insist::No)
    }

    /// One run.
    fn want(&self, min_life: i64, insist: Insist) -> Run {
        let (result, effects, warnings) = self.run(|broker| broker.obtain(&Want { min_life, insist }));
        assert!(self.replies.borrow().is_empty(), "a reply was not asked for: {effects}");
        let answer = match result {
            Ok(served) => {
                assert!(served.remaining > FLOOR, "too old: {served:?}");
                let source = if served.from_cache { "cached" } else { "new" };
                format!("{}, {} s left, {source}", served.access_token.expose(), served.remaining)
            }
            Err(error) => told(&error),
        };
        Run { answer, effects, warnings }
    }

    /// A caller gives a token back.
    fn discard(&self, given: &str) -> String {
        self.run(|broker| broker.discard(given)).1
    }

    /// Runs something on a broker; tells the effects and the warnings besides.
    fn run<T>(&self, call: impl FnOnce(&Broker<'_, Self>) -> T) -> (T, String, String) {
        self.effects.borrow_mut().clear();
        let stderr = Stderr::default();
        let log = Log::new(Box::new(stderr.clone()), &|_| None);
        let broker =
            Broker { profile: &self.profile, store: self, clock: self, endpoint: self, log: &log, identity: "id" };
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
            write!(all, " {:?}#{} for {}", failure.class, failure.count, failure.until - now).unwrap();
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
    fn request(&self, grant: &Grant, secret: &Secret, limit: Duration) -> Result<Issued, EndpointError> {
        let Some(SecretSource::Given(expected)) = &self.profile.client_secret else { panic!("no secret to send") };
        assert_eq!(secret, expected);
        self.note(match grant {
            Grant::ClientCredentials => format!("ask credentials {}", limit.as_millis()),
            Grant::RefreshToken(token) => format!("ask refresh {} {}", token.expose(), limit.as_millis()),
        });
        let Reply(takes, result) = self.replies.borrow_mut().pop_front().expect("an unexpected request");
        self.pass(takes);
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

    fn try_lock(&self) -> Tried<()> {
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
                return Tried::Busy;
            }
            Lock::Unsupported => {
                self.note("no lock");
                return Tried::Unsupported((), "not supported".to_owned());
            }
            Lock::Unusable => {
                self.note("no cache");
                return Tried::Unusable("read-only".to_owned());
            }
        }
        Tried::Held(())
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

    fn warning<'g>(&self, _guard: &'g ()) -> Option<&'g str> {
        self.warning
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
    Profile {
        name: "prod".to_owned(),
        tenant: Origin::parse("acme.example.com", true).unwrap(),
        token_url: Target::parse("https://acme.example.com/SAAS/auth/oauthtoken").unwrap(),
        preset: Preset::Access,
        client_id: "ci-bot".to_owned(),
        client_secret: Some(SecretSource::Given(secret("s1"))),
        scope: None,
        auth_style: AuthStyle::Basic,
        use_refresh_token: true,
        hosts: Vec::new(),
        ca_file: None,
        ca_only: false,
        proxy: None,
        git_username: "oauth2".to_owned(),
    }
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

/// A failure that another process had at that age of `t1`, with the client secret `s1`.
fn failed(class: FailureClass, age: i64, pause: i64) -> Failure {
    let at = ISSUED + age;
    let secret = Some(fingerprint("id", &secret("s1")));
    Failure { class, detail: "what it said".to_owned(), at, until: at + pause, count: 1, secret }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

/// A reply with a token of that life.
fn issued(text: &str, life: i64) -> Reply {
    Reply(0, Ok(Issued { access_token: secret(text), life, life_is_assumed: false, refresh_token: None }))
}

fn fails(error: EndpointError) -> Reply {
    Reply(0, Err(error))
}

fn unreachable() -> Reply {
    fails(EndpointError::Unreachable("connection refused".into()))
}

fn broken() -> Reply {
    fails(EndpointError::Broken("connection reset".into()))
}

fn refused(refusal: Refusal, cause: &str) -> Reply {
    fails(EndpointError::Refused(refusal, cause.to_owned()))
}

fn untrusted() -> Reply {
    fails(EndpointError::Untrusted("invalid certificate".into(), "trust it".to_owned()))
}

impl Reply {
    /// The same with a refresh token.
    fn with(mut self, refresh_token: &str) -> Self {
        self.1 = self.1.map(|issued| Issued { refresh_token: Some(secret(refresh_token)), ..issued });
        self
    }

    /// The same after so many seconds.
    fn after(self, seconds: i64) -> Self {
        Self(seconds, self.1)
    }
}

/// Exit status, error and causes.
fn told(error: &Error) -> String {
    let mut text = format!("exit {}: {error}", error.exit_code());
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        write!(text, " < {error}").unwrap();
        cause = error.source();
    }
    text
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

// The common cases.

#[test]
fn a_fresh_token_is_served_without_lock_secret_or_request() {
    let world = World::aged(FRESH).without_secret().locks([Lock::Unusable]);
    quiet(&world.get(), "t1, 10700 s left, cached", "load");
}

#[test]
fn an_empty_cache_is_filled() {
    let world = World::empty().replies([issued("t2", LIFE).with("r2")]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 10000, save t2 r2");
    quiet(&world.get(), "t2, 10800 s left, cached", "load");
}

#[test]
fn a_token_at_its_floor_is_not_served() {
    let world = World::aged(LIFE - 5).replies([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 10000, save t2 -");
}

#[test]
fn a_missing_secret_setting_is_an_error() {
    let mut world = World::empty();
    world.profile.client_secret = None;
    quiet(&world.get(), "exit 2: profile `prod` has no client secret", "load, lock, load");
}

// Expiring: one renews, the others go on.

#[test]
fn an_expiring_token_is_renewed_by_whoever_gets_the_lock() {
    let world = World::aged(EXPIRING).replies([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 5000, save t2 -");
}

#[test]
fn an_expiring_token_is_served_while_another_renews() {
    let world = World::aged(EXPIRING).without_secret().locks([Lock::Busy]);
    quiet(&world.get(), "t1, 400 s left, cached", "load, busy");
}

#[test]
fn a_failed_renewal_costs_one_warning_and_one_request_per_back_off() {
    let world = World::aged(EXPIRING).replies([refused(Refusal::Limited(Some(30)), "HTTP 429")]);
    loud(
        &world.get(),
        "t1, 400 s left, cached",
        "load, lock, load, ask credentials 5000, save t1 - pause 30 Limited#1 for 30",
        "tenant `acme.example.com` asks for fewer requests (HTTP 429); using the cached token, 400 s left",
    );
    world.pass(29);
    quiet(&world.get(), "t1, 371 s left, cached", "load");
    world.pass(1);
    world.tenant_says([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 5000, save t2 -");
}

// Due: everybody waits, but nobody fails.

#[test]
fn a_due_token_is_renewed_first() {
    let world = World::aged(DUE).replies([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 10000, save t2 -");
}

#[test]
fn a_due_token_is_waited_for_until_another_has_renewed_it() {
    let world = World::aged(DUE).without_secret().locks([Lock::Busy]).other_writes(3, renewed("t2", DUE + 3));
    quiet(&world.get(), "t2, 10800 s left, cached", "load, busy, sleep 27, load");
    assert_eq!(world.elapsed.get() / 1000, 3);
}

#[test]
fn a_due_token_is_served_when_the_wait_is_over() {
    let warning = "gave up after 15 s waiting for another ws1-token to renew profile `prod` (lock held by process 77 on \
                   `/cache/v1.lock`); using the cached token,";
    let world = World::aged(DUE).locks([Lock::Busy]);
    let effects = "load, busy, sleep 27, load, busy";
    loud(&world.get(), "t1, 85 s left, cached", effects, &format!("{warning} 85 s left"));
    assert_eq!(world.elapsed.get() / 1000, 15);
    let run = World::aged(FRESH).locks([Lock::Busy]).want(0, Insist::OnNew);
    loud(&run, "t1, 10685 s left, cached", effects, &format!("{warning} 10685 s left"));
}

#[test]
fn a_due_token_is_served_when_its_renewal_fails() {
    let world = World::aged(DUE).replies([unreachable().after(7)]);
    loud(
        &world.get(),
        "t1, 93 s left, cached",
        "load, lock, load, ask credentials 10000, save t1 - pause 1 Unavailable#1 for 1",
        "cannot get a token from tenant `acme.example.com` (connection refused); using the cached token, 93 s left",
    );
}

#[test]
fn a_due_token_whose_renewal_fails_is_enough_if_it_lives_as_long_as_is_needed() {
    let world = || World::aged(DUE).replies([unreachable()]);
    assert_eq!(world().want(LIFE - DUE, Insist::No).answer, "t1, 100 s left, cached");
    let error = "exit 3: cannot get a token from tenant `acme.example.com` < connection refused";
    assert_eq!(world().want(LIFE - DUE + 1, Insist::No).answer, error);
}

#[test]
fn a_due_token_is_served_at_once_during_a_back_off() {
    let world = World::new(DUE, Entry { renew_after: ISSUED + DUE + 1, ..t1() });
    quiet(&world.get(), "t1, 100 s left, cached", "load");
}

#[test]
fn a_token_that_ends_during_the_renewal_is_not_served() {
    let world = World::aged(LIFE - 10).replies([unreachable().after(5)]);
    quiet(
        &world.get(),
        "exit 3: cannot get a token from tenant `acme.example.com` < connection refused",
        "load, lock, load, ask credentials 10000, save t1 - pause 1 Unavailable#1 for 1",
    );
}

// Expired or empty: wait for the leader, or for what became of it.

#[test]
fn a_waiter_sees_the_new_entry_without_the_lock() {
    let world = World::empty().without_secret().locks([Lock::Busy]).other_writes(1, renewed("t2", 1));
    quiet(&world.get(), "t2, 10800 s left, cached", "load, busy, sleep 27, load");
}

#[test]
fn a_waiter_takes_over_when_the_leader_is_gone() {
    let world = World::empty().locks([Lock::Busy, Lock::Busy, Lock::Held]).replies([issued("t2", LIFE)]);
    quiet(
        &world.get(),
        "t2, 10800 s left, new",
        "load, busy, sleep 27, load, lock, load, ask credentials 10000, save t2 -",
    );
}

#[test]
fn a_waiter_tells_the_leaders_failure_again() {
    let failure = Some(failed(FailureClass::Denied, EXPIRED, 60));
    let world = World::aged(EXPIRED).locks([Lock::Busy]).other_writes(2, Entry { failure, ..t1() });
    quiet(
        &world.get(),
        "exit 4: tenant `acme.example.com` rejected client `ci-bot` of profile `prod` < what it said < no new attempt \
         for 58 s",
        "load, busy, sleep 27, load",
    );
}

#[test]
fn every_class_of_failure_is_told_again_with_its_own_status() {
    for (class, exit) in [
        (FailureClass::Unavailable, "exit 3: cannot get a token from tenant `acme.example.com`"),
        (FailureClass::Limited, "exit 3: tenant `acme.example.com` asks for fewer requests"),
        (FailureClass::Denied, "exit 4: tenant `acme.example.com` rejected client `ci-bot` of profile `prod`"),
        (
            FailureClass::Unusable,
            "exit 5: `https://acme.example.com/SAAS/auth/oauthtoken` did not answer as a token endpoint",
        ),
    ] {
        let world = World::new(10, Entry { failure: Some(failed(class, 0, 60)), ..Entry::default() });
        quiet(&world.get(), &format!("{exit} < what it said < no new attempt for 50 s"), "load");
    }
}

#[test]
fn a_wait_that_is_over_names_the_holder() {
    let world = World::empty().locks([Lock::Busy]);
    quiet(
        &world.get(),
        "exit 3: gave up after 15 s waiting for another ws1-token to renew profile `prod` < lock held by process 77 on \
         `/cache/v1.lock`",
        "load, busy, sleep 27, load, busy",
    );
}

#[test]
fn a_leader_that_was_held_up_gets_the_rest_of_the_runs_time() {
    for (late, limit) in [(14, 10_000), (20, 5_000), (60, 500)] {
        let world = World::empty().locks([Lock::HeldLate(late)]).replies([issued("t2", LIFE)]);
        assert_eq!(world.get().effects, format!("load, lock, load, ask credentials {limit}, save t2 -"));
    }
}

// The second look, under the lock.

#[test]
fn what_was_renewed_before_the_lock_is_served() {
    for age in [EXPIRING, DUE, EXPIRED] {
        let world = World::aged(age).without_secret().locks([Lock::HeldAfter(renewed("t2", age))]);
        quiet(&world.get(), "t2, 10800 s left, cached", "load, lock, load");
    }
}

#[test]
fn what_failed_before_the_lock_is_not_repeated() {
    let failure = Some(failed(FailureClass::Unusable, EXPIRED, 5));
    let world = World::aged(EXPIRED).locks([Lock::HeldAfter(Entry { failure, ..t1() })]);
    let run = world.get();
    assert_eq!(run.effects, "load, lock, load");
    assert!(run.answer.ends_with("< what it said < no new attempt for 5 s"), "{}", run.answer);
}

#[test]
fn what_the_store_says_about_the_cache_is_told() {
    let mut world = World::empty().replies([issued("t2", LIFE)]);
    world.warning = Some("the cache was open to others");
    assert_eq!(world.get().warnings, "the cache was open to others");
}

#[test]
fn an_entry_that_is_not_trusted_is_told_once_and_replaced() {
    let mut world = World::refreshable(FRESH).replies([issued("t2", LIFE)]);
    world.read = |_| Loaded::Distrusted("mode 644".to_owned());
    loud(
        &world.get(),
        "t2, 10800 s left, new",
        "load, lock, load, ask credentials 10000, save t2 -",
        "ignoring a cache file that others could have changed (mode 644)",
    );
    world.tenant_says([issued("t3", LIFE)]);
    world.read = |_| Loaded::Unusable("a directory".to_owned());
    assert_eq!(world.get().warnings, "ignoring a cache that cannot be used (a directory)");
}

// The refresh token: marked before it is sent, and never sent twice.

/// The effects of a run up to and with sending `r1`.
const SENT: &str = "load, lock, load, save t1 r1!, ask refresh r1 10000";

#[test]
fn a_refresh_is_marked_before_and_the_rotated_token_kept_after() {
    let world = World::refreshable(DUE).replies([issued("t2", LIFE).with("r2")]);
    quiet(&world.get(), "t2, 10800 s left, new", &format!("{SENT}, save t2 r2"));
    assert_eq!(world.disk(), "t2 r2");
}

#[test]
fn a_reply_without_a_refresh_token_keeps_the_old_one() {
    let world = World::refreshable(EXPIRED).replies([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", &format!("{SENT}, save t2 r1"));
}

#[test]
fn a_dropped_access_token_leaves_the_refresh_token_usable() {
    let world = World::new(FRESH, Entry { refresh_token: Some(secret("r1")), ..Entry::default() });
    world.tenant_says([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, save - r1!, ask refresh r1 10000, save t2 r1");
}

#[test]
fn a_profile_without_refresh_neither_sends_nor_keeps_one() {
    let mut world = World::refreshable(DUE).replies([issued("t2", LIFE).with("r2")]);
    world.profile.use_refresh_token = false;
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 10000, save t2 -");
}

#[test]
fn a_refresh_token_that_cannot_be_marked_is_not_sent() {
    let mut world = World::refreshable(DUE).replies([issued("t2", LIFE)]);
    world.full_at = vec![1];
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, save fails, ask credentials 10000, save t2 r1");
}

#[test]
fn a_marked_refresh_token_is_dropped() {
    let marked = Entry { refresh_token: Some(secret("r1")), refresh_in_flight: true, ..t1() };
    let world = World::new(DUE, marked.clone()).replies([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 10000, save t2 -");
    let world = World::new(DUE, marked).replies([unreachable()]);
    assert_eq!(
        world.get().effects,
        "load, lock, load, ask credentials 10000, save t1 - pause 1 Unavailable#1 for 1",
        "also when nothing replaces it"
    );
}

#[test]
fn a_run_that_dies_after_sending_leaves_the_mark() {
    let world = World::refreshable(DUE);
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.get()));
    assert!(died.is_err(), "the tenant has no script");
    assert_eq!(world.disk(), "t1 r1!");
    world.tenant_says([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 10000, save t2 -");
}

/// A reply; then the failure in the entry, the exit status, the error and its cause.
type Row<'a> = (fn() -> Reply, [&'a str; 4]);

#[test]
fn a_refresh_token_that_was_not_looked_at_is_kept_and_nothing_else_is_tried() {
    let unavailable = "cannot get a token from tenant `acme.example.com`";
    let denied = "tenant `acme.example.com` rejected client `ci-bot` of profile `prod`";
    let limited = "tenant `acme.example.com` asks for fewer requests";
    let distrusted = "cannot verify the certificate of `acme.example.com`";
    let no_request = || fails(EndpointError::Setup(Error::System { what: "no threads", source: "none left".into() }));
    let rows: [Row; 5] = [
        (unreachable, [" pause 1 Unavailable#1 for 1", "exit 3", unavailable, "connection refused"]),
        (
            || refused(Refusal::Denied, "HTTP 401 bad client"),
            [" pause 60 Denied#1 for 60", "exit 4", denied, "HTTP 401 bad client"],
        ),
        (|| refused(Refusal::Limited(None), "HTTP 429"), [" pause 60 Limited#1 for 60", "exit 3", limited, "HTTP 429"]),
        (untrusted, ["", "exit 2", distrusted, "invalid certificate"]),
        (no_request, ["", "exit 1", "no threads", "none left"]),
    ];
    for (reply, [failure, exit, what, why]) in rows {
        let effects = format!("{SENT}, save t1 r1{failure}");
        let world = World::refreshable(EXPIRED).replies([reply()]);
        quiet(&world.get(), &format!("{exit}: {what} < {why}"), &effects);
        let world = World::refreshable(DUE).replies([reply()]);
        let warning = format!("{what} ({why}); using the cached token, 100 s left");
        loud(&world.get(), "t1, 100 s left, cached", &effects, &warning);
    }
}

#[test]
fn a_refused_refresh_token_is_dropped_and_the_credentials_are_tried_at_once() {
    for cause in ["HTTP 400 \"invalid_grant\"", "HTTP 403", "HTTP 200 \"invalid_grant\""] {
        for (age, limit) in [(EXPIRING, 5_000), (DUE, 10_000), (EXPIRED, 10_000)] {
            let world = World::refreshable(age).replies([refused(Refusal::Denied, cause), issued("t2", LIFE)]);
            quiet(
                &world.get(),
                "t2, 10800 s left, new",
                &format!("load, lock, load, save t1 r1!, ask refresh r1 {limit}, ask credentials {limit}, save t2 -"),
            );
        }
    }
}

/// The failures after which nobody knows whether the refresh token was consumed, with what becomes of them.
fn doubtful() -> [(Reply, &'static str); 3] {
    [
        (broken(), " pause 1 Unavailable#1 for 1"),
        (refused(Refusal::Failed, "HTTP 503"), " pause 1 Unavailable#1 for 1"),
        (refused(Refusal::Unusable, "HTTP 200 with malformed JSON"), " pause 5 Unusable#1 for 5"),
    ]
}

#[test]
fn a_refresh_token_in_doubt_is_dropped_and_the_valid_token_served() {
    for (reply, failure) in doubtful() {
        let world = World::refreshable(DUE).replies([reply]);
        let run = world.get();
        assert_eq!(run.answer, "t1, 100 s left, cached");
        assert_eq!(run.effects, format!("{SENT}, save t1 -{failure}"));
        assert!(run.warnings.ends_with("; using the cached token, 100 s left"), "{}", run.warnings);
    }
}

#[test]
fn a_refresh_token_in_doubt_is_dropped_and_the_credentials_replace_an_expired_token() {
    for (reply, _) in doubtful() {
        let world = World::refreshable(EXPIRED).replies([reply.after(4), issued("t2", LIFE).with("r2")]);
        quiet(&world.get(), "t2, 10800 s left, new", &format!("{SENT}, ask credentials 6000, save t2 r2"));
    }
}

#[test]
fn when_both_grants_fail_the_second_failure_counts() {
    let world = World::refreshable(EXPIRED)
        .replies([refused(Refusal::Denied, "HTTP 400"), refused(Refusal::Limited(Some(7)), "HTTP 429")]);
    quiet(
        &world.get(),
        "exit 3: tenant `acme.example.com` asks for fewer requests < HTTP 429",
        &format!("{SENT}, ask credentials 10000, save t1 - pause 7 Limited#1 for 7"),
    );
}

#[test]
fn the_second_grant_gets_half_a_second_at_least() {
    let world = World::refreshable(EXPIRED).replies([broken().after(10), issued("t2", LIFE)]);
    assert_eq!(world.get().effects, format!("{SENT}, ask credentials 500, save t2 -"));
}

// A cache that cannot be locked, or not written.

const NO_LOCKS: &str = "the cache cannot be locked, tokens may be fetched twice (not supported)";

#[test]
fn without_locks_the_credentials_are_used_after_a_random_wait() {
    let world = World::aged(EXPIRED).locks([Lock::Unsupported]).replies([issued("t2", LIFE).with("r2")]);
    let effects = "load, no lock, sleep 1000, load, ask credentials 10000, save t2 r2";
    loud(&world.get(), "t2, 10800 s left, new", effects, NO_LOCKS);
}

#[test]
fn without_locks_another_process_may_be_quicker() {
    let world =
        World::aged(EXPIRED).without_secret().locks([Lock::Unsupported]).other_writes(1, renewed("t2", EXPIRED + 1));
    loud(&world.get(), "t2, 10800 s left, cached", "load, no lock, sleep 1000, load", NO_LOCKS);
}

#[test]
fn without_locks_a_valid_token_is_not_renewed() {
    for age in [EXPIRING, DUE] {
        for lock in [Lock::Unsupported, Lock::Unusable] {
            let run = World::aged(age).without_secret().locks([lock]).get();
            assert_eq!(run.answer, format!("t1, {} s left, cached", LIFE - age));
            assert_eq!(run.warnings, "");
        }
    }
}

#[test]
fn without_locks_no_refresh_token_is_sent() {
    let world = World::refreshable(EXPIRED).locks([Lock::Unsupported]).replies([issued("t2", LIFE)]);
    assert_eq!(world.get().effects, "load, no lock, sleep 1000, load, ask credentials 10000, save t2 -");
    let world = World::refreshable(EXPIRED).locks([Lock::Unusable]).replies([issued("t2", LIFE)]);
    assert_eq!(world.get().effects, "load, no cache, sleep 1000, load, ask credentials 10000");
}

#[test]
fn without_a_cache_a_token_is_fetched_for_this_run_only() {
    let world = World::empty().locks([Lock::Unusable]).replies([issued("t2", LIFE).with("r2")]);
    let effects = "load, no cache, sleep 1000, load, ask credentials 10000";
    loud(&world.get(), "t2, 10800 s left, new", effects, "going on without the cache (read-only)");
    assert_eq!(world.disk(), "- -");
}

#[test]
fn without_a_cache_a_failure_is_told_as_it_is() {
    let world = World::empty().locks([Lock::Unusable]).replies([unreachable()]);
    let answer = "exit 3: cannot get a token from tenant `acme.example.com` < connection refused";
    let effects = "load, no cache, sleep 1000, load, ask credentials 10000";
    loud(&world.get(), answer, effects, "going on without the cache (read-only)");
}

#[test]
fn a_token_that_cannot_be_saved_is_served_with_a_warning() {
    let mut world = World::empty().replies([issued("t2", LIFE)]);
    world.full_at = vec![1];
    let effects = "load, lock, load, ask credentials 10000, save fails";
    loud(&world.get(), "t2, 10800 s left, new", effects, "cannot write the cache (disk full)");
}

#[test]
fn a_rotation_that_cannot_be_saved_leaves_the_mark_for_the_next_run() {
    let mut world = World::refreshable(EXPIRED).replies([issued("t2", LIFE).with("r2")]);
    world.full_at = vec![2];
    let warning = "cannot write the cache (disk full)";
    loud(&world.get(), "t2, 10800 s left, new", &format!("{SENT}, save fails"), warning);
    assert_eq!(world.disk(), "t1 r1!");
    world.tenant_says([issued("t3", LIFE)]);
    quiet(&world.get(), "t3, 10800 s left, new", "load, lock, load, ask credentials 10000, save t3 -");
}

// Callers that do not want the cached token.

#[test]
fn force_refresh_gets_a_new_token() {
    let world = World::aged(FRESH).replies([issued("t2", LIFE)]);
    let effects = "load, lock, load, ask credentials 10000, save t2 -";
    quiet(&world.want(0, Insist::OnNew), "t2, 10800 s left, new", effects);
    let world = World::aged(FRESH).replies([issued("t2", 600)]);
    quiet(&world.want(0, Insist::OnNew), "t2, 600 s left, new", effects);
}

#[test]
fn force_refresh_keeps_a_good_token_if_the_new_one_ended_on_its_way() {
    // Five seconds are too few to be handed out.
    for takes in [5, 6] {
        let world = World::aged(FRESH).replies([issued("t2", 10).after(takes)]);
        let effects = "load, lock, load, ask credentials 10000, save t1 - pause 60";
        let answer = format!("t1, {} s left, cached", LIFE - FRESH - takes);
        quiet(&world.want(0, Insist::OnNew), &answer, effects);
    }
}

#[test]
fn force_refresh_is_content_with_a_renewal_after_its_start() {
    let world = World::aged(FRESH).without_secret().locks([Lock::HeldAfter(renewed("t2", FRESH))]);
    quiet(&world.want(0, Insist::OnNew), "t2, 10800 s left, cached", "load, lock, load");
    let world = World::aged(FRESH).without_secret().locks([Lock::Busy]).other_writes(1, renewed("t2", FRESH + 1));
    quiet(&world.want(0, Insist::OnNew), "t2, 10800 s left, cached", "load, busy, sleep 27, load");
}

#[test]
fn force_refresh_overrides_the_back_off_that_it_finds() {
    let failure = Some(failed(FailureClass::Denied, FRESH, 60));
    let renew_after = ISSUED + FRESH + 60;
    for entry in [Entry { failure: failure.clone(), ..Entry::default() }, Entry { renew_after, failure, ..t1() }] {
        let world = World::new(FRESH + 10, entry).replies([issued("t2", LIFE)]);
        let effects = "load, lock, load, ask credentials 10000, save t2 -";
        quiet(&world.want(0, Insist::OnNew), "t2, 10800 s left, new", effects);
    }
}

#[test]
fn force_refresh_respects_a_back_off_that_began_after_its_start() {
    let failure = Some(failed(FailureClass::Denied, FRESH, 60));
    let world = World::aged(FRESH).locks([Lock::HeldAfter(Entry { failure: failure.clone(), ..t1() })]);
    loud(
        &world.want(0, Insist::OnNew),
        "t1, 10700 s left, cached",
        "load, lock, load",
        "tenant `acme.example.com` rejected client `ci-bot` of profile `prod` (what it said); using the cached token, \
         10700 s left",
    );
    let before = Entry { failure: failure.clone(), ..Entry::default() };
    let again = Entry { failure: failure.map(|failure| Failure { count: 2, ..failure }), ..Entry::default() };
    let world = World::new(FRESH, before).locks([Lock::HeldAfter(again)]);
    assert_eq!(world.want(0, Insist::OnNew).effects, "load, lock, load", "not the one that it found");
}

#[test]
fn force_refresh_that_fails_serves_the_valid_token() {
    let world = World::aged(FRESH).replies([unreachable()]);
    loud(
        &world.want(0, Insist::OnNew),
        "t1, 10700 s left, cached",
        "load, lock, load, ask credentials 10000, save t1 - pause 1 Unavailable#1 for 1",
        "cannot get a token from tenant `acme.example.com` (connection refused); using the cached token, 10700 s left",
    );
}

#[test]
fn a_refused_token_is_renewed_unless_it_is_cached_no_more() {
    let refused = mark(&secret("t1"));
    let world = World::aged(FRESH).replies([issued("t2", LIFE)]);
    let insist = Insist::OnOther(refused);
    let effects = "load, lock, load, ask credentials 10000, save t2 -";
    quiet(&world.want(0, insist.clone()), "t2, 10800 s left, new", effects);
    quiet(&world.want(0, insist), "t2, 10800 s left, cached", "load");
}

#[test]
fn a_refused_token_is_no_reason_to_override_a_back_off() {
    let world = World::new(FRESH, Entry { failure: Some(failed(FailureClass::Denied, FRESH, 60)), ..t1() });
    let run = world.want(0, Insist::OnOther(mark(&secret("t1"))));
    assert_eq!((&*run.answer, &*run.effects), ("t1, 10700 s left, cached", "load"));
}

#[test]
fn marks_tell_tokens_apart() {
    let world = World::aged(FRESH);
    let (served, ..) = world.run(|broker| broker.obtain(&Want::default()).unwrap());
    assert_eq!(served.mark(), mark(&secret("t1")));
    assert_ne!(served.mark(), mark(&secret("t2")));
    assert_eq!((served.life, served.expires_at()), (LIFE, ISSUED + LIFE));
}

// Replies that help nobody.

#[test]
fn a_reply_that_ends_no_later_is_not_taken() {
    for left in [300, 400] {
        let world = World::aged(EXPIRING).replies([issued("t2", left)]);
        let effects = "load, lock, load, ask credentials 5000, save t1 - pause 60";
        quiet(&world.get(), "t1, 400 s left, cached", effects);
        world.pass(59);
        quiet(&world.get(), "t1, 341 s left, cached", "load");
        world.pass(1);
        world.tenant_says([issued("t2", 341)]);
        quiet(&world.get(), "t2, 341 s left, new", "load, lock, load, ask credentials 5000, save t2 -");
    }
}

#[test]
fn a_life_that_is_too_short_for_the_caller_costs_one_request_a_minute() {
    let world = World::empty().replies([issued("t2", 300)]);
    let error = "exit 3: tenant `acme.example.com` issues tokens for 300 s, less than the 3600 s asked for";
    quiet(&world.want(3600, Insist::No), error, "load, lock, load, ask credentials 10000, save t2 - pause 60");
    world.pass(59);
    quiet(&world.want(3600, Insist::No), error, "load");
    quiet(&world.get(), "t2, 241 s left, cached", "load");
    world.pass(1);
    world.tenant_says([issued("t3", LIFE)]);
    let effects = "load, lock, load, ask credentials 10000, save t3 -";
    quiet(&world.want(3600, Insist::No), "t3, 10800 s left, new", effects);
}

#[test]
fn a_life_that_is_just_what_the_caller_needs_is_enough_if_the_reply_took_no_second() {
    let world = World::empty().replies([issued("t2", 3600)]);
    let effects = "load, lock, load, ask credentials 10000, save t2 -";
    quiet(&world.want(3600, Insist::No), "t2, 3600 s left, new", effects);
    let world = World::empty().replies([issued("t2", 3600).after(1)]);
    let error =
        |left| format!("exit 3: tenant `acme.example.com` issues tokens for {left} s, less than the 3600 s asked for");
    quiet(&world.want(3600, Insist::No), &error(3599), &format!("{effects} pause 60"));
    world.pass(59);
    quiet(&world.want(3600, Insist::No), &error(3540), "load");
    quiet(&world.get(), "t2, 3540 s left, cached", "load");
    world.pass(1);
    world.tenant_says([issued("t3", 3600)]);
    quiet(&world.want(3600, Insist::No), "t3, 3600 s left, new", "load, lock, load, ask credentials 10000, save t3 -");
}

#[test]
fn a_token_that_the_tenant_issues_again_costs_one_request_a_minute_too() {
    let world = World::aged(LIFE - 1000).replies([issued("t1", 1000)]);
    let error =
        |left| format!("exit 3: tenant `acme.example.com` issues tokens for {left} s, less than the 3600 s asked for");
    let effects = "load, lock, load, ask credentials 10000, save t1 - pause 60";
    quiet(&world.want(3600, Insist::No), &error(1000), effects);
    world.pass(59);
    quiet(&world.want(3600, Insist::No), &error(941), "load");
    quiet(&world.get(), "t1, 941 s left, cached", "load");
}

#[test]
fn a_caller_that_needs_more_than_is_left_gets_a_new_token_or_an_error() {
    let world = World::aged(LIFE - 1000).replies([issued("t2", LIFE)]);
    let effects = "load, lock, load, ask credentials 10000, save t2 -";
    quiet(&world.want(3600, Insist::No), "t2, 10800 s left, new", effects);
    let world = World::aged(LIFE - 1000).replies([unreachable()]);
    quiet(
        &world.want(3600, Insist::No),
        "exit 3: cannot get a token from tenant `acme.example.com` < connection refused",
        "load, lock, load, ask credentials 10000, save t1 - pause 1 Unavailable#1 for 1",
    );
    quiet(
        &world.want(3600, Insist::No),
        "exit 3: cannot get a token from tenant `acme.example.com` < connection refused < no new attempt for 1 s",
        "load",
    );
    world.pass(1);
    world.tenant_says([issued("t2", LIFE)]);
    assert_eq!(world.want(3600, Insist::No).answer, "t2, 10800 s left, new");
    let world = World::aged(30).replies([issued("t2", LIFE)]);
    assert_eq!(world.want(LIFE - 10, Insist::No).answer, "t2, 10800 s left, new", "also if the old one is young");
}

#[test]
fn a_life_that_nobody_stated_is_told() {
    let world = World::empty();
    let Reply(_, issued) = issued("t2", ASSUMED_LIFE);
    world.tenant_says([Reply(0, issued.map(|issued| Issued { life_is_assumed: true, ..issued }))]);
    loud(
        &world.get(),
        "t2, 300 s left, new",
        "load, lock, load, ask credentials 10000, save t2 -",
        "tenant `acme.example.com` states no life for its token, assuming 300 s",
    );
}

// Failures, and when the next attempt is due.

#[test]
fn failures_of_one_class_make_the_back_off_grow() {
    let world = World::empty();
    let mut pauses = Vec::new();
    for _ in 0..6 {
        world.tenant_says([refused(Refusal::Unusable, "HTML")]);
        world.get();
        pauses.push(world.disk());
        world.pass(60);
    }
    assert_eq!(
        pauses,
        [(5, 1), (10, 2), (20, 3), (40, 4), (60, 5), (60, 6)]
            .map(|(pause, count)| format!("- - pause {pause} Unusable#{count} for {pause}"))
    );
    world.tenant_says([refused(Refusal::Denied, "HTTP 401")]);
    world.get();
    assert_eq!(world.disk(), "- - pause 60 Denied#1 for 60", "another class begins anew");
    world.pass(60);
    world.tenant_says([issued("t2", LIFE)]);
    world.get();
    assert_eq!(world.disk(), "t2 -", "a success ends it");
}

#[test]
fn the_back_off_is_spread_by_chance() {
    for (roll, pause) in [(0, 54), (999, 65)] {
        let world = World::empty().replies([refused(Refusal::Denied, "HTTP 401")]);
        world.roll.set(roll);
        world.get();
        assert_eq!(world.disk(), format!("- - pause {pause} Denied#1 for {pause}"));
    }
}

#[test]
fn a_failure_is_told_again_in_its_own_words() {
    let world = World::empty().replies([refused(Refusal::Unusable, "HTTP 200 with an HTML page")]);
    let error = "exit 5: `https://acme.example.com/SAAS/auth/oauthtoken` did not answer as a token endpoint < HTTP 200 \
                 with an HTML page";
    assert_eq!(world.get().answer, error);
    quiet(&world.get(), &format!("{error} < no new attempt for 5 s"), "load");
}

#[test]
fn a_back_off_counts_from_the_failure_not_from_the_request() {
    let world = World::empty().replies([refused(Refusal::Unusable, "HTML").after(8)]);
    world.get();
    assert_eq!(world.disk(), "- - pause 5 Unusable#1 for 5");
}

#[test]
fn a_changed_secret_is_tried_at_once() {
    let world = World::new(10, Entry { failure: Some(failed(FailureClass::Denied, 0, 60)), ..Entry::default() });
    assert_eq!(world.get().effects, "load");
    let world = world.client_secret("s2").replies([refused(Refusal::Denied, "HTTP 401")]);
    let effects = "load, lock, load, ask credentials 10000, save - - pause 120 Denied#2 for 120";
    assert_eq!(world.get().effects, effects);
    assert_eq!(world.get().effects, "load", "the new one is no better");
    let world = world.client_secret("s1").replies([issued("t2", LIFE)]);
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
}

#[test]
fn a_secret_that_is_dear_to_read_waits_for_the_back_off() {
    let mut world = World::new(10, Entry { failure: Some(failed(FailureClass::Denied, 0, 60)), ..Entry::default() });
    let (account, profile) = ("ci-bot@acme.example.com".to_owned(), "prod".to_owned());
    world.profile.client_secret = Some(SecretSource::Keychain { account, profile });
    assert_eq!(world.get().effects, "load");
    world.profile.client_secret = None;
    assert_eq!(world.get().effects, "load");
}

#[test]
fn an_unreadable_secret_does_not_withhold_a_valid_token() {
    loud(
        &World::aged(EXPIRING).without_secret().get(),
        "t1, 400 s left, cached",
        "load, lock, load",
        "cannot read the client secret of profile `prod` (the environment variable `GONE` is not set); using the \
         cached token, 400 s left",
    );
    let error = "exit 2: cannot read the client secret of profile `prod` < the environment variable `GONE` is not set";
    quiet(&World::aged(EXPIRED).without_secret().get(), error, "load, lock, load");
}

#[test]
fn a_certificate_that_is_not_trusted_starts_no_back_off() {
    let world = World::empty().replies([untrusted()]);
    quiet(
        &world.get(),
        "exit 2: cannot verify the certificate of `acme.example.com` < invalid certificate",
        "load, lock, load, ask credentials 10000, save - -",
    );
    world.tenant_says([issued("t2", LIFE)]);
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
}

// Clocks.

#[test]
fn a_life_counts_from_the_start_of_its_request() {
    let world = World::empty().replies([issued("t2", LIFE).after(8)]);
    assert_eq!(world.get().answer, "t2, 10792 s left, new");
    let world = World::refreshable(EXPIRED).replies([broken().after(3), issued("t2", LIFE).after(2)]);
    assert_eq!(world.get().answer, "t2, 10798 s left, new", "the request that brought it");
}

#[test]
fn a_reply_that_took_longer_than_its_tokens_life_is_not_served() {
    let world = World::empty().replies([issued("t2", 10).after(6)]);
    let run = world.get();
    assert_eq!(run.answer, "exit 3: tenant `acme.example.com` issues tokens for 4 s, less than the 6 s asked for");
}

#[test]
fn a_wall_clock_set_back_lengthens_no_life() {
    for back in [200, 86_400] {
        let world = World::aged(FRESH);
        world.wall.set(ISSUED - back);
        quiet(&world.get(), "t1, 10700 s left, cached", "load");
        world.pass(LIFE - FRESH);
        world.tenant_says([issued("t2", LIFE)]);
        assert_eq!(world.get().answer, "t2, 10800 s left, new");
        quiet(&world.get(), "t2, 10800 s left, cached", "load");
    }
}

#[test]
fn a_wall_clock_set_back_over_a_reboot_makes_a_token_unknown() {
    let world = World::aged(FRESH).replies([issued("t2", LIFE)]);
    world.wall.set(ISSUED - 86_400);
    world.boot_id.set("next");
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
}

#[test]
fn a_wall_clock_set_forward_costs_one_request() {
    let world = World::aged(FRESH).replies([issued("t2", LIFE)]);
    world.wall.set(ISSUED + 86_400);
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
    quiet(&world.get(), "t2, 10800 s left, cached", "load");
    world.wall.set(ISSUED);
    quiet(&world.get(), "t2, 10800 s left, cached", "load");
}

#[test]
fn a_wall_clock_set_back_lengthens_no_back_off() {
    let world = World::empty().replies([refused(Refusal::Denied, "HTTP 401")]);
    world.get();
    for back in [1_800, 86_400] {
        world.wall.set(ISSUED - back);
        world.tenant_says([refused(Refusal::Denied, "HTTP 401")]);
        let run = world.get();
        assert!(run.effects.starts_with("load, lock, load, ask credentials"), "{back}: {run:?}");
    }
}

// A caller gives a token back.

#[test]
fn a_token_that_is_given_back_is_dropped() {
    let failure = Some(failed(FailureClass::Unusable, 0, 5));
    let entry = Entry { refresh_token: Some(secret("r1")), renew_after: ISSUED + FRESH + 60, failure, ..t1() };
    let world = World::new(FRESH, entry);
    assert_eq!(world.discard("t1"), "load, lock, load, save - r1 Unusable#1 for -95");
}

#[test]
fn a_token_that_is_young_or_another_or_none_is_not_dropped() {
    assert_eq!(World::aged(29).discard("t1"), "load");
    assert_eq!(World::aged(30).discard("t1"), "load, lock, load, save - -");
    assert_eq!(World::aged(FRESH).discard("t0"), "load");
    assert_eq!(World::empty().discard("t1"), "load");
    assert_eq!(World::aged(FRESH).locks([Lock::HeldAfter(renewed("t2", 0))]).discard("t1"), "load, lock, load");
}

#[test]
fn giving_back_waits_for_the_lock_for_two_seconds() {
    assert_eq!(
        World::aged(FRESH).locks([Lock::Busy, Lock::Held]).discard("t1"),
        "load, busy, sleep 20, load, lock, load, save - -"
    );
    let world = World::aged(FRESH).locks([Lock::Busy]);
    assert_eq!(world.discard("t1"), "load, busy, sleep 20, load");
    assert_eq!(world.elapsed.get(), 2_000);
    assert_eq!(World::aged(FRESH).locks([Lock::Unusable]).discard("t1"), "load, no cache");
    assert_eq!(World::aged(FRESH).locks([Lock::Unsupported]).discard("t1"), "load, no lock, load, save - -");
    let without_lock = World::refreshable(FRESH).locks([Lock::Unsupported]).discard("t1");
    assert_eq!(without_lock, "load, no lock, load, save - -", "the refresh token is not written back");
}

#[test]
fn nothing_that_holds_a_secret_shows_it() {
    const CANARY: &str = "canary";
    let canary = || Secret::new(CANARY.to_owned());
    let profile = Profile { client_secret: Some(SecretSource::Given(canary())), proxy: Some(canary()), ..profile() };
    let entry = Entry { token: Some(token(CANARY, LIFE)), refresh_token: Some(canary()), ..Entry::default() };
    let issued = Issued { access_token: canary(), refresh_token: Some(canary()), life: LIFE, life_is_assumed: false };
    let served = Served { access_token: canary(), life: LIFE, remaining: LIFE, now: ISSUED, from_cache: false };
    let ask = Ask { rejected: Some(canary()), ..Ask::default() };
    let want = Want { insist: Insist::OnOther(served.mark()), ..Want::default() };
    for text in [
        format!("{:?}", canary()),
        format!("{profile:#?}"),
        format!("{:?}", profile.client_secret),
        format!("{entry:#?}"),
        format!("{:?}", entry.token),
        format!("{:?}", Loaded::Entry(entry)),
        format!("{issued:?}"),
        format!("{served:?}"),
        format!("{ask:?} {want:?}"),
        format!("{:?}", Grant::RefreshToken(canary())),
    ] {
        assert!(!text.contains(CANARY), "{text}");
        // As a list of bytes, too.
        assert!(!text.contains("99, 97, 110, 97, 114, 121"), "{text}");
    }
}

/// A login's proof: the life it found or the failure, the effects and what is on the disk afterwards.
fn proved(world: &World) -> String {
    let (result, effects, warnings) = world.run(|broker| broker.prove(&secret("s1")));
    assert!(world.replies.borrow().is_empty(), "a reply was not asked for: {effects}");
    let result = result.map_or_else(|error| told(&error), |proof| format!("{} s", proof.life));
    format!("{result}\n{effects}\n{warnings}\n{}", world.disk())
}

#[test]
fn a_proof_asks_with_credentials_whatever_is_cached() {
    for (world, disk) in [
        (World::empty(), "t2 -"),
        (World::refreshable(FRESH), "t2 -"),
        (World::new(FRESH, Entry { refresh_in_flight: true, refresh_token: Some(secret("r1")), ..t1() }), "t2 -"),
        (
            World::new(EXPIRED, Entry { failure: Some(failed(FailureClass::Denied, EXPIRED, 60)), ..Entry::default() }),
            "t2 -",
        ),
    ] {
        let world = world.replies([issued("t2", 60)]);
        assert_eq!(proved(&world), format!("60 s\nlock, load, ask credentials 10000, save {disk}\n\n{disk}"));
    }
    let world = World::refreshable(FRESH).replies([issued("t2", LIFE).with("r2")]);
    assert!(proved(&world).ends_with("t2 r2"));
}

#[test]
fn a_refused_proof_leaves_the_entry_as_it_is() {
    let backed_off = Entry { failure: Some(failed(FailureClass::Denied, FRESH, 60)), ..t1() };
    for entry in [Entry::default(), t1(), Entry { refresh_token: Some(secret("r1")), ..t1() }, backed_off] {
        for reply in [refused(Refusal::Denied, "HTTP 401"), unreachable(), broken(), untrusted()] {
            let world = World::new(FRESH, entry.clone()).replies([reply]);
            let before = world.disk();
            let told = proved(&world);
            assert!(told.contains("\nlock, load, ask credentials 10000\n"), "{told}");
            assert!(told.ends_with(&before), "{told}");
        }
    }
}

#[test]
fn a_proof_waits_for_the_lock_and_does_without_a_cache() {
    let world = World::empty().locks([Lock::Busy, Lock::Busy, Lock::Held]).replies([issued("t2", LIFE)]);
    assert!(proved(&world).contains("busy, sleep 20, busy, sleep 20, lock, load, ask credentials 10000, save t2 -"));
    let world = World::empty().locks([Lock::Busy]);
    assert!(proved(&world).starts_with("exit 3: gave up after 15 s waiting"));
    let world = World::empty().locks([Lock::Unusable]).replies([issued("t2", LIFE)]);
    let told = proved(&world);
    assert!(told.starts_with(&format!("{LIFE} s\nno cache, load, ask credentials 10000\ngoing on without")), "{told}");
    let world = World::refreshable(FRESH).locks([Lock::Unsupported]).replies([issued("t2", LIFE)]);
    let told = proved(&world);
    assert!(told.contains("no lock, load, ask credentials 10000, save t2 -\nthe cache cannot be locked"), "{told}");
}
