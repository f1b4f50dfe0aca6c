//! The finding of one check, and how findings are written: for people, and as JSON. Pure.

use serde::Serialize;

use crate::error::Error;
use crate::secret::{Secret, mask};
use crate::terminal::{Colour, Palette};
use crate::text::line;

/// Version of the JSON; it changes if a field is removed or changes its meaning.
const VERSION: u32 = 1;

/// How good a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It works, or would, but deserves a look.
    Warning,
    /// No usable token until this is fixed.
    Failed,
    /// Not checked, and the text says why.
    Skipped,
}

/// What one check found. The JSON's fields are stable; new ones may be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// The check.
    pub(super) name: &'static str,
    /// Its level.
    pub(super) level: Level,
    /// What was found.
    pub(super) text: String,
    /// One action that fixes it; every warning and every failure has one.
    pub(super) fix: Option<String>,
    /// The exit status of this finding alone.
    #[serde(rename = "exit_status")]
    pub(super) status: u8,
}

impl Finding {
    /// All is well.
    pub(super) fn ok(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, level: Level::Ok, text: text.into(), fix: None, status: 0 }
    }

    /// Something that deserves a look.
    pub(super) fn warning(name: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, level: Level::Warning, text: text.into(), fix: Some(fix.into()), status: 0 }
    }

    /// Something that has to be fixed.
    pub(super) fn failed(name: &'static str, text: impl Into<String>, fix: impl Into<String>, status: u8) -> Self {
        Self { name, level: Level::Failed, text: text.into(), fix: Some(fix.into()), status }
    }

    /// Something that was not checked.
    pub(super) fn skipped(name: &'static str, why: impl Into<String>) -> Self {
        Self { name, level: Level::Skipped, text: why.into(), fix: None, status: 0 }
    }

    /// The error that any other command would end with.
    pub(super) fn of(name: &'static str, error: &Error) -> Self {
        let text = error.chain().collect::<Vec<_>>().join(": ");
        let fix = error.action().unwrap_or("see what the system says about it");
        Self::failed(name, text, fix, error.exit_code())
    }

    /// The same without any of these secrets.
    pub(super) fn masked(self, secrets: &[&Secret]) -> Self {
        Self { text: mask(&self.text, secrets), fix: self.fix.map(|fix| mask(&fix, secrets)), ..self }
    }

    /// Whether it is a failure.
    pub(super) fn is_failed(&self) -> bool {
        self.level == Level::Failed
    }

    /// Whether both were skipped for the same reason.
    fn is_skipped_alike(&self, other: &Self) -> bool {
        [self, other].iter().all(|finding| finding.level == Level::Skipped) && self.text == other.text
    }

    /// The line for people of this finding and those up to `last`, all skipped alike.
    fn lines_to(&self, last: &Self, width: usize, palette: Palette) -> String {
        let name = format!("{} to {}", self.name, last.name);
        let found = line(&format!("{name:<width$}  {}", self.text));
        format!("{} {found}", palette.paint(Colour::Bold, "–"))
    }

    /// The lines for people.
    fn lines(&self, width: usize, palette: Palette) -> String {
        let (mark, colour) = match self.level {
            Level::Ok => ("✓", Colour::Green),
            Level::Warning => ("!", Colour::Yellow),
            Level::Failed => ("✗", Colour::Red),
            Level::Skipped => ("–", Colour::Bold),
        };
        let found = line(&format!("{:<width$}  {}", self.name, self.text));
        let fix = self.fix.as_ref().map_or_else(String::new, |fix| line(&format!("  fix: {fix}")));
        format!("{} {found}{fix}", palette.paint(colour, mark))
    }
}

/// The exit status: that of the first failure, which probably caused the later ones.
pub(super) fn exit_status(findings: &[Finding]) -> u8 {
    findings.iter().find(|finding| finding.is_failed()).map_or(0, |finding| finding.status)
}

/// From so many on, checks that were skipped for one reason share a line.
const LONGEST_LIST: usize = 3;

/// The page for people.
pub(super) fn page(findings: &[Finding], palette: Palette) -> String {
    let width = findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    let line = |group: &[Finding]| match group {
        [first, .., last] if group.len() >= LONGEST_LIST => first.lines_to(last, width, palette),
        _ => group.iter().map(|finding| finding.lines(width, palette)).collect(),
    };
    let lines: String = findings.chunk_by(Finding::is_skipped_alike).map(line).collect();
    format!("{lines}{}\n", summary(findings))
}

