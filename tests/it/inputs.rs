//! Files that the program reads: byte order marks, UTF-16, and pipes in their place.

use serde_json::Value;
use ws1_emulator::Emulator;

use crate::sandbox::{Output, SECRET, Sandbox, assert_snapshot, binary, write};

/// A tenant and a sandbox for it.
fn tenant() -> (Emulator, Sandbox) {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    (emulator, sandbox)
}

/// Runs a line of shell with the binary as `$0`.
fn shell(sandbox: &Sandbox, line: &str) -> Output {
    let mut shell = sandbox.program("sh");
    shell.args(["-c", line, binary()]);
    sandbox.finish(shell)
}

/// A text with a byte order mark.
fn marked(text: &[u8]) -> Vec<u8> {
    [b"\xef\xbb\xbf", text].concat()
}

#[test]
fn a_byte_order_mark_is_accepted() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    let config: Value = serde_json::from_slice(&std::fs::read(sandbox.config_file()).unwrap()).unwrap();
    let ca = config["profiles"]["prod"]["ca_file"].as_str().unwrap();
    for file in [sandbox.config_file().as_path(), &sandbox.secret_file(), ca.as_ref()] {
        write(file, &marked(&std::fs::read(file).unwrap()));
    }
    sandbox.run(&["get"]).token();
    // And where the text of the file is edited.
    assert_eq!(sandbox.run(&["login", "prod", "--scope", "user", "--no-verify"]).status, 0);
    assert!(serde_json::from_slice::<Value>(&std::fs::read(sandbox.config_file()).unwrap()).is_ok());
}

#[test]
fn utf_16_is_named() {
    let (emulator, sandbox) = tenant();
    let config = std::fs::read_to_string(sandbox.config_file()).unwrap();
    let encode = |text: &str, swap: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(swap).collect::<Vec<u8>>();
    let mut page = String::new();
    for (title, swap, mark) in [
        ("little-endian", u16::to_le_bytes as fn(u16) -> [u8; 2], "\u{feff}"),
        ("big-endian", u16::to_be_bytes, "\u{feff}"),
        ("little-endian, no mark", u16::to_le_bytes, ""),
        ("big-endian, no mark", u16::to_be_bytes, ""),
    ] {
        sandbox.write_config_text(&config);
        write(&sandbox.secret_file(), &encode(&format!("{mark}{SECRET}\r\n"), swap));
        page.push_str(&format!("# secret, {title}\n{}\n", sandbox.run(&["get"])));
        write(&sandbox.config_file(), &encode(&format!("{mark}{config}"), swap));
        page.push_str(&format!("# configuration, {title}\n{}\n", sandbox.run(&["get"])));
    }
    assert_snapshot!("inputs-utf-16", page);
    assert_eq!(emulator.counters().token_requests, 0);
}

#[cfg(unix)]
#[test]
fn a_pipe_stands_for_the_configuration() {
    let (_emulator, sandbox) = tenant();
    let config = sandbox.config_file().display().to_string();
    let token = sandbox.run(&["get"]).token();
    for command in [
        "get --config /dev/fd/3",
        "get --config /dev/stdin",
        "--config /dev/fd/3 status",
        "--config /dev/fd/3 exec -- true",
    ] {
        let line = format!("cat {config} | {{ \"$0\" {command} 3<&0; }}");
        let output = shell(&sandbox, &line);
        assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{command}");
        // `status` reads the file twice.
        let same = sandbox
            .run(&command.split(' ').filter(|word| !word.contains("/dev/") && *word != "--config").collect::<Vec<_>>());
        assert_eq!(output.stdout, same.stdout, "{command}: as from the file");
    }
    // A pipe by name, and its writer comes late.
    assert!(sandbox.program("mkfifo").arg(sandbox.path("pipe")).status().unwrap().success());
    let line = format!("cat {config} > pipe & \"$0\" get --config pipe");
    assert_eq!(shell(&sandbox, &line).token(), token);
    let mut page = String::new();
    for (title, writer) in [("empty", "true"), ("cut", "printf '{'"), ("endless", "yes 2>/dev/null")] {
        let output = shell(&sandbox, &format!("{writer} | {{ \"$0\" get --config /dev/fd/3 3<&0; }}"));
        page.push_str(&format!("# {title}\n{output}\n"));
    }
    assert_snapshot!("inputs-pipe-config", page);
}

