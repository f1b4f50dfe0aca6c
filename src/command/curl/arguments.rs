//! Which arguments curl may have: one target, and options whose meaning is known exactly. Pure.
//!
//! Versions of curl read their arguments differently: some take names in any case and any beginning of one, some
//! `--name=value`, some `--expand-NAME`. So an option counts only under a name that the installed curl lists, in a form
//! that all of them read alike. Then it is clear which words are values, and that no other word is a URL.

use std::ffi::OsString;

use crate::error::Error;

/// A reason to refuse an option.
const ELSEWHERE: &str = "the token would be sent there too";
/// A reason to refuse an option.
const OTHER_URLS: &str = "its file can name other URLs";
/// A reason to refuse an option.
const IN_CLEAR: &str = "it would print or store the token in clear text";

/// Options that are refused, by their long names, with the reason. A final `*` stands for any rest.
const REFUSED: [(&str, &str); 10] = [
    ("--config", OTHER_URLS),
    ("--expand-*", "it can stand for any other option value, also for another URL"),
    ("--insecure", "it would send the token without verifying the certificate"),
    ("--libcurl", IN_CLEAR),
    ("--location-trusted", "it would send the token to the target of any redirect"),
    ("--metalink", OTHER_URLS),
    ("--next", "it starts another request, which would not get the token"),
    ("--trace*", IN_CLEAR),
    ("--url", ELSEWHERE),
    ("--verbose", IN_CLEAR),
];

/// Options that lead a plain http request away from this machine.
const AWAY: [&str; 12] = [
    "--abstract-unix-socket",
    "--connect-to",
    "--dns-*",
    "--doh-*",
    "--haproxy-*",
    "--interface",
    "--noproxy",
    "--preproxy",
    "--proxy*",
    "--resolve",
    "--socks*",
    "--unix-socket",
];

/// Options that name the proxy to use.
const PROXIES: [&str; 7] =
    ["--preproxy", "--proxy", "--proxy1.0", "--socks4", "--socks4a", "--socks5", "--socks5-hostname"];

/// The options of the installed curl.
#[derive(Debug, Default)]
pub(super) struct Listed(Vec<CurlOption>);

/// An option of the installed curl.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CurlOption {
    /// `-x`, if it has such a name, or the same as `long`.
    short: String,
    /// `--proxy`
    long: String,
    /// Whether it takes a value.
    takes_value: bool,
}

impl Listed {
    /// Reads curl's help: ` -d, --data <data>  HTTP POST data`. A value is in brackets of either kind:
    /// `-x, --proxy [protocol://]host[:port]`.
    pub(super) fn read(help: &str) -> Self {
        let option = |line: &str| {
            let mut words = line.split_whitespace().peekable();
            let mut name = || Some(words.next_if(|word| word.starts_with('-'))?.trim_end_matches(',').to_owned());
            let short = name()?;
            let long = name().unwrap_or_else(|| short.clone());
            let takes_value = words.next().is_some_and(|word| word.starts_with(['<', '[']));
            Some(CurlOption { short, long, takes_value })
        };
        Self(help.lines().filter_map(option).collect())
    }

    /// The option of exactly this name.
    fn get(&self, name: &str) -> Option<&CurlOption> {
        self.0.iter().find(|option| option.short == name || option.long == name)
    }
}

/// The arguments of a call.
#[derive(Debug)]
pub(super) struct Arguments {
    /// The path or URL.
    pub(super) target: String,
    /// Everything else, for curl.
    pub(super) passed: Vec<OsString>,
    /// The long names of the options in it.
    options: Vec<String>,
}