/// The last line: `all well`, or how many problems and warnings.
fn summary(findings: &[Finding]) -> String {
    let count = |level: Level, word: &str| match findings.iter().filter(|finding| finding.level == level).count() {
        0 => None,
        1 => Some(format!("1 {word}")),
        more => Some(format!("{more} {word}s")),
    };
    let counts = [count(Level::Failed, "problem"), count(Level::Warning, "warning")];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    if counts.is_empty() { "all well".to_owned() } else { counts.join(", ") }
}

/// The report for programs.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    /// See [`VERSION`].
    version: u32,
    /// In the order of the page.
    checks: &'a [Finding],
    /// See [`exit_status`].
    exit_status: u8,
}

impl<'a> Report<'a> {
    /// The report on some findings.
    pub(super) fn on(checks: &'a [Finding]) -> Self {
        Self { version: VERSION, checks, exit_status: exit_status(checks) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    /// One finding of each level, and a second failure.
    fn all() -> Vec<Finding> {
        vec![
            Finding::ok("secret", "file /s"),
            Finding::skipped("dns", "an address"),
            Finding::warning("clock", "41 s behind", "synchronise it"),
            Finding::failed("token", format!("HTTP 401{}[2J", '\u{1b}'), "compare", 4),
            Finding::failed("configuration", "later", "write", 2),
        ]
    }

    #[test]
    fn a_page_has_a_fix_below_what_needs_one_and_ends_in_a_sum() {
        let palette = Palette::of(&std::io::stdout(), &|_| None);
        insta::assert_snapshot!(page(&all(), palette), @r"
        ✓ secret         file /s
        – dns            an address
        ! clock          41 s behind
          fix: synchronise it
        ✗ token          HTTP 401?[2J
          fix: compare
        ✗ configuration  later
          fix: write
        2 problems, 1 warning
        ");
        assert_eq!(page(&all()[..1], palette), "✓ secret  file /s\nall well\n");
    }

    #[test]
    fn only_the_marks_are_coloured() {
        let palette = Palette::of(&std::io::stdout(), &|name| (name == "CLICOLOR_FORCE").then(|| "1".to_owned()));
        let page = page(&all(), palette);
        let first: Vec<&str> = page.lines().map(|line| line.split(' ').next().unwrap()).collect();
        let marks = ["\u{1b}[32m✓\u{1b}[0m", "\u{1b}[1m–\u{1b}[0m", "\u{1b}[33m!\u{1b}[0m", "\u{1b}[1;31m✗\u{1b}[0m"];
        assert_eq!([first[0], first[1], first[2], first[4]], marks);
        assert_eq!(page.matches('\u{1b}').count(), 10, "two for each finding");
    }

    #[test]
    fn the_first_failure_gives_the_exit_status() {
        assert_eq!(exit_status(&all()), 4);
        assert_eq!(exit_status(&all()[..3]), 0, "a warning is none");
    }

    #[test]
    fn an_error_keeps_its_causes_its_hint_and_its_status() {
        let error = Error::unusable(
            "`proxy` of profile `prod`",
            crate::error::Cause::new("its scheme is odd").because("somebody wrote it"),
            "write http://host:port",
        );
        let found = Finding::of("proxy", &error);
        assert_eq!(found.text, "`proxy` of profile `prod` is not usable: its scheme is odd: somebody wrote it");
        assert_eq!((found.fix.as_deref(), found.status), (Some("write http://host:port"), 2));
    }

    /// What is printed.
    fn json(findings: &[Finding]) -> String {
        String::from_utf8(Outcome::json(&Report::on(findings)).stdout).unwrap()
    }

    #[test]
    fn the_json_is_stable() {
        insta::assert_snapshot!(json(&all()[2..4]), @r#"
        {
          "version": 1,
          "checks": [
            {
              "name": "clock",
              "level": "warning",
              "text": "41 s behind",
              "fix": "synchronise it",
              "exit_status": 0
            },
            {
              "name": "token",
              "level": "failed",
              "text": "HTTP 401\u001b[2J",
              "fix": "compare",
              "exit_status": 4
            }
          ],
          "exit_status": 4
        }
        "#);
    }
}
