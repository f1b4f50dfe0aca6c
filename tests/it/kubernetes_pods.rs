//! The manifests of `deploy/kubernetes/`: rendered and typed by kubectl, and their containers run as a kubelet runs them,
//! with the arguments, variables, users and mounts of the manifests.
//!
//! A container is a mount and a PID namespace of its own, a read-only root directory, and volumes with the owners, modes
//! and links that kubelet gives them. Only root can make one.

use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use ws1_emulator::{Emulator, Fault};

use crate::kubectl::{is_dispatcher, kubectls};
use crate::sandbox::{
    Output, SECRET, Sandbox, assert_snapshot, copy_program, mode, names_in, set_mode, source, wait_until, write,
};
use crate::skip::{can_mount, is_root, skip};
use crate::stub::{Stub, response};

/// The overlays.
const OVERLAYS: [&str; 3] = ["side-car", "init-container", "secret"];

/// Where a pod may run: user, group and `fsGroup`, the manifests' own and those of a cluster that gives each namespace
/// its own users.
const USERS: [[u32; 3]; 2] = [[65_532, 65_532, 65_532], [1_000_700_000, 0, 1_000_700_000]];

/// Every kubectl of this machine from a minor version on, but for dispatchers to one of the others.
fn kubectls_since(minor: u32) -> Vec<PathBuf> {
    let is_new = |kubectl: &PathBuf| {
        let version = Command::new(kubectl).args(["version", "--client", "--output=json"]).output().unwrap();
        let version: Value = serde_json::from_slice(&version.stdout).unwrap_or_default();
        version["clientVersion"]["minor"].as_str().and_then(|text| text.parse::<u32>().ok()) >= Some(minor)
    };
    let found: Vec<PathBuf> = kubectls().into_iter().filter(|kubectl| !is_dispatcher(kubectl)).filter(is_new).collect();
    if found.is_empty() {
        skip("newer-kubectl", &format!("it is older than 1.{minor}, or not for this user"));
    }
    found
}

/// Runs a kubectl that talks to no cluster, which has to succeed, and gives the objects that it prints.
fn offline(kubectl: &Path, args: &[&str], stdin: &[u8]) -> (String, Vec<Value>) {
    let sandbox = Sandbox::new();
    let mut command = sandbox.program(kubectl);
    command.args(args);
    let output = sandbox.finish_with_stdin(command, stdin);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{} {args:?}: {output}", kubectl.display());
    let objects = serde_json::Deserializer::from_str(&output.stdout).into_iter().filter_map(Result::ok).collect();
    (output.stdout, objects)
}

/// The objects of an overlay, as a kubectl renders them.
fn render(kubectl: &Path, overlay: &str) -> Vec<Value> {
    let dir = source("deploy/kubernetes").join(overlay).display().to_string();
    let (yaml, _) = offline(kubectl, &["kustomize", &dir], b"");
    offline(kubectl, &["label", "--local", "--filename=-", "rendered=yes", "--output=json"], yaml.as_bytes()).1
}

/// The object of a kind.
fn of_kind<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind).unwrap()
}

/// The pod template of whatever of these objects has one.
fn template(objects: &[Value]) -> &Value {
    let places = ["/spec/jobTemplate/spec/template/spec", "/spec/template/spec"];
    places.iter().find_map(|place| objects.iter().find_map(|object| object.pointer(place))).unwrap()
}

/// What is in one value and not in another, by its path.
fn missing(wanted: &Value, found: &Value, path: &str) -> Vec<String> {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => wanted
            .iter()
            .flat_map(|(key, value)| missing(value, found.get(key).unwrap_or(&Value::Null), &format!("{path}/{key}")))
            .collect(),
        (Value::Array(wanted), Value::Array(found)) if wanted.len() <= found.len() => {
            let pairs = wanted.iter().zip(found).enumerate();
            pairs.flat_map(|(at, (wanted, found))| missing(wanted, found, &format!("{path}/{at}"))).collect()
        }
        _ if wanted == found => Vec::new(),
        _ => vec![format!("{path}: {wanted}, not {found}")],
    }
}

