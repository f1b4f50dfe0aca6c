//! `ws1-emulator`: an emulated Workspace ONE tenant, until it is interrupted.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use ws1_emulator::{Emulator, Fault, Service};

/// The examples at the end of `--help`.
const EXAMPLES: &str = "\
Examples:
  ws1-emulator --port 8080
  curl -u ci-bot:emulator-secret -d grant_type=client_credentials http://127.0.0.1:8080/SAAS/auth/oauthtoken

  ws1-emulator --tls --ca-out ca.pem --ready-file ready.json &
  ws1-emulator --fault '{\"status\":{\"code\":503}}' --fault '\"reset\"' --fault '{\"delay\":{\"ms\":2000}}'
  curl -X POST -d '[\"html\"]' http://127.0.0.1:8080/emulator/faults
  curl http://127.0.0.1:8080/emulator/counters

  ws1-emulator --service uem --port 8080 --api-port 8081
  curl -d grant_type=client_credentials -d client_id=ci-bot -d client_secret=emulator-secret http://127.0.0.1:8080/connect/token

  ws1-emulator --service connect --port 8080
  curl -d api_token=emulator-api-token http://127.0.0.1:8080/csp/gateway/am/api/auth/api-tokens/authorize";

/// The services, before the examples.
const SERVICES: &str = "\
Services:
  access        POST /SAAS/auth/oauthtoken, /SAAS/t/NAME/auth/oauthtoken, /acs/token, /acs/t/NAME/token; Basic or form;
                expires_in 10799; refresh tokens. API: SCIM users, audit report
  uem           POST /connect/token; form or Basic; 3600. API on a second port: device search (pages, version in Accept)
  intelligence  POST /oauth/token; Basic, grant in the query or in the form; 3599. API on a second port: report run,
                downloads; a download is redirected to a third port
  connect       POST /csp/gateway/am/api/auth/authorize with Basic, .../auth/api-tokens/authorize with an API token in
                api_token or refresh_token; 1799. API: organisation
  vidb          POST /acs/t/NAME/token, /acs/token; Basic or form, or an API token without either; 1798.
                API: SCIM users

Published by the vendor, or captured from real services: the paths above, the values of expires_in, how credentials
come, the formats of the APIs, the errors of Connect and VIDB for wrong credentials, UEM's API error.
Assumed, not captured: all texts of errors and the status of all other errors; the claims of UEM, Intelligence and
Connect; all scopes; that only Access issues refresh tokens; Connect's refresh_token: null; UEM's versions 1 and 2;
that UEM and VIDB ignore the query, and Intelligence and Connect take a client's secret with Basic only.";

/// An emulated Workspace ONE tenant: a real HTTP(S) server on loopback for testing scripts offline.
///
/// Prints one line of JSON once it listens, with `url`, `client_id`, `client_secret` and `ca_file`; then serves until
/// interrupted. Other services than Access add `service`, `token_url`, `api_url` and, where they have them,
/// `api_token`, `api_token_url` and `org_id`.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES, after_long_help = format!("{SERVICES}\n\n{EXAMPLES}"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Cli {
    /// Service to emulate; --help describes them
    #[arg(long, value_name = "NAME", default_value = "access", value_parser = service_parser())]
    service: Service,
    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// Port of the API, where that has a host of its own: UEM and Intelligence; 0 takes a free one
    #[arg(long, value_name = "N")]
    api_port: Option<u16>,
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
    /// File with the API token, one trailing newline ignored; the default one is `emulator-api-token`
    #[arg(long, value_name = "FILE")]
    api_token_file: Option<PathBuf>,
    /// Id of the organisation of client and API token: Connect and Intelligence
    #[arg(long, value_name = "ID")]
    org_id: Option<String>,
    /// Life of access tokens; the default is the service's, for Access 10800
    #[arg(long, value_name = "SECONDS")]
    life: Option<u64>,
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

