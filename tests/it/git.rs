//! git, every version that is here, against the emulator's repository; and its protocol byte by byte.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use ws1_emulator::Emulator;

use crate::sandbox::{self, Output, Sandbox, assert_snapshot};
use crate::skip::skip;
use crate::stub::{Stub, response};

/// What git 2.46 and later offer.
const OFFER: &str = "capability[]=authtype\ncapability[]=state\n";

/// One git of this machine.
pub(crate) struct Git {
    /// The program.
    pub(crate) program: PathBuf,
    /// `git version 2.47.3`
    pub(crate) version: String,
}

impl Git {
    /// Whether it knows `authtype` and `state` (2.46).
    pub(crate) fn is_modern(&self) -> bool {
        let mut numbers = self.version.split([' ', '.']).filter_map(|word| word.parse::<u32>().ok());
        (numbers.next(), numbers.next()) >= (Some(2), Some(46))
    }
}

/// Every git of this machine, one of each version. None is a missing client, and so is none with all capabilities.
pub(crate) fn gits() -> Vec<Git> {
    let path = sandbox::path();
    let usual = ["/usr/bin", "/usr/local/bin"].map(PathBuf::from);
    let mut found: Vec<Git> = Vec::new();
    for program in std::env::split_paths(&path).chain(usual).map(|dir| dir.join("git")).filter(|file| file.is_file()) {
        let sandbox = Sandbox::new();
        let mut command = sandbox.program(&program);
        command.arg("--version");
        let version = sandbox.finish(command).stdout.trim_end().to_owned();
        if found.iter().all(|git| git.version != version) {
            found.push(Git { program, version });
        }
    }
    if !found.iter().any(Git::is_modern) {
        skip("git-2.46", "no git of this machine is of version 2.46 or later");
    }
    found
}

/// The gits that know `authtype` and `state`.
fn modern_gits() -> impl Iterator<Item = Git> {
    gits().into_iter().filter(Git::is_modern)
}

/// A tenant that serves the repository `demo.git`, and a home whose git uses the helper.
pub(crate) struct Forge {
    /// The tenant and server of repositories.
    pub(crate) emulator: Emulator,
    /// The home.
    pub(crate) sandbox: Sandbox,
    /// The git that is tested.
    pub(crate) git: Git,
    /// Where the repositories are.
    root: tempfile::TempDir,
}

impl Forge {
    /// Starts one with a commit on `main`, and no helper configured.
    pub(crate) fn start(git: Git) -> Self {
        let root = sandbox::temporary();
        let emulator = Emulator::builder().git_root(root.path()).start().unwrap();
        let mut sandbox = Sandbox::with_tenant(&emulator);
        let askpass = sandbox.path("askpass");
        let script = format!("#!/bin/sh\necho \"$*\" >> {}\n", sandbox.path("asked").display());
        sandbox::write(&askpass, script.as_bytes());
        sandbox::set_mode(&askpass, 0o700);
        sandbox
            .set("GIT_CONFIG_NOSYSTEM", "1")
            .set("GIT_TERMINAL_PROMPT", "0")
            .set("GIT_ASKPASS", askpass.display().to_string())
            .name(sandbox::binary(), "$WS1_TOKEN");
        let forge = Self { emulator, sandbox, git, root };
        for (key, value) in [("user.name", "Test"), ("user.email", "test@example.com"), ("init.defaultBranch", "main")]
        {
            forge.configure(key, value);
        }
        forge.quietly(&["init", "--quiet", "--bare", &forge.repository()]);
        forge.quietly(&["init", "--quiet", "seed"]);
        forge.commit("seed", "first", b"first\n");
        forge.quietly(&["-C", "seed", "push", "--quiet", &forge.repository(), "main"]);
        forge
    }

    /// The same with the helper configured as the help says.
    pub(crate) fn with_helper(git: Git) -> Self {
        let forge = Self::start(git);
        forge.configure(&forge.scoped("helper"), &helper());
        forge
    }

    /// The configuration key `credential.URL.name`.
    fn scoped(&self, name: &str) -> String {
        format!("credential.{}.{name}", self.emulator.url())
    }

    /// Adds a line to the user's configuration.
    pub(crate) fn configure(&self, key: &str, value: &str) {
        self.quietly(&["config", "--global", "--add", key, value]);
    }

