//! Help, version and usage errors, in the form of every other report.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::Mistake;
use crate::error::EXIT_CONFIG;
use crate::outcome::Outcome;
use crate::platform;
use crate::terminal::{Colour, Palette, USUAL_COLUMNS};
use crate::text::wrapped;

/// The widest help page, in columns: longer lines are hard to read.
const WIDEST: usize = 100;

/// Help and version are answers, and so is the overview for a call without any argument, as kubectl, docker and gh have
/// it; everything else is a usage error.
pub(crate) fn outcome(mistake: &Mistake, env: &dyn Fn(&str) -> Option<String>) -> Outcome {
    match mistake.error.kind() {
        ErrorKind::DisplayVersion => Outcome::answer(mistake.error.to_string()),
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let columns = platform::columns(&std::io::stdout()).unwrap_or(USUAL_COLUMNS).min(WIDEST);
            Outcome::answer(page(&mistake.error.to_string(), columns, Palette::of(&std::io::stdout(), env)))
        }
        _ => Outcome { stdout: Vec::new(), report: report(mistake), status: EXIT_CONFIG },
    }
}

/// A help page for so many columns, with its headings painted.
fn page(help: &str, columns: usize, palette: Palette) -> String {
    let line = |line: &str| match line.split_once(':') {
        Some((heading, rest)) if rest.is_empty() && !line.starts_with(' ') || heading == "Usage" => {
            format!("{}{}\n", palette.paint(Colour::Bold, &line[..=heading.len()]), rest)
        }
        _ => wrapped(line, columns) + "\n",
    };
    help.lines().map(line).collect()
}

/// clap's first paragraph, then its suggestion or the help page as the hint.
fn report(mistake: &Mistake) -> String {
    let Mistake { error, command } = mistake;
    let text = error.to_string();
    let what = match error.kind() {
        ErrorKind::MissingSubcommand => "error: no command is given".to_owned(),
        _ => text.split("\n\n").next().unwrap_or_default().trim_end().to_owned(),
    };
    let suggested = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| error.get(kind))
        .and_then(|value| match value {
            ContextValue::String(word) => Some(word.clone()),
            // clap puts the likeliest last.
            ContextValue::Strings(words) => words.last().cloned(),
            _ => None,
        });
    let hint = match (suggested, command) {
        (Some(word), _) => format!("did you mean `{word}`?"),
        (None, Some(command)) => format!("see `ws1-token {command} --help`"),
        (None, None) => "see `ws1-token --help`".to_owned(),
    };
    format!("{what}\nhint: {hint}\n")
}
