use std::sync::LazyLock;

use super::*;

/// Some options of curl 7.88 and 8.16, and as 8.16 might list what it expands.
const HELP: &str = "Usage: curl [options...] <url>
     --abstract-unix-socket <path> Connect via abstract Unix domain socket
     --cacert <file>      CA certificate to verify peer against
     --compressed         Request compressed response
 -K, --config <file>      Read config from a file
     --connect-to <HOST1:PORT1:HOST2:PORT2> Connect to host
 -d, --data <data>        HTTP POST data
     --dns-servers <addresses> DNS server addrs to use
     --doh-url <URL>      Resolve host names over DoH
     --expand-data <data> Expand variables, then --data
     --expand-url <url>   Expand variables, then --url
 -f, --fail               Fail fast with no output on HTTP errors
     --haproxy-protocol   Send HAProxy PROXY protocol v1 header
 -H, --header <header/@file> Pass custom header(s) to server
 -k, --insecure           Allow insecure server connections
     --interface <name>   Use network INTERFACE (or address)
     --libcurl <file>     Dump libcurl equivalent code of this command line
 -L, --location           Follow redirects
     --location-trusted   Like --location, and send auth to other hosts
     --metalink           Process given URLs as metalink XML file
 -:, --next               Make next URL use its separate set of options
     --noproxy <no-proxy-list> List of hosts which do not use proxy
 -o, --output <file>      Write to file instead of stdout
     --preproxy [protocol://]host[:port] Use this proxy first
 -#, --progress-bar       Display transfer progress as a bar
 -x, --proxy [protocol://]host[:port] Use this proxy
     --proxy1.0 <host[:port]> Use HTTP/1.0 proxy on given port
 -p, --proxytunnel        Operate through an HTTP proxy tunnel (using CONNECT)
 -X, --request <method>   Specify request method to use
     --resolve <[+]host:port:addr[,addr]...> Resolve the host+port to this address
 -s, --silent             Silent mode
 -S, --show-error         Show error even when -s is used
     --socks5 <host[:port]> SOCKS5 proxy on given host + port
     --trace <file>       Write a debug trace to FILE
     --trace-ascii <file> Like --trace, but without hex output
     --trace-config <string> Details to log in trace/verbose output
     --trace-ids          Transfer + connection ids in verbose output
     --trace-time         Add time stamps to trace/verbose output
     --unix-socket <path> Connect through this Unix domain socket
     --url <url>          URL to work with
 -A, --user-agent <name>  Send User-Agent <name> to server
     --variable <[%]name=text/@file> Set variable
 -v, --verbose            Make the operation more talkative
";

/// Options that curl takes and does not list, and whether they take a value.
const UNLISTED: [(&str, bool); 3] = [("--krb4", true), ("--ftp-ssl", false), ("--include", false)];

fn read(words: &[&str]) -> Result<Arguments, Error> {
    Arguments::read(&words.iter().map(OsString::from).collect::<Vec<_>>(), || Ok(Listed::read(HELP)))
}

#[test]
fn the_help_is_read() {
    let listed = Listed::read(HELP);
    for (name, short, long, takes_value) in [
        ("-x", "-x", "--proxy", true),
        ("--proxy", "-x", "--proxy", true),
        ("--resolve", "--resolve", "--resolve", true),
        ("-s", "-s", "--silent", false),
        ("-:", "-:", "--next", false),
        ("--abstract-unix-socket", "--abstract-unix-socket", "--abstract-unix-socket", true),
    ] {
        let expected = CurlOption { short: short.to_owned(), long: long.to_owned(), takes_value };
        assert_eq!(listed.get(name), Some(&expected));
    }
    assert_eq!((listed.get("-"), listed.get("Usage:"), listed.get("--prox")), (None, None, None));
    assert_eq!(listed.0.len(), HELP.lines().count() - 1);
}

#[test]
fn the_target_stands_anywhere() {
    for (words, target, passed) in [
        (&["/x"][..], "/x", &[][..]),
        (&["/x", "-s"], "/x", &["-s"]),
        (&["-s", "/x", "-o", "file"], "/x", &["-s", "-o", "file"]),
        (&["-X", "POST", "/x"], "/x", &["-X", "POST"]),
        (&["-XPOST", "/x"], "/x", &["-XPOST"]),
        (&["-sSo", "file", "/x"], "/x", &["-sSo", "file"]),
        (&["-sofile", "/x"], "/x", &["-sofile"]),
        (&["--data", "--next", "/x"], "/x", &["--data", "--next"]),
        (&["-d", "/y", "/x"], "/x", &["-d", "/y"]),
        (&["/x", "--", "-s"], "/x", &["-s"]),
        (&["/x", "-H", "A: b c", "--proxy", "[::1]:8"], "/x", &["-H", "A: b c", "--proxy", "[::1]:8"]),
        (&["-d", "", "/x", "-o"], "/x", &["-d", "", "-o"]),
    ] {
        let found = read(words).unwrap();
        assert_eq!((found.target.as_str(), found.passed), (target, passed.iter().map(OsString::from).collect()));
    }
    let without_help = Arguments::read(&["/x".into()], || panic!("there is no option"));
    assert_eq!(without_help.unwrap().target, "/x");
}

#[test]
fn what_is_not_understood_or_leaks_is_refused() {
    for words in [
        &[][..],
        &["-s"],
        &["/x", "/y"],
        &["/x", "-so", "file", "evil.example"],
        &["/x", "-"],
        &["/x", "-s", "--"],
        &["/x", "--", "--", "-s"],
        &["/x", "--silen"],
        &["/x", "--SILENT"],
        &["/x", "--no-silent"],
        &["/x", "--data=x"],
        &["/x", "--krb4", "--next"],
        &["/x", "--variable=a"],
        &["/x", "--expand-data", "{{a}}"],
        &["/x", "--expand-output", "{{a}}"],
        &["/x", "-s?"],
        &["/x", "-\u{e9}"],
        &["/x", "--trace-time"],
        &["/x", "-s:"],
    ] {
        assert!(read(words).is_err(), "{words:?}");
    }
    for (known, _) in REFUSED {
        let name = known.replace('*', "x");
        assert!(read(&["/x", &name]).is_err() && read(&["/x", &format!("{name}=v")]).is_err(), "{name}");
    }
}

#[test]
fn no_value_is_repeated() {
    for word in ["--data=secret", "--url=secret", "--no=secret", "-ksecret", "-?secret"] {
        let report = read(&["/x", word]).unwrap_err().report();
        assert!(!report.contains("secret"), "{report}");
    }
}

#[test]
fn plain_http_stays_on_this_machine() {
    for known in AWAY {
        let name = known.replace('*', if known == "--proxy*" { "1.0" } else { "" });
        let options = vec![name.clone()];
        let arguments = Arguments { target: String::new(), passed: Vec::new(), options };
        assert!(arguments.check_plain_http().is_err(), "{name}");
    }
    assert!(read(&["/x", "-sx", "proxy"]).unwrap().check_plain_http().is_err());
    assert!(read(&["/x", "-sL", "-d", "--proxy"]).unwrap().check_plain_http().is_ok());
}

#[test]
fn the_users_own_roots_and_proxy_are_seen() {
    assert!(read(&["/x", "--cacert", "f"]).unwrap().have_roots());
    for words in [&["/x", "-x", "p"][..], &["/x", "--proxy", "p"], &["/x", "-sxp"], &["/x", "--socks5", "p"]] {
        assert!(read(words).unwrap().have_proxy(), "{words:?}");
    }
    let none = read(&["/x", "-p", "--noproxy", "h", "-d", "--proxy"]).unwrap();
    assert!(!none.have_proxy() && !none.have_roots());
}

/// How a version of curl reads its arguments.
struct Dialect {
    /// Names in any case, and any unambiguous beginning of one.
    is_lenient: bool,
    /// `--name=value`
    takes_equals: bool,
    /// `--expand-NAME`
    expands: bool,
}

const DIALECTS: [Dialect; 4] = [
    Dialect { is_lenient: true, takes_equals: false, expands: false },
    Dialect { is_lenient: false, takes_equals: false, expands: true },
    Dialect { is_lenient: false, takes_equals: true, expands: true },
    Dialect { is_lenient: true, takes_equals: true, expands: true },
];

/// Options that print the token, send it elsewhere or send it unverified.
const HARMFUL: [&str; 13] = [
    "--config",
    "--insecure",
    "--libcurl",
    "--location-trusted",
    "--metalink",
    "--next",
    "--trace",
    "--trace-ascii",
    "--trace-config",
    "--trace-ids",
    "--trace-time",
    "--url",
    "--verbose",
];

/// What does harm in a list of arguments as a version of curl reads it: options, and words that are URLs.
fn harm(words: &[OsString], dialect: &Dialect) -> Vec<String> {
    let (mut found, mut at, mut flags_end) = (Vec::new(), 0, false);
    while let Some(word) = words.get(at).map(|word| word.to_str().unwrap()) {
        at += 1;
        if flags_end || !word.starts_with('-') || word == "-" {
            found.push(word.to_owned());
        } else if word == "--" {
            flags_end = true;
        } else {
            for (name, needs_next) in as_curl(word, dialect) {
                if HARMFUL.contains(&name.as_str()) {
                    found.push(name);
                }
                at += usize::from(needs_next);
            }
        }
    }
    found
}

/// Every option that this curl takes: its letter, its name, whether it takes a value.
static TABLE: LazyLock<Vec<(Option<char>, &str, bool)>> = LazyLock::new(|| {
    let listed = HELP.lines().skip(1).map(|line| {
        let (name, rest) = line[5..].split_once(' ').unwrap();
        (line.chars().nth(2).filter(|c| *c != ' '), name, rest.starts_with(['<', '[']))
    });
    listed.chain(UNLISTED.map(|(long, value)| (None, long, value))).collect()
});

/// The long names in a word, and whether the next word is the option's value.
fn as_curl(word: &str, dialect: &Dialect) -> Vec<(String, bool)> {
    if word.starts_with("--") {
        let (mut name, mut has_value) = (word.to_owned(), false);
        if dialect.takes_equals
            && let Some((front, _)) = word.split_once('=')
        {
            (name, has_value) = (front.to_owned(), true);
        }
        if dialect.expands
            && let Some(rest) = name.strip_prefix("--expand-")
        {
            name = format!("--{rest}");
        }
        if let Some(rest) = name.strip_prefix("--no-") {
            name = format!("--{rest}");
        }
        if dialect.is_lenient {
            name = name.to_ascii_lowercase();
        }
        let exact = TABLE.iter().find(|(_, long, _)| *long == name);
        let begun: Vec<_> = TABLE.iter().filter(|(_, long, _)| dialect.is_lenient && long.starts_with(&name)).collect();
        let option = exact.or(if begun.len() == 1 { Some(begun[0]) } else { None });
        // An unknown option ends curl.
        return option.map(|(_, long, value)| ((*long).to_owned(), *value && !has_value)).into_iter().collect();
    }
    let (mut names, mut letters) = (Vec::new(), word[1..].chars());
    while let Some(letter) = letters.next() {
        let Some((_, long, value)) = TABLE.iter().find(|(short, ..)| *short == Some(letter)) else { break };
        names.push(((*long).to_owned(), *value && letters.as_str().is_empty()));
        if *value {
            break;
        }
    }
    names
}

/// Pseudo-random numbers, the same in every run.
struct Numbers(u64);

impl Numbers {
    /// A number below a bound.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    /// One of a list.
    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    /// A word that may be an argument.
    fn word(&mut self) -> String {
        let name = TABLE[self.below(TABLE.len())].1;
        match self.below(20) {
            0 => name.to_ascii_uppercase(),
            1 => name[..self.below(name.len() - 2) + 2].to_owned(),
            2 => format!("{name}=https://evil.example/"),
            3 => name.replacen("--", self.of(&["--expand-", "--no-"]), 1),
            4..10 => name.to_owned(),
            10..14 => (0..=self.below(3)).fold("-".to_owned(), |word, _| {
                word + self.of(&["s", "S", "f", "L", "o", "d", "H", "X", "A", "x", "p", "#", ":", "k", "v", "K", "?"])
            }),
            _ => self
                .of(&["file", "https://evil.example/", "evil.example", "@-", "", "-", "--", "--next", "-v"])
                .to_owned(),
        }
    }
}

#[test]
fn no_version_of_curl_reads_harm_in_what_is_accepted() {
    let (mut numbers, mut accepted, mut harmful) = (Numbers(0x5eed), 0, 0);
    let Listed(listed) = Listed::read(HELP);
    for _ in 0..20_000 {
        let mut words: Vec<String> = (0..=numbers.below(4)).map(|_| numbers.word()).collect();
        words.insert(numbers.below(words.len() + 1), "/x".to_owned());
        let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        harmful += usize::from(!harm(&words, &DIALECTS[0]).is_empty());
        let Ok(arguments) = Arguments::read(&words, || Ok(Listed(listed.clone()))) else { continue };
        accepted += 1;
        for dialect in &DIALECTS {
            assert_eq!(harm(&arguments.passed, dialect), [""; 0], "{words:?}");
        }
    }
    assert!(accepted > 1000 && harmful > 3000, "{accepted} accepted, {harmful} harmful");
}
