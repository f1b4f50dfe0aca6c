"""What every package of a target holds, and where the distributions want it."""

import gzip
import os
import subprocess
from pathlib import Path

from archive import File
from notices import notices
from targets import SOURCE

DOCUMENTS = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"]


def documents():
    """The documents that a user gets: names and bytes."""
    files = [SOURCE / name for name in DOCUMENTS]
    files += sorted(path for path in (SOURCE / "docs").iterdir() if path.suffix in (".md", ".svg"))
    return [(str(path.relative_to(SOURCE)), path.read_bytes()) for path in files]


# The shells whose completions are in a package: their files' names.
COMPLETIONS = {
    "bash": "ws1-token.bash",
    "zsh": "_ws1-token",
    "fish": "ws1-token.fish",
    "powershell": "_ws1-token.ps1",
    "elvish": "ws1-token.elv",
}


def completions(program):
    """The completion scripts by shell, from a program that runs on this machine. They are the same for every target."""
    say = lambda shell: subprocess.run([program, "completions", shell], check=True, stdout=subprocess.PIPE, env={})
    return {shell: say(shell).stdout for shell in COMPLETIONS}


def tree(version, target, program, scripts):
    """The files of an archive, below one directory."""
    top = f"ws1-token-{version}-{target.name}"
    files = [
        File(f"{top}/{target.program}", program, 0o755),
        File(f"{top}/config.schema.json", (SOURCE / "src/config/config.schema.json").read_bytes()),
        File(f"{top}/THIRD-PARTY", notices(target).encode()),
    ]
    # On Windows, where links need a privilege, git runs `ws1-token git` by `setup git`.
    if not target.is_windows:
        files.append(File(f"{top}/git-credential-ws1", mode=0o777, link="ws1-token"))
    files += [File(f"{top}/{name}", text) for name, text in documents()]
    files += [File(f"{top}/man/{page.name}", page.read_bytes()) for page in pages()]
    files += [File(f"{top}/completions/{COMPLETIONS[shell]}", text) for shell, text in scripts.items()]
    return files


def pages():
    """The manual pages."""
    return sorted((SOURCE / "man").glob("*.1"))


def installed(target, program, scripts, kind):
    """The files of a deb, rpm or apk package, by their path on the system."""
    doc = "/usr/share/doc/ws1-token"
    zsh = "/usr/share/zsh/vendor-completions" if kind == "deb" else "/usr/share/zsh/site-functions"
    files = [
        File("/usr/bin/ws1-token", program, 0o755),
        File("/usr/bin/git-credential-ws1", link="ws1-token"),
        File("/usr/share/ws1-token/config.schema.json", (SOURCE / "src/config/config.schema.json").read_bytes()),
        File("/usr/share/bash-completion/completions/ws1-token", scripts["bash"]),
        File(f"{zsh}/_ws1-token", scripts["zsh"]),
        File("/usr/share/fish/vendor_completions.d/ws1-token.fish", scripts["fish"]),
        File(f"{doc}/THIRD-PARTY", notices(target).encode()),
    ]
    files += [File(f"{doc}/{name}", text) for name, text in documents()]
    # Alpine has another init system.
    if kind != "apk":
        files += units()
    pack = lambda page: gzip.compress(page.read_bytes(), compresslevel=9, mtime=0)
    files += [File(f"/usr/share/man/man1/{page.name}.gz", pack(page)) for page in pages()]
    if kind == "deb":
        licences = "".join((SOURCE / name).read_text() for name in ("LICENSE-MIT", "LICENSE-APACHE"))
        files.append(File(f"{doc}/copyright", (licences + notices(target)).encode()))
    return files


def units():
    """The units of systemd, and the script that one of them runs. `NAME.user.KIND` is `NAME.KIND` of users' sessions."""
    files = [File("/usr/share/ws1-token/nginx-header", (SOURCE / "deploy/nginx/nginx-header").read_bytes(), 0o755)]
    for path in sorted((SOURCE / "deploy/systemd").iterdir()):
        place = "user" if ".user." in path.name else "system"
        files.append(File(f"/usr/lib/systemd/{place}/{path.name.replace('.user.', '.')}", path.read_bytes()))
    return files


def write_all(files, place):
    """Writes files below a directory, for tools that read them from there; returns each with its path."""
    written = []
    for number, file in enumerate(files):
        path = Path(place) / str(number)
        if file.content is not None:
            path.write_bytes(file.content)
            os.chmod(path, file.mode)
        written.append((file, path))
    return written