    /// Runs git.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.run_with_stdin(args, "")
    }

    /// Runs git with a standard input.
    fn run_with_stdin(&self, args: &[&str], stdin: &str) -> Output {
        let mut command = self.sandbox.program(&self.git.program);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        self.sandbox.wait(child)
    }

    /// Runs git, which has to succeed in silence.
    pub(crate) fn quietly(&self, args: &[&str]) {
        let output = self.run(args);
        assert_eq!(output.to_string(), "", "{}: {args:?}", self.git.version);
    }

    /// The repository's URL under a prefix: `git` takes Basic too, `git-bearer` does not.
    pub(crate) fn url(&self, prefix: &str) -> String {
        format!("{}/{prefix}/demo.git", self.emulator.url())
    }

    /// Writes and commits a file.
    pub(crate) fn commit(&self, repository: &str, name: &str, content: &[u8]) {
        sandbox::write(&self.sandbox.path(repository).join(name), content);
        self.quietly(&["-C", repository, "add", name]);
        self.quietly(&["-C", repository, "commit", "--quiet", "-m", name]);
    }

    /// The repository behind the URLs.
    pub(crate) fn repository(&self) -> String {
        self.root.path().join("demo.git").display().to_string()
    }

    /// The commit that a repository's `main` is at.
    fn head(&self, repository: &str) -> String {
        self.run(&["-C", repository, "rev-parse", "main"]).token()
    }

    /// How many token requests there were.
    pub(crate) fn token_requests(&self) -> u64 {
        self.emulator.counters().token_requests
    }

    /// Fails if git asked the user for anything.
    pub(crate) fn assert_nobody_was_asked(&self) {
        assert_eq!(std::fs::read_to_string(self.sandbox.path("asked")).unwrap_or_default(), "", "{}", self.git.version);
    }

    /// Clone, fetch, and pushes of a few bytes and of 3 MB.
    fn work(&self, prefix: &str) {
        let (one, two) = (format!("{prefix}-one"), format!("{prefix}-two"));
        self.quietly(&["clone", "--quiet", &self.url(prefix), &one]);
        self.quietly(&["clone", "--quiet", &self.url(prefix), &two]);
        self.commit(&one, &format!("small-{prefix}"), b"small\n");
        self.quietly(&["-C", &one, "push", "--quiet", "origin", "main"]);
        self.commit(&one, &format!("large-{prefix}"), &noise(3 << 20));
        self.quietly(&["-C", &one, "push", "--quiet", "origin", "main"]);
        self.quietly(&["-C", &two, "fetch", "--quiet"]);
        let fetched = self.run(&["-C", &two, "rev-parse", "origin/main"]).token();
        assert_eq!(fetched, self.head(&one), "{}", self.git.version);
        assert_eq!(self.head(&self.repository()), fetched, "{}", self.git.version);
        self.assert_nobody_was_asked();
    }
}

/// The helper as an absolute path.
pub(crate) fn helper() -> String {
    format!("{} git", sandbox::binary())
}

/// Bytes that do not compress, the same every time.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
    .take(count)
    .collect()
}

#[test]
fn every_git_clones_fetches_and_pushes_with_one_token() {
    for git in gits() {
        let modern = git.is_modern();
        let forge = Forge::with_helper(git);
        forge.configure(&format!("http.{}/.postBuffer", forge.emulator.url()), "52428800");
        forge.work("git");
        forge.work("git-basic");
        if modern {
            forge.work("git-bearer");
        }
        assert_eq!(forge.token_requests(), 1, "{}", forge.git.version);
        assert!(!forge.sandbox.path("home/.git-credentials").exists());
    }
}

#[test]
fn every_git_works_as_setup_says_also_with_a_server_that_takes_bearer_tokens_only() {
    for git in gits() {
        let modern = git.is_modern();
        let mut forge = Forge::start(git);
        let text = forge.sandbox.run(&["setup", "git"]).stdout;
        let mut shell = forge.sandbox.program("sh");
        shell.args(["-ec", &text]);
        assert_eq!(forge.sandbox.finish(shell).to_string(), "");
        if !modern {
            let line = text.lines().last().unwrap().trim_start_matches("# ");
            let mut shell = forge.sandbox.program("sh");
            shell.args(["-ec", &format!("{line} env")]);
            let printed = forge.sandbox.finish(shell).stdout;
            for variable in printed.lines().filter(|line| line.starts_with("GIT_CONFIG_") && !line.contains("NOSYSTEM"))
            {
                let (name, value) = variable.split_once('=').unwrap();
                forge.sandbox.set(name, value);
            }
        }
        forge.work("git-bearer");
    }
}

