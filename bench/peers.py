"""Other credential helpers, as far as they are installed, configured to return a cached token without a network."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from measure import Command
from fixtures import private

# Name of a measurement, and its program. They do different work; each is the nearest match to `ws1-token get`.
NAMES = {
    "git credential-store get": "git-credential-store",
    "gke-gcloud-auth-plugin": "gke-gcloud-auth-plugin",
    "oidc-token": "oidc-token",
    "docker-credential-ecr-login list": "docker-credential-ecr-login",
    "docker-credential-pass list": "docker-credential-pass",
    "docker-credential-secretservice list": "docker-credential-secretservice",
    "docker-credential-gcloud get": "docker-credential-gcloud",
    "aws eks get-token": "aws",
    "gcloud auth print-access-token": "gcloud",
    "az account get-access-token": "az",
}

# These need a daemon or an interactive sign-in: they are listed, not measured.
INTERACTIVE = {"oidc-token", "az", "docker-credential-pass", "docker-credential-secretservice"}


def commands(scratch):
    """The commands that can be measured, by name, and for the others why not."""
    home = scratch / "peers"
    home.mkdir()
    found, missing = {}, {}
    for name, program in NAMES.items():
        path = find(program)
        if path is None:
            missing[name] = "not installed"
        elif program in INTERACTIVE:
            missing[name] = "needs an interactive sign-in"
        else:
            command = set_up(program, path, home)
            failure = why_not(command)
            if failure:
                missing[name] = failure
            else:
                found[name] = command
    return found, missing


def set_up(program, path, home):
    """The command that prints the token of a helper; writes the files that it reads."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C"}
    if program == "git-credential-store":
        credentials = private(home / "credentials", "https://user:eyJ-token@git.example.com\n")
        request = private(home / "git.request", "protocol=https\nhost=git.example.com\n\n")
        return Command([path, "--file", credentials, "get"], environment, request)
    if program == "gke-gcloud-auth-plugin":
        (home / ".kube").mkdir()
        private(home / ".kube/config", json.dumps(KUBECONFIG))
        private(home / ".kube/gke_gcloud_auth_plugin_cache", json.dumps(GKE_CACHE))
        return Command([path], environment)
    if program == "aws":
        key = {"AWS_ACCESS_KEY_ID": "AKIA-NONE", "AWS_SECRET_ACCESS_KEY": "none"}
        return Command([path, "eks", "get-token", "--cluster-name", "c", "--region", "us-east-1"], environment | key)
    if program == "docker-credential-ecr-login":
        return Command([path, "list"], environment)
    token = {"CLOUDSDK_AUTH_ACCESS_TOKEN": "ya29.token", "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
    if program == "docker-credential-gcloud":
        server = private(home / "docker.request", "https://gcr.io\n")
        return Command([path, "get"], environment | token, server)
    return Command([path, "auth", "print-access-token"], environment | token)


def find(program):
    """The path of a program, also of git's own programs and behind a pyenv shim; `None` if it is not installed."""
    path = shutil.which(program)
    if path is None and program.startswith("git-") and shutil.which("git"):
        directory = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=False).stdout.strip()
        path = shutil.which(program, path=directory)
    if path and "shims" in Path(path).parts:
        real = subprocess.run(["pyenv", "which", program], capture_output=True, text=True, check=False)
        path = real.stdout.strip() or None
    return path


def why_not(command):
    """Runs it once, so that it fills its own caches; returns why it cannot be measured, or `None`."""
    try:
        with open(command.stdin, "rb") as stdin:
            done = subprocess.run(
                command.arguments, env=command.environment, stdin=stdin, capture_output=True, timeout=60, check=False
            )
    except subprocess.TimeoutExpired:
        return "does not answer without a network"
    return None if done.returncode == 0 and done.stdout else f"fails ({done.returncode})"


KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "bench",
    "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
    "clusters": [{"name": "bench", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "bench", "user": {}}],
}

GKE_CACHE = {
    "current_context": "bench",
    "access_token": "ya29.token",
    "token_expiry": "2099-01-01T00:00:00Z",
    "extra_args": "",
}