impl Arguments {
    /// Reads the words of a command line. `listed` is called only if there is an option.
    pub(super) fn read(words: &[OsString], listed: impl FnOnce() -> Result<Listed, Error>) -> Result<Self, Error> {
        let (mut target, mut passed, mut options) = (None, Vec::new(), Vec::new());
        let has_options = words.iter().any(|word| word.to_string_lossy().starts_with('-'));
        let listed = if has_options { listed()? } else { Listed::default() };
        let mut rest = words.iter().peekable();
        while let Some(given) = rest.next() {
            let word = given.to_string_lossy();
            if word.starts_with('-') {
                let found = options_of(&word, &listed)?;
                options.extend(found.names);
                passed.push(given.clone());
                passed.extend(rest.next_if(|_| found.value_follows).cloned());
            } else if target.replace(word.into_owned()).is_some() {
                return Err(Error::usage("curl would get two URLs")
                    .because("the token would be sent to both")
                    .hint("run ws1-token curl once for each URL, and quote a value that holds spaces"));
            } else {
                // Users of other commands write `curl PATH -- -s`; to curl `--` would mean that only URLs follow.
                rest.next_if(|word| *word == "--");
            }
        }
        let target = target.ok_or_else(|| {
            Error::usage("curl has no path or URL")
                .hint("add a path of the tenant, like /SAAS/jersey/manager/api/scim/Users")
        })?;
        Ok(Self { target, passed, options })
    }

    /// Refuses options that would lead a plain http request away from this machine.
    pub(super) fn check_plain_http(&self) -> Result<(), Error> {
        match self.options.iter().find(|name| AWAY.iter().any(|known| matches(name, known))) {
            Some(name) => {
                Err(refused(name, "the target is plain http, and the token would leave this machine in clear text")
                    .hint("leave it out, or serve the target over https"))
            }
            None => Ok(()),
        }
    }

    /// Whether the user has named a file of trusted roots.
    pub(super) fn have_roots(&self) -> bool {
        self.options.iter().any(|name| name == "--cacert")
    }

    /// Whether the user has named a proxy.
    pub(super) fn have_proxy(&self) -> bool {
        self.options.iter().any(|name| PROXIES.contains(&name.as_str()))
    }
}

/// The options in one word.
struct Found {
    /// Their long names.
    names: Vec<String>,
    /// Whether the next word is the last one's value.
    value_follows: bool,
}

/// The options in one word, read as every curl does: `--long`, or a cluster of letters that ends at the first one with a
/// value.
fn options_of(word: &str, listed: &Listed) -> Result<Found, Error> {
    if word.starts_with("--") {
        let option = accepted(word, listed)?;
        return Ok(Found { names: vec![option.long.clone()], value_follows: option.takes_value });
    }
    let (mut names, mut letters) = (Vec::new(), word[1..].chars());
    while let Some(letter) = letters.next() {
        let option = accepted(&format!("-{letter}"), listed)?;
        names.push(option.long.clone());
        if option.takes_value {
            return Ok(Found { names, value_follows: letters.as_str().is_empty() });
        }
    }
    if names.is_empty() { Err(unknown(word)) } else { Ok(Found { names, value_follows: false }) }
}

/// An option by its name, if curl may have it.
fn accepted<'a>(word: &str, listed: &'a Listed) -> Result<&'a CurlOption, Error> {
    // Nothing is repeated of a value: it may be a password.
    let name = word.split_once('=').map_or(word, |(name, _)| name);
    let long = listed.get(name).map_or(name, |option| &option.long);
    if let Some((_, why)) = REFUSED.iter().find(|(known, _)| matches(long, known)) {
        let hint = "leave it out, or use `ws1-token get --format curl` with curl itself";
        return Err(refused(name, why).hint(hint));
    }
    match listed.get(word) {
        Some(option) => Ok(option),
        None if name != word => Err(refused(name, "only some versions of curl read `--name=value`")
            .hint(format!("write the value as the next argument: `{name} VALUE`"))),
        None => Err(unknown(name)),
    }
}

/// Whether a name is this one, or begins so.
fn matches(name: &str, known: &str) -> bool {
    known.strip_suffix('*').map_or(name == known, |start| name.starts_with(start))
}

/// The error of an option that curl does not list under this name.
fn unknown(name: &str) -> Error {
    refused(name, "the installed curl lists no option of exactly this name")
        .hint("write the name as `curl --help all` lists it; options of ws1-token come first")
}

/// The error of an option.
fn refused(name: &str, why: &str) -> Error {
    Error::usage(format!("curl option `{name}` is refused")).because(why)
}

#[cfg(test)]
mod tests;