#[cfg(unix)]
#[test]
fn a_pipe_stands_for_the_secret() {
    let (emulator, mut sandbox) = tenant();
    sandbox.set("WS1_TOKEN_CLIENT_SECRET_FILE", "/dev/fd/3");
    let run = |sandbox: &Sandbox, writer: &str, command: &str| {
        shell(sandbox, &format!("{writer} | {{ \"$0\" {command} 3<&0 </dev/null; }}"))
    };
    let token = run(&sandbox, &format!("echo {SECRET}"), "get").token();
    assert_eq!(emulator.issued(), [token]);
    let mut page = String::new();
    for (title, writer) in [("empty", "true"), ("endless", "yes 2>/dev/null"), ("wrong", "echo wrong")] {
        sandbox.run(&["forget"]);
        page.push_str(&format!("# {title}\n{}\n", run(&sandbox, writer, "get")));
    }
    // The pause of the wrong secret still counts: a pipe has to be read to know whether its secret is another.
    page.push_str(&format!("# right, in the pause\n{}\n", run(&sandbox, &format!("echo {SECRET}"), "get")));
    assert_snapshot!("inputs-pipe-secret", page, (r"for \d+ s", "for $$N s"));
    run(&sandbox, &format!("echo {SECRET}"), "get --force-refresh").token();
    sandbox.set("WS1_TOKEN_CLIENT_SECRET_FILE", "pipe");
    assert!(sandbox.program("mkfifo").arg(sandbox.path("pipe")).status().unwrap().success());
    let line = format!("echo {SECRET} > pipe & \"$0\" get --force-refresh");
    shell(&sandbox, &line).token();
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_does_not_end_the_wait_for_a_pipe() {
    if !crate::strace::is_there() {
        return;
    }
    let (_emulator, mut sandbox) = tenant();
    sandbox.set("WS1_TOKEN_CLIENT_SECRET_FILE", "pipe");
    assert!(sandbox.program("mkfifo").args(["-m", "600"]).arg(sandbox.path("pipe")).status().unwrap().success());
    // The writer comes after the call that the signal interrupts. Rust's start calls poll, which is not this one.
    let line = format!(
        "strace -qq -o log -e trace=ppoll -e inject=ppoll:error=EINTR:when=1..3 \"$0\" get & \
         while kill -0 $! && ! grep -q EINTR log; do :; done 2>/dev/null; echo {SECRET} 1<>pipe; wait $!"
    );
    shell(&sandbox, &line).token();
    assert!(std::fs::read_to_string(sandbox.path("log")).unwrap().contains("EINTR"));
}

#[cfg(unix)]
#[test]
fn login_imports_from_a_pipe() {
    let emulator = Emulator::builder().client("bot@acme", SECRET).start().unwrap();
    let sandbox = crate::login::empty(&emulator);
    let file = format!(
        "\u{feff}{{\"tokenEndpoint\":\"{}/oauth/token\",\"clientId\":\"bot@acme\",\"clientSecret\":\"{SECRET}\"}}",
        emulator.url()
    );
    write(&sandbox.path("file.json"), file.as_bytes());
    let output = shell(&sandbox, "cat file.json | { \"$0\" login insights --import /dev/fd/3 3<&0 </dev/null; }");
    assert_eq!(output.status, 0, "{output}");
    sandbox.run(&["get"]).token();
}

#[cfg(unix)]
#[test]
fn login_takes_the_secret_from_a_pipe() {
    let emulator = Emulator::start();
    let sandbox = crate::login::empty(&emulator);
    let line = format!(
        "echo {SECRET} | {{ \"$0\" login --tenant {} --client-id ci-bot --client-secret-file /dev/fd/3 3<&0 </dev/null; }}",
        emulator.url()
    );
    let output = shell(&sandbox, &line);
    assert_eq!(output.status, 0, "{output}");
    assert_eq!(std::fs::read_to_string(crate::login::stored(&sandbox, "default")).unwrap(), format!("{SECRET}\n"));
}