#[test]
fn every_git_finds_the_helper_by_its_name() {
    for git in gits() {
        let mut forge = Forge::start(git);
        let bin = forge.sandbox.path("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(sandbox::binary(), bin.join("git-credential-ws1")).unwrap();
        forge.sandbox.set("PATH", format!("{}:{}", bin.display(), sandbox::path()));
        forge.configure("credential.helper", "ws1");
        forge.quietly(&["clone", "--quiet", &forge.url("git"), "one"]);
        forge.assert_nobody_was_asked();
        assert_eq!(forge.token_requests(), 1, "{}", forge.git.version);
    }
}

#[test]
fn a_storing_helper_in_front_stores_nothing() {
    for git in gits() {
        let modern = git.is_modern();
        let forge = Forge::start(git);
        forge.configure("credential.helper", "store");
        if !modern {
            // Old versions hand a password on to every helper, so the list is emptied first.
            forge.configure(&forge.scoped("helper"), "");
        }
        forge.configure(&forge.scoped("helper"), &helper());
        forge.quietly(&["clone", "--quiet", &forge.url("git"), "one"]);
        let stored = std::fs::read_to_string(forge.sandbox.path("home/.git-credentials")).unwrap_or_default();
        assert_eq!(stored, "", "{}", forge.git.version);
    }
}

#[test]
fn a_revoked_token_is_healed_in_one_command() {
    for git in modern_gits() {
        let forge = Forge::with_helper(git);
        for prefix in ["git", "git-bearer", "git-basic"] {
            forge.quietly(&["clone", "--quiet", &forge.url(prefix), prefix]);
            // What replaced a refused token is not replaced for half a minute.
            forge.sandbox.age(31);
            forge.emulator.revoke_all();
            let before = forge.token_requests();
            forge.quietly(&["-C", prefix, "fetch", "--quiet"]);
            assert_eq!(forge.token_requests(), before + 1, "{}", forge.git.version);
            forge.quietly(&["-C", prefix, "fetch", "--quiet"]);
            assert_eq!(forge.token_requests(), before + 1, "{}", forge.git.version);
        }
        forge.assert_nobody_was_asked();
    }
}

#[test]
fn an_old_git_needs_a_second_command_after_a_revocation() {
    for git in gits().into_iter().filter(|git| !git.is_modern()) {
        let mut forge = Forge::with_helper(git);
        forge.sandbox.name(&forge.url("git"), "$URL");
        forge.quietly(&["clone", "--quiet", &forge.url("git"), "one"]);
        forge.emulator.revoke_all();
        let refused = forge.run(&["-C", "one", "fetch", "--quiet"]);
        assert_eq!(
            refused.to_string(),
            "--- stderr ---\nremote: Unauthorized\nfatal: Authentication failed for '$URL/'\n[exit status: 128]\n",
            "{}",
            forge.git.version
        );
        assert_eq!(forge.token_requests(), 1);
        forge.quietly(&["-C", "one", "fetch", "--quiet"]);
        assert_eq!(forge.token_requests(), 2);
    }
}

#[test]
fn git_credential_works_with_the_helper_alone() {
    for git in gits() {
        let forge = Forge::with_helper(git);
        let request = format!("protocol=http\nhost={}\n", forge.emulator.host());
        let filled = forge.run_with_stdin(&["credential", "fill"], &format!("{request}\n"));
        let token = forge.sandbox.run(&["get"]).token();
        let version = &forge.git.version;
        assert_eq!((filled.stderr.as_str(), filled.status), ("", 0), "{version}");
        assert!(filled.stdout.starts_with(&format!("{request}username=oauth2\npassword={token}\n")), "{filled}");
        // Neither says anything; only the second gives the token back.
        for (operation, is_kept) in [("approve", true), ("reject", false)] {
            let said = forge.run_with_stdin(&["credential", operation], &format!("{}\n", filled.stdout));
            assert_eq!(said.to_string(), "", "{version}: {operation}");
            assert_eq!(forge.sandbox.run(&["get"]).token() == token, is_kept, "{version}: {operation}");
        }
        if forge.git.is_modern() {
            let offered = forge.run_with_stdin(&["credential", "fill"], &format!("capability[]=authtype\n{request}\n"));
            let token = forge.sandbox.run(&["get"]).token();
            assert!(offered.stdout.contains(&format!("authtype=Bearer\ncredential={token}\n")), "{offered}");
        }
    }
}

#[test]
fn a_foreign_host_gets_nothing() {
    for git in gits() {
        let forge = Forge::start(git);
        // For every host, so that it is up to the helper.
        forge.configure("credential.helper", &helper());
        let foreign = Emulator::builder().git_root(forge.root.path()).start().unwrap();
        let refused = forge.run(&["ls-remote", &format!("{}/git-bearer/demo.git", foreign.url())]);
        assert_eq!((refused.stdout.as_str(), refused.status), ("", 128), "{}", forge.git.version);
        assert_eq!(authorized(&foreign), [] as [&str; 0], "{}", forge.git.version);
        assert_eq!(forge.token_requests(), 0);
    }
}

#[test]
fn a_redirect_does_not_carry_the_token_away() {
    for git in gits() {
        let forge = Forge::start(git);
        forge.configure("credential.helper", &helper());
        forge.configure("http.followRedirects", "true");
        let foreign = Emulator::builder().git_root(forge.root.path()).start().unwrap();
        let away = format!("Location: {}/git/demo.git/info/refs?service=git-upload-pack\r\n", foreign.url());
        // The one redirects at once, the other only requests with a token.
        for shown in [false, true] {
            let away = away.clone();
            let door = Stub::start(move |head| {
                if shown && !head.contains("Authorization: ") {
                    let challenge =
                        "WWW-Authenticate: Bearer realm=\"ws1\"\r\nWWW-Authenticate: Basic realm=\"ws1\"\r\n";
                    response("401 Unauthorized", challenge, "")
                } else {
                    response("302 Found", &away, "")
                }
            });
            forge.sandbox.edit_profile(|profile| profile["hosts"] = vec![door.host()].into());
            let refused = forge.run(&["ls-remote", &format!("http://{}/git/demo.git", door.host())]);
            assert_eq!((refused.stdout.as_str(), refused.status), ("", 128), "{}", forge.git.version);
            assert_eq!(door.authorized().contains(&true), shown, "{}", forge.git.version);
            assert!(foreign.counters().api > 0, "{}: {refused}", forge.git.version);
            assert_eq!(authorized(&foreign), [] as [&str; 0], "{}", forge.git.version);
        }
    }
}

/// The values of all `Authorization` headers with a token that a server received.
fn authorized(emulator: &Emulator) -> Vec<String> {
    let requests = emulator.requests();
    let values = requests.iter().filter_map(|request| request.header("authorization").map(str::to_owned));
    // With an empty password git tries once more: no secret, and none of ours.
    values.filter(|value| value != "Basic Og==").collect()
}

#[test]
fn a_tenant_that_is_down_ends_the_matter() {
    for git in gits() {
        let mut forge = Forge::with_helper(git);
        forge.sandbox.name(&forge.url("git"), "$URL");
        let host = forge.emulator.host();
        forge.sandbox.edit_profile(|profile| {
            profile["tenant"] = "http://127.0.0.1:1".into();
            profile["hosts"] = vec![host].into();
        });
        let down = forge.run(&["clone", "--quiet", &forge.url("git"), "one"]);
        assert_snapshot!("git-tenant-down", down);
        forge.assert_nobody_was_asked();
    }
}

/// The line with the end of the token: a second earlier or later, as the two clocks fall.
const EXPIRY: &str = "password_expiry_utc=";

/// Runs one operation of the helper on one request.
fn ask(sandbox: &Sandbox, operation: &str, request: &str) -> Output {
    sandbox.run_with_stdin(&["git", operation], request.as_bytes())
}

/// A transcript line by line, with names for what differs from run to run.
fn transcript(sandbox: &Sandbox, operation: &str, request: &str) -> String {
    let output = ask(sandbox, operation, request);
    let expiry = || sandbox.entry()["token"]["expires_at"].as_i64().unwrap();
    let answer: String = output
        .to_string()
        .lines()
        .map(|line| match (line.strip_prefix(EXPIRY), line.strip_prefix("state[]=ws1-token:")) {
            (Some(time), _) => {
                assert!((time.parse::<i64>().unwrap() - expiry()).abs() <= 1, "{line}");
                "> password_expiry_utc=$EXPIRY\n".to_owned()
            }
            (_, Some(state)) => {
                let hex = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                assert!(state.split_once(':').is_some_and(|(identity, mark)| hex(identity) && hex(mark)), "{line}");
                "> state[]=ws1-token:$KEY:$MARK\n".to_owned()
            }
            _ => format!("> {line}\n"),
        })
        .collect();
    let sent = request.lines().fold(String::new(), |sent, line| format!("{sent}< {}\n", line.escape_debug()));
    format!("$ ws1-token git {operation}\n{sent}{answer}\n").replace(request_host(request), "$HOST")
}

/// The value of a request's last `host`.
fn request_host(request: &str) -> &str {
    request.lines().filter_map(|line| line.strip_prefix("host=")).next_back().unwrap_or("\0")
}

#[test]
fn transcripts_are_exact() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let plain = format!("protocol=http\nhost={}\n", emulator.host());
    let of = |operation: &str, request: &str| transcript(&sandbox, operation, request);
    let mut all = of("get", &format!("{OFFER}{plain}wwwauth[]=Bearer realm=\"ws1\"\n\n"));
    all += &of("get", &format!("{OFFER}{plain}wwwauth[]=Bearer realm=\"ws1\"\n\n"));
    all += &of("get", &format!("capability[]=authtype\n{plain}\n"));
    all += &of("get", &format!("capability[]=state\n{plain}\n"));
    all += &of("get", &format!("{plain}\n"));
    all += &of("get", &plain);
    all += &of("get", &format!("{plain}username=somebody\n\n"));
    all += &of("get", &format!("{OFFER}{plain}username=somebody\npath=demo.git\nfuture=1\nfuture[]=2\n\n"));
    assert_eq!(emulator.counters().token_requests, 1);
    all += &of("store", &format!("{OFFER}{plain}authtype=Bearer\ncredential=x\nephemeral=1\n\n"));
    all += &of("capability", "");
    all += &of("fly", &format!("{plain}\n"));
    assert_snapshot!("git-transcripts", all);
}

