//! Completion: what the scripts are answered, and what real shells make of it at the press of TAB.

use serde_json::json;
#[cfg(target_os = "linux")]
use ws1_emulator::Emulator;

use crate::sandbox::{Output, Sandbox, assert_snapshot};

/// A sandbox with names that a shell reads in its own way, and some that can be typed at no prompt.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_config(&json!({ "default_profile": "prod", "profiles": {
        "prod": {}, "preview": {}, "my prof": {}, "it's": {}, "a:b": {}, "ünï": {},
        "$(touch pwned)": {}, "tab\there": {}, "line\nbreak": {}
    } }));
    crate::sandbox::write(&sandbox.path("other.json"), br#"{ "profiles": { "another": {}, "other": {} } }"#);
    crate::sandbox::write(&sandbox.path("a file.json"), br#"{ "profiles": { "spaced": {} } }"#);
    std::fs::create_dir(sandbox.path("direct")).unwrap();
    sandbox
}

/// What the scripts are answered for the last word of a line.
fn answer(sandbox: &Sandbox, line: &str) -> Output {
    let (before, word) = line.rsplit_once(' ').unwrap();
    let word = format!("--word={word}");
    let mut args = vec!["completions", "bash", &word, "--"];
    args.extend(before.split(' '));
    sandbox.run(&args)
}

#[test]
fn there_is_a_script_for_every_shell() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = sandbox.run(&["completions", shell]);
        assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{shell}");
        assert!(output.stdout.contains(&format!("made by `ws1-token completions {shell}`")), "{output}");
        assert!(output.stdout.contains("--word="), "{output}");
    }
    assert_eq!(sandbox.run(&["completions", "zsh"]).stdout.lines().next(), Some("#compdef ws1-token"));
}

#[test]
fn what_the_scripts_are_answered() {
    let sandbox = sandbox();
    let mut all = String::new();
    for line in [
        "ws1-token ",
        "ws1-token get --format=",
        "ws1-token --profile ",
        "ws1-token --config other.json login ",
        "ws1-token --config ",
        "ws1-token --cache-dir ",
        "ws1-token --tenant ",
        "ws1-token exec ",
        "ws1-token exec -- ls ",
        "ws1-token curl /x ",
        "ws1-token doctor -",
    ] {
        all.push_str(&format!("# {line}\n{}\n", answer(&sandbox, line)));
    }
    assert_snapshot!("completions", all);
}

