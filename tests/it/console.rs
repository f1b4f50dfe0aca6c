//! The console blocks of the README and of `docs/`, run as they are: commands in bash, their output compared line by line.
//! What people read are real values; what differs from run to run is masked on both sides.

use ws1_emulator::{Emulator, Service};

use crate::readme::manual;
use crate::sandbox::{SECRET, Sandbox, binary, set_mode, temporary, write};
use crate::skip::has;

/// The home directory of those who read the pages.
const HOME: &str = "/home/ana";

/// The texts between ```` ```KIND ```` and ```` ``` ```` of the pages.
fn blocks(kind: &str) -> Vec<String> {
    manual()
        .split(&format!("\n```{kind}\n"))
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap().to_owned())
        .collect()
}

/// A command of a block and the lines that follow it.
pub(crate) struct Step {
    pub(crate) command: String,
    pub(crate) output: Vec<String>,
}

/// The steps of a block.
pub(crate) fn steps(block: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => steps.push(Step { command: command.to_owned(), output: Vec::new() }),
            None => steps.last_mut().unwrap().output.push(line.to_owned()),
        }
    }
    steps
}

/// A line without what differs from run to run: tokens, moments, numbers of things.
pub(crate) fn masked(line: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_.:".contains(letter);
    let mut text = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        text.push_str(mask(word));
        let between = after.find(is_part).unwrap_or(after.len());
        text.push_str(&after[..between]);
        rest = &after[between..];
    }
    text
}

/// What stands for a word.
fn mask(word: &str) -> &str {
    let shape: String = word.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    let is_identifier = word.len() == 36 && word.matches('-').count() == 4;
    // The second is a token in base64.
    match shape.as_str() {
        _ if word.starts_with("eyJ") || word.starts_with("ZXlK") => "TOKEN",
        "0000-00-00T00:00:00Z" => "MOMENT",
        "0000000000" => "SECONDS",
        _ if is_identifier => "IDENTIFIER",
        // The file of a secret that `login` stored: NAME@NUMBER.secret.
        _ if word.len() == 23 && word.ends_with(".secret") => "NUMBER.secret",
        _ => word,
    }
}