#[test]
fn a_refused_token_is_replaced_once() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let request = format!("{OFFER}protocol=http\nhost={}\n", emulator.host());
    sandbox.run(&["get"]);
    let first = ask(&sandbox, "get", &format!("{request}\n")).stdout;
    let state = first.lines().find(|line| line.starts_with("state[]=")).unwrap();
    let second = ask(&sandbox, "get", &format!("{request}{state}\n\n")).stdout;
    assert!(!second.contains("continue"), "{second}");
    assert_eq!(emulator.counters().token_requests, 2);
    // Another process has renewed it meanwhile: the new one is served without a request.
    let third = ask(&sandbox, "get", &format!("{request}{state}\n\n")).stdout;
    let but_time =
        |answer: &str| answer.lines().filter(|line| !line.starts_with(EXPIRY)).collect::<Vec<_>>().join("\n");
    assert_eq!((but_time(&third), emulator.counters().token_requests), (but_time(&second), 2));
    // A state of another helper is no reason for anything.
    let other = ask(&sandbox, "get", &format!("{request}state[]=other:1:2\n\n")).stdout;
    assert!(other.contains("continue=1\n"), "{other}");
    assert_eq!(emulator.counters().token_requests, 2);
}

#[test]
fn an_erase_drops_that_very_token_unless_it_has_just_replaced_one() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let erase = |host: &str, secret: &str| {
        let said = ask(&sandbox, "erase", &format!("protocol=http\nhost={host}\n{secret}\n\n"));
        assert_eq!(said.to_string(), "");
    };
    let host = emulator.host();
    let token = sandbox.run(&["get"]).token();
    let kept = || assert_eq!(sandbox.run(&["get"]).token(), token);
    for secret in ["password=other", "credential=", "username=oauth2", &format!("password={token}x")] {
        erase(&host, secret);
        kept();
    }
    erase("127.0.0.1:1", &format!("password={token}"));
    kept();
    let refresh_token = sandbox.entry()["refresh_token"].clone();
    erase(&host, &format!("username=oauth2\npassword={token}"));
    assert_eq!(sandbox.entry()["refresh_token"], refresh_token, "an erase says nothing about it");
    let second = sandbox.run(&["get"]).token();
    assert_ne!(second, token, "however young it was");
    for key in ["password", "credential"] {
        sandbox.age(10);
        erase(&host, &format!("{key}={second}"));
        assert_eq!(sandbox.run(&["get"]).token(), second);
    }
    sandbox.age(10);
    erase(&host, &format!("password={second}"));
    assert_ne!(sandbox.run(&["get"]).token(), second);
    assert_eq!(emulator.counters().token_requests, 3);
}

