//! The recording in the README: what a terminal shows in a real run, drawn as an SVG. `WS1_TEST_RECORDING=write` draws it.

use crate::console::{Step, World, masked};
use crate::sandbox::source;
use crate::skip::has;

/// What is typed.
const COMMANDS: [&str; 5] = [
    "ws1-token login prod --tenant acme.example.com --client-id ci-bot --secret-stdin < secret.txt",
    "ws1-token setup kubectl --write | head -n 1 && kubectl --user=ws1 get pods",
    "git -c credential.helper='!ws1-token git' clone https://git.example.com/app.git",
    "ws1-token curl /SAAS/jersey/manager/api/scim/Users --silent | grep -o '\"totalResults\":[0-9]*'",
    "ws1-token status",
];

/// Width of a character and height of a line, in pixels.
const CELL: (f64, f64) = (7.8, 19.0);

/// Space around the text, in pixels.
const MARGIN: f64 = 20.0;

/// Seconds between two commands.
const PAUSE: f64 = 1.5;

const STYLE: &str = "
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
  text { fill: #1f2328; }
  .page { fill: #f6f8fa; stroke: #d1d9e0; }
  .prompt { fill: #59636e; }
  .typed { font-weight: 600; }
  .sgr-1 { font-weight: 600; }
  .sgr-2 { fill: #59636e; }
  .sgr-31 { fill: #cf222e; }
  .sgr-32 { fill: #1a7f37; }
  .sgr-33 { fill: #9a6700; }
  .sgr-36 { fill: #0969da; }
  .step { animation: appear 0.2s backwards; }
  @keyframes appear { from { opacity: 0; } }
  @media (prefers-reduced-motion: reduce) { .step { animation: none; } }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .page { fill: #0d1117; stroke: #3d444d; }
    .prompt, .sgr-2 { fill: #9198a1; }
    .sgr-31 { fill: #ff7b72; }
    .sgr-32 { fill: #3fb950; }
    .sgr-33 { fill: #d29922; }
    .sgr-36 { fill: #79c0ff; }
  }
";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A line with escape sequences (SGR), as the content of a `<text>`.
fn drawn(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut drawn = escaped(parts.next().unwrap());
    for part in parts {
        let (codes, text) = part.split_once('m').unwrap();
        let classes: Vec<String> =
            codes.split(';').filter(|code| *code != "0").map(|code| format!("sgr-{code}")).collect();
        assert!(classes.iter().all(|class| STYLE.contains(&format!(".{class} "))), "{classes:?} in {line:?}");
        if text.is_empty() || classes.is_empty() {
            drawn += &escaped(text);
        } else {
            drawn += &format!("<tspan class=\"{}\">{}</tspan>", classes.join(" "), escaped(text));
        }
    }
    drawn
}

/// The drawing of commands and what they printed.
fn drawing(steps: &[(Step, Vec<String>)]) -> String {
    let lines: usize = steps.iter().map(|(_, output)| output.len() + 1).sum();
    let columns = steps.iter().map(|(step, _)| step.command.chars().count() + 2).max().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    let size = (columns as f64 * CELL.0 + 2.0 * MARGIN, (lines + steps.len() - 1) as f64 * CELL.1 + 2.0 * MARGIN);
    let (width, height) = (size.0.ceil(), size.1.ceil());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xml:space=\"preserve\" role=\"img\"\n \
         viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n<title>ws1-token in a terminal: log in once, then kubectl, git and curl have a token</title>\n\
         <style>{STYLE}</style>\n\
         <rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n",
        width - 1.0,
        height - 1.0
    );
    let mut y = MARGIN;
    let mut delay = 0.0;
    for (step, output) in steps {
        let typed =
            format!("<tspan class=\"prompt\">$ </tspan><tspan class=\"typed\">{}</tspan>", escaped(&step.command));
        svg += &format!("<g class=\"step\" style=\"animation-delay: {delay:.1}s\">\n");
        for line in std::iter::once(typed).chain(output.iter().map(|line| drawn(line))) {
            y += CELL.1;
            svg += &format!("<text x=\"{MARGIN}\" y=\"{:.0}\">{line}</text>\n", y - 5.0);
        }
        svg += "</g>\n";
        y += CELL.1;
        delay += PAUSE;
    }
    svg + "</svg>\n"
}

#[test]
fn the_recording_is_of_a_real_run() {
    if !has("git") || !has("curl") || !has("kubectl") {
        return;
    }
    let mut world = World::new();
    world.sandbox.set("CLICOLOR_FORCE", "1");
    let steps = COMMANDS.map(|command| Step { command: command.to_owned(), output: Vec::new() });
    let outputs = world.run(&steps);
    let svg = drawing(&steps.into_iter().zip(outputs).collect::<Vec<_>>());
    let file = source("docs").join("terminal.svg");
    if std::env::var_os("WS1_TEST_RECORDING").is_some_and(|value| value == "write") {
        std::fs::write(&file, &svg).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    let masked = |svg: &str| svg.lines().map(masked).collect::<Vec<_>>();
    assert_eq!(masked(&svg), masked(&committed), "WS1_TEST_RECORDING=write draws docs/terminal.svg again");
}

#[test]
fn escape_sequences_become_classes() {
    assert_eq!(drawn("a < b"), "a &lt; b");
    assert_eq!(
        drawn("\u{1b}[1mp\u{1b}[0m  \u{1b}[1;32mok\u{1b}[0m"),
        "<tspan class=\"sgr-1\">p</tspan>  <tspan class=\"sgr-1 sgr-32\">ok</tspan>"
    );
}
