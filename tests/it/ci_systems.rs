//! `deploy/`: the files for CI systems and services, run by programs that read them: act for GitHub Actions,
//! gitlab-ci-local, systemd-analyze. No container engine is needed.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use ws1_emulator::Emulator;

use crate::sandbox::{Output, SECRET, Sandbox, binary, source, wait_until, write};
use crate::skip::{can, has};

/// A repository for a CI system: what it runs is in it, and it can leave nothing elsewhere.
struct Project {
    sandbox: Sandbox,
    emulator: Emulator,
}

impl Project {
    /// A repository with some files.
    fn new(files: &[(&str, String)]) -> Self {
        let project = Self { sandbox: Sandbox::new(), emulator: Emulator::start() };
        let place = project.path("").display().to_string();
        for (name, text) in files {
            let file = project.path(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            write(
                &file,
                text.replace("@TENANT@", &project.emulator.url())
                    .replace("@PROGRAM@", binary())
                    .replace("@PROJECT@", &place)
                    .as_bytes(),
            );
        }
        let commit = "git init -q . && git add . && git -c user.name=x -c user.email=x@example.com commit -qm x && \
                      git remote add origin https://git.example.com/group/project.git";
        assert_eq!(project.run("sh", &["-c", commit]).status, 0);
        project
    }

    /// A path in the repository.
    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path("project").join(name)
    }

    /// Runs a program in the repository.
    fn run(&self, program: &str, args: &[&str]) -> Output {
        let mut command = self.sandbox.program(program);
        command.args(args).current_dir(self.path(""));
        self.sandbox.finish(command)
    }
}

/// A file of `deploy/`.
fn deploy(name: &str) -> String {
    std::fs::read_to_string(source("deploy").join(name)).unwrap()
}

/// Fails if a log holds a token or the secret.
fn assert_hidden(log: &Output) {
    for secret in [SECRET, "eyJ"] {
        let text = log.to_string();
        assert!(!text.contains(secret), "{text}");
    }
}

/// A job that uses the token against the API, and tries to print it.
const WORKFLOW: &str = "\
on: push
jobs:
  job:
    runs-on: ubuntu-latest
    steps:
      - run: cp -r @PROJECT@/action .
      - id: ws1
        uses: ./action
        with:
          tenant: @TENANT@
          client-id: ci-bot
          client-secret: ${{ secrets.WS1 }}
          program: @PROGRAM@
      - run: |
          curl --silent --fail --header \"Authorization: Bearer $TOKEN\" @TENANT@/SAAS/jersey/manager/api/scim/Users >users
          grep -c totalResults users
          echo \"the token is $TOKEN\"
          echo \"the secret is ${SECRET:-not here}\"
        env:
          TOKEN: ${{ steps.ws1.outputs.token }}
          SECRET: ${{ env.WS1_TOKEN_CLIENT_SECRET }}
";

#[test]
fn the_action_of_github_masks_its_token_and_leaves_no_file() {
    if !can("act", &["--version"]) || !has("git") || !has("node") {
        return;
    }
    let project = Project::new(&[
        ("action/action.yml", deploy("github/action.yml")),
        (".github/workflows/w.yml", WORKFLOW.to_owned()),
        ("secrets", format!("WS1={SECRET}\n")),
    ]);
    let log = project.run("act", &["push", "-P", "ubuntu-latest=-self-hosted", "--secret-file", "secrets"]);
    assert_eq!(log.status, 0, "{log}");
    assert_hidden(&log);
    assert!(log.stdout.contains("the token is ***") && log.stdout.contains("the secret is not here"), "{log}");
    let counters = project.emulator.counters();
    assert_eq!((counters.token_requests, counters.api), (1, 1));
    assert!(!project.sandbox.cache_dir().exists(), "nothing is cached between jobs");
    // A refused client fails the step, without its secret.
    write(&project.path("secrets"), b"WS1=wrong-secret\n");
    let refused = project.run("act", &["push", "-P", "ubuntu-latest=-self-hosted", "--secret-file", "secrets"]);
    assert!(refused.status != 0 && refused.stdout.contains("rejected client"), "{refused}");
    assert!(!refused.to_string().contains("wrong-secret"), "{refused}");
}

#[test]
fn a_job_of_gitlab_uses_one_token_and_leaves_nothing() {
    if !can("gitlab-ci-local", &["--version"]) || !has("git") || !has("rsync") || !has("curl") {
        return;
    }
    let job = "\
include: { local: ws1-token.yml }
variables: { WS1_TOKEN_TENANT: '@TENANT@', WS1_TOKEN_CLIENT_ID: ci-bot }
report:
  extends: .ws1-token
  script:
    - export WS1_TOKEN_CLIENT_SECRET_FILE=$PWD/client-secret && chmod 666 client-secret
    - P=@PROGRAM@; $P curl /SAAS/jersey/manager/api/scim/Users --silent --fail | grep -c totalResults
    - $P exec -- sh -c 'test -n \"$WS1_ACCESS_TOKEN\" && echo used'
";
    let project = Project::new(&[
        ("ws1-token.yml", deploy("gitlab/ws1-token.yml")),
        (".gitlab-ci.yml", job.to_owned()),
        ("client-secret", SECRET.to_owned()),
    ]);
    let log = project.run("gitlab-ci-local", &["--shell-executor-no-image", "--shell-isolation", "report"]);
    assert_eq!(log.status, 0, "{log}");
    assert_hidden(&log);
    assert!(log.stdout.contains("used"), "{log}");
    assert_eq!(project.emulator.counters().token_requests, 1, "its calls share a cache");
    assert!(!project.sandbox.cache_dir().exists());
}

