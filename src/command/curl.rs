//! `curl PATH|URL`: becomes curl and passes it the token through a pipe, never in an argument, the environment or a file.
//!
//! curl trusts whom the profile trusts and goes through the profile's proxy. It sends the header to every URL of its
//! command line, so it gets only arguments that are understood (`arguments.rs`).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::broker::TokenRequest;
use crate::child::{self, Stderr, Wanted};
use crate::cli::Curl;
use crate::clock::{Deadline, SystemClock};
use crate::config::{Profile, TargetError};
use crate::context::Context;
use crate::endpoint::HttpEndpoint;
use crate::error::Error;
use crate::origin::Target;
use crate::outcome::Outcome;
use crate::platform;
use crate::protocol::plain::curl_config;

mod arguments;

use arguments::{Arguments, Listed};

/// Timeout of `curl --help`.
const HELP_TIME: Duration = Duration::from_secs(5);

/// The most bytes of its output to read; curl 8.16 prints 20 kB.
const HELP_LIMIT: usize = 256 * 1024;

/// Variables that make a TLS library write keys, or what it encrypts, to a file or standard error.
const LEAKY_VARIABLES: [&str; 4] = ["SSLKEYLOGFILE", "QLOGDIR", "GNUTLS_DEBUG_LEVEL", "SSLDEBUG"];

/// Becomes curl; its exit status is ours.
pub(crate) fn run(context: &Context<'_>, args: &Curl) -> Result<Outcome, Error> {
    let secret_variables = context.sources.secret_variables();
    let arguments = Arguments::read(&args.args, || listed(&secret_variables))?;
    let (profile, target) = target(context, &arguments.target)?;
    let mut command = curl(&secret_variables);
    let proxy = route(&mut command, &target, &profile, &arguments)?;
    let served = context.obtain(&profile, &TokenRequest::default())?;
    let dir = handover_dir(context)?;
    let roots = trust(&mut command, (context, &dir), &target, &profile, &arguments)?;
    let config = curl_config(&served) + &proxy;
    Err(cannot_run(platform::replace_process_with(config.as_bytes(), &dir, command, roots, |command, config| {
        command.args(["--config", config, "--url", &target.to_string()]).args(&arguments.passed);
    })))
}

/// Where files for curl are, on systems that cannot pass it any without a name: with the cached token.
fn handover_dir(context: &Context<'_>) -> Result<PathBuf, Error> {
    Ok(context.usual_place()?.directory().map_or_else(std::env::temp_dir, Path::to_owned))
}

/// The profile and the URL for curl: a path is the API's, a URL must be one that a profile allows. curl gets it rebuilt
/// from its parsed parts, so that it cannot parse it differently.
fn target(context: &Context<'_>, given: &str) -> Result<(Profile, Target), Error> {
    let read = |url: &str| {
        Target::parse(url).and_then(Target::secured).map_err(|cause| {
            Error::unusable("the target of curl", cause, "write a path that starts with `/`, or an https URL")
        })
    };
    if given.starts_with('/') && !given.starts_with("//") {
        let profile = context.sources.profile(None)?;
        let base = profile.api_base().ok_or_else(|| Error::no_api(&profile.name))?;
        let target = read(&format!("{base}{given}"))?;
        return Ok((profile, target));
    }
    let target = read(given)?;
    let profile = context.sources.profile_for(&target.origin).map_err(TargetError::into_error)?;
    Ok((profile, target))
}

/// Sets the way to the target; gives the proxy as a line of configuration, for its URL may hold a password.
///
/// The user's proxy, else the profile's whatever `NO_PROXY` says, else the environment's. This machine is reached directly:
/// over plain http a proxy would read the token.
fn route(command: &mut Command, target: &Target, profile: &Profile, arguments: &Arguments) -> Result<String, Error> {
    if !target.origin.https {
        arguments.check_plain_http()?;
    } else if arguments.have_proxy() {
        return Ok(String::new());
    }
    let proxy = profile.proxy.as_ref().filter(|_| target.origin.https);
    if proxy.is_some() || target.origin.is_loopback() {
        command.args(["--noproxy", if proxy.is_some() { "" } else { "*" }]);
    }
    Ok(proxy.map_or_else(String::new, |url| format!("proxy = {}\n", quoted(&with_port(url.expose())))))
}

