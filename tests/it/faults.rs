//! `tests/FAULTS.md` against the sources: every row has a test that exists, or a reason.

use std::path::{Path, PathBuf};

/// The table.
const FAULTS: &str = include_str!("../FAULTS.md");

/// How many rows each part has.
const ROWS: [(char, usize); 22] = [
    ('A', 22),
    ('B', 28),
    ('C', 16),
    ('D', 41),
    ('E', 7),
    ('F', 22),
    ('G', 9),
    ('H', 37),
    ('J', 18),
    ('K', 16),
    ('L', 35),
    ('M', 20),
    ('N', 16),
    ('P', 14),
    ('Q', 15),
    ('R', 12),
    ('S', 14),
    ('T', 8),
    ('U', 7),
    ('V', 11),
    ('W', 4),
    ('X', 6),
];

/// The lines of a module, without those of the modules written inside it.
type Lines = Vec<String>;

/// A module: its own lines, the modules written inside it by name, and where the files of its other ones are.
struct Module {
    /// See [`Lines`].
    own: Lines,
    /// Names and lines.
    inner: Vec<(String, Lines)>,
    /// The directory.
    dir: PathBuf,
}

impl Module {
    /// Takes a module's lines apart. The sources are formatted: a module ends at the first `}` below its own `mod`.
    fn read(lines: &[String], dir: PathBuf) -> Self {
        let (mut own, mut inner) = (Lines::new(), Vec::new());
        let mut rest = lines.iter();
        while let Some(line) = rest.next() {
            match line.strip_suffix(" {").and_then(|start| start.split_once("mod ")) {
                Some((before, name)) if before.trim_start().is_empty() || before.trim_start().starts_with("pub") => {
                    let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
                    inner.push((name.to_owned(), rest.by_ref().take_while(|line| **line != end).cloned().collect()));
                }
                _ => own.push(line.clone()),
            }
        }
        Self { own, inner, dir }
    }

    /// The file of a crate's root.
    fn root(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        Self::read(&text.lines().map(str::to_owned).collect::<Lines>(), file.parent().unwrap().to_owned())
    }

    /// The module of this name below this one: written inside it, or declared and in a file of its own.
    fn child(&self, name: &str) -> Option<Self> {
        let dir = self.dir.join(name);
        if let Some((_, lines)) = self.inner.iter().find(|(inner, _)| inner == name) {
            return Some(Self::read(lines, dir));
        }
        let declared = |line: &String| {
            line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub ") == format!("mod {name};")
        };
        self.own.iter().find(|line| declared(line))?;
        let text =
            [dir.with_extension("rs"), dir.join("mod.rs")].iter().find_map(|file| std::fs::read_to_string(file).ok());
        Some(Self::read(&text?.lines().map(str::to_owned).collect::<Lines>(), dir))
    }

    /// Whether a test of this name is an item of this very module: a function with `#[test]` among its attributes.
    fn has_test(&self, name: &str) -> bool {
        let start = format!("fn {name}(");
        let mut is_test = false;
        self.own.iter().map(|line| line.trim_start()).any(|line| {
            let found = is_test && line.starts_with(&start);
            is_test = line == "#[test]" || (is_test && (line.starts_with("#[") || line.starts_with("//")));
            found
        })
    }
}

/// Whether a test of this name exists: `it::FILE::TEST` or `lib::MODULE::…::TEST`.
fn exists(name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    let [side, modules @ .., test] = &parts[..] else { return false };
    let root = crate::sandbox::source(if *side == "it" { "tests/it/main.rs" } else { "src/lib.rs" });
    let module = modules.iter().try_fold(Module::root(&root), |module, name| module.child(name));
    module.is_some_and(|module| module.has_test(test))
}

#[test]
fn every_row_has_a_test_or_a_reason() {
    let mut wrong = Vec::new();
    for (part, count) in ROWS {
        for number in 1..=count {
            let start = format!("| {part}{number} | ");
            let rows: Vec<&str> = FAULTS.lines().filter(|line| line.starts_with(&start)).collect();
            let [row] = rows[..] else {
                wrong.push(format!("{part}{number} stands {} times", rows.len()));
                continue;
            };
            let last = row.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap();
            let tests: Vec<&str> = last.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).collect();
            wrong.extend(tests.iter().filter(|name| !exists(name)).map(|name| format!("{part}{number}: no {name}")));
            if tests.is_empty() && !(last.starts_with("– ") && last.len() > 20) {
                wrong.push(format!("{part}{number} has neither a test nor a reason"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_test_that_is_not_there_is_missed() {
    assert!(exists("it::faults::a_test_that_is_not_there_is_missed"));
    assert!(exists("lib::token::tests::windows_are_a_share_of_the_life"), "in a module inside a file");
    assert!(exists("lib::cache::tests::an_entry_survives_the_disk"), "in a file of its own");
    assert!(exists("lib::token::properties::windows_scale_with_the_life"), "of many cases");
    assert!(exists("lib::tests::a_bug_is_reported_by_its_place"), "in the crate's root");
    assert!(!exists("it::faults::no_such_test"));
    assert!(!exists("it::faults::exists"), "a function that is no test");
    assert!(!exists("it::network::refusing"), "nor is one with a comment");
    assert!(!exists("lib::token::windows_are_a_share_of_the_life"), "in another module of the file");
    assert!(!exists("lib::token::tests::tests::windows_are_a_share_of_the_life"));
    assert!(!exists("lib::no_such_module::tests::windows_are_a_share_of_the_life"));
}
