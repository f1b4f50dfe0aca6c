#!/usr/bin/env python3
"""The targets of a release, and how each is built so that the same source gives the same bytes.

release/targets.py TARGET prints the variables that a cross build needs.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, eq=False)
class Target:
    """A target of Rust's."""

    # The target triple.
    name: str
    # The architecture as Debian, Alpine and OCI call it; None where there are no packages.
    arch: str | None
    # What cargo and the `cc` crate need for a cross build.
    variables: dict[str, str]
    # Further arguments of rustc.
    flags: tuple[str, ...] = ()

    @property
    def is_windows(self):
        """Whether it is for Windows."""
        return "windows" in self.name

    @property
    def program(self):
        """The file name of the program."""
        return "ws1-token.exe" if self.is_windows else "ws1-token"


# macOS is missing: linking for it needs Apple's frameworks, which only a Mac has.
TARGETS = {
    target.name: target
    for target in [
        Target("x86_64-unknown-linux-musl", "amd64", {"CC_x86_64_unknown_linux_musl": "musl-gcc"}),
        Target(
            "aarch64-unknown-linux-musl",
            "arm64",
            {
                "CC_aarch64_unknown_linux_musl": "aarch64-linux-gnu-gcc",
                "AR_aarch64_unknown_linux_musl": "aarch64-linux-gnu-ar",
                # Position-independent, which Rust does not make it by itself.
                "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER": str(SOURCE / "release/link-aarch64"),
            },
        ),
        # The linker writes the time into the file unless told otherwise.
        Target("x86_64-pc-windows-gnu", None, {}, ("-Clink-arg=-Wl,--no-insert-timestamp",)),
    ]
}


def compile(target, place, source=SOURCE):
    """Builds the program for a target in the directory `place`, and gives its path.

    The paths of this machine are replaced by fixed ones. Panic messages hold them: those of the libraries' sources, of
    this source tree and of what the build itself writes.
    """
    place = Path(place).resolve()
    cargo_home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")).resolve()
    cargo = ["--locked", "--manifest-path", str(source / "Cargo.toml"), "--target", target.name]
    subprocess.run(["cargo", "fetch", "--quiet", *cargo], check=True)
    remapped = {source: "/ws1-token", place: "/target"}
    remapped |= {registry: "/registry" for registry in sorted((cargo_home / "registry/src").iterdir())}
    flags = [f"--remap-path-prefix={path}={name}" for path, name in remapped.items()]
    # Another RUSTFLAGS or a configured target directory would give another program.
    env = {name: value for name, value in os.environ.items() if name not in ("RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS")}
    env |= target.variables | {"CARGO_ENCODED_RUSTFLAGS": "\x1f".join([*flags, *target.flags])}
    build = ["cargo", "build", "--release", "--package", "ws1-token", "--target-dir", str(place), *cargo]
    subprocess.run(build, check=True, env=env)
    return place / target.name / "release" / target.program


if __name__ == "__main__":
    for variable, value in TARGETS[sys.argv[1]].variables.items():
        print(f"{variable}={value}")