#[test]
fn a_host_that_refuses_every_token_is_given_up_after_a_few_rounds() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| profile["hosts"] = vec!["git.example.com"].into());
    let mut rounds = 0;
    // As git-lfs does: ask, be refused, give it back, ask again.
    let last = loop {
        let answer = ask(&sandbox, "get", "protocol=https\nhost=git.example.com\n\n");
        if answer.status != 0 {
            break answer;
        }
        rounds += 1;
        assert!(rounds < 20, "for ever");
        let request = format!("protocol=https\nhost=git.example.com\n{}\n", answer.stdout);
        assert_eq!(ask(&sandbox, "erase", &request).to_string(), "");
    };
    assert_snapshot!("git-given-up", last);
    assert_eq!((rounds, emulator.counters().token_requests), (5, 2));
    // Other hosts do not suffer, nor does this one for long.
    let other = ask(&sandbox, "get", &format!("protocol=http\nhost={}\n\n", emulator.host()));
    assert_eq!((other.status, other.stderr.as_str()), (0, ""), "{other}");
    sandbox.age(31);
    let later = ask(&sandbox, "get", "protocol=https\nhost=git.example.com\n\n");
    assert_eq!((later.status, later.stderr.as_str()), (0, ""), "{later}");
    assert_eq!(emulator.counters().token_requests, 2);
}