/// Whether the scheme of a URL is https.
fn is_https(url: &str) -> bool {
    url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
}

/// A proxy's URL with its port: without one, curl would try port 1080.
fn with_port(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let authority = url.rsplit(['@', '/']).next().unwrap_or_default();
    // The colons of an IPv6 address are in brackets.
    if authority.rfind(':') > authority.rfind(']') {
        return url.to_owned();
    }
    format!("{url}:{}", if is_https(url) { 443 } else { 80 })
}

/// A value in curl's configuration.
fn quoted(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r");
    format!("\"{value}\"")
}

/// Lets curl trust the profile's roots, unless the user names others; gives the file of them that curl inherits.
fn trust(
    command: &mut Command,
    (context, dir): (&Context<'_>, &Path),
    target: &Target,
    profile: &Profile,
    arguments: &Arguments,
) -> Result<Option<platform::Inherited>, Error> {
    if profile.ca_file.is_none() || !target.origin.https || arguments.have_roots() {
        return Ok(None);
    }
    let roots = HttpEndpoint { profile, env: context.env }.roots_as_pem()?;
    let file = platform::inherited_file(roots.as_bytes(), dir).map_err(|error| {
        Error::system("cannot pass the trusted roots to curl").because(error).hint("name them with curl's --cacert")
    })?;
    command.args(["--cacert", file.name()]);
    if profile.proxy.as_ref().is_some_and(|url| is_https(url.expose())) {
        command.args(["--proxy-cacert", file.name()]);
    }
    if profile.ca_only && cfg!(unix) {
        // Many builds of curl trust a directory of roots besides; here is none.
        command.args(["--capath", "/dev/null"]);
    }
    Ok(Some(file))
}

/// curl without its own configuration, which can name other URLs and disable checks, and without variables that leak.
fn curl(secret_variables: &[String]) -> Command {
    let mut command = child::command("curl", secret_variables);
    for variable in LEAKY_VARIABLES {
        command.env_remove(variable);
    }
    // It counts only as the first argument.
    command.arg("--disable");
    command
}

/// The options of the installed curl, from its help.
fn listed(secret_variables: &[String]) -> Result<Listed, Error> {
    let help = |args: &[&str]| {
        let mut command = curl(secret_variables);
        let deadline = Deadline::after(&SystemClock, HELP_TIME);
        let output = child::run(command.args(args), Stderr::Dropped, Wanted::all(HELP_LIMIT), deadline);
        let late = || std::io::Error::other(format!("`curl --help` did not finish within {} s", HELP_TIME.as_secs()));
        let finished = output.and_then(|finished| finished.ok_or_else(late)).map_err(cannot_run)?;
        Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
    };
    let mut text = help(&["--help", "all"])?;
    if text.lines().count() < 50 {
        // Before 7.73 the plain help was the whole list.
        text = help(&["--help"])?;
    }
    Ok(Listed::read(&text))
}

/// The error of a curl that cannot be started.
fn cannot_run(error: std::io::Error) -> Error {
    Error::spawn("curl", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_without_a_port_has_its_schemes() {
        for (url, expected) in [
            ("proxy", "proxy:80"),
            ("proxy:3128", "proxy:3128"),
            ("http://proxy/", "http://proxy:80"),
            ("HTTPS://proxy", "HTTPS://proxy:443"),
            ("https://u:p@proxy", "https://u:p@proxy:443"),
            ("http://u:p@[::1]", "http://u:p@[::1]:80"),
            ("http://[::1]:8/", "http://[::1]:8"),
        ] {
            assert_eq!(with_port(url), expected);
        }
    }

    #[test]
    fn values_are_quoted_as_curl_reads_them() {
        assert_eq!(quoted("a\"b\\c\nurl = x\r"), r#""a\"b\\c\nurl = x\r""#);
    }
}
