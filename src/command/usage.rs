//! Help, version and usage errors, in the form of every other report.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::Mistake;
use crate::error::EXIT_CONFIG;
use crate::outcome::Outcome;

/// Help and version are answers; everything else is a usage error.
pub(crate) fn outcome(mistake: &Mistake) -> Outcome {
    match mistake.error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Outcome::answer(mistake.error.to_string()),
        _ => Outcome { stdout: Vec::new(), report: report(mistake), status: EXIT_CONFIG },
    }
}

/// clap's first paragraph, then its suggestion or the help page as the hint.
fn report(mistake: &Mistake) -> String {
    let Mistake { error, command } = mistake;
    let text = error.to_string();
    let what = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "error: no command is given".to_owned()
        }
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
