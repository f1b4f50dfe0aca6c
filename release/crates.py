"""The crates that a program is made of, from cargo's own metadata."""

import json
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from targets import SOURCE

# Files of a crate that its licence is in.
LICENCE = re.compile(r"(licen[sc]e|copying|copyright|notice|unlicense)", re.IGNORECASE)


@dataclass(frozen=True)
class Crate:
    """A crate of the program, without those that only build or test it."""

    name: str
    version: str
    # SPDX expression.
    licence: str
    repository: str
    # Its checksum in the lock file, SHA-256 of the published archive.
    checksum: str
    # The directory of its sources.
    place: Path
    # Names and versions of the crates that it is made of.
    needs: tuple[str, ...]

    @property
    def id(self):
        """Its package URL."""
        return f"pkg:cargo/{self.name}@{self.version}"

    def licences(self):
        """The files of its licence: names and texts."""
        files = sorted(path for path in self.place.iterdir() if path.is_file() and LICENCE.match(path.name))
        return [(path.name, path.read_text(encoding="utf-8", errors="replace")) for path in files]


def shipped(target):
    """The crates in the program for a target, by name: without its own, build scripts' and macros' crates."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target.name]
    said = subprocess.run(command, cwd=SOURCE, check=True, stdout=subprocess.PIPE).stdout
    metadata = json.loads(said)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    checksums = lock_checksums()

    def is_macro(package):
        return any("proc-macro" in part["kind"] for part in package["targets"])

    def needs(node):
        for dep in nodes[node]["deps"]:
            linked = any(kind["kind"] is None for kind in dep["dep_kinds"])
            if linked and not is_macro(packages[dep["pkg"]]):
                yield dep["pkg"]

    found, open_ = {}, [metadata["resolve"]["root"]]
    while open_:
        node = open_.pop()
        if node in found:
            continue
        package = packages[node]
        found[node] = Crate(
            package["name"],
            package["version"],
            (package["license"] or "").replace("/", " OR "),
            package["repository"] or "",
            checksums.get((package["name"], package["version"]), ""),
            Path(package["manifest_path"]).parent,
            tuple(sorted(f"pkg:cargo/{packages[need]['name']}@{packages[need]['version']}" for need in needs(node))),
        )
        open_ += needs(node)
    own = found.pop(metadata["resolve"]["root"])
    return own, sorted(found.values(), key=lambda crate: (crate.name, crate.version))


def lock_checksums():
    """The checksums of the lock file by name and version."""
    lock = tomllib.loads((SOURCE / "Cargo.lock").read_text())
    return {(package["name"], package["version"]): package.get("checksum", "") for package in lock["package"]}
