//! What can stand at the cursor of an unfinished command line, by clap's definitions. Pure.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, Command, ValueHint};

/// The IDs of the arguments that are a profile's name.
const PROFILES: [&str; 2] = ["profile", "name"];

/// What can stand at the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// One of these words.
    Words(Vec<Candidate>),
    /// A profile's name.
    Profile,
    /// A file's name.
    File,
    /// A directory's name.
    Directory,
    /// A word of another program's command line, which begins at word `at`.
    Command {
        /// The position among the words of the line, the program's name being 0.
        at: usize,
    },
    /// An argument of curl's, the first of which is word `at`.
    CurlArguments {
        /// See [`Next::Command`].
        at: usize,
    },
    /// Nothing known.
    Nothing,
}

/// A word that can stand at the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The word.
    pub(super) word: String,
    /// What it is, in one line.
    pub(super) description: String,
}

/// The parsed words before the cursor.
pub(super) struct TypedLine<'a> {
    /// The command whose arguments come next.
    command: &'a Command,
    /// The options given so far.
    given: Vec<&'a str>,
    /// How many positional arguments are given so far.
    positionals: usize,
    /// The option whose value comes next.
    waiting: Option<&'a Arg>,
    /// Whether `--` has ended the options.
    escaped: bool,
    /// How many words were read. Those after them are another program's.
    read: usize,
    /// The configuration file that the line names.
    pub(super) config: Option<PathBuf>,
}

impl<'a> TypedLine<'a> {
    /// Reads the words before the cursor, the program's name first; `definitions` have been built.
    pub(super) fn read(definitions: &'a Command, words: &[OsString]) -> Self {
        let (given, positionals, waiting) = (Vec::new(), 0, None);
        let mut line =
            TypedLine { command: definitions, given, positionals, waiting, escaped: false, read: 1, config: None };
        for word in words.iter().skip(1) {
            if line.is_foreign() {
                break;
            }
            line.take(&word.to_string_lossy());
            line.read += 1;
        }
        line
    }

    /// One more word.
    fn take(&mut self, word: &str) {
        if let Some(option) = self.waiting.take() {
            self.set(option, word);
        } else if self.escaped || !word.starts_with('-') || word == "-" {
            match self.command.find_subcommand(word) {
                Some(command) if self.positionals == 0 => self.command = command,
                _ => self.positionals += 1,
            }
        } else if word == "--" {
            self.escaped = true;
        } else {
            let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
            let Some(option) = self.option(name) else { return };
            self.given.push(option.get_id().as_str());
            match value {
                Some(value) => self.set(option, value),
                None => self.waiting = Some(option).filter(|option| takes_value(option)),
            }
        }
    }

    /// Notes the value of an option, if it matters here.
    fn set(&mut self, option: &Arg, value: &str) {
        if option.get_id() == "config" {
            self.config = Some(value.into());
        }
    }

    /// Whether another program's command line or arguments come next.
    fn is_foreign(&self) -> bool {
        match self.command.get_name() {
            "exec" => self.escaped || self.positionals > 0,
            "curl" => self.positionals > 0,
            _ => false,
        }
    }

