//! The user's terminal: which streams are one, colours, and a temporary line on it. Used only for output to people, never
//! on the cached path.

use std::io::{IsTerminal, Write};

use crate::platform;

/// Whether a terminal knows no escape sequences: `TERM` is `dumb` or unset (on Windows too, where a console may not know
/// them).
fn is_dumb(env: &dyn Fn(&str) -> Option<String>) -> bool {
    env("TERM").is_none_or(|term| term == "dumb")
}

/// Whether a line can be drawn on standard error and erased again.
pub(crate) fn is_erasable(env: &dyn Fn(&str) -> Option<String>) -> bool {
    std::io::stderr().is_terminal() && !is_dumb(env)
}

/// Columns of a terminal of unknown width.
pub(crate) const USUAL_COLUMNS: usize = 80;

/// Draws a temporary line on standard error, unless we are a background job; returns whether it did.
///
/// The last column stays empty: after it some terminals wrap to a line that [`erase`] does not reach.
pub(crate) fn draw(text: &str) -> bool {
    if !platform::is_foreground() {
        return false;
    }
    let columns = platform::columns(&std::io::stderr()).unwrap_or(USUAL_COLUMNS);
    let line = format!("\r{}", cut(text, columns.saturating_sub(1)));
    std::io::stderr().write_all(line.as_bytes()).is_ok()
}

/// Erases the line that [`draw`] drew.
pub(crate) fn erase() {
    if platform::is_foreground() {
        let _ = std::io::stderr().write_all(b"\r\x1b[K");
    }
}

/// A text of at most so many columns, without control characters; `…` marks a cut.
fn cut(text: &str, columns: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { '?' } else { c });
    if text.chars().count() <= columns {
        return clean.collect();
    }
    clean.take(columns.saturating_sub(1)).chain((columns > 0).then_some('…')).collect()
}

/// What a colour means: the terminal's palette decides how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// An error.
    Red,
    /// A warning.
    Yellow,
    /// Success.
    Green,
    /// A hint.
    Cyan,
    /// A heading.
    Bold,
}

/// Whether and how a stream is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Palette {
    /// Whether it is coloured.
    coloured: bool,
}

impl Palette {
    /// No colours.
    pub(crate) const PLAIN: Self = Self { coloured: false };

    /// By the usual conventions: on terminals only, and not with `NO_COLOR` (no-color.org), `TERM=dumb` or without `TERM`;
    /// `CLICOLOR_FORCE` (bixense.com/clicolors) forces colours.
    pub(crate) fn of(stream: &dyn IsTerminal, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let refused = env("NO_COLOR").is_some();
        let forced = env("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        Self { coloured: !refused && (forced || (stream.is_terminal() && !is_dumb(env))) }
    }

    /// The text in a colour, or as it is.
    pub(crate) fn paint(self, colour: Colour, text: &str) -> String {
        if !self.coloured || text.is_empty() {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Red => "1;31",
            Colour::Yellow => "33",
            Colour::Green => "32",
            Colour::Cyan => "36",
            Colour::Bold => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Lines for standard error with their prefixes painted.
    pub(crate) fn paint_report(self, text: &str) -> String {
        text.split_inclusive('\n')
            .map(|line| match LEADS.iter().find(|(lead, _)| line.starts_with(lead)) {
                Some((lead, colour)) => format!("{}{}", self.paint(*colour, lead), &line[lead.len()..]),
                None => line.to_owned(),
            })
            .collect()
    }
}

/// The prefixes of lines on standard error.
const LEADS: [(&str, Colour); 4] =
    [("error:", Colour::Red), ("warning:", Colour::Yellow), ("  caused by:", Colour::Bold), ("hint:", Colour::Cyan)];

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(vars: &[(&str, &str)]) -> String {
        let env = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Palette::of(&std::io::stdout(), &env).paint(Colour::Red, "x")
    }

    #[test]
    fn the_environment_can_refuse_and_force_colours() {
        assert_eq!(painted(&[("CLICOLOR_FORCE", "1")]), "\u{1b}[1;31mx\u{1b}[0m");
        assert_eq!(painted(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), "x");
        assert_eq!(painted(&[("CLICOLOR_FORCE", "0"), ("TERM", "dumb")]), "x");
    }

    #[test]
    fn a_report_is_painted_where_its_lines_begin() {
        let report = "error: no hint: here\n  caused by: x\nhint: y\nwarning: z\nError: n\n";
        let painted = Palette { coloured: true }.paint_report(report).replace('\u{1b}', "^");
        assert_eq!(
            painted,
            "^[1;31merror:^[0m no hint: here\n^[1m  caused by:^[0m x\n^[36mhint:^[0m y\n^[33mwarning:^[0m z\nError: n\n"
        );
        assert_eq!(Palette::PLAIN.paint_report(report), report);
    }

    #[test]
    fn a_passing_line_fits_and_is_clean() {
        for (columns, expected) in [(80, "wait ?[2J"), (9, "wait ?[2J"), (8, "wait ?[…"), (1, "…"), (0, "")] {
            assert_eq!(cut("wait \u{1b}[2J", columns), expected, "{columns}");
        }
    }
}