#[test]
fn bytes_that_are_not_utf_8_silence_nobody() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    for noise in
        [&b"wwwauth[]=Basic realm=\"\xe4\""[..], b"path=\xff.git", b"username=\xff", b"\xff=x", b"state[]=\xff"]
    {
        let mut request = format!("{OFFER}protocol=http\nhost={}\n", emulator.host()).into_bytes();
        request.extend_from_slice(noise);
        request.extend_from_slice(b"\n\n");
        let answer = sandbox.run_with_stdin(&["git", "get"], &request);
        assert_eq!((answer.status, answer.stderr.as_str()), (0, ""), "{answer}");
        let token = sandbox.run(&["get"]).token();
        assert!(answer.stdout.contains(&format!("={token}\n")), "{answer}");
    }
    let mut foreign = b"protocol=http\nhost=\xff\n\n".to_vec();
    assert_eq!(sandbox.run_with_stdin(&["git", "get"], &foreign).to_string(), "");
    foreign.splice(..0, format!("host={}\n", emulator.host()).into_bytes());
    assert_eq!(sandbox.run_with_stdin(&["git", "get"], &foreign).to_string(), "", "the last one counts");
}

#[test]
fn hostile_and_foreign_requests_get_nothing() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| {
        profile["hosts"] = vec!["git.example.com", "10.0.0.1:8080"].into();
    });
    let host = emulator.host();
    let port = emulator.addr().port();
    let long = "x".repeat(70 * 1024);
    for request in [
        String::new(),
        "\n".to_owned(),
        "protocol=http\n\n".to_owned(),
        format!("host={host}\n\n"),
        "protocol=http\nhost=\n\n".to_owned(),
        format!("protocol=\nhost={host}\n\n"),
        "protocol=http\nhost= \n\n".to_owned(),
        format!("protocol=http\nhost={host}\r\n\n"),
        format!("protocol=http\r\nhost={host}\n\r\n"),
        format!("protocol=http\nhost={host}\0.evil.example\n\n"),
        format!("protocol=http\nhost={host}\npath=a\0b\n\n"),
        format!("protocol=http\nhost={host}\nhost=evil.example\n\n"),
        format!("protocol=http\nhost={host}%0ahost=evil\n\n"),
        format!("protocol=http\n\nhost={host}\n\n"),
        format!("garbage\nprotocol=http\nhost={host}\n\n"),
        format!("protocol=http\nhost=user@{host}\n\n"),
        format!("protocol=http\nhost={host}/\n\n"),
        format!("protocol=http\nhost={host}.evil.example\n\n"),
        format!("protocol=http\nhost=127.0.0.1:{}\n\n", port ^ 1),
        "protocol=http\nhost=127.0.0.1\n\n".to_owned(),
        format!("protocol=https\nhost={host}\n\n"),
        format!("protocol=http\nhost=localhost:{port}\n\n"),
        format!("protocol=ftp\nhost={host}\n\n"),
        "protocol=https\nhost=evil.example\n\n".to_owned(),
        "protocol=https\nhost=evilgit.example.com\n\n".to_owned(),
        "protocol=https\nhost=git.example.com:8443\n\n".to_owned(),
        "protocol=https\nhost=git.example.com.\n\n".to_owned(),
        format!("protocol=http\nhost={host}\npath={long}\n\n"),
    ] {
        let output = ask(&sandbox, "get", &request);
        assert_eq!(output.to_string(), "", "{:?}", &request[..request.len().min(200)]);
    }
    assert_eq!(emulator.counters().connections, 0);
}

