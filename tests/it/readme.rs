//! The console blocks of the README and of `docs/`, run as they are: commands in bash, their output compared line by line;
//! `…` matches anything.

use ws1_emulator::{Emulator, Service};

use crate::sandbox::{SECRET, Sandbox, binary, source, temporary, write};
use crate::skip::has;
use crate::structure;

/// The README.
const README: &str = include_str!("../../README.md");

/// The pages whose blocks run in one world, in this order. Pages that need another one have tests of their own.
const PAGES: [&str; 13] = [
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
    "troubleshooting",
];

/// The README and the pages.
fn manual() -> String {
    let pages = PAGES.iter().map(|page| std::fs::read_to_string(source("docs").join(format!("{page}.md"))).unwrap());
    std::iter::once(README.to_owned()).chain(pages).map(|page| page + "\n").collect()
}

/// The texts between ```` ```KIND ```` and ```` ``` ````.
fn blocks(kind: &str) -> Vec<String> {
    manual()
        .split(&format!("\n```{kind}\n"))
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap().to_owned())
        .collect()
}

/// A command of a block and the lines that follow it.
struct Step {
    command: String,
    output: Vec<String>,
}

/// The steps of a block.
fn steps(block: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => steps.push(Step { command: command.to_owned(), output: Vec::new() }),
            None => steps.last_mut().unwrap().output.push(line.to_owned()),
        }
    }
    steps
}

/// Whether a line is as the README says; `…` is anything, a last line of `…` alone any number of lines.
fn matches(expected: &[String], actual: &[String]) -> bool {
    let open_end = expected.last().is_some_and(|line| line == "…");
    let expected = if open_end { &expected[..expected.len() - 1] } else { expected };
    let enough = if open_end { actual.len() >= expected.len() } else { actual.len() == expected.len() };
    enough
        && expected.iter().zip(actual).all(|(expected, actual)| {
            let mut rest = actual.as_str();
            let mut parts = expected.split('…').enumerate().peekable();
            while let Some((at, part)) = parts.next() {
                let found = match (at, parts.peek()) {
                    (0, _) => rest.starts_with(part).then_some(0),
                    (_, None) => rest.len().checked_sub(part.len()).filter(|_| rest.ends_with(part)),
                    _ => rest.find(part),
                };
                match found {
                    Some(found) => rest = &rest[found + part.len()..],
                    None => return false,
                }
            }
            expected.contains('…') || rest.is_empty()
        })
}

