//! `login --import`: the file that the Intelligence console downloads.

use ws1_emulator::Emulator;

use crate::login::{config, empty, everything, parsed};
use crate::sandbox::{SECRET, Sandbox, assert_snapshot, write};

/// A file as the Intelligence console gives it.
fn console_file(sandbox: &Sandbox, endpoint: &str) -> String {
    let text = format!("{{\"tokenEndpoint\":\"{endpoint}\",\"clientId\":\"bot@acme\",\"clientSecret\":\"{SECRET}\"}}");
    write(&sandbox.path("service-account.json"), text.as_bytes());
    "service-account.json".to_owned()
}

#[test]
fn a_consoles_file_becomes_a_profile() {
    let emulator = Emulator::builder().client("bot@acme", SECRET).start().unwrap();
    let sandbox = empty(&emulator);
    let endpoint = format!("{}/oauth/token?grant_type=client_credentials", emulator.url());
    let file = console_file(&sandbox, &endpoint);
    let output = sandbox.run(&["login", "insights", "--import", &file]);
    assert_eq!(output.status, 0, "{output}");
    sandbox.run(&["get"]).token();
    let requests = emulator.requests();
    assert_eq!((requests.len(), requests[0].target.as_str()), (1, "/oauth/token?grant_type=client_credentials"));
    let text = config(&sandbox).replace(&emulator.host(), "$TENANT");
    assert!(!text.contains("token_url"));
    assert!(sandbox.path(&file).exists(), "deleting it is the user's business");
    assert_snapshot!("login-import", format!("{output}\n{text}"));
}

#[test]
fn a_consoles_file_with_another_endpoint_keeps_it() {
    let emulator = Emulator::builder().client("bot@acme", SECRET).start().unwrap();
    let sandbox = empty(&emulator);
    let endpoint = format!("{}/connect/token", emulator.url());
    let file = console_file(&sandbox, &endpoint);
    assert_eq!(sandbox.run(&["login", "insights", "--import", &file]).status, 0);
    assert_eq!(parsed(&sandbox)["profiles"]["insights"]["token_url"], endpoint);
}

#[test]
fn the_real_file_has_more_than_a_profile_needs() {
    let emulator = Emulator::builder().client("bot@acme", SECRET).start().unwrap();
    let mut page = String::new();
    for more in ["", ", \"orgId\": \"7\""] {
        let sandbox = empty(&emulator);
        let text = format!(
            "{{ \"name\": \"bot\", \"tokenEndpoint\": \"{}/oauth/token\", \"clientId\": \"bot@acme\", \
             \"clientSecret\": \"{SECRET}\", \"authorizedGrantType\": \"client_credentials\", \
             \"resourceIds\": [\"api\"]{more} }}",
            emulator.url()
        );
        write(&sandbox.path("file.json"), text.as_bytes());
        let output = sandbox.run(&["login", "insights", "--import", "file.json"]);
        assert_eq!(output.status, 0, "{output}");
        page.extend(output.stderr.lines().filter(|line| !line.starts_with("using ")));
        sandbox.run(&["get"]).token();
    }
    assert_eq!(page, "warning: ignoring `orgId` in the file of --import: a profile has no such setting");
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_no_file_or_a_huge_one_is_not_read() {
    use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let make = |name, kind, device| mknodat(CWD, sandbox.path(name), kind, Mode::RUSR, device);
    std::fs::File::create(sandbox.path("huge")).unwrap().set_len(1 << 40).unwrap();
    let mut files = vec![".", "huge"];
    match make("zero", FileType::CharacterDevice, makedev(1, 5)) {
        Ok(()) => files.push("zero"),
        Err(error) => crate::skip::skip("root", &format!("mknod: {error}")),
    }
    for file in files {
        let output = sandbox.run(&["login", "--import", file]);
        assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{file}: {output}");
        let why = if file == "huge" { "larger than 64 KiB" } else { "not a regular file" };
        assert!(output.stderr.contains(&format!("{file}`: {why}\n")), "{file}: {output}");
    }
    assert_eq!(everything(&sandbox), []);
}

#[test]
fn a_file_that_is_none_of_the_consoles_is_refused() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let mut page = String::new();
    for text in [
        "",
        "hunter2",
        "{ \"clientId\": \"x\" }",
        "{ \"tokenEndpoint\": \"https://a:hunter2@h/\", \"clientId\": \"x\", \"clientSecret\": \"hunter2\" }",
        "{ \"tokenEndpoint\": \"https://h/\", \"clientId\": \"x\", \"clientSecret\": [\"hunter2\"] }",
    ] {
        write(&sandbox.path("file.json"), text.as_bytes());
        page.push_str(&format!("{}\n", sandbox.run(&["login", "--import", "file.json"])));
    }
    page.push_str(&sandbox.run(&["login", "--import", "nowhere.json"]).to_string());
    assert!(!page.contains("hunter2"));
    assert_eq!(everything(&sandbox), []);
    assert_snapshot!("login-import-refused", page);
}
