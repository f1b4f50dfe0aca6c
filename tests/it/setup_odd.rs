//! `setup` with names and paths that some syntax reads as something else, read back by the callers' own parsers.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::json;

use crate::sandbox::{Sandbox, assert_snapshot, binary};
use crate::skip::{has, skip};

/// Names that some syntax reads as something else.
const ODD: [&str; 12] = [
    "a b",
    " x ",
    "it's",
    "q\"q\"",
    "\"",
    "back\\slash\\",
    "com,ma",
    "${x}",
    "${x",
    "$HOME `id` $(id) %{k} \\${y}",
    "ü€😀",
    "#;&|<>*?{}[]- !",
];

/// A home with a profile of each odd name, and others that begin with a dash.
fn odd_world(more: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    let profile = json!({ "tenant": "acme.example.com", "client_id": "ci-bot" });
    let names = ODD.iter().chain(more).map(|name| ((*name).to_owned(), profile.clone()));
    sandbox.write_config(&json!({ "profiles": names.collect::<serde_json::Map<_, _>>() }));
    sandbox
}

/// A link to the program in a directory of an odd name.
fn odd_program(sandbox: &Sandbox, name: &str) -> PathBuf {
    let dir = sandbox.path(&format!("bin {name}"));
    std::fs::create_dir_all(&dir).unwrap();
    symlink(binary(), dir.join("ws1-token")).unwrap();
    dir.join("ws1-token")
}

/// What `setup CALLER` of such a program prints for the profile and cache directory of that name, and the words that it
/// has to stand for.
fn odd_setup(sandbox: &Sandbox, name: &str, caller: &str) -> (String, Vec<String>) {
    let (program, cache) = (sandbox.path(&format!("bin {name}/ws1-token")), sandbox.path(name));
    let mut command = sandbox.program(&program);
    let flag = format!("--profile={name}");
    command.args(["setup", caller, &flag, "--cache-dir"]).arg(&cache);
    let output = sandbox.finish(command);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{name} {caller}: {output}");
    let mut words = vec![program.display().to_string()];
    words.extend(if name.starts_with('-') { vec![flag] } else { vec!["--profile".to_owned(), name.to_owned()] });
    words.extend(["--cache-dir".to_owned(), cache.display().to_string()]);
    (output.stdout, words)
}

/// Reads a list of `[CALLER, TEXT]`, and prints the words that each text stands for.
const PARSERS: &str = r##"
import csv, json, shlex, sys, tomllib, yaml
def rest(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))[len(start):]
def kubectl(text):
    user = yaml.safe_load(text.split("# or in the kubeconfig:\n")[1])["users"][0]["user"]["exec"]
    shell = shlex.split(text.splitlines()[0])
    args = [next(csv.reader([word[11:]])) for word in shell if word.startswith("--exec-arg=")]
    command = [word[15:] for word in shell if word.startswith("--exec-command=")]
    assert all(len(arg) == 1 for arg in args), args
    assert command + [arg[0] for arg in args] == [user["command"]] + user["args"], text
    return [user["command"]] + user["args"][1:]
parsers = {
    "kubectl": kubectl,
    "cargo": lambda text: tomllib.loads(text)["registries"]["NAME"]["credential-provider"][1:-3],
    "google": lambda text: shlex.split(json.loads(text)["credential_source"]["executable"]["command"])[:-1],
    "bazel": lambda text: shlex.split(rest(text, "exec "))[:-2],
    "curl": lambda text: shlex.split(rest(text, "curl --config <(").split(" get --format curl) http")[0]),
    "rclone": lambda text: next(csv.reader([rest(text, "bearer_token_command = ")], delimiter=" "))[:-1],
}
print(json.dumps([parsers[caller](text) for caller, text in json.load(sys.stdin)]))
"##;

#[test]
fn every_callers_parser_reads_odd_names_as_they_were() {
    let sandbox = odd_world(&["-dash", "--"]);
    if !has("python3") {
        return;
    }
    let mut probe = sandbox.program("python3");
    probe.args(["-c", "import tomllib, yaml"]);
    if sandbox.finish(probe).status != 0 {
        skip("pyyaml", "Python's parser of YAML, or Python 3.11 with that of TOML, is not installed");
        return;
    }
    let (mut texts, mut expected) = (Vec::new(), Vec::new());
    for name in ODD.iter().chain(&["-dash", "--"]) {
        odd_program(&sandbox, name);
        for caller in ["kubectl", "cargo", "google", "bazel", "curl", "rclone"] {
            let (text, words) = odd_setup(&sandbox, name, caller);
            texts.push(json!([caller, text]));
            expected.push(words);
        }
    }
    let mut python = sandbox.program("python3");
    python.args(["-c", PARSERS]);
    let output = sandbox.finish_with_stdin(python, json!(texts).to_string().as_bytes());
    assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output}");
    let read: Vec<Vec<String>> = serde_json::from_str(&output.stdout).unwrap();
    for ((read, expected), text) in read.iter().zip(&expected).zip(&texts) {
        assert_eq!(read, expected, "{text}");
    }
    assert_eq!(read.len(), expected.len());
}

