//! A cleared world to run the real binary in: its own home, its own environment, an emulated tenant.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;
use ws1_emulator::Emulator;

/// The profile's name in every sandbox.
pub(crate) const PROFILE: &str = "prod";

/// The secret that the emulator's default client has.
pub(crate) const SECRET: &str = "emulator-secret";

/// What stands for the directory of a sandbox.
const SANDBOX: &str = "$SANDBOX";

/// A home directory, an environment, and perhaps a tenant.
pub(crate) struct Sandbox {
    /// Everything is below this directory.
    dir: tempfile::TempDir,
    /// The environment of every process that is run.
    vars: BTreeMap<String, String>,
    /// What stands for a text that differs from run to run.
    names: Vec<(String, String)>,
}

impl Sandbox {
    /// An empty home: no configuration, no cache.
    pub(crate) fn new() -> Self {
        let dir = temporary();
        let home = dir.path().join("home");
        std::fs::create_dir(&home).unwrap();
        let mut vars = BTreeMap::new();
        vars.insert("HOME".to_owned(), home.display().to_string());
        vars.insert("PATH".to_owned(), path());
        vars.insert("LC_ALL".to_owned(), "C".to_owned());
        for (name, place) in [("APPDATA", ".config"), ("LOCALAPPDATA", ".cache"), ("USERPROFILE", ""), ("TEMP", "")] {
            if cfg!(windows) {
                vars.insert(name.to_owned(), home.join(place).display().to_string());
            }
        }
        for name in ["SystemRoot", "ComSpec", "PATHEXT"] {
            if let Ok(value) = std::env::var(name) {
                vars.insert(name.to_owned(), value);
            }
        }
        let place = dir.path().display().to_string();
        // As it stands, and in a string of JSON.
        let names = [place.replace('\\', "\\\\"), place].map(|place| (place, SANDBOX.to_owned())).into();
        Self { dir, vars, names }
    }

    /// A home with the profile `prod` for an emulated tenant and the secret of its default client.
    pub(crate) fn with_tenant(emulator: &Emulator) -> Self {
        let mut sandbox = Self::new();
        sandbox.write_secret(SECRET);
        let ca = emulator.ca_pem().map(|pem| {
            let file = sandbox.path("ca.pem");
            write(&file, pem.as_bytes());
            file.display().to_string()
        });
        let mut profile = serde_json::json!({
            "tenant": emulator.url(),
            "client_id": "ci-bot",
            "client_secret": { "file": sandbox.secret_file() },
        });
        if let Some(ca) = ca {
            profile["ca_file"] = ca.into();
            profile["ca_only"] = true.into();
        }
        sandbox.write_config(&serde_json::json!({ "default_profile": PROFILE, "profiles": { PROFILE: profile } }));
        sandbox.name(&emulator.host(), "$TENANT");
        sandbox
    }

    /// A path below the sandbox.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where the client secret is.
    pub(crate) fn secret_file(&self) -> PathBuf {
        self.path("client.secret")
    }

