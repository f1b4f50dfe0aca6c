//! `ws1-emulator`: an emulated Workspace ONE Access tenant, until it is interrupted.

use clap::Parser;
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use ws1_emulator::{Emulator, Fault};

/// The examples at the end of `--help`.
const EXAMPLES: &str = "\
Examples:
  ws1-emulator --port 8080
  curl -u ci-bot:emulator-secret -d grant_type=client_credentials http://127.0.0.1:8080/SAAS/auth/oauthtoken

  ws1-emulator --tls --ca-out ca.pem --ready-file ready.json &
  ws1-emulator --fault '{\"status\":{\"code\":503}}' --fault '\"reset\"' --fault '{\"delay\":{\"ms\":2000}}'
  curl -X POST -d '[\"html\"]' http://127.0.0.1:8080/emulator/faults
  curl http://127.0.0.1:8080/emulator/counters";

/// An emulated Workspace ONE Access tenant: a real HTTP(S) server on loopback for testing scripts offline.
///
/// Prints one line of JSON once it listens, with `url`, `client_id`, `client_secret` and `ca_file`; then serves until
/// interrupted.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Cli {
    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Serve HTTPS, with a certificate for localhost from a new CA
    #[arg(long)]
    tls: bool,
    /// Write the CA certificate to FILE, in PEM
    #[arg(long, value_name = "FILE", requires = "tls")]
    ca_out: Option<PathBuf>,
    /// Id of the service client
    #[arg(long, value_name = "ID", default_value = "ci-bot")]
    client_id: String,
    /// File with the client secret, one trailing newline ignored; the default secret is `emulator-secret`
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// Life of access tokens
    #[arg(long, value_name = "SECONDS", default_value_t = 10_800)]
    life: u64,
    /// Issue no refresh tokens
    #[arg(long)]
    no_refresh: bool,
    /// Accept a refresh token more than once
    #[arg(long)]
    no_rotation: bool,
    /// Issue the unexpired access token again instead of a new one
    #[arg(long)]
    reissue: bool,
    /// Serve no discovery documents
    #[arg(long)]
    no_discovery: bool,
    /// Serve the bare git repositories in DIR at /git/NAME
    #[arg(long, value_name = "DIR")]
    git_root: Option<PathBuf>,
    /// Queue a fault for one token request; repeatable
    #[arg(long, value_name = "JSON", value_parser = parse_fault)]
    fault: Vec<Fault>,
    /// Write one line per request to standard error, without secrets
    #[arg(long)]
    log: bool,
    /// Also write the line of JSON to FILE, atomically, so that scripts can wait for the file
    #[arg(long, value_name = "FILE", visible_alias = "port-file")]
    ready_file: Option<PathBuf>,
}

/// A failed step, with its cause.
struct StartError {
    /// The step that failed: "cannot …".
    step: String,
    /// The error of the system.
    cause: io::Error,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(StartError { step, cause }) => {
            // If standard error is closed, there is nowhere to report it.
            let _ = writeln!(io::stderr(), "error: {step}\n  caused by: {cause}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the emulator, prints the line of JSON, and serves until the process ends.
fn run(cli: &Cli) -> Result<(), StartError> {
    let secret = client_secret(cli)?;
    let emulator = start(cli, &secret)?;
    if let (Some(path), Some(pem)) = (&cli.ca_out, emulator.ca_pem()) {
        write_file(path, pem)?;
    }
    let ready = json!({
        "url": emulator.url(),
        "client_id": cli.client_id,
        "client_secret": secret,
        "ca_file": cli.ca_out,
    });
    let ready = format!("{ready}\n");
    if let Some(path) = &cli.ready_file {
        write_file(path, &ready)?;
    }
    let mut stdout = io::stdout();
    stdout
        .write_all(ready.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(cannot("cannot write to standard output"))?;
    loop {
        thread::park();
    }
}

/// Starts the emulator with the settings of the command line.
fn start(cli: &Cli, secret: &str) -> Result<Emulator, StartError> {
    let address = SocketAddr::new(cli.listen, cli.port);
    let mut builder = Emulator::builder()
        .client(&cli.client_id, secret)
        .life(cli.life)
        .issue_refresh_tokens(!cli.no_refresh)
        .rotate_refresh_tokens(!cli.no_rotation)
        .reissue(cli.reissue)
        .discovery(!cli.no_discovery)
        .listen(address)
        .log(cli.log);
    if let Some(root) = &cli.git_root {
        let root = root.canonicalize().map_err(cannot(format!("cannot find `{}`", root.display())))?;
        builder = builder.git_root(root);
    }
    if cli.tls {
        builder = builder.tls();
    }
    let emulator = builder.start().map_err(cannot(format!("cannot listen on {address}")))?;
    cli.fault.iter().cloned().for_each(|fault| emulator.play(fault));
    Ok(emulator)
}

/// The client secret, from its file or the default.
fn client_secret(cli: &Cli) -> Result<String, StartError> {
    let Some(path) = &cli.client_secret_file else {
        return Ok("emulator-secret".to_owned());
    };
    let text = fs::read_to_string(path).map_err(cannot(format!("cannot read the secret in `{}`", path.display())))?;
    Ok(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}

/// Writes a file atomically, by renaming a temporary one.
fn write_file(path: &Path, text: &str) -> Result<(), StartError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.draft", std::process::id()));
    File::create(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&draft, path))
        .map_err(cannot(format!("cannot write `{}`", path.display())))
}

/// Parses the value of `--fault`.
fn parse_fault(text: &str) -> Result<Fault, serde_json::Error> {
    serde_json::from_str(text)
}

/// Adds to an error the step that failed.
fn cannot(step: impl Into<String>) -> impl FnOnce(io::Error) -> StartError {
    |cause| StartError { step: step.into(), cause }
}
