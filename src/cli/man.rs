//! Generates the manual pages in `man/` from the clap definitions.

use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory};
use roff::{Inline, Roff, bold, italic, roman};

use super::Cli;

/// The command that regenerates the pages.
const REWRITE: &str = "WS1_TEST_MAN=write cargo test --lib man_pages";

/// Pages of other programs to list under SEE ALSO.
const RELATED: [(&str, &[&str]); 6] = [
    ("ws1-token", &["curl(1)", "git(1)", "kubectl(1)"]),
    ("ws1-token-git", &["git-credential(1)", "gitcredentials(7)"]),
    ("ws1-token-kubectl", &["kubectl(1)"]),
    ("ws1-token-curl", &["curl(1)"]),
    ("ws1-token-exec", &["env(1)"]),
    ("ws1-token-setup", &["git-config(1)", "kubectl-config(1)"]),
];

/// A part of the text after the options.
enum Block<'a> {
    /// Indented lines under a heading.
    Section(&'a str, Vec<&'a str>),
    /// Running text.
    Paragraph(&'a str),
}

/// The parts of the text after the options.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let block = |text| match str::split_once(text, '\n') {
        Some((heading, lines)) if heading.ends_with(':') && lines.lines().all(|line| line.starts_with("  ")) => {
            let heading = heading.trim_end_matches(':').split(',').next().unwrap_or_default();
            Block::Section(heading, lines.lines().map(|line| &line[2..]).collect())
        }
        _ => Block::Paragraph(text),
    };
    text.split("\n\n").map(block).collect()
}

/// Terms and their meanings: two spaces end a term, and a line that begins with spaces continues the meaning.
fn table<'a>(lines: &[&'a str]) -> Vec<(&'a str, String)> {
    let mut rows: Vec<(&str, String)> = Vec::new();
    for line in lines {
        let (term, text) = line.split_once("  ").unwrap_or((line, ""));
        match rows.last_mut() {
            Some((_, meaning)) if term.is_empty() => {
                *meaning = format!("{meaning} {}", text.trim()).trim_start().to_owned();
            }
            _ => rows.push((term, text.trim().to_owned())),
        }
    }
    rows
}

/// All pages: file name and text.
fn pages() -> Vec<(String, String)> {
    let mut definitions = Cli::command().disable_help_subcommand(true);
    definitions.build();
    let commands = std::iter::once(&definitions).chain(definitions.get_subcommands());
    commands
        .map(|command| {
            let name = command.get_display_name().unwrap_or("ws1-token");
            (format!("{name}.1"), page(command, name))
        })
        .collect()
}

/// The page of a command.
fn page(command: &Command, name: &str) -> String {
    let end = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string).unwrap_or_default();
    let blocks = blocks(&end);
    let mut roff = Roff::new();
    roff.control("SH", ["NAME"]).text([roman(format!("{name} - {}", uncapitalised(&about(command))))]);
    synopsis(command, &mut roff);
    description(command, &blocks, &mut roff);
    if command.has_subcommands() {
        roff.control("SH", ["COMMANDS"]);
        commands(command, &mut roff);
    }
    let (plain, options): (Vec<&Arg>, Vec<&Arg>) =
        command.get_arguments().filter(|argument| !argument.is_hide_set()).partition(|it| it.is_positional());
    let (own, global): (Vec<&Arg>, Vec<&Arg>) = options.iter().partition(|option| option.get_help_heading().is_none());
    arguments("ARGUMENTS", &plain, &mut roff);
    arguments("OPTIONS", &own, &mut roff);
    arguments("GLOBAL OPTIONS", &global, &mut roff);
    for block in &blocks {
        let Block::Section(heading, lines) = block else { continue };
        roff.control("SH", [heading.to_uppercase().as_str()]);
        match *heading {
            "Examples" => verbatim(lines, &mut roff),
            "Environment" => {
                variables(command, &mut roff);
                terms(lines, &mut roff);
            }
            _ => terms(lines, &mut roff),
        }
    }
    see_also(name, &mut roff);
    finished(name, &roff.render())
}

/// The page with its title, and bold type for text in backticks.
fn finished(name: &str, page: &str) -> String {
    let (preamble, body) = page.split_at(page.find(".SH").unwrap());
    let version = env!("CARGO_PKG_VERSION");
    // The crate drops empty arguments, and the date is empty: pages change only with the definitions.
    let mut text = format!("{preamble}.TH {name} 1 \"\" \"ws1-token {version}\" \"ws1-token manual\"\n");
    for (at, part) in body.split('`').enumerate() {
        text.push_str(["", "\\fB", "\\fR"][if at == 0 { 0 } else { 2 - at % 2 }]);
        text.push_str(part);
    }
    text
}

/// The usage line of the help page.
fn synopsis(command: &Command, roff: &mut Roff) {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let name = command.get_bin_name().unwrap_or("ws1-token");
    let rest = usage.strip_prefix(name).unwrap_or_else(|| panic!("{usage} does not begin with {name}"));
    roff.control("SH", ["SYNOPSIS"]).text([bold(name), roman(rest)]);
}

