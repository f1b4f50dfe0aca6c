"""The calls that `run` and `guard` measure."""

import os
import shutil

from measure import Command
from fixtures import private


def warm(home, tenant, scratch):
    """The most frequent calls, by name; the token is cached."""
    host = tenant.url.removeprefix("https://")
    capabilities = "capability[]=authtype\ncapability[]=state\n"
    request = private(scratch / "git.request", f"{capabilities}protocol=https\nhost={host}\n\n")
    call = lambda *words, stdin=os.devnull: Command([home.program, *words], home.environment, stdin)
    return {"get": call("get"), "kubectl": call("kubectl"), "git get": call("git", "get", stdin=request)}


def cold(home, tenant, cache):
    """One token over TLS, requested by the program with its cache in `cache`, and by curl. Both trust the same root."""

    def forget():
        for entry in cache.glob("*.json"):
            entry.unlink()

    curl = [find("curl"), "-q", "--silent", "--fail", "--cacert", tenant.ca, "--data", "grant_type=client_credentials"]
    curl += ["--user", f"{tenant.client_id}:{tenant.secret}", tenant.token_url]
    ours = Command([home.program, "--cache-dir", cache, "get"], home.environment, before=forget)
    return {"get, cold": ours, "curl, cold": Command(curl, home.environment)}


def find(program):
    """The path of an installed program."""
    path = shutil.which(program)
    if path is None:
        raise SystemExit(f"{program} is not installed")
    return path