#[test]
fn systemd_reads_the_units() {
    if !can("systemd-analyze", &["--version"]) {
        return;
    }
    let sandbox = Sandbox::new();
    let script = source("deploy/nginx/nginx-header").display().to_string();
    // A unit that belongs to another stands before it.
    for (name, unit, kind, key) in [
        ("ws1-token@.service", "ws1-token@root.service", "--system", "Restart="),
        ("ws1-token.user.service", "ws1-token.service", "--user", "Restart="),
        ("ws1-token-nginx.service", "ws1-token-nginx.service", "--system", "Type="),
        ("ws1-token-nginx.timer", "ws1-token-nginx.timer", "--system", "OnUnitActiveSec="),
        ("ws1-token-get.user.service", "ws1-token-get.service", "--user", "Type="),
        ("ws1-token-get.user.timer", "ws1-token-get.timer", "--user", "OnUnitActiveSec="),
    ] {
        let text = deploy(&format!("systemd/{name}")).replace("/usr/bin/ws1-token", binary());
        let text = text.replace("/usr/share/ws1-token/nginx-header", &script);
        write(&sandbox.path(unit), text.as_bytes());
        let verify = || {
            let mut verify = sandbox.program("systemd-analyze");
            verify.args([kind, "--man=no", "verify"]).arg(sandbox.path(unit));
            verify.env("XDG_RUNTIME_DIR", sandbox.path("home"));
            sandbox.finish(verify)
        };
        let said = verify();
        assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{name}: {said}");
        write(&sandbox.path(unit), text.replace(key, "Misspelt=").as_bytes());
        assert!(verify().stderr.contains("Misspelt"), "{name}: it reads the keys");
        write(&sandbox.path(unit), text.as_bytes());
    }
}

#[test]
fn prometheus_reads_the_configuration_and_the_token_file() {
    if !can("promtool", &["--version"]) {
        return;
    }
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let file = sandbox.path("token").display().to_string();
    let check = || {
        let text = deploy("prometheus/prometheus.yml").replace("/run/ws1-token/prometheus/token", &file);
        write(&sandbox.path("prometheus.yml"), text.as_bytes());
        let mut promtool = sandbox.program("promtool");
        promtool.args(["check", "config"]).arg(sandbox.path("prometheus.yml"));
        sandbox.finish(promtool)
    };
    assert_ne!(check().status, 0, "there is no token file yet");
    assert_eq!(sandbox.run(&["get", "--output", &file]).status, 0);
    let said = check();
    assert_eq!(said.status, 0, "{said}");
}

/// A running nginx, which ends with its workers.
struct Nginx {
    process: Child,
}

impl Nginx {
    /// Sends it a signal.
    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.process.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{name}");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The workers end with the master only where that can tell them.
        self.signal("-TERM");
        let _ = self.process.wait();
    }
}

#[test]
fn nginx_takes_a_new_token_when_it_is_reloaded() {
    if !can("nginx", &["-v"]) || !has("curl") {
        return;
    }
    let emulator = Emulator::builder().tls().start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let place = sandbox.path("").display().to_string();
    let server = deploy("nginx/ws1-token.conf")
        .replace("127.0.0.1:8080", &free.to_string())
        .replace("/etc/nginx/ws1-token.header", &format!("{place}/header"))
        .replace("https://api.example.com", &emulator.url())
        .replace("/etc/ssl/certs/ca-certificates.crt", &format!("{place}/ca.pem"));
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {place}/{name};\n"))
        .concat();
    let text = format!(
        "daemon off; pid {place}/pid; error_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{server}}}\n"
    );
    write(&sandbox.path("nginx.conf"), text.as_bytes());
    let bin = std::path::Path::new(binary()).parent().unwrap().display().to_string();
    let update = |reload: &str| {
        let mut script = sandbox.program(source("deploy/nginx/nginx-header"));
        script.arg(sandbox.path("header")).args(["sh", "-c", reload]);
        script.env("PATH", format!("{bin}:{}", sandbox.variable("PATH")));
        sandbox.finish(script).status
    };
    assert_eq!(update("true"), 0);
    assert_eq!(crate::sandbox::mode(&sandbox.path("header")), 0o600);
    let mut nginx = sandbox.program("nginx");
    nginx.args(["-e", "stderr", "-c"]).arg(sandbox.path("nginx.conf")).stderr(Stdio::null());
    let nginx = Nginx { process: nginx.spawn().unwrap() };
    let ask = || {
        let mut curl = sandbox.program("curl");
        curl.args(["--silent", "--fail", &format!("http://{free}/SAAS/jersey/manager/api/scim/Users")]);
        sandbox.finish(curl)
    };
    wait_until("nginx answers", || ask().stdout.contains("totalResults"));
    assert_eq!(update("exit 7"), 0, "the same token: no reload");
    emulator.revoke_all();
    assert_ne!(ask().status, 0, "the old token is worth nothing");
    sandbox.run(&["get", "--force-refresh"]).token();
    assert_eq!(update("exit 7"), 7, "a reload that fails is no success");
    assert_eq!(update(&format!("kill -HUP {}", nginx.process.id())), 0, "and is tried again");
    wait_until("nginx has the new token", || ask().status == 0);
    // Without a token the header stays, and nginx is left alone.
    let before = std::fs::read(sandbox.path("header")).unwrap();
    std::fs::remove_file(sandbox.config_file()).unwrap();
    assert_eq!(update("exit 7"), 2);
    assert_eq!(std::fs::read(sandbox.path("header")).unwrap(), before);
}
