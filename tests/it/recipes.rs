//! Callers that need no protocol of ours: the recipes of the README and of docs/recipes.md with the real programs.

use serde_json::json;
use ws1_emulator::{Emulator, Service};

use crate::sandbox::{self, Sandbox, assert_snapshot};
use crate::skip::{can, has};
use crate::stub::{Stub, response};

/// Answers 401 without the header and 200 with it.
fn door() -> Stub {
    Stub::start(|head| {
        if head.to_ascii_lowercase().contains("\r\nauthorization: bearer ") {
            response("200 OK", "", "ok\n")
        } else {
            response("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", "")
        }
    })
}

/// Runs a line of bash with `ws1-token` on PATH.
fn bash(sandbox: &Sandbox, line: &str) -> sandbox::Output {
    interpret(sandbox, "bash", line)
}

/// Runs a text with an interpreter, and with `ws1-token` on PATH.
fn interpret(sandbox: &Sandbox, interpreter: &str, text: &str) -> sandbox::Output {
    let bin = std::path::Path::new(sandbox::binary()).parent().unwrap().display().to_string();
    let mut command = sandbox.program(interpreter);
    command.args(["-c", text]).env("PATH", format!("{bin}:{}", sandbox.variable("PATH")));
    sandbox.finish(command)
}

/// The blocks of docs/recipes.md in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let page = include_str!("../../docs/recipes.md");
    let start = format!("```{language}\n");
    page.split(&start).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_recipes_of_the_documents_run() {
    if !has("python3") || !has("curl") {
        return;
    }
    let service = |service| Emulator::builder().service(service).start().unwrap();
    let (access, uem, insights) = (Emulator::start(), service(Service::Uem), service(Service::Intelligence));
    let sandbox = Sandbox::with_tenant(&access);
    for (name, preset, emulator) in [("uem", "uem", &uem), ("insights", "intelligence", &insights)] {
        sandbox.add_profile(name, |profile| {
            profile["preset"] = preset.into();
            profile["tenant"] = emulator.url().into();
            profile["api"] = emulator.api_url().into();
        });
    }
    let mut page = String::new();
    for (language, start) in [("bash", "set -euo pipefail\n"), ("python", "")] {
        let interpreter = if language == "python" { "python3" } else { language };
        for block in blocks(language) {
            let text = format!("{start}{block}").replace("https://acme.example.com", &access.url());
            page.push_str(&format!("# {language}\n{}\n", interpret(&sandbox, interpreter, &text)));
        }
    }
    assert_snapshot!("recipes", page);
    for emulator in [&access, &uem, &insights] {
        assert_eq!(emulator.counters().token_requests, 1, "one token each");
    }
}

#[test]
fn wget_reads_the_header_from_a_private_file_and_follows_no_redirect() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    if !has("wget") {
        return;
    }
    let (api, foreign) = (door(), door());
    let recipe = |url: &str| {
        format!(
            "umask 077; printf 'header = %s\\n' \"$(ws1-token get --format header)\" > wgetrc; \
             wget -q --config=wgetrc --max-redirect=0 -O - {url}; status=$?; rm wgetrc; exit $status"
        )
    };
    let output = bash(&sandbox, &recipe(&format!("http://{}/", api.host())));
    assert_eq!((output.stdout.as_str(), output.status), ("ok\n", 0), "{output}");
    let away = format!("Location: http://{}/\r\n", foreign.host());
    let redirect = Stub::start(move |_| response("302 Found", &away, ""));
    let output = bash(&sandbox, &recipe(&format!("http://{}/", redirect.host())));
    assert_eq!((output.status, foreign.heads()), (8, vec![]), "{output}");
}