/// The description of the help page, then the paragraphs after the options.
fn description(command: &Command, blocks: &[Block<'_>], roff: &mut Roff) {
    let about = command.get_long_about().map_or_else(|| format!("{}.", about(command)), ToString::to_string);
    roff.control("SH", ["DESCRIPTION"]);
    let paragraphs = blocks.iter().filter_map(|block| match block {
        Block::Paragraph(text) => Some(*text),
        Block::Section(..) => None,
    });
    for (at, text) in about.split("\n\n").chain(paragraphs).enumerate() {
        if at > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(text)]);
    }
}

/// The one-line description of a command.
fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

/// A sentence for after a dash: its first letter in lower case.
fn uncapitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// Arguments and options with their possible values.
fn arguments(heading: &str, arguments: &[&Arg], roff: &mut Roff) {
    if arguments.is_empty() {
        return;
    }
    roff.control("SH", [heading]);
    for argument in arguments {
        roff.control("TP", []).text(header(argument)).text([roman(help(argument))]);
        let values = argument.get_possible_values();
        if takes_value(argument) && !values.is_empty() {
            roff.control("RS", []).control("PD", ["0"]);
            for value in &values {
                let meaning = value.get_help().map(ToString::to_string).unwrap_or_default();
                roff.control("TP", ["16"]).text([bold(value.get_name())]).text([roman(meaning)]);
            }
            roff.control("PD", []).control("RE", []);
        }
    }
}

/// The help of an argument, with its default.
fn help(argument: &Arg) -> String {
    // clap's own text refers to the other form of the help page.
    if argument.get_id() == "help" {
        return "Print help; in short with -h".to_owned();
    }
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    match argument.get_default_values() {
        [default] if takes_value(argument) && !argument.is_hide_default_value_set() => {
            format!("{help} [default: {}]", default.to_string_lossy())
        }
        _ => help,
    }
}

/// Whether it is a positional argument or an option with a value.
fn takes_value(argument: &Arg) -> bool {
    argument.get_num_args().is_some_and(|number| number.takes_values())
}

/// The names and the value of an argument.
fn header(argument: &Arg) -> Vec<Inline> {
    let mut header = Vec::new();
    if let Some(short) = argument.get_short() {
        header.extend([bold(format!("-{short}")), roman(", ")]);
    }
    if let Some(long) = argument.get_long() {
        header.push(bold(format!("--{long}")));
    }
    if takes_value(argument) {
        let names = argument.get_value_names().unwrap_or_default();
        let many = argument.get_num_args().is_some_and(|number| number.max_values() > 1);
        header.extend([
            roman(if header.is_empty() { "" } else { " " }),
            italic(names.iter().map(clap::builder::Str::as_str).collect::<Vec<_>>().join(" ")),
            roman(if many { "..." } else { "" }),
        ]);
    }
    header
}

/// The commands with their pages.
fn commands(command: &Command, roff: &mut Roff) {
    for subcommand in command.get_subcommands() {
        let page = subcommand.get_display_name().unwrap_or_default();
        roff.control("TP", []).text([bold(page), roman("(1)")]).text([roman(about(subcommand))]);
    }
}

/// Unformatted lines.
fn verbatim(lines: &[&str], roff: &mut Roff) {
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(*line)]);
    }
    roff.control("fi", []);
}

/// Terms and their meanings.
fn terms(lines: &[&str], roff: &mut Roff) {
    for (term, meaning) in table(lines) {
        roff.control("TP", []).text([bold(term)]).text([roman(meaning)]);
    }
}

/// The environment variables that options name, each with its option.
fn variables(command: &Command, roff: &mut Roff) {
    for option in command.get_arguments() {
        let help = option.get_help().map(ToString::to_string).unwrap_or_default();
        if let (Some((_, variable)), Some(name)) = (help.split_once("[env: "), option.get_long()) {
            let option = [roman("as "), bold(format!("--{name}"))];
            roff.control("TP", []).text([bold(variable.trim_end_matches(']'))]).text(option);
        }
    }
}

/// The SEE ALSO section.
fn see_also(name: &str, roff: &mut Roff) {
    roff.control("SH", ["SEE ALSO"]);
    let others = RELATED.iter().find(|(page, _)| *page == name).map_or(&[][..], |(_, others)| others);
    let own = Some("ws1-token(1)").filter(|_| name != "ws1-token");
    let mut pages: Vec<&str> = own.into_iter().chain(others.iter().copied()).collect();
    pages.sort_unstable();
    roff.text([roman(pages.join(", "))]);
}

/// The directory of the pages: of the sources that are tested, which may be a copy.
#[expect(clippy::disallowed_methods, reason = "only the environment knows where a copy is")]
fn directory() -> PathBuf {
    let sources = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    Path::new(&sources).join("man")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test that regenerates committed files on request")]
fn man_pages_are_what_the_definitions_say() {
    let pages = pages();
    if std::env::var("WS1_TEST_MAN").is_ok_and(|value| value == "write") {
        for (name, text) in &pages {
            std::fs::write(directory().join(name), text).unwrap();
        }
    }
    for (name, text) in &pages {
        let committed = std::fs::read_to_string(directory().join(name)).unwrap_or_default();
        assert!(committed == *text, "man/{name} is not what the definitions say; run: {REWRITE}");
    }
    let mut there: Vec<String> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.retain(|name| !pages.iter().any(|(page, _)| page == name));
    assert!(there.is_empty(), "man/ has pages of no command: {there:?}");
}