/// A world in which the README's hosts are the emulator.
struct World {
    sandbox: Sandbox,
    emulator: Emulator,
    /// UEM and VIDB.
    siblings: [Emulator; 2],
    /// What the emulator serves.
    _repositories: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let repositories = temporary();
        let emulator = Emulator::builder().tls().git_root(repositories.path()).start().unwrap();
        let mut sandbox = Sandbox::new();
        make_repository(&sandbox, &repositories.path().join("app.git"));
        let siblings = [Service::Uem, Service::Vidb].map(|service| Emulator::builder().service(service).tls().start());
        let siblings = siblings.map(Result::unwrap);
        let authorities: String = [&emulator].into_iter().chain(&siblings).filter_map(Emulator::ca_pem).collect();
        write(&sandbox.path("ca.pem"), authorities.as_bytes());
        let ca = sandbox.path("ca.pem").display().to_string();
        for name in ["WS1_TOKEN_CA_FILE", "SSL_CERT_FILE", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE"] {
            sandbox.set(name, &ca);
        }
        let bin = std::path::Path::new(binary()).parent().unwrap().display().to_string();
        let path = format!("{bin}:{}", sandbox.variable("PATH"));
        let kubeconfig = sandbox.path("kubeconfig").display().to_string();
        sandbox.set("PATH", path).set("KUBECONFIG", kubeconfig);
        let world = Self { sandbox, emulator, siblings, _repositories: repositories };
        world.sandbox.write_config_text(&world.with_hosts(&blocks("json")[0]));
        write(&world.sandbox.path("home/.config/ws1-token/prod.secret"), SECRET.as_bytes());
        write(&world.sandbox.path("secret.txt"), SECRET.as_bytes());
        write(&world.sandbox.path("api-token.txt"), b"emulator-api-token");
        write(&world.sandbox.path("kubeconfig"), world.kubeconfig().as_bytes());
        world
    }

    /// The README's text for this machine.
    fn with_hosts(&self, text: &str) -> String {
        let host = self.emulator.host();
        let text =
            text.replace("https://git.example.com/", &format!("https://{host}/git/")).replace("git.example.com", &host);
        self.hosts().into_iter().fold(text, |text, (name, host)| text.replace(name, &host))
    }

    /// The README's hosts, and those of this machine.
    fn hosts(&self) -> [(&'static str, String); 4] {
        let [uem, vidb] = &self.siblings;
        [
            ("acme.example.com", self.emulator.host()),
            ("na.uemauth.workspaceone.com", uem.host()),
            ("uem.example.com", uem.api_url().replace("https://", "")),
            ("vcenter.example.com", vidb.host()),
        ]
    }

    /// A cluster without users.
    fn kubeconfig(&self) -> String {
        serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "acme",
            "clusters": [{"name": "acme", "cluster": {
                "server": format!("{}/k8s", self.emulator.url()),
                "certificate-authority": self.sandbox.path("ca.pem") }}],
            "contexts": [{"name": "acme", "context": {"cluster": "acme", "user": "none"}}]
        })
        .to_string()
    }

    /// Runs a block in one shell and compares what each command printed.
    fn check(&self, block: &str) {
        let steps = steps(block);
        let mut script = String::from("exec 2>&1\n");
        for step in &steps {
            script.push_str(&self.with_hosts(&step.command));
            script.push_str("\necho; echo \"=== $?\"\n");
        }
        let mut shell = self.sandbox.program("bash");
        shell.args(["-c", &script]);
        let output = self.sandbox.finish(shell);
        let printed = self.hosts().into_iter().fold(output.stdout, |text, (name, host)| text.replace(&host, name));
        // A token may be a few seconds old when its remaining life is printed; the README's is new.
        let printed = (10_770..10_799).fold(printed, |text, left| text.replace(&left.to_string(), "10799"));
        let mut parts = printed.split("=== ");
        let mut text = parts.next().unwrap().to_owned();
        for step in &steps {
            let after = parts.next().unwrap_or_else(|| panic!("no end of `{}`:\n{printed}", step.command));
            let (status, next) = after.split_once('\n').unwrap();
            let actual: Vec<String> = text.trim_end().lines().map(str::to_owned).collect();
            assert_eq!(status, "0", "`{}`:\n{text}", step.command);
            assert!(
                matches(&step.output, &actual),
                "`{}` printed\n{text}\nbut the page says\n{}",
                step.command,
                step.output.join("\n")
            );
            next.clone_into(&mut text);
        }
    }
}

/// A bare repository with one commit.
fn make_repository(sandbox: &Sandbox, bare: &std::path::Path) {
    let script = format!(
        "set -e; git init -q -b main work; cd work; echo hello > file; git add file; \
         git -c user.name=t -c user.email=t@example.com commit -q -m first; git clone -q --bare . '{}'",
        bare.display()
    );
    let mut shell = sandbox.program("bash");
    shell.args(["-c", &script]);
    let output = sandbox.finish(shell);
    assert_eq!(output.status, 0, "{output}");
}

#[test]
fn the_console_blocks_are_true() {
    if !has("git") || !has("curl") {
        return;
    }
    let world = World::new();
    let blocks = blocks("console");
    assert!(blocks.len() >= 5, "{} blocks", blocks.len());
    for block in blocks {
        if block.contains("kubectl") && !has("kubectl") {
            continue;
        }
        world.sandbox.run(&["forget"]);
        world.check(&block);
    }
}

#[test]
fn the_comparison_can_fail() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (expected, actual, same) in [
        ("a…c", "abc", true),
        ("a…c", "abcd", false),
        ("…", "x\ny", true),
        ("a\n…", "a", true),
        ("a\n…", "b\nc", false),
        ("a", "a\nb", false),
        ("a…b…c", "a1b2c", true),
        ("a…b…c", "a1c", false),
        ("abc", "abcd", false),
    ] {
        assert_eq!(matches(&lines(expected), &lines(actual)), same, "{expected:?} {actual:?}");
    }
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