/// The credentials of the tenant.
struct Credentials {
    /// The client secret.
    secret: String,
    /// The API token.
    api_token: String,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(flag) = foreign_flag(&cli) {
        let message = format!("--service {} has no {flag}", cli.service.name());
        Cli::command().error(ErrorKind::ArgumentConflict, message).exit();
    }
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(StartError { step, cause }) => {
            // If standard error is closed, there is nowhere to report it.
            let _ = writeln!(io::stderr(), "error: {step}\n  caused by: {cause}");
            ExitCode::FAILURE
        }
    }
}

/// A flag that the service has no use for.
fn foreign_flag(cli: &Cli) -> Option<&'static str> {
    let service = cli.service;
    [
        ("--api-port", cli.api_port.is_some() && !service.has_api_host()),
        ("--api-token-file", cli.api_token_file.is_some() && service.api_token_path().is_none()),
        ("--org-id", cli.org_id.is_some() && !service.has_organisation()),
    ]
    .into_iter()
    .find_map(|(flag, foreign)| foreign.then_some(flag))
}

/// Starts the emulator, prints the line of JSON, and serves until the process ends.
fn run(cli: &Cli) -> Result<(), StartError> {
    let credentials = Credentials {
        secret: secret(cli.client_secret_file.as_deref(), "emulator-secret")?,
        api_token: secret(cli.api_token_file.as_deref(), "emulator-api-token")?,
    };
    let emulator = start(cli, &credentials)?;
    if let (Some(path), Some(pem)) = (&cli.ca_out, emulator.ca_pem()) {
        write_file(path, pem)?;
    }
    let ready = format!("{}\n", ready(cli, &credentials, &emulator));
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

/// The content of the line of JSON.
fn ready(cli: &Cli, credentials: &Credentials, emulator: &Emulator) -> Value {
    let mut ready = json!({
        "url": emulator.url(),
        "client_id": cli.client_id,
        "client_secret": credentials.secret,
        "ca_file": cli.ca_out,
    });
    if cli.service == Service::Access {
        return ready;
    }
    ready["service"] = json!(cli.service.name());
    ready["token_url"] = json!(emulator.token_url());
    ready["api_url"] = json!(emulator.api_url());
    if let Some(path) = cli.service.api_token_path() {
        ready["api_token"] = json!(credentials.api_token);
        ready["api_token_url"] = json!(format!("{}{path}", emulator.url()));
    }
    if cli.service.has_organisation() {
        ready["org_id"] = json!(emulator.organisation());
    }
    ready
}

/// Starts the emulator with the settings of the command line.
fn start(cli: &Cli, credentials: &Credentials) -> Result<Emulator, StartError> {
    let address = SocketAddr::new(cli.listen, cli.port);
    let mut builder = Emulator::builder()
        .service(cli.service)
        .client(&cli.client_id, &credentials.secret)
        .api_token(&credentials.api_token)
        .api_port(cli.api_port.unwrap_or(0))
        .rotate_refresh_tokens(!cli.no_rotation)
        .reissue(cli.reissue)
        .discovery(!cli.no_discovery)
        .listen(address)
        .log(cli.log);
    if let Some(seconds) = cli.life {
        builder = builder.life(seconds);
    }
    if cli.no_refresh {
        builder = builder.issue_refresh_tokens(false);
    }
    if let Some(id) = &cli.org_id {
        builder = builder.organisation(id);
    }
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

/// A secret from its file, or the default one.
fn secret(file: Option<&Path>, default: &str) -> Result<String, StartError> {
    let Some(path) = file else {
        return Ok(default.to_owned());
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

/// Parses the value of `--service`.
fn service_parser() -> impl clap::builder::TypedValueParser<Value = Service> {
    PossibleValuesParser::new(Service::ALL.map(Service::name)).map(|name| {
        let named = Service::ALL.into_iter().find(|service| service.name() == name);
        named.unwrap_or_default()
    })
}

/// Parses the value of `--fault`.
fn parse_fault(text: &str) -> Result<Fault, serde_json::Error> {
    serde_json::from_str(text)
}

/// Adds to an error the step that failed.
fn cannot(step: impl Into<String>) -> impl FnOnce(io::Error) -> StartError {
    |cause| StartError { step: step.into(), cause }
}