#[test]
fn every_kubectl_renders_the_same_manifests() {
    let kubectls = kubectls_since(21);
    for overlay in OVERLAYS {
        let mut first: Option<Vec<Value>> = None;
        for kubectl in &kubectls {
            let mut objects = render(kubectl, overlay);
            objects.sort_by_key(|object| object["kind"].to_string());
            let expected = first.get_or_insert_with(|| objects.clone());
            assert_eq!(&objects, expected, "{} {overlay}", kubectl.display());
        }
    }
}

#[test]
fn kubectl_knows_every_field_of_the_workloads() {
    // `set env` reads an object into its type, which drops unknown fields and refuses wrong values. restartPolicy of a
    // container is a field since 1.28.
    for kubectl in kubectls_since(28) {
        for overlay in OVERLAYS {
            let workloads = render(&kubectl, overlay);
            let workloads = workloads
                .iter()
                .filter(|object| matches!(object["kind"].as_str(), Some("Deployment" | "Job" | "CronJob")));
            for workload in workloads {
                let text = workload.to_string();
                let args = ["set", "env", "--local", "--filename=-", "ADDED=yes", "--output=json"];
                let typed = offline(&kubectl, &args, text.as_bytes()).1.remove(0);
                let lost = missing(workload, &typed, "");
                assert_eq!(lost, Vec::<String>::new(), "{} {overlay}", kubectl.display());
            }
        }
    }
}

#[test]
fn containers_have_no_rights_and_the_application_never_sees_the_secret() {
    for kubectl in kubectls_since(21).iter().take(1) {
        for overlay in OVERLAYS {
            let objects = render(kubectl, overlay);
            let pod = template(&objects);
            assert_eq!(pod["automountServiceAccountToken"], false, "{overlay}");
            let expected = json!({
                "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"}
            });
            assert_eq!(pod["securityContext"], expected, "{overlay}");
            for container in containers(pod) {
                let expected = json!({
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}
                });
                assert_eq!(container["securityContext"], expected, "{overlay}: {}", container["name"]);
                let mounts = container["volumeMounts"].as_array().unwrap();
                let has = |name: &str| mounts.iter().any(|mount| mount["name"] == name);
                let is_ours = container["image"].as_str().unwrap().contains("/ws1-token:");
                assert_eq!((has("client"), has("account")), (is_ours, container["name"] == "kubectl"), "{overlay}");
                assert!(is_ours || !has("cache"), "{overlay}");
            }
        }
    }
}

/// All containers of a pod.
fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers"].into_iter().flat_map(|kind| pod[kind].as_array().unwrap())
}

/// A pod of an overlay, its tenant, and its volumes.
struct Pod {
    emulator: Emulator,
    sandbox: Sandbox,
    objects: Vec<Value>,
    user: u32,
    group: u32,
    fs_group: u32,
}

impl Pod {
    /// The pod of an overlay, with its volumes mounted and nothing run yet; `None` where there can be none.
    fn new(overlay: &str, [user, group, fs_group]: [u32; 3]) -> Option<Self> {
        if !is_root("only root can be another user and mount") || !can_mount() {
            return None;
        }
        let objects = render(kubectls_since(21).last()?, overlay);
        // Tokens of half a minute make a round a second.
        let emulator = Emulator::builder().life(31).start().unwrap();
        let mut sandbox = Sandbox::new();
        sandbox.name(&emulator.host(), "$TENANT");
        let pod = Self { emulator, sandbox, objects, user, group, fs_group };
        pod.make_root();
        for volume in template(&pod.objects)["volumes"].as_array().unwrap() {
            pod.make_volume(volume["name"].as_str().unwrap(), volume);
        }
        // The sandbox finds the entry where the container caches it.
        std::fs::create_dir(pod.sandbox.path("home/.cache")).unwrap();
        symlink(pod.volume(&format!("cache/ws1-token-{user}")), pod.sandbox.cache_dir()).unwrap();
        pod.rotate_secret(SECRET);
        Some(pod)
    }

    /// The root directory of the image, with mount points as a runtime adds them.
    fn make_root(&self) {
        let root = self.sandbox.path("root");
        let mounts = containers(template(&self.objects)).filter_map(|container| container["volumeMounts"].as_array());
        let mounts = mounts.flatten().map(|mount| mount["mountPath"].as_str().unwrap().trim_start_matches('/'));
        for dir in ["usr/bin", "home/ws1", "proc", "lib", "lib64", "usr/lib", "usr/lib64"].into_iter().chain(mounts) {
            std::fs::create_dir_all(root.join(dir)).unwrap();
        }
        set_mode(&root, 0o755);
        copy_program(&root.join("usr/bin/ws1-token"));
    }

