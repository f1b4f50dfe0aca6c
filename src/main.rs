//! The edge of the process: arguments, environment, standard streams and exit status. Nothing else touches globals.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use ws1_token::{Process, harden, run, stdin, stdout};

thread_local! {
    /// File and line of this thread's last panic.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs the program.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn main() -> ExitCode {
    harden();
    // A panic is a bug. Its message could hold a secret, so only its place is reported.
    std::panic::set_hook(Box::new(|panic| {
        PANIC.set(panic.location().map(|place| format!("{}:{}", place.file(), place.line())));
    }));
    let status = std::panic::catch_unwind(AssertUnwindSafe(|| {
        run(Process {
            args: std::env::args_os().collect(),
            env: &|name| std::env::var_os(name),
            env_names: &|| std::env::vars_os().map(|(name, _)| name).collect(),
            config_dir: dirs::config_dir(),
            cache_dir: dirs::cache_dir(),
            home: dirs::home_dir(),
            working_dir: &|| std::env::current_dir().ok(),
            executable: &|| std::env::current_exe().ok(),
            called: &|| std::env::args_os().next(),
            stdin: &mut stdin(),
            stdout: &mut stdout(),
            stderr: Box::new(std::io::stderr()),
        })
    }));
    ExitCode::from(status.unwrap_or_else(|_| ws1_token::bug(PANIC.take())))
}
