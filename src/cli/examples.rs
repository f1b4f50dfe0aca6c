//! The text after the options on the help pages: examples and what no option describes.
//!
//! In the manual page, a block of a heading and indented lines becomes a section, every other block a paragraph of the
//! description. Three or more spaces separate an example from its comment.

/// The commands, grouped by what a user wants; a test compares them with the definitions.
macro_rules! commands {
    () => {
        "\
Start:
  login        Create or update a profile, and prove it by getting a token
  setup        Print a caller's configuration, or apply it with its own tool
  completions  Print a completion script for a shell

Use the token:
  get          Print the token
  exec         Run a command with the token in its environment
  curl         Run curl with the token, against the tenant or an allowed host
  kubectl      Answer kubectl as an exec credential plugin
  git          Answer git as a credential helper
  bazel        Answer Bazel, and tools with its protocol, as a credential helper
  terraform    Answer Terraform as a credentials helper
  google       Answer Google's client libraries as an executable source

Look:
  status       Show profiles and the state of their tokens, offline
  whoami       Show subject, scopes and claims of the cached token, offline

Repair:
  doctor       Check everything that a token depends on, and suggest fixes
  forget       Drop the cached token
  logout       Drop the cached token and the stored client secret
"
    };
}

/// The main help page.
pub(super) const OVERVIEW: &str = concat!(
    "{about-with-newline}\n{usage-heading} {usage}\n\n",
    commands!(),
    "\nOptions, before or after the command:\n{options}{after-help}"
);

/// What `ws1-token` alone prints: no longer than a screen.
pub(super) const FIRST_PAGE: &str = concat!(
    "{about-with-newline}\n",
    commands!(),
    "\nFirst: `ws1-token login`\n\n`ws1-token --help` lists options, variables, files and exit statuses;\n`ws1-token help COMMAND` has examples.\n"
);

/// The examples of the main page, short and long.
macro_rules! main_examples {
    () => {
        "\
Examples:
  ws1-token login                                create a profile
  ws1-token get                                  print its token
  ws1-token curl /SAAS/jersey/manager/api/scim/Users
  ws1-token exec -p prod ./report.sh             with WS1_ACCESS_TOKEN
  ws1-token setup kubectl                        print a configuration
  ws1-token doctor                               find out what is wrong
"
    };
}

/// Text after the options of the main page as `-h` shows it.
pub(super) const MAIN: &str = concat!(
    main_examples!(),
    "
`ws1-token help COMMAND` describes a command, with examples; `ws1-token --help` also lists environment variables, \
files and exit statuses."
);

/// Text after the options of the main page as `--help` shows it.
pub(super) const MAIN_LONG: &str = concat!(
    main_examples!(),
    "
`ws1-token help COMMAND` describes a command, with examples. Options override environment variables, and these \
override the configuration file; with `--profile` the variables for tenant, client, secret and scope are not used. A \
secret that is stored for one tenant or client never goes to another. No option takes a secret: the profile names a \
file, a variable, a command or the platform's key store that holds it.

Environment, besides the variables named with the options:
  WS1_TOKEN_CLIENT_SECRET    the client secret itself; visible to your other processes
  WS1_TOKEN_SCOPE            scopes to request, like `scope` of a profile
  WS1_TOKEN_CA_FILE          additional trusted CAs, like `ca_file` of a profile
  https_proxy, all_proxy     proxy, in lower or upper case; `proxy` of a profile overrides it
  no_proxy                   hosts that are reached without the proxy
  SSL_CERT_FILE, SSL_CERT_DIR
                             trusted CAs instead of the platform's
  NO_COLOR, CLICOLOR_FORCE   no colours; colours even without a terminal

Files:
  ~/.config/ws1-token/config.json
                             profiles; on macOS and Windows in the platform's own directory
  ~/.cache/ws1-token/        tokens, one file for each tenant, client and scope; safe to delete
  docs/README.md             a page for each subject: in the source, a release's archive, and
                             /usr/share/doc/ws1-token of a package

Exit status:
  0                          a complete answer was written
  1                          the system failed, or a bug
  2                          change the command or the profile
  3                          temporary: unreachable, timeout, 5xx, 429, lock timeout; retry later
  4                          the tenant denied the client or the grant
  5                          the tenant answered, but not with a usable token
  128+n                      ended by signal n"
);

