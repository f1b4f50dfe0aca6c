#!/usr/bin/env python3
"""Prints the licences of everything that a program is made of: release/notices.py TARGET

Every crate in the program is named with its licence, and each text stands once, below the crates that it came with.
"""

import sys

sys.dont_write_bytecode = True

from crates import shipped
from targets import TARGETS

HEAD = """\
ws1-token is licensed under either of Apache-2.0 (LICENSE-APACHE) or MIT (LICENSE-MIT), at your option.

The program also holds the following libraries, each under its own licence, and the Rust standard library (MIT OR
Apache-2.0, https://github.com/rust-lang/rust). The static programs for Linux hold the C library musl (MIT,
https://musl.libc.org), the program for Windows the start-up code of mingw-w64 (https://www.mingw-w64.org).

Libraries under the MPL-2.0 are unchanged; the address of their source stands below their name.

"""

RULE = "=" * 100


def notices(target):
    """The text for a target; an error if a crate comes without licence."""
    _, crates = shipped(target)
    lines = [HEAD]
    texts = {}
    for crate in crates:
        if not crate.licence:
            raise SystemExit(f"release/notices.py: {crate.name} {crate.version} names no licence")
        lines.append(f"{crate.name} {crate.version}: {crate.licence}\n    {crate.repository}\n")
        for _, text in crate.licences():
            texts.setdefault("\n".join(line.rstrip() for line in text.strip().splitlines()), []).append(crate)
    for text, owners in sorted(texts.items(), key=lambda item: item[1][0].id):
        names = dict.fromkeys(f"{crate.name} {crate.version}" for crate in owners)
        lines.append(f"\n{RULE}\n{', '.join(names)}\n{RULE}\n\n{text}\n")
    return "".join(lines)


if __name__ == "__main__":
    sys.stdout.write(notices(TARGETS[sys.argv[1]]))