    /// A volume with the owner and mode that kubelet gives it.
    fn make_volume(&self, name: &str, volume: &Value) {
        let dir = self.volume(name);
        std::fs::create_dir_all(&dir).unwrap();
        chown(&dir, Some(0), Some(self.fs_group)).unwrap();
        set_mode(&dir, if volume.get("emptyDir").is_some() { 0o2777 } else { 0o3777 });
    }

    /// A volume, as kubelet sees it.
    fn volume(&self, name: &str) -> PathBuf {
        self.sandbox.path("volumes").join(name)
    }

    /// Updates the mounted client secret in one step, as kubelet does: a new directory, and a link that is replaced.
    fn rotate_secret(&self, secret: &str) {
        let volume = self.volume("client");
        let old = std::fs::read_link(volume.join("..data")).ok();
        let number =
            old.as_ref().map_or(0, |old| old.to_string_lossy().rsplit('.').next().unwrap().parse::<u32>().unwrap());
        let dir = format!("..2026_11_26.{}", number + 1);
        std::fs::create_dir(volume.join(&dir)).unwrap();
        chown(volume.join(&dir), Some(0), Some(self.fs_group)).unwrap();
        set_mode(&volume.join(&dir), 0o2755);
        let file = volume.join(&dir).join("client-secret");
        write(&file, secret.as_bytes());
        chown(&file, Some(0), Some(self.fs_group)).unwrap();
        set_mode(&file, 0o440);
        symlink(&dir, volume.join("..data_tmp")).unwrap();
        std::fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
        match old {
            Some(old) => std::fs::remove_dir_all(volume.join(old)).unwrap(),
            None => symlink("..data/client-secret", volume.join("client-secret")).unwrap(),
        }
    }

    /// A container of the manifest, as a command that becomes its first process.
    fn container(&self, name: &str) -> Command {
        let container = containers(template(&self.objects)).find(|container| container["name"] == name).unwrap();
        let vars = self.variables(container);
        let mut script = String::from("set -e; root=$1; user=$2; shift 2; mount --bind \"$root\" \"$root\"; ");
        // The program that the tests build needs the C library of this machine; the released one does not.
        for dir in ["/lib", "/lib64", "/usr/lib", "/usr/lib64"] {
            script += &format!("if [ -d {dir} ]; then mount --bind {dir} \"$root{dir}\"; fi; ");
        }
        for mount in container["volumeMounts"].as_array().unwrap() {
            let (from, to) = (self.volume(mount["name"].as_str().unwrap()), mount["mountPath"].as_str().unwrap());
            script += &format!("mount --bind '{}' \"$root{to}\"; ", from.display());
            if mount["readOnly"] == true {
                script += &format!("mount -o remount,bind,ro \"$root{to}\"; ");
            }
        }
        script += "mount -t proc proc \"$root/proc\"; mount -o remount,bind,ro \"$root\"; \
                   exec setpriv --no-new-privs chroot --userspec=\"$user\" --groups=\"$GROUPS_OF_POD\" \"$root\" \
                   /usr/bin/ws1-token \"$@\"";
        let mut command = self.sandbox.program("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", &script, "sh"]);
        command.arg(self.sandbox.path("root")).arg(format!("{}:{}", self.user, self.group));
        let expand = |arg: &Value| {
            let arg = arg.as_str().unwrap().to_owned();
            vars.iter().fold(arg, |arg, (name, value)| arg.replace(&format!("$({name})"), value))
        };
        command.args(container["args"].as_array().unwrap().iter().map(expand));
        command.envs(vars.clone()).env("GROUPS_OF_POD", self.fs_group.to_string()).env("HOME", "/home/ws1");
        command
    }

    /// The variables of a container; the tenant is the emulated one.
    fn variables(&self, container: &Value) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let from = container["envFrom"].as_array().unwrap().iter().flat_map(|from| {
            let name = &from["configMapRef"]["name"];
            let map =
                self.objects.iter().find(|object| object["metadata"]["name"] == *name).expect("the name with its hash");
            map["data"].as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value)))
        });
        let own = container["env"].as_array().unwrap().iter().map(|variable| {
            let value = variable.get("value").map_or_else(|| "apps".to_owned(), text);
            (text(&variable["name"]), value)
        });
        let tenant =
            |(name, value)| if name == "WS1_TOKEN_TENANT" { (name, self.emulator.url()) } else { (name, value) };
        from.chain(own).map(tenant).collect()
    }

    /// Runs a container to its end.
    fn run(&self, name: &str) -> Output {
        self.sandbox.finish(self.container(name))
    }

    /// Starts a container; its standard error goes to a file.
    fn start(&self, name: &str) -> Running<'_> {
        let mut command = self.container(name);
        let child = command.stderr(File::create(self.sandbox.path("log")).unwrap()).spawn().unwrap();
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        let first = || std::fs::read_to_string(&children).unwrap().trim().parse().ok().and_then(Pid::from_raw);
        wait_until("the container has started", || first().is_some());
        let pid = first().unwrap();
        let name = format!("/proc/{}/comm", pid.as_raw_pid());
        wait_until("its program runs", || std::fs::read_to_string(&name).is_ok_and(|name| name == "ws1-token\n"));
        Running { pod: self, child, pid }
    }

    /// Changes where and how the volume of the token is mounted.
    fn edit_mounts(&mut self, edit: fn(&mut Value)) {
        let pod = self.objects.iter_mut().find_map(|object| object.pointer_mut("/spec/template/spec")).unwrap();
        let containers = pod["initContainers"].as_array_mut().unwrap().iter_mut();
        let mounts = containers.flat_map(|container| container["volumeMounts"].as_array_mut().unwrap());
        for mount in mounts.filter(|mount| mount["name"] == "token") {
            edit(mount);
        }
    }

    /// What the application reads.
    fn token(&self) -> String {
        std::fs::read_to_string(self.volume("token/token")).unwrap_or_default()
    }

    /// How many token requests there were.
    fn requests(&self) -> u64 {
        self.emulator.counters().token_requests
    }
}