    /// Where the configuration is.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.path("home/.config/ws1-token/config.json")
    }

    /// Where tokens are cached.
    pub(crate) fn cache_dir(&self) -> PathBuf {
        self.path("home/.cache/ws1-token")
    }

    /// Writes the client secret with mode 0600.
    pub(crate) fn write_secret(&self, secret: &str) {
        write(&self.secret_file(), secret.as_bytes());
    }

    /// Writes the configuration.
    pub(crate) fn write_config(&self, config: &Value) {
        self.write_config_text(&config.to_string());
    }

    /// Writes the configuration as text.
    pub(crate) fn write_config_text(&self, text: &str) {
        std::fs::create_dir_all(self.config_file().parent().unwrap()).unwrap();
        write(&self.config_file(), text.as_bytes());
    }

    /// Where the profile says that `login` stored its secret; a path where nothing is if the profile says no such thing.
    pub(crate) fn stored_secret(&self, name: &str) -> PathBuf {
        let config = std::fs::read(self.config_file()).unwrap_or_default();
        let config: Value = serde_json::from_slice(&config).unwrap_or_default();
        let file = config["profiles"][name]["client_secret"]["file"].as_str().unwrap_or_default();
        let is_stored = file.strip_prefix(&format!("{name}@")).is_some_and(|rest| rest.len() == 16 + ".secret".len());
        self.config_file().with_file_name(if is_stored { file } else { "nothing.secret" })
    }

    /// Changes settings of the profile `prod`.
    pub(crate) fn edit_profile(&self, edit: impl FnOnce(&mut Value)) {
        let mut config: Value = serde_json::from_slice(&std::fs::read(self.config_file()).unwrap()).unwrap();
        edit(&mut config["profiles"][PROFILE]);
        self.write_config(&config);
    }

    /// Adds a profile that is like `prod` but for some settings.
    pub(crate) fn add_profile(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        let mut config: Value = serde_json::from_slice(&std::fs::read(self.config_file()).unwrap()).unwrap();
        let mut profile = config["profiles"][PROFILE].clone();
        edit(&mut profile);
        config["profiles"][name] = profile;
        self.write_config(&config);
    }

    /// Sets a variable for every process from now on.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.vars.insert(name.to_owned(), value.into());
        self
    }

    /// A variable's value.
    pub(crate) fn variable(&self, name: &str) -> &str {
        &self.vars[name]
    }

    /// Makes the environment a profile: a tenant, the default client, and its secret.
    pub(crate) fn set_profile(&mut self, tenant: &str) -> &mut Self {
        self.set("WS1_TOKEN_TENANT", tenant).set("WS1_TOKEN_CLIENT_ID", "ci-bot").set("WS1_TOKEN_CLIENT_SECRET", SECRET)
    }

    /// Unsets a variable.
    pub(crate) fn unset(&mut self, name: &str) -> &mut Self {
        self.vars.remove(name);
        self
    }

    /// Lets `name` stand for a text in every output.
    pub(crate) fn name(&mut self, text: &str, name: &str) -> &mut Self {
        self.names.insert(0, (text.to_owned(), name.to_owned()));
        self
    }

    /// Any program, in this environment and with nothing on its standard input.
    pub(crate) fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.vars).current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }

    /// `ws1-token` with arguments.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.program(binary());
        command.args(args);
        command
    }

    /// Runs `ws1-token`.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.finish(self.command(args))
    }

    /// Runs `ws1-token` with a standard input.
    pub(crate) fn run_with_stdin(&self, args: &[&str], stdin: &[u8]) -> Output {
        self.finish_with_stdin(self.command(args), stdin)
    }

    /// Runs a command with a standard input.
    pub(crate) fn finish_with_stdin(&self, mut command: Command, stdin: &[u8]) -> Output {
        let mut child = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
        // It may end without reading everything.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        self.wait(child)
    }

    /// Runs a command to its end.
    pub(crate) fn finish(&self, mut command: Command) -> Output {
        self.wait(spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped())))
    }

    /// Starts a command; its outputs are read when it is waited for.
    #[expect(clippy::unused_self, reason = "reads like its siblings")]
    pub(crate) fn start(&self, mut command: Command) -> Child {
        spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// Waits for a started command.
    pub(crate) fn wait(&self, child: Child) -> Output {
        let output = child.wait_with_output().unwrap();
        Output {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            status: status_of(output.status),
            names: self.names.clone(),
        }
    }

    /// Runs the same command in many processes at once.
    pub(crate) fn run_many(&self, count: usize, args: &[&str]) -> Vec<Output> {
        let children: Vec<Child> = (0..count).map(|_| self.start(self.command(args))).collect();
        children.into_iter().map(|child| self.wait(child)).collect()
    }

    /// The one entry file of the cache.
    pub(crate) fn entry_file(&self) -> PathBuf {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.cache_dir())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }

    /// The one lock file of the cache.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.entry_file().with_extension("lock")
    }

    /// Names of everything in the cache directory, sorted.
    pub(crate) fn cached(&self) -> Vec<String> {
        names_in(&self.cache_dir())
    }

    /// The cache entry.
    pub(crate) fn entry(&self) -> Value {
        self.entry_content()["entry"].clone()
    }

    /// The content of the entry's file: the entry, its format and its owner.
    fn entry_content(&self) -> Value {
        let file: Value = serde_json::from_slice(&std::fs::read(self.entry_file()).unwrap()).unwrap();
        file["content"].clone()
    }

    /// Changes the cache entry and corrects its checksum.
    pub(crate) fn edit_entry(&self, edit: impl FnOnce(&mut Value)) {
        let mut content = self.entry_content();
        edit(&mut content["entry"]);
        let body = content.to_string();
        let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(body.as_bytes());
        let text = format!("{{\"checksum\":\"{checksum:08x}\",\"content\":{body}}}\n");
        write(&self.entry_file(), text.as_bytes());
    }

    /// Lets the cached token grow older by moving every time of the entry into the past.
    pub(crate) fn age(&self, seconds: i64) {
        self.edit_entry(|entry| {
            for pointer in [
                "/token/issued_at",
                "/token/expires_at",
                "/token/issued_boot",
                "/renew_after",
                "/replaced_at",
                "/failure/at",
                "/failure/until",
            ] {
                if let Some(time) = entry.pointer_mut(pointer)
                    && let Some(number) = time.as_i64()
                    && number != 0
                {
                    *time = (number - seconds).into();
                }
            }
        });
    }

    /// Lets the cached token grow older until it has so many seconds left.
    pub(crate) fn age_until(&self, left: i64) {
        let entry = self.entry();
        let expires_at = entry["token"]["expires_at"].as_i64().unwrap();
        self.age(expires_at - now() - left);
    }
}