#[test]
fn cargo_takes_the_header_value_from_standard_output() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    if !has(env!("CARGO")) {
        return;
    }
    let index = door();
    let home = sandbox.path("cargo");
    std::fs::create_dir_all(home.join("project/src")).unwrap();
    let list = json!(["cargo:token-from-stdout", sandbox::binary(), "get", "--format", "header-value"]);
    let config = format!("[registries.r]\nindex = \"sparse+http://{}/\"\ncredential-provider = {list}\n", index.host());
    sandbox::write(&home.join("config.toml"), config.as_bytes());
    let manifest = "[package]\nname = \"p\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nd = { version = \"1\", registry = \"r\" }\n";
    sandbox::write(&home.join("project/Cargo.toml"), manifest.as_bytes());
    sandbox::write(&home.join("project/src/lib.rs"), b"");
    let mut fetch = sandbox.program(env!("CARGO"));
    fetch.arg("fetch").current_dir(home.join("project")).env("CARGO_HOME", &home);
    let output = sandbox.finish(fetch);
    let token = sandbox.run(&["get"]).token();
    let heads = index.heads();
    let authorized = format!("authorization: bearer {}", token.to_ascii_lowercase());
    assert!(heads.iter().any(|head| head.to_ascii_lowercase().contains(&authorized)), "{output}{heads:?}");
}

#[test]
fn terraforms_external_source_gets_an_object_of_texts() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let token = sandbox.run(&["get"]).token();
    // Its provider writes the query to standard input, and takes texts only.
    let output = sandbox.run_with_stdin(&["get", "--format", "headers-json"], b"{}");
    let object: std::collections::BTreeMap<String, String> = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(object.into_iter().collect::<Vec<_>>(), [("Authorization".to_owned(), format!("Bearer {token}"))]);
}

#[test]
fn a_token_file_is_rewritten_in_one_piece_by_whoever_calls() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let file = sandbox.path("ws1.token");
    let write = || sandbox.run(&["get", "--min-ttl", "30m", "--output", &file.display().to_string()]).to_string();
    assert_eq!(write(), "");
    let first = std::fs::read_to_string(&file).unwrap();
    assert_eq!(first, sandbox.run(&["get"]).token());
    sandbox.age_until(1700);
    assert_eq!(write(), "");
    assert_ne!(std::fs::read_to_string(&file).unwrap(), first, "renewed half an hour ahead");
}

#[test]
fn httpie_reads_the_header_from_a_pipe() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    if !can("http", &["--version"]) {
        return;
    }
    let api = door();
    let line = format!(
        "http --ignore-stdin --check-status --body http://{}/ Authorization:@<(ws1-token get --format header-value)",
        api.host()
    );
    let output = bash(&sandbox, &line);
    assert_eq!((output.stdout.trim_end(), output.status), ("ok", 0), "{output}");
}

#[test]
fn rclone_asks_again_after_a_refusal() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    if !has("rclone") {
        return;
    }
    let files = Stub::start(|head| {
        if head.to_ascii_lowercase().contains("\r\nauthorization: bearer ") {
            let empty = "<?xml version=\"1.0\"?><d:multistatus xmlns:d=\"DAV:\"><d:response><d:href>/</d:href>\
                <d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop>\
                <d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>";
            response("207 Multi-Status", "Content-Type: application/xml\r\n", empty)
        } else {
            response("401 Unauthorized", "", "")
        }
    });
    let settings = sandbox.run(&["setup", "rclone"]).stdout;
    let command = settings.lines().last().unwrap();
    let config = format!("[r]\ntype = webdav\nvendor = other\nurl = http://{}/\n{command}\n", files.host());
    let file = sandbox.path("rclone.conf");
    sandbox::write(&file, config.as_bytes());
    let mut list = sandbox.program("rclone");
    list.args(["--config", &file.display().to_string(), "lsd", "r:"]);
    let output = sandbox.finish(list);
    assert_eq!(output.status, 0, "{output}");
    assert!(files.authorized().contains(&true));
}

#[cfg(unix)]
#[test]
fn pnpm_takes_the_header_value_from_the_link() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    if !has("pnpm") {
        return;
    }
    let registry = door();
    let link = sandbox.path("ws1-header-value");
    std::os::unix::fs::symlink(sandbox::binary(), &link).unwrap();
    let host = registry.host();
    let settings = format!("registry=http://{host}/\n//{host}/:tokenHelper={}\n", link.display());
    sandbox::write(&sandbox.path("home/.npmrc"), settings.as_bytes());
    let mut install = sandbox.program("pnpm");
    install.args(["add", "some-package", "--fetch-retries=0", "--ignore-workspace"]);
    let output = sandbox.finish(install);
    assert!(registry.authorized().contains(&true), "{output}{:?}", registry.heads());
}