/// A container that runs.
struct Running<'a> {
    pod: &'a Pod,
    child: Child,
    /// Its first process, as this machine sees it.
    pid: Pid,
}

impl Running<'_> {
    /// What was written on standard error so far.
    fn log(&self) -> String {
        std::fs::read_to_string(self.pod.sandbox.path("log")).unwrap()
    }

    /// Changes the cache entry while the process is stopped.
    fn stopped(&self, change: impl FnOnce()) {
        kill_process(self.pid, Signal::STOP).unwrap();
        let stat = format!("/proc/{}/stat", self.pid.as_raw_pid());
        wait_until("it is stopped", || std::fs::read_to_string(&stat).unwrap().contains(") T "));
        change();
        kill_process(self.pid, Signal::CONT).unwrap();
    }

    /// Waits until the application reads another token than this one.
    fn next(&self, token: &str) -> String {
        wait_until("there is another token", || ![token, ""].contains(&self.pod.token().as_str()));
        self.pod.token()
    }

    /// Ends the container by a signal, and gives its status.
    fn end(mut self, signal: Signal) -> i32 {
        kill_process(self.pid, signal).unwrap();
        let child = RefCell::new(&mut self.child);
        wait_until("it has ended", || child.borrow_mut().try_wait().unwrap().is_some());
        let status = self.child.wait().unwrap();
        status.signal().map_or(status.code().unwrap_or(-1), |signal| 128 + signal)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = kill_process(self.pid, Signal::KILL);
        let _ = self.child.wait();
    }
}