/// Text after the options of `get`.
pub(super) const GET: &str = "\
Examples:
  TOKEN=$(ws1-token get)
  curl -K <(ws1-token get --format curl) https://acme.example.com/SAAS/API/1.0
  eval \"$(ws1-token get --format env)\"           sets WS1_ACCESS_TOKEN
  ws1-token get --min-ttl 30m --format json      valid for at least 30 minutes
  ws1-token get --output /run/prometheus/ws1.token --watch
  ws1-token get --format powershell | Invoke-Expression
  ws1-token get --format github                  in a step of GitHub Actions
  ws1-token get --format kubernetes-secret --name ws1 \\
    | kubectl apply --server-side --field-manager=ws1 -f -

With --watch, a failure ends the program as long as it has not written the file; after that it is a warning, and the \
file stays as it is. SIGTERM or Ctrl-C ends it.

A Secret has the token in its key `token`, and the expiry in its annotation ws1-token/expires-at. Without \
--server-side, kubectl would keep a copy of the token in another annotation.";

/// Text after the options of `kubectl`.
pub(super) const KUBECTL: &str = "\
Examples:
  ws1-token setup kubectl --write                runs kubectl config; by hand:
  kubectl config set-credentials ws1 \\
    --exec-command=ws1-token --exec-arg=kubectl --exec-interactive-mode=Never \\
    --exec-api-version=client.authentication.k8s.io/v1beta1
  kubectl --user=ws1 get pods

The profile comes from --profile (one more --exec-arg), or from `profile` in the cluster's \
client.authentication.k8s.io/exec extension where provideClusterInfo is on and the client passes it. Clients that ask \
once and never again need --min-ttl: --exec-arg=--min-ttl --exec-arg=2h.";

/// Text after the options of `git`.
pub(super) const GIT: &str = "\
Examples:
  ws1-token setup git --write                    for all hosts; by hand:
  git config --global credential.https://git.example.com.helper \\
    \"$(command -v ws1-token) git\"
  printf 'protocol=https\\nhost=git.example.com\\n\\n' | ws1-token git get

It answers only for the tenant's host and for `hosts` of the profile. For git 2.46 to 2.53 also set \
http.https://git.example.com/.postBuffer 52428800: those versions drop the token from pushes larger than that buffer.";

/// Text after the options of `bazel`.
pub(super) const BAZEL: &str = "\
Examples:
  ws1-token setup bazel build.example.com        a script, a line of .bazelrc
  echo '{\"uri\":\"https://acme.example.com/\"}' | ws1-token bazel get

Bazel's option takes a path without arguments: a script, or the link bazel-credential-ws1 to ws1-token. A URL whose \
host is neither the tenant's nor in `hosts` of the profile is an error.";

/// Text after the options of `terraform`.
pub(super) const TERRAFORM: &str = "\
Examples:
  ws1-token setup terraform                      the link, and ~/.terraformrc
  ws1-token terraform get acme.example.com

Terraform finds the link terraform-credentials-ws1 in ~/.terraform.d/plugins. It gets an answer only for the tenant's \
host and for `hosts` of the profile.";

/// Text after the options of `google`.
pub(super) const GOOGLE: &str = "\
Examples:
  ws1-token setup google > credentials.json      then fill in the audience
  ws1-token google                               what the libraries read

The libraries run it only if GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1 is set. An error is an answer with exit \
status 0 too: the libraries read its message from standard output. Standard error stays empty, that of a secret \
command included.";

/// Text after the options of `curl`.
pub(super) const CURL: &str = "\
Examples:
  ws1-token curl /SAAS/jersey/manager/api/scim/Users --silent
  ws1-token curl -X POST -d @job.json https://api.example.com/v1/jobs

Options of ws1-token come first; the rest is curl's, and so are exit status and standard input. curl trusts the \
profile's ca_file and uses its proxy, unless --cacert or --proxy says otherwise; no .curlrc is read. An option needs a \
name that `curl --help all` lists, unabbreviated, and its value as a word of its own. Refused is what would print the \
token or send it elsewhere: -v, --trace, -k, -K, --next, --location-trusted, a second URL, and any proxy to a plain \
http target.";

/// Text after the options of `exec`.
pub(super) const EXEC: &str = "\
Examples:
  ws1-token exec ./report.sh --all
  ws1-token exec --var TF_VAR_token --min-ttl 30m terraform apply

Options come before the command. The exit status is the command's; 127 if it is not found, 126 if it cannot be run, \
as with env. The token is not renewed while the command runs: one that runs for hours should call `ws1-token get` \
itself.";