#[test]
fn without_a_usable_configuration_there_are_no_names_and_no_noise() {
    let mut sandbox = sandbox();
    let names = |sandbox: &Sandbox, line: &str| {
        let output = answer(sandbox, line);
        assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{line}");
        assert_eq!(output.stdout.lines().next(), Some("words"), "{line}");
        output.stdout.lines().count() - 1
    };
    assert_eq!(names(&sandbox, "ws1-token --profile "), 7);
    assert_eq!(names(&sandbox, "ws1-token --config nowhere.json --profile "), 0);
    assert_eq!(names(&sandbox, "ws1-token --config direct --profile "), 0);
    sandbox.set("WS1_TOKEN_CONFIG", "other.json").set("WS1_TOKEN_VERBOSE", "1");
    assert_eq!(names(&sandbox, "ws1-token login "), 2);
    assert_eq!(names(&sandbox, "ws1-token --config ~/.config/ws1-token/config.json login "), 7, "the line's file wins");
    sandbox.unset("WS1_TOKEN_CONFIG");
    sandbox.write_config_text("{ \"profiles\": ");
    assert_eq!(names(&sandbox, "ws1-token --profile "), 0);
    std::fs::remove_file(sandbox.config_file()).unwrap();
    assert_eq!(names(&sandbox, "ws1-token --profile "), 0);
    sandbox.unset("HOME");
    assert_eq!(names(&sandbox, "ws1-token --profile "), 0);
    assert_eq!(names(&sandbox, "ws1-token stat"), 17);
    for odd in [&["completions", "zsh", "--word="][..], &["completions", "zsh", "--word=x", "--", ""]] {
        let output = sandbox.run(odd);
        assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{odd:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_read_but_the_configuration() {
    if !crate::strace::reads_memory() {
        return;
    }
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.run(&["get"]).token();
    let args = ["completions", "fish", "--word=", "--", "ws1-token", "--profile"];
    let (calls, output) = crate::strace::traced(&sandbox, &[], &args);
    assert_eq!(output.to_string(), "words\nprod\tthe default profile\n");
    let home = sandbox.path("").display().to_string();
    let opened = calls.iter().filter(|call| call.name().starts_with("open") && call.text.contains(&home));
    let opened: Vec<&str> = opened.map(|call| call.text.as_str()).collect();
    assert!(matches!(opened[..], [one] if one.contains("config.json")), "{opened:?}");
    let wrong = ["socket", "connect", "clone", "clone3", "fork", "vfork"];
    assert!(!calls.iter().any(|call| wrong.contains(&call.name())), "no network, no process, no thread: {calls:?}");
    assert_eq!(emulator.counters().connections, 1);
}

/// Real shells, at a terminal where there is no other way to ask them.
#[cfg(target_os = "linux")]
mod shells {

    use crate::sandbox::{Sandbox, binary, write};
    use crate::skip::{has, skip};
    use crate::terminal::Terminal;

    /// What is typed before TAB is pressed, and the line after it, in bash and zsh.
    const LINES: [(&str, &str); 33] = [
        ("ws1-token stat", "ws1-token status "),
        ("ws1-token --prof", "ws1-token --profile "),
        ("ws1-token --profile pr", "ws1-token --profile pr"),
        ("ws1-token --profile pro", "ws1-token --profile prod "),
        ("ws1-token --profile=pre", "ws1-token --profile=preview "),
        ("ws1-token --profile my", r"ws1-token --profile my\ prof "),
        ("ws1-token --profile=my", r"ws1-token --profile=my\ prof "),
        (r"ws1-token --profile my\ p", r"ws1-token --profile my\ prof "),
        (r#"ws1-token --profile "my"#, r#"ws1-token --profile "my prof" "#),
        ("ws1-token --profile it", r"ws1-token --profile it\'s "),
        ("ws1-token --profile a", "ws1-token --profile a:b "),
        ("ws1-token --profile a:", "ws1-token --profile a:b "),
        ("ws1-token --profile=a:", "ws1-token --profile=a:b "),
        ("ws1-token --profile x", "ws1-token --profile x"),
        ("ws1-token --config other.json get --profile an", "ws1-token --config other.json get --profile another "),
        (r"ws1-token --config=a\ file.json login s", r"ws1-token --config=a\ file.json login spaced "),
        (r#"ws1-token --config "a file.json" logout s"#, r#"ws1-token --config "a file.json" logout spaced "#),
        ("ws1-token login pre", "ws1-token login preview "),
        ("ws1-token logout --revoke pre", "ws1-token logout --revoke preview "),
        ("ws1-token get --format js", "ws1-token get --format json "),
        ("ws1-token get --format=js", "ws1-token get --format=json "),
        ("ws1-token --config o", "ws1-token --config other.json "),
        ("ws1-token --config=o", "ws1-token --config=other.json "),
        ("ws1-token --config ~/.con", "ws1-token --config ~/.config/"),
        ("ws1-token login --import a", r"ws1-token login --import a\ file.json "),
        ("ws1-token --cache-dir d", "ws1-token --cache-dir direct/"),
        ("ws1-token --cache-dir o", "ws1-token --cache-dir o"),
        ("ws1-token --tenant o", "ws1-token --tenant o"),
        ("ws1-token curl o", "ws1-token curl o"),
        ("ws1-token curl https://a:1/x -o o", "ws1-token curl https://a:1/x -o other.json "),
        ("ws1-token exec cat o", "ws1-token exec cat other.json "),
        ("ws1-token exec -- cat o", "ws1-token exec -- cat other.json "),
        ("ws1-token completions z", "ws1-token completions zsh "),
    ];

    /// The names of all profiles as a line holds them that lets the shell insert every candidate.
    const EVERY_NAME: &str = r"prod \$\(touch\ pwned\) a:b it\'s my\ prof preview ünï";

    /// The sandbox with the program on the search path, and nothing else of the build.
    fn sandbox() -> Sandbox {
        let mut sandbox = super::sandbox();
        std::fs::create_dir(sandbox.path("bin")).unwrap();
        std::os::unix::fs::symlink(binary(), sandbox.path("bin/ws1-token")).unwrap();
        let path = format!("{}:{}", sandbox.path("bin").display(), sandbox.variable("PATH"));
        sandbox.set("PATH", path).set("TERM", "dumb").set("LC_ALL", "C.UTF-8");
        sandbox
    }

    /// Types lines on a terminal, a key after each, and gives what the shell has made of them.
    ///
    /// The shell's start-up file binds ^X d to showing the line between `<<` and `>>` and clearing it.
    fn typed(sandbox: &Sandbox, shell: &str, key: &str, lines: &[&str]) -> Vec<String> {
        let mut words = shell.split(' ');
        let mut command = sandbox.program(words.next().unwrap());
        command.args(words);
        let mut terminal = Terminal::start(&command);
        for line in lines {
            terminal.type_text(&format!("{line}{key}\x18d")).expect(">>");
        }
        terminal.type_line("exit");
        let output = terminal.finish(sandbox);
        let shown: Vec<String> = output
            .stderr
            .split("<<")
            .skip(1)
            .map(|rest| rest.split_once(">>").unwrap_or_else(|| panic!("{output}")).0.to_owned())
            .collect();
        assert_eq!(shown.len(), lines.len(), "{output}");
        shown
    }

    /// Completes every line with TAB and compares.
    fn check(sandbox: &Sandbox, shell: &str, lines: &[(&str, &str)]) {
        let before: Vec<&str> = lines.iter().map(|(before, _)| *before).collect();
        for (shown, (before, after)) in typed(sandbox, shell, "\t", &before).iter().zip(lines) {
            assert_eq!(shown, after, "{shell}: {before}");
        }
        assert!(!sandbox.path("pwned").exists(), "a name was run");
    }

    /// Writes bash's start-up file and gives the command that starts it.
    fn bash(sandbox: &Sandbox, first: &str) -> String {
        let rc = format!(
            "{first}\n. <(ws1-token completions bash)\nPS1='$ '\nbind 'set bell-style none'\n\
             show() {{ printf '\\n<<%s>>\\n' \"$READLINE_LINE\"; READLINE_LINE=; }}\nbind -x '\"\\C-xd\": show'\n"
        );
        write(&sandbox.path("rc.bash"), rc.as_bytes());
        "bash --noprofile --rcfile rc.bash -i".to_owned()
    }

    #[test]
    fn bash_completes() {
        let sandbox = sandbox();
        let shell = bash(&sandbox, "");
        check(&sandbox, &shell, &LINES);
        check(&sandbox, &shell, &[("ws1-token --profile='my", "ws1-token --profile='my prof' ")]);
        let every = typed(&sandbox, &shell, "\x1b*", &["ws1-token login ", "ws1-token --profile=", "ws1-token log"]);
        assert_eq!(every[2], "ws1-token login logout ");
        for (line, before) in every.iter().zip(["ws1-token login ", "ws1-token --profile="]) {
            assert_eq!(
                line.strip_prefix(before),
                Some(r"\$\(touch\ pwned\) a:b it\'s my\ prof preview prod ünï "),
                "{before}"
            );
        }
        let shell = bash(&sandbox, "COMP_WORDBREAKS=${COMP_WORDBREAKS//[=:]/}");
        check(&sandbox, &shell, &[LINES[4], LINES[6], LINES[11], LINES[12], LINES[20]]);
    }

    #[test]
    fn bash_hands_other_programs_lines_on() {
        let sandbox = sandbox();
        let library = "/usr/share/bash-completion/bash_completion";
        if !std::path::Path::new(library).exists() {
            skip("bash-completion", "it is not installed");
            return;
        }
        let shell = bash(&sandbox, &format!(". {library}"));
        check(&sandbox, &shell, &LINES);
        check(&sandbox, &shell, &HANDED_ON);
    }

    /// Lines that another program's completion has to complete.
    const HANDED_ON: [(&str, &str); 5] = [
        ("ws1-token exec ws1-tok", "ws1-token exec ws1-token "),
        ("ws1-token exec -- ws1-tok", "ws1-token exec -- ws1-token "),
        ("ws1-token exec -- ws1-token --profile=pre", "ws1-token exec -- ws1-token --profile=preview "),
        (
            "ws1-token --profile=x exec --var A -- ws1-token stat",
            "ws1-token --profile=x exec --var A -- ws1-token status ",
        ),
        ("ws1-token curl https://a:1/x -s --user-a", "ws1-token curl https://a:1/x -s --user-agent "),
    ];

    #[test]
    fn zsh_completes() {
        let mut sandbox = sandbox();
        if !has("zsh") {
            return;
        }
        std::fs::create_dir(sandbox.path("functions")).unwrap();
        write(&sandbox.path("functions/_ws1-token"), sandbox.run(&["completions", "zsh"]).stdout.as_bytes());
        let rc = "PROMPT='$ '; unsetopt beep; unset zle_bracketed_paste; bindkey -e\n\
                  fpath=($ZDOTDIR/functions $fpath); autoload -Uz compinit; compinit -u -D\n\
                  show() { print -r -- $'\\n'\"<<$BUFFER>>\"; BUFFER= }; zle -N show; bindkey '^Xd' show\n\
                  bindkey '^I' complete-word; zle -C every complete-word _generic; bindkey '\\e*' every\n\
                  zstyle ':completion:every:*' completer _all_matches _complete\n\
                  zstyle ':completion:every:*' insert true\n";
        write(&sandbox.path(".zshrc"), rc.as_bytes());
        let place = sandbox.path("").display().to_string();
        sandbox.set("ZDOTDIR", place);
        check(&sandbox, "zsh -i", &LINES);
        check(&sandbox, "zsh -i", &HANDED_ON);
        let every = typed(&sandbox, "zsh -i", "\x1b*", &["ws1-token login ", "ws1-token log"]);
        assert_eq!(every, [format!("ws1-token login {EVERY_NAME} "), "ws1-token login logout ".to_owned()]);
    }

    #[test]
    fn fish_completes() {
        let mut sandbox = sandbox();
        if !has("fish") {
            return;
        }
        let place = sandbox.path("home/.config/fish/completions");
        std::fs::create_dir_all(&place).unwrap();
        write(&place.join("ws1-token.fish"), sandbox.run(&["completions", "fish"]).stdout.as_bytes());
        for (line, expected) in [
            ("ws1-token log", "login|logout"),
            ("ws1-token --profile ", "$(touch pwned)|a:b|it's|my prof|preview|prod|ünï"),
            ("ws1-token --profile=p", "--profile=preview|--profile=prod"),
            (r#"ws1-token --profile "my"#, "my prof"),
            (r"ws1-token --profile my\ p", "my prof"),
            ("ws1-token --profile a:", "a:b"),
            ("ws1-token --profile x", ""),
            ("ws1-token --config other.json get --profile ", "another|other"),
            (r#"ws1-token --config="a file.json" login "#, "spaced"),
            ("WS1_TOKEN_CONFIG=other.json ws1-token logout ", "another|other"),
            ("ws1-token get --format=j", "--format=json"),
            ("ws1-token --config o", "other.json"),
            ("ws1-token --config=o", "--config=other.json"),
            ("ws1-token --config ~/.con", "~/.config/"),
            ("ws1-token --cache-dir d", "direct/"),
            ("ws1-token --cache-dir=d", "--cache-dir=direct/"),
            ("ws1-token --cache-dir o", ""),
            ("ws1-token --tenant o", ""),
            ("ws1-token curl o", ""),
            ("ws1-token curl https://a:1/x -s -o o", "other.json"),
            ("ws1-token curl https://a:1/x -s --user-a", "--user-agent"),
            ("ws1-token exec ws1-tok", "ws1-token"),
            ("ws1-token exec -- ws1-tok", "ws1-token"),
            ("ws1-token exec -- ws1-token --profile=pre", "--profile=preview"),
        ] {
            sandbox.set("LINE", line);
            let mut fish = sandbox.program("fish");
            fish.args(["-c", "complete --do-complete $LINE"]);
            let output = sandbox.finish(fish);
            let mut words: Vec<&str> = output.stdout.lines().map(|line| line.split('\t').next().unwrap()).collect();
            words.sort_unstable();
            assert_eq!(words.join("|"), expected, "{line}: {output}");
        }
        assert!(!sandbox.path("pwned").exists(), "a name was run");
    }
}