#[test]
fn a_side_car_keeps_the_file_through_rotation_outage_and_restart() {
    for users in USERS {
        let Some(pod) = Pod::new("side-car", users) else { return };
        let output = pod.run("ws1-token-first");
        assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output}");
        let first = pod.token();
        let meta = std::fs::metadata(pod.volume("token/token")).unwrap();
        assert_eq!((meta.uid(), meta.mode() & 0o777, pod.emulator.issued()), (pod.user, 0o600, vec![first.clone()]));

        let container = pod.start("ws1-token");
        container.stopped(|| pod.sandbox.age_until(3));
        let second = container.next(&first);
        assert_eq!(pod.requests(), 2, "the side-car found the first token in the cache");

        // The tenant has a new secret before the volume has it: a warning, and the file stays.
        pod.emulator.set_secret("ci-bot", "rotated");
        pod.emulator.revoke_refresh_tokens();
        container.stopped(|| pod.sandbox.age_until(6));
        wait_until("it was refused", || container.log().contains("warning: "));
        assert_eq!(pod.token(), second);
        pod.emulator.set_life(600);
        pod.rotate_secret("rotated");
        let third = container.next(&second);
        container.end(Signal::KILL);

        // The tenant is down while the container starts again: it serves what is valid, and asks once.
        pod.emulator.play_always(Fault::retry_after("600"));
        pod.sandbox.age_until(100);
        let asked = pod.requests();
        let container = pod.start("ws1-token");
        wait_until("it warns", || container.log().contains("warning: "));
        assert_eq!((pod.token(), pod.requests()), (third.clone(), asked + 1), "{}", container.log());
        container.end(Signal::KILL);
        pod.emulator.play_normally();
        pod.sandbox.age(700);
        let container = pod.start("ws1-token");
        container.next(&third);
        assert_eq!(container.end(Signal::TERM), 143);
        // What the kills left goes with a later write.
        let container = pod.start("ws1-token");
        wait_until("nothing else is left", || names_in(&pod.volume("token")) == ["token"]);
        drop(container);
    }
}

/// A container that cannot do its work: its pod, made worse by a change.
type Trouble = (&'static str, fn(&mut Pod));

#[test]
fn what_a_pod_lacks_is_said_in_its_last_lines_and_an_old_file_stays() {
    let troubles: [Trouble; 7] = [
        ("the secret has no such key", |pod| std::fs::remove_file(pod.volume("client/client-secret")).unwrap()),
        ("the secret is empty", |pod| pod.rotate_secret("")),
        ("the tenant refuses the secret", |pod| pod.rotate_secret("wrong")),
        ("the tenant is down", |pod| pod.emulator.play_always(Fault::status(503))),
        ("the volume is mounted read-only", |pod| pod.edit_mounts(|mount| mount["readOnly"] = true.into())),
        ("the volume is not mounted", |pod| pod.edit_mounts(|mount| mount["mountPath"] = "/home/ws1".into())),
        ("a directory is in the file's place", |pod| {
            std::fs::remove_file(pod.volume("token/token")).unwrap();
            std::fs::create_dir(pod.volume("token/token")).unwrap();
        }),
    ];
    let mut text = String::new();
    for (title, spoil) in troubles {
        let Some(mut pod) = Pod::new("side-car", USERS[0]) else { return };
        let old = pod.volume("token/token");
        write(&old, b"old");
        chown(&old, Some(pod.user), Some(pod.group)).unwrap();
        spoil(&mut pod);
        for name in ["ws1-token-first", "ws1-token"] {
            let output = pod.run(name);
            assert!(output.status != 0 && !output.stderr.contains(SECRET), "{title}: {output}");
            text.push_str(&format!("# {title}: {name}\n{output}\n"));
        }
        assert!(old.is_dir() || pod.token() == "old", "{title}");
    }
    assert_snapshot!("kubernetes-pod-troubles", text, (r"for \d+ s", "for $$SECONDS s"));
}

#[test]
fn a_file_of_another_user_is_replaced_where_the_volume_allows_it() {
    // fsGroup lets every user of the pod replace files; a sticky bit does not.
    for (permissions, is_replaced) in [(0o2777, true), (0o3777, false)] {
        let Some(pod) = Pod::new("side-car", USERS[0]) else { return };
        set_mode(&pod.volume("token"), permissions);
        write(&pod.volume("token/token"), b"of another user");
        chown(pod.volume("token/token"), Some(1_000), Some(1_000)).unwrap();
        let output = pod.run("ws1-token-first");
        assert_eq!(output.status == 0, is_replaced, "{output}");
        assert_eq!(pod.token() == "of another user", !is_replaced);
        assert_eq!(names_in(&pod.volume("token")), ["token"], "nothing else is left");
        if !is_replaced {
            assert_snapshot!("kubernetes-pod-sticky", output);
        }
    }
}

#[test]
fn what_a_container_left_that_was_killed_while_it_wrote_goes_with_the_next_one() {
    let Some(pod) = Pod::new("side-car", USERS[0]) else { return };
    // A write is a temporary file and a rename: whatever the kill comes between, the old file is whole. The first process
    // of the next container has the same ID.
    for (name, text) in [("token", "old"), (".token.1.0123456789abcdef.tmp", "ha")] {
        write(&pod.volume("token").join(name), text.as_bytes());
        chown(pod.volume("token").join(name), Some(pod.user), Some(pod.group)).unwrap();
    }
    let container = pod.start("ws1-token");
    let token = container.next("old");
    wait_until("what was left is gone", || names_in(&pod.volume("token")) == ["token"]);
    assert_eq!(pod.emulator.issued(), [token]);
}

#[test]
fn an_init_container_gets_one_token_and_keeps_nothing_else() {
    for users in USERS {
        let Some(pod) = Pod::new("init-container", users) else { return };
        let output = pod.run("ws1-token");
        assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output}");
        assert_eq!(
            (names_in(&pod.volume("token")), vec![pod.token()]),
            (vec!["token".to_owned()], pod.emulator.issued())
        );
    }
}