/// Text after the options of `login`.
pub(super) const LOGIN: &str = "\
Examples:
  ws1-token login                                asks for what it needs
  ws1-token login prod --tenant acme.example.com --client-id ci-bot
  pass show ci-bot | ws1-token login prod --secret-stdin \\
    --tenant acme.example.com --client-id ci-bot
  ws1-token login prod --host git.example.com --host build.example.com
  ws1-token login insights --import ~/Downloads/service-account.json

The tenant can be pasted from the browser. Nothing is stored until the tenant has issued a token. An empty value of \
--scope, --host, --token-url, --proxy or --git-username removes that setting. The rest of the configuration file stays \
unchanged.";

/// Text after the options of `logout`.
pub(super) const LOGOUT: &str = "\
Examples:
  ws1-token logout
  ws1-token logout prod --revoke

The profile stays, so `ws1-token login prod` asks only for the secret. A secret that login did not store (a file of \
yours, a variable, a command) is kept.";

/// Text after the options of `forget`.
pub(super) const FORGET: &str = "\
Examples:
  ws1-token forget                               the next call gets a new token
  ws1-token forget --all

The refresh token is dropped too. Profile and client secret stay: see `ws1-token logout --help`.";

/// Text after the options of `status`.
pub(super) const STATUS: &str = "\
Examples:
  ws1-token status
  ws1-token status prod
  ws1-token status --json | jq -r '.[] | select(.token != \"fresh\") | .profile'";

/// Text after the options of `whoami`.
pub(super) const WHOAMI: &str = "\
Examples:
  ws1-token whoami
  ws1-token whoami prod --json

The claims are read from the cached token. Its signature is not verified: that is up to the API that accepts it.";

/// Text after the options of `doctor`.
pub(super) const DOCTOR: &str = "\
Examples:
  ws1-token doctor
  ws1-token doctor prod
  ws1-token --tenant acme.example.com doctor     without any configuration
  ws1-token doctor --json | jq '.checks[] | select(.level == \"failed\")'

Each line starts with ✓ (ok), ! (warning), ✗ (failed) or – (skipped). The exit status is that of the first ✗, the \
likely cause of those after it; warnings leave it 0. It gets a token of its own and renews it once; the cache is \
neither used nor changed.";

/// Text after the options of `setup`.
pub(super) const SETUP: &str = "\
Examples:
  ws1-token setup git git.example.com
  ws1-token setup kubectl -p prod --write
  ws1-token setup kubectl --undo

The configuration repeats --profile, --config and --cache-dir of this call, also from variables. Applying it a second \
time changes nothing, and so does taking it back twice.";

/// Text after the options of `completions`.
pub(super) const COMPLETIONS: &str = "\
Examples:
  ws1-token completions bash \\
    > ~/.local/share/bash-completion/completions/ws1-token
  ws1-token completions zsh > ~/.zsh/_ws1-token   for a directory of `fpath`
  ws1-token completions fish > ~/.config/fish/completions/ws1-token.fish
  ws1-token completions powershell >> $PROFILE