#[test]
fn plain_http_to_another_machine_is_refused_aloud() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| profile["hosts"] = vec!["git.example.com", "10.0.0.1:8080"].into());
    let mut all = String::new();
    for host in ["git.example.com", "10.0.0.1:8080"] {
        all += &transcript(&sandbox, "get", &format!("protocol=http\nhost={host}\n\n"));
    }
    assert_snapshot!("git-plain-http", all);
    assert_eq!(emulator.counters().connections, 0);
}

#[test]
fn failures_are_one_line_and_end_the_matter() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let request = format!("{OFFER}protocol=http\nhost={}\n\n", emulator.host());
    sandbox.write_secret("wrong");
    let mut all = transcript(&sandbox, "get", &request);
    std::fs::remove_file(sandbox.secret_file()).unwrap();
    sandbox.run(&["forget"]);
    all += &transcript(&sandbox, "get", &request);
    // Without a usable profile the request may be anybody's, so the next helper gets its turn.
    sandbox.write_config_text("{");
    all += &transcript(&sandbox, "get", &request);
    all += &transcript(&sandbox, "erase", &request);
    assert_snapshot!("git-failures", all);
}

#[test]
fn a_request_ends_at_its_blank_line_even_if_the_input_does_not() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let request = format!("protocol=http\nhost={}\n\n", emulator.host());
    let more = format!("{request}more");
    for (operation, input, answers) in [
        ("get", request.as_str(), true),
        ("get", more.as_str(), true),
        ("get", "\n", false),
        ("get", "\nmore", false),
        ("erase", request.as_str(), false),
        ("store", request.as_str(), false),
        ("fly", request.as_str(), false),
    ] {
        let mut command = sandbox.command(&["git", operation]);
        command.stdin(Stdio::piped());
        let mut child = sandbox.start(command);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        // The other end stays open until the program is gone.
        let output = sandbox.wait(child);
        drop(stdin);
        assert_eq!((output.stderr.as_str(), output.status), ("", 0), "{operation} {input:?}");
        assert_eq!(output.stdout.contains("password="), answers, "{operation} {input:?}");
    }
}

#[test]
fn an_endless_line_is_given_up() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let mut command = sandbox.command(&["git", "get"]);
    command.stdin(Stdio::piped());
    let mut child = sandbox.start(command);
    let mut stdin = child.stdin.take().unwrap();
    let request = format!("protocol=http\nhost={}\npath=", emulator.host());
    stdin.write_all(request.as_bytes()).unwrap();
    while stdin.write_all(&[b'x'; 4096]).is_ok() {}
    let output = sandbox.wait(child);
    assert_eq!(output.to_string(), "");
    assert_eq!(emulator.counters().connections, 0);
}