/// An API server that has no objects but answers a server-side apply; what it was sent.
fn api_server(status: &'static str, reply: Value) -> (Stub, Arc<Mutex<Vec<Value>>>) {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let applied = Arc::clone(&bodies);
    let resources = json!({
        "kind": "APIResourceList", "groupVersion": "v1", "resources": [{
            "name": "secrets", "singularName": "secret", "namespaced": true, "kind": "Secret", "verbs": ["create", "patch"]
        }]
    });
    let stub = Stub::with_bodies(move |head, body| {
        let ok = |value: &Value| response("200 OK", "Content-Type: application/json\r\n", &value.to_string());
        let path = head.split([' ', '?']).nth(1).unwrap();
        match (head.starts_with("PATCH "), path) {
            (false, "/api") => ok(&json!({ "kind": "APIVersions", "versions": ["v1"] })),
            (false, "/apis") => ok(&json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [] })),
            (false, "/api/v1") => ok(&resources),
            (true, _) => {
                let sent: Value = serde_json::from_str(body).unwrap();
                let answer = if reply.is_null() { sent.to_string() } else { reply.to_string() };
                applied.lock().unwrap().push(sent);
                response(status, "Content-Type: application/json\r\n", &answer)
            }
            _ => response("403 Forbidden", "", "the role allows nothing else"),
        }
    });
    (stub, bodies)
}

/// Runs the second container of the `CronJob`, by a kubectl and against an API server.
fn apply(pod: &Pod, kubectl: &Path, server: &Stub) -> Output {
    let container = containers(template(&pod.objects)).find(|container| container["name"] == "kubectl").unwrap();
    let mut command = pod.sandbox.program(kubectl);
    let file = pod.volume("manifest/secret.json").display().to_string();
    command.arg(format!("--server=http://{}", server.host()));
    command.args(
        container["args"]
            .as_array()
            .unwrap()
            .iter()
            .map(|arg| arg.as_str().unwrap().replace("/run/ws1/secret.json", &file)),
    );
    pod.sandbox.finish(command)
}

#[test]
fn the_cron_job_applies_a_secret_with_the_rights_of_its_role() {
    for users in USERS {
        let Some(pod) = Pod::new("secret", users) else { return };
        let output = pod.run("ws1-token");
        assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output}");
        assert_eq!(mode(&pod.volume("manifest/secret.json")) & 0o777, 0o600);
        let role = of_kind(&pod.objects, "Role");
        assert_eq!(role["rules"][0]["verbs"], json!(["create", "patch"]));
        let name = &role["rules"][0]["resourceNames"][0];
        for kubectl in kubectls_since(22) {
            let (server, bodies) = api_server("200 OK", Value::Null);
            let output = apply(&pod, &kubectl, &server);
            assert_eq!((output.status, output.stdout.as_str()), (0, "secret/ws1 serverside-applied\n"), "{output}");
            let heads = server.heads();
            let patches: Vec<&String> = heads.iter().filter(|head| head.contains("/namespaces/")).collect();
            let [patch] = &patches[..] else { panic!("{}: {heads:?}", kubectl.display()) };
            let line = patch.lines().next().unwrap();
            assert!(line.starts_with("PATCH /api/v1/namespaces/apps/secrets/ws1?"), "{line}");
            assert!(line.contains("fieldManager=ws1&") && line.contains("force=false"), "{line}");
            let secret = bodies.lock().unwrap()[0].clone();
            let token = STANDARD.decode(secret["data"]["token"].as_str().unwrap()).unwrap();
            assert_eq!(
                (&secret["metadata"]["name"], vec![String::from_utf8(token).unwrap()]),
                (name, pod.emulator.issued())
            );
        }
    }
}