install.sh installs those for bash, zsh and fish. At every TAB the script runs ws1-token, which reads the names of the \
profiles from the configuration file and nothing else.";

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::{Command, CommandFactory};

    use crate::cli::{Cli, parse};

    /// The README, and the pages that call the program most.
    const README: &str = concat!(
        include_str!("../../README.md"),
        include_str!("../../docs/login.md"),
        include_str!("../../docs/services.md"),
        include_str!("../../docs/configuration.md"),
        include_str!("../../docs/kubectl.md"),
        include_str!("../../docs/scripts.md"),
        include_str!("../../docs/callers.md"),
        include_str!("../../docs/commands.md"),
        include_str!("../../docs/troubleshooting.md"),
    );

    /// All commands, built, the program's own first.
    fn commands() -> Vec<Command> {
        let mut definitions = Cli::command();
        definitions.build();
        let named = definitions.get_subcommands().filter(|command| command.get_name() != "help").cloned();
        std::iter::once(definitions.clone()).chain(named).collect()
    }

    /// The ends of a command's help page, short and long.
    fn ends(command: &Command) -> Vec<String> {
        let ends = [command.get_after_help(), command.get_after_long_help()];
        ends.into_iter().flatten().map(ToString::to_string).collect()
    }

    /// The argument lists of `ws1-token` in lines of a shell, up to the end of the command or a comment.
    fn calls(text: &str) -> Vec<Vec<String>> {
        const PROGRAM: &str = "ws1-token ";
        let text = text.split("\\\n").map(|part| part.trim_matches(' ')).collect::<Vec<_>>().join(" ");
        let starts = text
            .match_indices(PROGRAM)
            .filter(|(at, _)| text[..*at].chars().next_back().is_none_or(|c| " (\n".contains(c)));
        starts.map(|(at, _)| words(&text[at..])).collect()
    }

    /// The words of a shell's command.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        for (at, letter) in line.char_indices() {
            match (quote, letter) {
                (Some(open), _) if open == letter => quote = None,
                (None, '"' | '\'') => {
                    quote = Some(letter);
                    word.get_or_insert_default();
                }
                (None, '\n' | '|' | ')' | '<' | '>' | ';' | '&') => break,
                (None, ' ') if line[at..].starts_with("   ") => break,
                (None, ' ') => words.extend(word.take()),
                _ => word.get_or_insert_default().push(letter),
            }
        }
        words.extend(word);
        words
    }

    /// Fails unless every command line in a text is one.
    fn check(text: &str, place: &str) {
        for call in calls(text) {
            let outcome = parse(call.iter().map(OsString::from).collect());
            assert!(outcome.is_ok(), "{place}: {call:?}: {}", outcome.unwrap_err().error);
        }
    }

    #[test]
    fn the_overview_lists_every_command_in_order() {
        let rows = super::OVERVIEW.lines().filter_map(|line| line.strip_prefix("  "));
        let defined: Vec<String> = commands()[1..]
            .iter()
            .map(|command| format!("{:<11}  {}", command.get_name(), command.get_about().unwrap()))
            .collect();
        assert_eq!(rows.collect::<Vec<_>>(), defined);
    }

    #[test]
    fn every_command_has_an_example_of_its_own() {
        for command in commands() {
            for end in ends(&command) {
                let examples = end.strip_prefix("Examples:\n").and_then(|end| end.split("\n\n").next());
                let examples = examples.unwrap_or_else(|| panic!("{}: {end}", command.get_name()));
                assert!(examples.contains(command.get_name()), "{}: {examples}", command.get_name());
                assert!(examples.lines().all(|line| line.starts_with("  ")), "{examples}");
            }
            assert!(!ends(&command).is_empty(), "{}", command.get_name());
        }
    }

    #[test]
    fn the_examples_are_command_lines() {
        let mut count = 0;
        for end in commands().iter().flat_map(ends) {
            let examples = end.split("\n\n").next().unwrap();
            count += calls(examples).len();
            check(examples, "help");
            let wide = examples.lines().find(|line| line.chars().count() > 80);
            assert_eq!(wide, None, "an example that is broken cannot be copied");
        }
        assert!(count > 30, "{count}");
    }

    #[test]
    fn the_text_of_an_option_is_one_line() {
        for command in commands() {
            for option in command.get_arguments() {
                let text = option.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(text.chars().count() <= 100 && !text.ends_with('.'), "{}: {text}", command.get_name());
            }
        }
    }

    #[test]
    fn what_the_readme_calls_and_names_is_there() {
        let blocks: Vec<&str> = README.split("\n```").skip(1).step_by(2).collect();
        assert!(blocks.iter().map(|block| calls(block).len()).sum::<usize>() > 10);
        for block in blocks {
            check(block, "README");
        }
        let options: Vec<String> = commands()
            .iter()
            .flat_map(Command::get_arguments)
            .filter_map(|option| Some(format!("--{}", option.get_long()?)))
            .collect();
        let section = README.split("# Commands and exit status\n").nth(1).and_then(|rest| rest.split("\n## ").next());
        let rows = README.lines().filter(|line| line.starts_with("| `WS1_TOKEN_"));
        for line in section.unwrap().lines().chain(rows) {
            for word in line
                .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
                .filter(|word| word.starts_with("--") && word.len() > 2)
            {
                assert!(
                    word.chars().all(|c| c == '-') || options.iter().any(|option| option == word),
                    "{word}: {line}"
                );
            }
        }
    }

    #[test]
    fn calls_are_found() {
        let found = calls(
            "$ ws1-token get    # x\nA=$(ws1-token --profile 'a b' get) x\npass | ws1-token login \\\n --scope \"\" >f\n/ws1-token no\n",
        );
        let expected = [
            vec!["ws1-token", "get"],
            vec!["ws1-token", "--profile", "a b", "get"],
            vec!["ws1-token", "login", "--scope", ""],
        ];
        assert_eq!(found, expected);
    }
}
