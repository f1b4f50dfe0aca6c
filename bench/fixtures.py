"""The environment of a measurement: the installed program, an emulated tenant, home directories with profiles."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Scratch:
    """A temporary directory. Its name always has the same length, because the counts depend on it.

    With `in_memory` it is in /dev/shm where that is writable, so that no disk affects the times.
    """

    def __init__(self, in_memory=False):
        memory = "/dev/shm"
        self.parent = memory if in_memory and os.access(memory, os.W_OK) else None

    def __enter__(self):
        self.path = Path(tempfile.mkdtemp(prefix="ws1-bench-", dir=self.parent))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Build:
    """The program, installed by install.sh, and the emulator, built for the same target."""

    def __init__(self, scratch):
        output = check([ROOT / "install.sh", "--prefix", scratch / "prefix"])
        self.target = re.search(r"^Building ws1-token for ([\w-]+)", output, re.MULTILINE)[1]
        self.libc = "musl" if "musl" in self.target else "gnu"
        self.program = scratch / "prefix/bin/ws1-token"
        self.emulator = self.build_emulator()

    def build_emulator(self):
        """Builds the emulator in the target directory of install.sh, which has most of the crates; returns its path."""
        target_dir = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").absolute()
        environment = dict(os.environ)
        if self.libc == "musl":
            environment["CC_" + self.target.replace("-", "_")] = "musl-gcc"
        cargo = ["cargo", "build", "--quiet", "--release", "--locked", "--package", "ws1-emulator"]
        check([*cargo, "--target", self.target, "--target-dir", target_dir], cwd=ROOT, env=environment)
        return target_dir / self.target / "release/ws1-emulator"


class Tenant:
    """An emulated tenant on a free loopback port."""

    def __init__(self, build, scratch):
        self.ca = scratch / "ca.pem"
        ready = scratch / "ready.json"
        command = [build.emulator, "--tls", "--ca-out", self.ca, "--ready-file", ready]
        with open(scratch / "emulator.log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while not ready.exists():
            if self.process.poll() is not None:
                raise SystemExit("the emulated tenant did not start:\n" + (scratch / "emulator.log").read_text())
            time.sleep(0.01)
        client = json.loads(ready.read_text())
        self.url, self.client_id, self.secret = client["url"], client["client_id"], client["client_secret"]
        self.token_url = self.url + "/SAAS/auth/oauthtoken"
        self.control_requests = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def control(self, path, body=None, *more):
        """Sends a request to the emulator's control endpoint, with more options of curl; returns the reply."""
        self.control_requests += 1
        curl = ["curl", "-q", "--silent", "--show-error", "--fail", "--cacert", self.ca, self.url + path]
        return check([*curl, *more, *(["--data-binary", body] if body else [])])

    def token_requests(self):
        """The number of token requests so far."""
        return json.loads(self.control("/emulator/counters"))["token_requests"]

    def delay_next(self, milliseconds):
        """Delays the reply to the next token request."""
        self.control("/emulator/faults", json.dumps([{"delay": {"ms": milliseconds}}]))


class Home:
    """A home directory with `count` profiles and cache entries; the default profile has a cached token."""

    def __init__(self, build, tenant, directory, count=1):
        self.program = build.program
        self.environment = {"HOME": str(directory), "PATH": os.environ["PATH"], "LC_ALL": "C"}
        self.cache = directory / ".cache/ws1-token"
        config = directory / ".config/ws1-token"
        config.mkdir(parents=True)
        private(config / "client.secret", tenant.secret + "\n")
        private(config / "config.json", json.dumps(configuration(tenant, count), indent=2))
        self.get()
        (self.entry,) = self.cache.glob("*.json")
        for number in range(count - 1):
            stem = f"v1-{number:064x}"
            private(self.cache / f"{stem}.json", self.entry.read_bytes())
            private(self.cache / f"{stem}.lock", "")

    def get(self):
        """The token, as the program prints it."""
        return check([self.program, "get"], env=self.environment).rstrip("\n")

    def forget(self):
        """Removes the cached token of the default profile."""
        self.entry.unlink(missing_ok=True)

    def cache_token(self, length):
        """Replaces the cached token by one of `length` bytes, and checks that the program prints it."""
        token = ("eyJ" + "abcdefghijklmnopqrstuvwxyz.0123456789-" * length)[:length]
        content = json.loads(self.entry.read_text())["content"]
        content["entry"]["token"]["access_token"] = token
        body = json.dumps(content, separators=(",", ":"))
        private(self.entry, f'{{"checksum":"{zlib.crc32(body.encode()):08x}","content":{body}}}\n')
        if self.get() != token:
            raise SystemExit(f"the program does not print a cached token of {length} bytes")


def configuration(tenant, count):
    """A configuration of `count` profiles; the default one is in the middle."""
    profile = {
        "tenant": tenant.url,
        "client_id": tenant.client_id,
        "client_secret": {"file": "client.secret"},
        "ca_file": str(tenant.ca),
        "ca_only": True,
    }
    profiles = {f"profile-{number:04}": {**profile, "client_id": f"client-{number:04}"} for number in range(count)}
    default = f"profile-{count // 2:04}"
    profiles[default] = profile
    return {"default_profile": default, "profiles": profiles}


def private(path, content):
    """Writes a new file with mode 0600; returns its path."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path


def check(command, **options):
    """Runs a command and returns its standard output. A failure ends the measurement, with the command's output."""
    command = [str(part) for part in command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return done.stdout
