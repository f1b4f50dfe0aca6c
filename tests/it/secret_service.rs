//! A Secret Service of one test: a session bus with nothing else on it, and gnome-keyring's daemon.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::{Sandbox, wait_until, write};
use crate::skip::has;

/// A running session; dropping it ends it.
pub(crate) struct SecretService {
    /// The session bus.
    bus: Child,
    /// The key store.
    daemon: Option<Child>,
}

impl SecretService {
    /// A session with an unlocked key store that is empty; `None`, and a word about it, where its programs are missing.
    pub(crate) fn start(sandbox: &mut Sandbox) -> Option<Self> {
        let mut session = Self::start_bus(sandbox)?;
        let mut daemon = sandbox.program("gnome-keyring-daemon");
        daemon.args(["--foreground", "--unlock", "--components=secrets"]).stdin(Stdio::piped());
        let mut daemon = daemon.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        daemon.stdin.take().unwrap().write_all(b"password of the keyring").unwrap();
        session.daemon = Some(daemon);
        wait_until("the key store takes secrets", || store(sandbox, &["probe", "1"], ""));
        Some(session)
    }

    /// A session without a key store.
    pub(crate) fn start_bus(sandbox: &mut Sandbox) -> Option<Self> {
        for program in ["dbus-daemon", "dbus-send", "gnome-keyring-daemon", "secret-tool"] {
            if !has(program) {
                return None;
            }
        }
        let runtime = sandbox.path("run");
        std::fs::create_dir(&runtime).unwrap();
        crate::sandbox::set_mode(&runtime, 0o700);
        sandbox.set("XDG_RUNTIME_DIR", runtime.display().to_string());
        let config = sandbox.path("bus.conf");
        write(&config, configuration(&runtime.join("bus").display().to_string()).as_bytes());
        let mut bus = sandbox.program("dbus-daemon");
        bus.arg("--nofork").arg("--print-address=1").arg("--config-file").arg(config);
        let mut bus = bus.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut address = String::new();
        // It listens when it says where.
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        sandbox.set("DBUS_SESSION_BUS_ADDRESS", address.trim_end());
        Some(Self { bus, daemon: None })
    }

    /// Locks it. This bus has no program that could ask a user to unlock it.
    #[expect(clippy::unused_self, reason = "there must be a session to do that in")]
    pub(crate) fn lock(&self, sandbox: &Sandbox) {
        let mut lock = sandbox.program("dbus-send");
        lock.args(["--session", "--print-reply", "--dest=org.freedesktop.secrets", "/org/freedesktop/secrets"]);
        lock.arg("org.freedesktop.Secret.Service.Lock");
        lock.arg("array:objpath:/org/freedesktop/secrets/collection/login");
        let output = sandbox.finish(lock);
        assert_eq!(output.status, 0, "{output}");
    }

    /// Stops the key store in the midst of whatever it does; it hangs from then on.
    pub(crate) fn stop(&self) {
        let daemon = Pid::from_child(self.daemon.as_ref().unwrap());
        kill_process(daemon, Signal::STOP).unwrap();
    }
}

impl Drop for SecretService {
    fn drop(&mut self) {
        for child in self.daemon.iter_mut().chain([&mut self.bus]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Stores a secret under attributes, as a user would; whether that succeeded.
pub(crate) fn store(sandbox: &Sandbox, attributes: &[&str], secret: &str) -> bool {
    let mut tool = sandbox.program("secret-tool");
    tool.args(["store", "--label=a test's"]).args(attributes);
    let mut child = tool.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // It reads nothing where there is no key store.
    let _ = child.stdin.take().unwrap().write_all(secret.as_bytes());
    sandbox.wait(child).status == 0
}

/// A bus without service activation, so that what is installed on the machine makes no difference.
fn configuration(socket: &str) -> String {
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#
    )
}
