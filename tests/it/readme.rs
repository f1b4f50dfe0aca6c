//! What the README and `docs/` say of the program, and where their links lead.

use crate::sandbox::{Sandbox, source};
use crate::structure;

/// The README.
const README: &str = include_str!("../../README.md");

/// The pages whose blocks run in one world, in this order. Pages that need another one have tests of their own.
const PAGES: [&str; 14] = [
    "login",
    "services",
    "configuration",
    "kubectl",
    "git",
    "scripts",
    "callers",
    "commands",
    "install",
    "security",
    "speed",
    "limits",
    "kubernetes",
    "troubleshooting",
];

/// The README and the pages.
pub(crate) fn manual() -> String {
    let pages = PAGES.iter().map(|page| std::fs::read_to_string(source("docs").join(format!("{page}.md"))).unwrap());
    std::iter::once(README.to_owned()).chain(pages).map(|page| page + "\n").collect()
}

#[test]
fn every_variable_and_command_of_the_help_is_documented() {
    let help = Sandbox::new().run(&["--help"]).stdout;
    let words = help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let manual = manual();
    for variable in words.filter(|word| word.starts_with("WS1_")) {
        assert!(manual.contains(variable), "{variable}");
    }
    for command in crate::commands::listed(&help) {
        let row = manual.contains(&format!("| `{command}")) || manual.contains(&format!("· `{command}"));
        assert!(row, "{command}");
    }
}

/// The literal parts of a format string, in order.
fn literals(template: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((literal, after)) = rest.split_once('{') {
        parts.push(literal);
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    parts.push(rest);
    parts.into_iter().map(|part| part.trim_matches([' ', '`', ',', ':'])).filter(|part| !part.is_empty()).collect()
}

/// What comes before the text of an error in the sources.
const BEFORE_ERRORS: [&str; 6] =
    ["Error::usage(", "Error::system(", "Self::usage(", "Self::system(", "Error::new(", "let what ="];

/// The texts of all errors: the first string behind each of those words.
fn error_texts() -> Vec<String> {
    let mut texts = Vec::new();
    for file in structure::sources(&source("src")) {
        let source = std::fs::read_to_string(file).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for rest in BEFORE_ERRORS.iter().flat_map(|before| source.split(before).skip(1)) {
            let Some((between, text)) = rest.split_once('"') else { continue };
            // Only a kind and `format!(` may stand between.
            if between.len() < 60 && !between.contains([')', ';', '.', '=']) {
                texts.extend(text.split('"').next().map(str::to_owned));
            }
        }
    }
    texts
}

#[test]
fn every_error_can_be_searched_for() {
    let troubleshooting = include_str!("../../docs/troubleshooting.md");
    // Nobody reads the error of a closed output.
    let texts: Vec<String> = error_texts()
        .into_iter()
        .filter(|text| !text.contains("standard output is closed") && !text.starts_with(','))
        .collect();
    assert!(texts.len() > 30, "{texts:#?}");
    let is_told = |text: &&String| {
        let literals = literals(text);
        let is_row = |line: &str| literals.iter().all(|literal| line.contains(&literal.replace('`', "")));
        literals.is_empty() || troubleshooting.lines().any(is_row)
    };
    let missing: Vec<&String> = texts.iter().filter(|text| !is_told(text)).collect();
    assert!(missing.is_empty(), "not in the table: {missing:#?}");
}

#[test]
fn the_diagram_is_drawn_from_its_text() {
    let (text, drawing) = (include_str!("../../docs/how-it-works.dot"), include_str!("../../docs/how-it-works.svg"));
    assert!(README.contains("docs/how-it-works.svg"));
    let labels: Vec<&str> = text.split("label=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(labels.len() > 10);
    for line in labels.iter().flat_map(|label| label.split("\\n")) {
        let line = line.trim().replace('\'', "&#39;");
        assert!(drawing.contains(&line), "draw docs/how-it-works.svg anew: `{line}` is not in it");
    }
}

/// Every document in Markdown, with its text.
fn documents() -> Vec<(std::path::PathBuf, String)> {
    let places = ["", "docs", "bench", "emulator", "release"].map(source);
    let files = places.iter().flat_map(|place| std::fs::read_dir(place).unwrap()).map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "md"));
    files.map(|file| (file.clone(), std::fs::read_to_string(file).unwrap())).collect()
}

/// The anchor of a heading, as GitHub and GitLab make it.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut count = 0;
    for (file, text) in documents() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if link.contains("://") {
                continue;
            }
            let (path, heading) = link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading)));
            let target = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link}", file.display());
            if let Some(heading) = heading {
                let text = std::fs::read_to_string(&target).unwrap();
                let is_there = text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading);
                assert!(is_there, "{}: {link}", file.display());
            }
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn the_front_page_is_short_and_every_page_is_in_the_index() {
    assert!(README.lines().count() <= 180, "{} lines", README.lines().count());
    assert!(!README.contains('…'), "what people read there is what they get");
    let index = include_str!("../../docs/README.md");
    for (file, _) in documents().iter().filter(|(file, _)| file.parent().unwrap().ends_with("docs")) {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name == "README.md" || index.contains(&format!("({name})")), "{name}");
    }
}

#[test]
fn what_a_console_prints_has_no_wildcards_and_is_run() {
    for (file, text) in documents() {
        for block in text.split("\n```console\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()) {
            assert!(!block.contains('…'), "{}:\n{block}", file.display());
            let is_run = [source("README.md"), source("emulator").join("README.md")].contains(&file)
                || PAGES.iter().any(|page| file == source("docs").join(format!("{page}.md")));
            assert!(is_run, "no test runs the blocks of {}", file.display());
        }
    }
}