/// A world in which the hosts of the pages are emulated.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    emulator: Emulator,
    /// UEM and VIDB.
    siblings: [Emulator; 2],
    /// What the emulator serves.
    _repositories: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let repositories = temporary();
        let emulator = Emulator::builder().tls().git_root(repositories.path()).start().unwrap();
        let mut sandbox = Sandbox::new();
        make_repositories(&sandbox, repositories.path());
        let siblings = [Service::Uem, Service::Vidb].map(|service| Emulator::builder().service(service).tls().start());
        let siblings = siblings.map(Result::unwrap);
        let authorities: String = [&emulator].into_iter().chain(&siblings).filter_map(Emulator::ca_pem).collect();
        write(&sandbox.path("ca.pem"), authorities.as_bytes());
        let ca = sandbox.path("ca.pem").display().to_string();
        for name in ["SSL_CERT_FILE", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE"] {
            sandbox.set(name, &ca);
        }
        let path = format!("{}:{}", programs(), sandbox.variable("PATH"));
        let kubeconfig = sandbox.path("kubeconfig").display().to_string();
        sandbox.set("PATH", path).set("KUBECONFIG", kubeconfig);
        let world = Self { sandbox, emulator, siblings, _repositories: repositories };
        world.write_kubeconfig();
        world.sandbox.write_config_text(&world.to_this_machine(&blocks("json")[0]));
        set_mode(&world.sandbox.path("home/.config/ws1-token"), 0o700);
        write(&world.sandbox.path("home/.config/ws1-token/prod.secret"), SECRET.as_bytes());
        write(&world.sandbox.path("secret.txt"), SECRET.as_bytes());
        write(&world.sandbox.path("api-token.txt"), b"emulator-api-token");
        world
    }

    /// The text of a page with the hosts of this machine.
    fn to_this_machine(&self, text: &str) -> String {
        let host = self.emulator.host();
        let text =
            text.replace("https://git.example.com/", &format!("https://{host}/git/")).replace("git.example.com", &host);
        self.hosts().into_iter().fold(text, |text, (name, host)| text.replace(name, &host))
    }

    /// What was printed, with the hosts, the home directory and the program's directory of the pages.
    fn to_the_pages(&self, text: String) -> String {
        let host = self.emulator.host();
        let text = self.hosts().into_iter().fold(text, |text, (name, host)| text.replace(&host, name));
        let text = text.replace("https://acme.example.com/git/", "https://git.example.com/");
        let text = text.replace(&self.sandbox.path("home").display().to_string(), HOME);
        let text = text.replace(&programs(), &format!("{HOME}/.local/bin"));
        let (name, port) = host.rsplit_once(':').unwrap();
        let text = text.replace(&format!("127.0.0.1:{port}"), "192.0.2.10:443").replace("127.0.0.1", "192.0.2.10");
        let text = text.replace(&format!("{name} is"), "acme.example.com is").replace("@EMULATOR", "@ACME");
        // A token may be a few seconds old when its remaining life is printed; that of the pages is new.
        (10_770..10_799).fold(text, |text, left| text.replace(&left.to_string(), "10799"))
    }

    /// The hosts of the pages, and those of this machine.
    fn hosts(&self) -> [(&'static str, String); 4] {
        let [uem, vidb] = &self.siblings;
        [
            ("acme.example.com", self.emulator.host()),
            ("na.uemauth.workspaceone.com", uem.host()),
            ("uem.example.com", uem.api_url().replace("https://", "")),
            ("vcenter.example.com", vidb.host()),
        ]
    }

    /// Writes a kubeconfig with a cluster and no users.
    fn write_kubeconfig(&self) {
        let kubeconfig = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "acme",
            "clusters": [{"name": "acme", "cluster": {
                "server": format!("{}/k8s", self.emulator.url()),
                "certificate-authority": self.sandbox.path("ca.pem") }}],
            "contexts": [{"name": "acme", "context": {"cluster": "acme", "user": "none"}}]
        });
        write(&self.sandbox.path("kubeconfig"), kubeconfig.to_string().as_bytes());
    }

    /// Runs the commands in one shell; the lines that each printed.
    pub(crate) fn run(&self, steps: &[Step]) -> Vec<Vec<String>> {
        let mut script = String::from("exec 2>&1\n");
        for step in steps {
            script.push_str(&self.to_this_machine(&step.command));
            script.push_str("\necho; echo \"=== $?\"\n");
        }
        let mut shell = self.sandbox.program("bash");
        shell.args(["-c", &script]);
        let printed = self.to_the_pages(self.sandbox.finish(shell).stdout);
        let mut parts = printed.split("=== ");
        let mut text = parts.next().unwrap();
        let mut outputs = Vec::new();
        for step in steps {
            let after = parts.next().unwrap_or_else(|| panic!("no end of `{}`:\n{printed}", step.command));
            let (status, next) = after.split_once('\n').unwrap();
            assert_eq!(status, "0", "`{}`:\n{text}", step.command);
            outputs.push(text.trim_end().lines().map(str::to_owned).collect());
            text = next;
        }
        outputs
    }

    /// Runs a block; the commands that printed something else than the page says, with both texts.
    fn differences(&self, block: &str) -> Vec<String> {
        let masked = |lines: &[String]| lines.iter().map(|line| masked(line)).collect::<Vec<_>>();
        let steps = steps(block);
        let differs = |(step, output): (&Step, Vec<String>)| {
            (masked(&step.output) != masked(&output)).then(|| {
                let (printed, said) = (output.join("\n"), step.output.join("\n"));
                format!("`{}` printed\n{printed}\nbut the page says\n{said}", step.command)
            })
        };
        steps.iter().zip(self.run(&steps)).filter_map(differs).collect()
    }
}

/// The directory of the program.
fn programs() -> String {
    std::path::Path::new(binary()).parent().unwrap().display().to_string()
}

/// Two bare repositories: one with a commit, and one that has it as a submodule.
fn make_repositories(sandbox: &Sandbox, place: &std::path::Path) {
    let script = format!(
        "set -e; git config --global user.name t; git config --global user.email t@example.com
         git init -q -b main work; cd work; echo hello > file; git add file; git commit -q -m first
         git clone -q --bare . '{place}/app.git'
         git init -q -b main ../super; cd ../super
         printf '[submodule \"app\"]\\npath = app\\nurl = ../app.git\\n' > .gitmodules; git add .gitmodules
         git update-index --add --cacheinfo \"160000,$(git -C ../work rev-parse HEAD),app\"; git commit -q -m first
         git clone -q --bare . '{place}/super.git'; rm -r ../work ../super",
        place = place.display()
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
    let mut differences = Vec::new();
    for block in blocks {
        if block.contains("kubectl") && !has("kubectl") {
            continue;
        }
        world.sandbox.run(&["forget", "--all"]);
        world.write_kubeconfig();
        differences.extend(world.differences(&block));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn only_what_differs_is_masked() {
    for (line, expected) in [
        ("eyJ0eXAi.eyJqdGki.c2ln", "TOKEN"),
        (r#"{"token":"ZXlKMGVY=","n":5}"#, r#"{"token":"TOKEN=","n":5}"#),
        ("expires 2026-11-26T12:00:00Z", "expires MOMENT"),
        ("password_expiry_utc=1795705445", "password_expiry_utc=SECONDS"),
        ("6f1c0a9b-0000-4000-8000-00000000000f x", "IDENTIFIER x"),
        ("in 3 h, 10799 s, 12:00, prod.secret", "in 3 h, 10799 s, 12:00, prod.secret"),
    ] {
        assert_eq!(masked(line), expected, "{line}");
    }
}
