"""Packages for Debian, Red Hat and Alpine, made by nfpm."""

import json
import os
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from content import installed, write_all

# The names of the kinds of packages, and the files' endings.
KINDS = ("deb", "rpm", "apk")

DESCRIPTION = "Hands a Workspace ONE Access API token to kubectl, git, curl and scripts: cached, renewed, never typed"


def package(kind, version, target, program, scripts, time):
    """The bytes of a package."""
    moment = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with tempfile.TemporaryDirectory() as place:
        contents = []
        for file, path in write_all(installed(target, program, scripts, kind), place):
            entry = {"dst": file.path, "file_info": {"owner": "root", "group": "root", "mtime": moment}}
            if file.link is not None:
                entry |= {"src": file.link, "type": "symlink"}
            else:
                entry |= {"src": str(path)}
                entry["file_info"]["mode"] = file.mode
            contents.append(entry)
        config = {
            "name": "ws1-token",
            "arch": target.arch,
            "platform": "linux",
            "version": version,
            "release": "1",
            "section": "utils",
            "priority": "optional",
            "maintainer": "The ws1-token maintainers <ws1-token@invalid>",
            "description": DESCRIPTION,
            "license": "Apache-2.0 OR MIT",
            "mtime": moment,
            "contents": contents,
            "rpm": {"buildhost": "localhost", "compression": "gzip"},
            "deb": {"compression": "xz"},
        }
        recipe, out = Path(place) / "nfpm.json", Path(place) / f"out.{kind}"
        recipe.write_text(json.dumps(config))
        command = ["nfpm", "package", "--config", str(recipe), "--packager", kind, "--target", str(out)]
        env = os.environ | {"SOURCE_DATE_EPOCH": str(time)}
        subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL)
        return out.read_bytes()