/// Starts a command. Wine fails to start one of thousands of processes when the machine is busy, with this error alone.
fn spawn(command: &mut Command) -> Child {
    const ERROR_INTERNAL_ERROR: i32 = 1359;
    match command.spawn() {
        Err(error) if cfg!(windows) && error.raw_os_error() == Some(ERROR_INTERNAL_ERROR) => command.spawn(),
        started => started,
    }
    .unwrap()
}

/// The end of a run. Its `Display` is what snapshots hold: streams and status, with stable names for what varies.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    /// Exit status; 128 and the signal's number if a signal ended it.
    pub(crate) status: i32,
    /// See [`Sandbox::name`].
    names: Vec<(String, String)>,
}

impl Output {
    /// The token of a successful `get`; fails the test otherwise.
    pub(crate) fn token(&self) -> String {
        assert_eq!((self.status, self.stderr.as_str()), (0, ""), "{self}");
        self.stdout.trim_end().to_owned()
    }

    /// Names in place of what varies.
    fn stable(&self, text: &str) -> String {
        let text = self.names.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        if cfg!(windows) { with_slashes(&text) } else { text }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.stable(&self.stdout))?;
        if !self.stderr.is_empty() {
            write!(f, "--- stderr ---\n{}", self.stable(&self.stderr))?;
        }
        if self.status != 0 {
            writeln!(f, "[exit status: {}]", self.status)?;
        }
        Ok(())
    }
}

/// The paths of a sandbox as on Unix.
fn with_slashes(text: &str) -> String {
    let mut parts = text.split(SANDBOX);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let end = part.find(|letter: char| letter.is_whitespace() || "`\"';,:".contains(letter)).unwrap_or(part.len());
        let path = part[..end].replace("\\\\", "/").replace('\\', "/");
        text + SANDBOX + &path + &part[end..]
    })
}

/// Compares with a snapshot of the top-level `snapshots/`; tokens, times and identities have stable names in it, and
/// whatever further patterns a test gives.
macro_rules! assert_snapshot {
    ($name:expr, $value:expr $(, $filter:expr)*) => {
        insta::with_settings!({
            snapshot_path => crate::sandbox::source("snapshots"),
            prepend_module_to_snapshot => false,
            omit_expression => true,
            filters => vec![
                // First, because what a test looks for can be in any token by chance.
                (r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "$$TOKEN"),
                $($filter,)*
                (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "$$TIME"),
                (r"\b[0-9a-f]{64}\b", "$$IDENTITY"),
                (r"@[0-9a-f]{16}\.secret\b", "@$$NUMBER.secret"),
            ],
        }, {
            insta::assert_snapshot!($name, crate::sandbox::system_words(&$value.to_string()));
        });
    };
}
pub(crate) use assert_snapshot;

/// Puts the words of this machine's C library in the place of another one's. Each words an error in its own way; the
/// number is the same: `…: Symbolic link loop (os error 40)`.
pub(crate) fn system_words(text: &str) -> String {
    let mut rest = text;
    let mut words = String::new();
    while let Some((before, (number, after))) =
        rest.split_once(" (os error ").and_then(|(before, after)| Some((before, after.split_once(')')?)))
    {
        let start = before.rfind(": ").map_or(0, |at| at + 2);
        words.push_str(&before[..start]);
        words.push_str(&words_for(number.parse().unwrap()));
        rest = after;
    }
    words += rest;
    if cfg!(windows) {
        words.replace(": program not found\n", ": No such file or directory (os error 2)\n")
    } else {
        words
    }
}

/// Windows' numbers for errors, and Linux' for the same.
const NUMBERS: [(i32, i32); 6] = [(2, 2), (3, 2), (5, 13), (267, 20), (10_061, 111), (10_060, 110)];