#[test]
fn terraform_reads_odd_names_as_they_were() {
    let sandbox = odd_world(&["-dash"]);
    if !has("terraform") {
        return;
    }
    let plugins = sandbox.path("home/.terraform.d/plugins");
    std::fs::create_dir_all(&plugins).unwrap();
    // A helper that notes its arguments, each ended by a NUL.
    let helper = plugins.join("terraform-credentials-ws1");
    let args = sandbox.path("args");
    let script = format!("#!/bin/sh\nprintf '%s\\0' \"$@\" > '{}'\necho '{{}}'\n", args.display());
    crate::sandbox::write(&helper, script.as_bytes());
    crate::sandbox::set_mode(&helper, 0o700);
    let module = "module \"m\" {\n  source = \"registry.example.com/a/b/c\"\n  version = \"1.0.0\"\n}\n";
    crate::sandbox::write(&sandbox.path("main.tf"), module.as_bytes());
    for name in ODD.iter().chain(&["-dash"]) {
        odd_program(&sandbox, name);
        let (text, words) = odd_setup(&sandbox, name, "terraform");
        let (commands, settings) = text.split_once("# ~/.terraformrc:\n").unwrap();
        let host = "host \"registry.example.com\" { services = { \"modules.v1\" = \"http://127.0.0.1:1/\" } }\n";
        crate::sandbox::write(&sandbox.path("home/.terraformrc"), format!("{settings}{host}").as_bytes());
        let mut init = sandbox.program("terraform");
        init.arg("init").env("CHECKPOINT_DISABLE", "1");
        let output = sandbox.finish(init);
        let read = std::fs::read_to_string(&args).unwrap_or_else(|error| panic!("{error}: {output}"));
        let read: Vec<&str> = read.split_terminator('\0').collect();
        assert_eq!(read[..read.len() - 2], words[1..], "{settings}");
        std::fs::remove_file(&args).unwrap();
        // The link is made by a shell.
        let mut shell = sandbox.program("sh");
        shell.args(["-c", &format!("HOME='{}'; {commands}", sandbox.path("linked").display())]);
        assert_eq!(sandbox.finish(shell).to_string(), "", "{commands}");
        let link = sandbox.path("linked/.terraform.d/plugins/terraform-credentials-ws1");
        assert_eq!(std::fs::read_link(link).unwrap().display().to_string(), words[0]);
    }
}

#[test]
fn rclone_reads_odd_names_as_they_were() {
    let sandbox = odd_world(&[]);
    if !has("rclone") {
        return;
    }
    for name in ODD {
        odd_program(&sandbox, name);
        let (text, _) = odd_setup(&sandbox, name, "rclone");
        crate::sandbox::write(&sandbox.path("rclone.conf"), format!("[r]\ntype = webdav\n{text}").as_bytes());
        let mut dump = sandbox.program("rclone");
        dump.arg("--config").arg(sandbox.path("rclone.conf")).args(["config", "dump"]);
        let remotes: serde_json::Value = serde_json::from_str(&sandbox.finish(dump).stdout).unwrap();
        let command = text.split_once("bearer_token_command = ").unwrap().1.trim_end_matches('\n');
        assert_eq!(remotes["r"]["bearer_token_command"], command);
    }
}

#[test]
fn names_that_no_syntax_can_hold_are_refused() {
    let mut sandbox = odd_world(&["new\nline", "%(x)s"]);
    let mut all = String::new();
    for args in [
        &["setup", "cargo", "--profile", "new\nline"][..],
        &["setup", "kubectl", "--profile=it's", "--cache-dir", "/a\tb"],
        &["setup", "kubectl", "a\nb", "--profile=it's"],
        &["setup", "kubectl", "--profile=it's", "--", "-x"],
        &["setup", "rclone", "--profile", "%(x)s"],
        &["setup", "bazel", "a b", "--profile=it's"],
        &["setup", "cargo", "--profile=it's", "--undo"],
        &["setup", "kubectl", "--profile=it's", "--undo", "--write"],
    ] {
        all.push_str(&format!("$ ws1-token {}\n{}", args.join(" ").escape_debug(), sandbox.run(args)));
    }
    sandbox.name(binary(), "/opt/bin/ws1-token");
    assert_snapshot!("setup-refused", all);
}
