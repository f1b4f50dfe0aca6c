//! The edge of the process: arguments, environment, standard streams and exit status. Nothing else touches globals.

use std::process::ExitCode;

use ws1_token::{Process, harden, run, stdin, stdout, user_dir};

/// Runs the program.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment and ends the process")]
fn main() -> ExitCode {
    harden();
    // A panic is a bug, in whatever thread, and ends the process: the release is built without unwinding, which would make
    // it a sixth larger. The message could hold a secret, so only the place is reported.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!("{}:{}", place.file(), place.line()));
        std::process::exit(ws1_token::bug(place).into())
    }));
    ExitCode::from(run(Process {
        args: std::env::args_os().collect(),
        env: &|name| std::env::var_os(name),
        env_names: &|| std::env::vars_os().map(|(name, _)| name).collect(),
        config_dir: user_dir("APPDATA", dirs::config_dir),
        cache_dir: user_dir("LOCALAPPDATA", dirs::cache_dir),
        home: user_dir("USERPROFILE", dirs::home_dir),
        working_dir: &|| std::env::current_dir().ok(),
        executable: &|| std::env::current_exe().ok(),
        called: &|| std::env::args_os().next(),
        stdin: &mut stdin(),
        stdout: &mut stdout(),
        stderr: Box::new(std::io::stderr()),
    }))
}