    /// The option of a name with its dashes.
    fn option(&self, name: &str) -> Option<&'a Arg> {
        self.command.get_arguments().find(|option| names(option).iter().any(|known| known == name))
    }

    /// What can stand at the cursor, where `word` was begun.
    pub(super) fn next(&self, word: &str) -> Next {
        if self.is_foreign() {
            // The command of `exec` was read already, unless it stands behind `--`.
            return match self.command.get_name() {
                "curl" => Next::CurlArguments { at: self.read },
                _ => Next::Command { at: self.read - self.positionals },
            };
        }
        if let Some(option) = self.waiting {
            return value_of(option);
        }
        if word.starts_with('-') && !self.escaped {
            return match word.split_once('=') {
                Some((name, _)) => self.option(name).map_or(Next::Nothing, value_of),
                None => Next::Words(self.options()),
            };
        }
        match self.command.get_positionals().filter(|argument| !argument.is_hide_set()).nth(self.positionals) {
            _ if self.command.has_subcommands() => self.commands(),
            Some(argument) if argument.get_value_hint() == ValueHint::CommandWithArguments => {
                Next::Command { at: self.read }
            }
            Some(argument) => value_of(argument),
            None => Next::Nothing,
        }
    }

    /// The commands, where one can be named.
    fn commands(&self) -> Next {
        if self.positionals > 0 {
            return Next::Nothing;
        }
        let commands = self.command.get_subcommands().filter(|command| !command.is_hide_set());
        Next::Words(commands.map(|command| candidate(command.get_name(), command.get_about())).collect())
    }

    /// The options that can still be given.
    fn options(&self) -> Vec<Candidate> {
        self.command
            .get_arguments()
            .filter(|option| !option.is_hide_set() && !self.given.contains(&option.get_id().as_str()))
            .flat_map(|option| names(option).into_iter().map(|name| candidate(&name, option.get_help())))
            .collect()
    }
}

/// What can be the value of an argument.
fn value_of(argument: &Arg) -> Next {
    let values = argument.get_possible_values();
    if PROFILES.contains(&argument.get_id().as_str()) {
        return Next::Profile;
    }
    if takes_value(argument) && !values.is_empty() {
        return Next::Words(values.iter().map(|value| candidate(value.get_name(), value.get_help())).collect());
    }
    match argument.get_value_hint() {
        ValueHint::DirPath => Next::Directory,
        // What is held in a path is a file's, if nothing else is said.
        ValueHint::AnyPath => Next::File,
        _ => Next::Nothing,
    }
}

/// Whether an option is followed by a value.
fn takes_value(option: &Arg) -> bool {
    option.get_num_args().is_some_and(|number| number.takes_values())
}

/// The names of an option with their dashes; none for an argument without a name.
fn names(option: &Arg) -> Vec<String> {
    let long = option.get_long().map(|name| format!("--{name}"));
    let short = option.get_short().map(|letter| format!("-{letter}"));
    long.into_iter().chain(short).collect()
}

