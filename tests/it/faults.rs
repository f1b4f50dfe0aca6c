//! `tests/FAULTS.md` against the sources: every row has a test that exists, or a reason.

/// The table.
const FAULTS: &str = include_str!("../FAULTS.md");

/// How many rows each part has.
const ROWS: [(char, usize); 7] = [('A', 22), ('B', 28), ('C', 16), ('D', 32), ('E', 7), ('F', 22), ('G', 9)];

/// Whether a test of this name exists: `it::FILE::TEST` or `lib::MODULE::…::TEST`.
fn exists(name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    let (modules, test) = (&parts[1..parts.len() - 1], parts[parts.len() - 1]);
    let root = crate::sandbox::source(if parts[0] == "it" { "tests/it" } else { "src" });
    // A module is a file of its own, or a part of its parent's.
    (0..=modules.len()).any(|depth| {
        let module = if depth == 0 { "lib".to_owned() } else { modules[..depth].join("/") };
        let file = root.join(module).with_extension("rs");
        std::fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("fn {test}(")))
    })
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
    assert!(exists("lib::token::tests::windows_are_a_share_of_the_life"));
    assert!(!exists("it::faults::no_such_test"));
    assert!(!exists("lib::no_such_module::tests::windows_are_a_share_of_the_life"));
}
