//! The kubeconfig that `setup kubectl --write` leaves, in the client libraries of other languages.

use std::process::Command;

use crate::sandbox::Sandbox;
use crate::setup_kubectl::Kube;
use crate::skip::{has, skip};

/// A client library.
struct Client {
    /// Its package.
    package: &'static str,
    /// The interpreter, and the option before a script.
    interpreter: [&'static str; 2],
    /// Whether it is there: a script that fails if not.
    probe: &'static str,
    /// Lists the pods twice, a line for each; the kubeconfig is its argument.
    script: &'static str,
}

/// Those that the package registries have. Java's (fabric8 and the official one) and .NET's are not available there.
const CLIENTS: [Client; 6] = [
    Client {
        package: "kubernetes",
        interpreter: ["python3", "-c"],
        probe: "import kubernetes",
        script: "import sys\nfrom kubernetes import client, config\nconfig.load_kube_config(sys.argv[1])\n\
                 for _ in range(2): print(client.CoreV1Api().list_namespaced_pod('default').items[0].metadata.name)",
    },
    Client {
        package: "kubernetes_asyncio",
        interpreter: ["python3", "-c"],
        probe: "import kubernetes_asyncio",
        script: "import asyncio, sys\nfrom kubernetes_asyncio import client, config\nasync def main():\n  \
                 await config.load_kube_config(sys.argv[1])\n  async with client.ApiClient() as api:\n    \
                 for _ in range(2): print((await client.CoreV1Api(api).list_namespaced_pod('default')).items[0].metadata.name)\n\
                 asyncio.run(main())",
    },
    Client {
        package: "pykube-ng",
        interpreter: ["python3", "-c"],
        probe: "import pykube",
        script: "import sys, pykube\napi = pykube.HTTPClient(pykube.KubeConfig.from_file(sys.argv[1]))\n\
                 for _ in range(2): print([pod.name for pod in pykube.Pod.objects(api).filter(namespace='default')][0])",
    },
    Client {
        package: "lightkube",
        interpreter: ["python3", "-c"],
        probe: "import lightkube",
        script: "import sys\nfrom lightkube import Client, KubeConfig\nfrom lightkube.resources.core_v1 import Pod\n\
                 client = Client(config=KubeConfig.from_file(sys.argv[1]))\n\
                 for _ in range(2): print([pod.metadata.name for pod in client.list(Pod, namespace='default')][0])",
    },
    Client {
        package: "kubeclient",
        interpreter: ["ruby", "-e"],
        probe: "require 'kubeclient'",
        script: "require 'kubeclient'\ncontext = Kubeclient::Config.read(ARGV[0]).context\n\
                 client = Kubeclient::Client.new(context.api_endpoint, 'v1', ssl_options: context.ssl_options, \
                 auth_options: context.auth_options)\n2.times { puts client.get_pods(namespace: 'default')[0].metadata.name }",
    },
    Client {
        package: "client-node",
        interpreter: ["node", "-e"],
        probe: "require.resolve('@kubernetes/client-node')",
        script: "import(require.resolve('@kubernetes/client-node')).then(async (k8s) => {\n\
                 const config = new k8s.KubeConfig(); config.loadFromFile(process.argv[1]);\n\
                 const api = config.makeApiClient(k8s.CoreV1Api);\n\
                 for (let i = 0; i < 2; i++) {\n  const pods = await api.listNamespacedPod({ namespace: 'default' });\n  \
                 console.log(pods.items[0].metadata.name);\n}})",
    },
];

impl Client {
    /// Runs a script of it.
    fn command(&self, sandbox: &Sandbox, script: &str) -> Command {
        let [program, option] = self.interpreter;
        let mut command = sandbox.program(program);
        // node finds a package beside the script only, and there is none.
        let path = sandbox.variable("PATH").to_owned();
        let modules = std::env::split_paths(&path).find(|dir| dir.ends_with("node_modules/.bin"));
        command.args([option, script]).envs(modules.map(|dir| ("NODE_PATH", dir.parent().unwrap().to_owned())));
        command
    }

    /// Whether it is there; if not, the test is to be skipped.
    fn is_there(&self, sandbox: &Sandbox) -> bool {
        if !has(self.interpreter[0]) {
            return false;
        }
        let output = sandbox.finish(self.command(sandbox, self.probe));
        if output.status != 0 {
            skip(self.package, "the library is not installed");
        }
        output.status == 0
    }
}

/// Runs every client with what the last kubectl wrote into a kubeconfig in some place.
fn every_client(file: &str) {
    let Some(kubectl) = crate::kubectl::kubectls().pop() else { return };
    let kube = Kube::start(file);
    kube.choose(&kubectl);
    assert_eq!(kube.setup(&["--profile", "prod", "--write"]).status, 0);
    for client in CLIENTS.iter().filter(|client| client.is_there(&kube.sandbox)) {
        let mut command = client.command(&kube.sandbox, client.script);
        command.arg(kube.sandbox.variable("KUBECONFIG")).current_dir("/");
        let output = kube.sandbox.finish(command);
        let said = (output.stdout.as_str(), output.stderr.as_str(), output.status);
        assert_eq!(said, ("emulated\nemulated\n", "", 0), "{}", client.package);
    }
    assert!(kube.emulator.counters().token_requests <= 1, "one token for all");
}

#[test]
fn every_client_library_runs_what_setup_writes() {
    every_client("kube/config");
}

#[test]
fn every_client_library_runs_a_program_below_the_kubeconfigs_directory() {
    every_client("config");
}
