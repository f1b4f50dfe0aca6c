//! The user's terminal: which streams are one, and colours on it. Asked only where something is shown to a person, never
//! on the cached path.

use std::io::IsTerminal;

/// A standard stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard input.
    Stdin,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// Whether a person is at the other end.
    pub(crate) fn is_terminal(self) -> bool {
        match self {
            Self::Stdin => std::io::stdin().is_terminal(),
            Self::Stdout => std::io::stdout().is_terminal(),
            Self::Stderr => std::io::stderr().is_terminal(),
        }
    }
}

/// What a colour says: the terminal's own palette decides how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// Something is wrong.
    Red,
    /// Something deserves a look.
    Yellow,
    /// All is well.
    Green,
    /// What to do.
    Cyan,
    /// A heading.
    Bold,
}

/// Whether and how a stream is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Palette {
    /// Whether at all.
    coloured: bool,
}

impl Palette {
    /// By the usual conventions: terminals only; `NO_COLOR` (no-color.org) and `TERM=dumb` say no, `CLICOLOR_FORCE`
    /// (bixense.com/clicolors) says yes.
    pub(crate) fn of(stream: Stream, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let refused = env("NO_COLOR").is_some();
        let forced = env("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let dumb = || env("TERM").is_some_and(|term| term == "dumb");
        Self { coloured: !refused && (forced || (stream.is_terminal() && !dumb())) }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(vars: &[(&str, &str)]) -> String {
        let env = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Palette::of(Stream::Stdout, &env).paint(Colour::Red, "x")
    }

    #[test]
    fn the_environment_can_refuse_and_force_colours() {
        assert_eq!(painted(&[("CLICOLOR_FORCE", "1")]), "\u{1b}[1;31mx\u{1b}[0m");
        assert_eq!(painted(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), "x");
        assert_eq!(painted(&[("CLICOLOR_FORCE", "0"), ("TERM", "dumb")]), "x");
    }
}