/// The words for an error, those of Linux where it has the error too.
fn words_for(number: i32) -> String {
    let on_linux = NUMBERS.iter().find(|(here, _)| cfg!(windows) && *here == number).map(|(_, on_linux)| on_linux);
    let words = match on_linux {
        Some(2) => "No such file or directory",
        Some(13) => "Permission denied",
        Some(20) => "Not a directory",
        Some(110) => "Connection timed out",
        Some(111) => "Connection refused",
        _ => return std::io::Error::from_raw_os_error(number).to_string(),
    };
    format!("{words} (os error {})", on_linux.unwrap())
}

/// Whether the program was built by cargo with the tests, and not given by a variable.
pub(crate) fn is_built_with_tests() -> bool {
    std::env::var_os("WS1_TEST_PROGRAM").is_none()
}

/// Copies the program to be run from there. Another process writes the copy: while this one has it open for writing, a
/// thread that starts a process hands that on, and the system runs no file that is being written.
pub(crate) fn copy_program(target: &Path) {
    let copied = Command::new("cp").arg(binary()).arg(target).status().unwrap();
    assert!(copied.success());
}

/// The binary under test: the program that `WS1_TEST_PROGRAM` names, relative to the sources, or else the one that cargo
/// built with the tests. It is called `ws1-token`.
pub(crate) fn binary() -> &'static str {
    static BINARY: LazyLock<String> = LazyLock::new(|| match std::env::var("WS1_TEST_PROGRAM") {
        Ok(program) => source(&program).into_os_string().into_string().unwrap(),
        Err(_) => of_cargo("CARGO_BIN_EXE_ws1-token", env!("CARGO_BIN_EXE_ws1-token")),
    });
    &BINARY
}

/// A file of the sources.
pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(&of_cargo("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR"))).join(name)
}

/// A path of cargo's: as the environment names it, where a copy is tested, or as it was when this was compiled.
fn of_cargo(variable: &str, compiled: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| compiled.to_owned())
}

/// A directory that only this user can change, removed when the value is dropped.
pub(crate) fn temporary() -> tempfile::TempDir {
    tempfile::tempdir_in(place()).unwrap()
}

/// Where temporary directories are: the usual place, or another one if it does not do.
fn place() -> PathBuf {
    let places = [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into()];
    places.into_iter().find(|place| is_usable(place)).expect("no usable directory for temporary files: set TMPDIR")
}

/// Whether only root and this user can rename what is in a directory, or the directory itself: the program keeps no
/// cache elsewhere. Root lets other users run programs in it, so that they must be able to reach it.
fn is_usable(dir: &Path) -> bool {
    #[cfg(unix)]
    return dir.canonicalize().is_ok_and(|dir| {
        dir.ancestors().all(|dir| {
            use std::os::unix::fs::MetadataExt;
            let (meta, me) = (std::fs::metadata(dir).unwrap(), rustix::process::geteuid());
            let is_ours = meta.uid() == 0 || meta.uid() == me.as_raw();
            let is_safe = meta.mode() & 0o022 == 0 || meta.mode() & 0o1000 != 0;
            is_ours && is_safe && (!me.is_root() || meta.mode() & 0o001 != 0)
        })
    });
    #[cfg(not(unix))]
    dir.is_dir()
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// Waits until a state is reached; fails the test if it never is.
pub(crate) fn wait_until(state: &str, reached: impl Fn() -> bool) {
    for _ in 0..4000 {
        if reached() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("never reached: {state}");
}

/// Names of everything in a directory, sorted.
pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The search path of the machine, without anything else of its environment.
///
/// Directories that are closed to this user are left out: because of them the system would say of a program that is
/// nowhere that it is forbidden.
pub(crate) fn path() -> String {
    let path = std::env::var("PATH").unwrap();
    let open = std::env::split_paths(&path).filter(|dir| std::fs::read_dir(dir).is_ok());
    std::env::join_paths(open).unwrap().into_string().unwrap()
}

/// Writes a file with mode 0600.
pub(crate) fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    set_mode(path, 0o600);
}

/// Sets a file's mode, where there are modes.
pub(crate) fn set_mode(path: &Path, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
}

/// A file's mode, without its type.
#[cfg(unix)]
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The exit status, or 128 and the signal's number.
fn status_of(status: std::process::ExitStatus) -> i32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128 + signal;
    }
    status.code().unwrap_or(-1)
}