/// A word with its help as the description: the first line, without what clap or the help page adds to it.
fn candidate(word: &str, help: Option<&impl ToString>) -> Candidate {
    let help = help.map(ToString::to_string).unwrap_or_default();
    let line = help.lines().next().unwrap_or_default();
    let end = [" [env: ", " (see "].iter().filter_map(|note| line.find(note)).min().unwrap_or(line.len());
    Candidate { word: word.to_owned(), description: line[..end].to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// What can stand in the place of the last word, in short: words themselves, or the kind of it.
    fn next(line: &str) -> String {
        let mut definitions = crate::cli::Cli::command();
        definitions.build();
        let mut words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let word = words.pop().unwrap().into_string().unwrap();
        match TypedLine::read(&definitions, &words).next(&word) {
            Next::Words(candidates) => {
                let fitting = candidates.into_iter().map(|candidate| candidate.word);
                let typed = word.split_once('=').map_or(word.as_str(), |(_, value)| value);
                fitting.filter(|word| word.starts_with(typed)).collect::<Vec<_>>().join(" ")
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn commands_options_and_values() {
        for (line, expected) in [
            ("ws1-token ge", "get"),
            ("ws1-token --verbose log", "login logout"),
            ("ws1-token --vers", "--version"),
            ("ws1-token gte ", "Nothing"),
            ("ws1-token help st", "status"),
            ("ws1-token help status ", "Nothing"),
            ("ws1-token get --f", "--format --force-refresh"),
            (
                "ws1-token get --format ",
                "token header header-value headers-json curl env powershell github json kubernetes-secret",
            ),
            ("ws1-token get --format=j", "json"),
            ("ws1-token get --format json --fo", "--force-refresh"),
            ("ws1-token get --format=json --fo", "--force-refresh"),
            ("ws1-token -v get --v", ""),
            (
                "ws1-token -v get -",
                "--format --output --watch --min-ttl --force-refresh --name --namespace --profile -p --config --cache-dir --no-cache --tenant \
              --client-id --client-secret-file --help -h",
            ),
            ("ws1-token get ", "Nothing"),
            (
                "ws1-token get -p x -",
                "--format --output --watch --min-ttl --force-refresh --name --namespace --config --cache-dir --no-cache --tenant --client-id --client-secret-file --verbose -v --help -h",
            ),
            ("ws1-token get --no-such ", "Nothing"),
            ("ws1-token get --no-such=", "Nothing"),
            ("ws1-token get -- --f", "Nothing"),
            ("ws1-token login --store ", "file keychain"),
            ("ws1-token login --preset=v", "vidb"),
            ("ws1-token setup g", "git google"),
            ("ws1-token setup git ", "Nothing"),
            ("ws1-token terraform f", "forget"),
            ("ws1-token completions ", "bash zsh fish powershell elvish"),
            ("ws1-token completions bash ", "Nothing"),
            (
                "ws1-token completions --",
                "--profile --config --cache-dir --no-cache --tenant --client-id --client-secret-file \
              --verbose --help",
            ),
        ] {
            assert_eq!(next(line), expected, "{line}");
        }
    }

    #[test]
    fn profiles_and_files() {
        for (line, expected) in [
            ("ws1-token --profile ", "Profile"),
            ("ws1-token get --profile=p", "Profile"),
            ("ws1-token --profile get ge", "get"),
            ("ws1-token login ", "Profile"),
            ("ws1-token login --scope x ", "Profile"),
            ("ws1-token login prod ", "Nothing"),
            ("ws1-token login - ", "Nothing"),
            ("ws1-token logout --revoke p", "Profile"),
            ("ws1-token status ", "Profile"),
            ("ws1-token -p ", "Profile"),
            ("ws1-token --config ", "File"),
            ("ws1-token --config=", "File"),
            ("ws1-token get --output ", "File"),
            ("ws1-token login --ca-file ", "File"),
            ("ws1-token login --import ", "File"),
            ("ws1-token --client-secret-file ", "File"),
            ("ws1-token --cache-dir ", "Directory"),
            ("ws1-token --tenant ", "Nothing"),
            ("ws1-token --client-id=", "Nothing"),
            ("ws1-token exec --var ", "Nothing"),
            ("ws1-token curl ", "Nothing"),
        ] {
            assert_eq!(next(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_another_programs() {
        for (line, expected) in [
            ("ws1-token exec ", "Command { at: 2 }"),
            ("ws1-token exec l", "Command { at: 2 }"),
            ("ws1-token exec ls --profile ", "Command { at: 2 }"),
            ("ws1-token exec --va", "--var"),
            ("ws1-token exec -- ", "Command { at: 3 }"),
            ("ws1-token --profile exec exec --var A -- ls --profile ", "Command { at: 7 }"),
            ("ws1-token curl --prof", "--profile"),
            ("ws1-token curl /x ", "CurlArguments { at: 3 }"),
            ("ws1-token --profile=curl curl /x --profile ", "CurlArguments { at: 4 }"),
            ("ws1-token curl /x -- --format=", "CurlArguments { at: 3 }"),
        ] {
            assert_eq!(next(line), expected, "{line}");
        }
    }

    #[test]
    fn the_configuration_file_of_the_line() {
        let mut definitions = crate::cli::Cli::command();
        definitions.build();
        for (line, expected) in [
            ("ws1-token --config a.json get", Some("a.json")),
            ("ws1-token get --config=b.json --verbose", Some("b.json")),
            ("ws1-token --profile --config=c.json get", None),
            ("ws1-token exec -- --config d.json", None),
            ("ws1-token curl /x --config e.json", None),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(TypedLine::read(&definitions, &words).config, expected.map(PathBuf::from), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_words_have_an_answer(words in proptest::collection::vec(
            "\\PC{0,4}|-{0,3}(profile|config|v|)=?|get|curl|exec|help|login|/x", 0..6)) {
            let mut definitions = crate::cli::Cli::command();
            definitions.build();
            let word = words.last().cloned().unwrap_or_default();
            let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
            let _ = TypedLine::read(&definitions, &words).next(&word);
        }
    }
}