#[test]
fn the_role_is_what_kubectl_makes_of_its_words() {
    for kubectl in kubectls_since(22) {
        let (server, _) = api_server("200 OK", Value::Null);
        let server = format!("--server=http://{}", server.host());
        let words =
            ["--verb=create,patch", "--resource=secrets", "--resource-name=ws1", "--dry-run=client", "--output=json"];
        let made = offline(&kubectl, &[&[server.as_str(), "create", "role", "ws1-token"][..], &words].concat(), b"").1;
        let rendered = render(&kubectl, "secret");
        let role = of_kind(&rendered, "Role");
        assert_eq!((&made[0]["apiVersion"], &made[0]["rules"]), (&role["apiVersion"], &role["rules"]));
        let binding = of_kind(&rendered, "RoleBinding");
        let account = &of_kind(&rendered, "ServiceAccount")["metadata"]["name"];
        assert_eq!(
            (&binding["roleRef"]["name"], &binding["subjects"][0]["name"]),
            (&role["metadata"]["name"], account)
        );
        assert_eq!(&template(&rendered)["serviceAccountName"], account);
    }
}

#[test]
fn an_api_server_that_refuses_and_a_secret_of_somebody_else_fail_the_job() {
    let Some(pod) = Pod::new("secret", USERS[0]) else { return };
    assert_eq!(pod.run("ws1-token").status, 0);
    let status = |code: u16, reason: &str, message: &str, details: Value| {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            "reason": reason, "details": details, "code": code
        })
    };
    let owner = "conflict with \"kubectl-client-side-apply\" using v1";
    let causes = json!({"causes": [{"reason": "FieldManagerConflict", "message": owner, "field": ".data.token"}]});
    let conflict = status(409, "Conflict", &format!("Apply failed with 1 conflict: {owner}: .data.token"), causes);
    let denied = "secrets \"ws1\" is forbidden: User \"system:serviceaccount:apps:ws1-token\" cannot patch resource";
    let denied = status(403, "Forbidden", denied, json!({}));
    for kubectl in kubectls_since(22) {
        for (answer, value, said) in [
            ("409 Conflict", &conflict, "conflict with \"kubectl-client-side-apply\""),
            ("403 Forbidden", &denied, "cannot patch resource"),
        ] {
            let (server, _) = api_server(answer, value.clone());
            let output = apply(&pod, &kubectl, &server);
            assert!(output.status == 1 && output.stderr.contains(said), "{}: {output}", kubectl.display());
            assert!(!output.stderr.contains(&pod.emulator.issued()[0]), "{output}");
        }
    }
}

#[test]
fn the_format_names_a_secret_by_the_rules_of_kubernetes() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let format = ["get", "--format", "kubernetes-secret"];
    let mut text = String::new();
    for args in [
        &["--name", "ws1"][..],
        &["--name", "ws1", "--namespace", "apps"],
        &[],
        &["--namespace", "apps"],
        &["--name", "WS1"],
        &["--name", "ws1", "--namespace", "a.b"],
    ] {
        text.push_str(&format!("# {}\n{}\n", args.join(" "), sandbox.run(&[&format, args].concat())));
    }
    for args in [&["get", "--name", "ws1"][..], &["get", "--format", "json", "--name", "ws1"]] {
        text.push_str(&format!("# {}\n{}\n", args.join(" "), sandbox.run(args)));
    }
    assert_snapshot!("kubernetes-secret", text, (r#""token":"[A-Za-z0-9+/=]+""#, r#""token":"$$BASE64""#));
    assert_eq!(emulator.counters().token_requests, 1, "a mistake costs no request");
}

#[test]
fn every_overlay_is_documented() {
    let page = include_str!("../../docs/kubernetes.md");
    for overlay in OVERLAYS {
        assert!(page.contains(&format!("`deploy/kubernetes/{overlay}`")), "{overlay}");
    }
}
