"""Detached signatures of the checksums, by minisign and by ssh-keygen: each verifies without the other."""

import subprocess
import sys

# What an SSH signature is for; who verifies has to name it.
NAMESPACE = "ws1-token"


def sign(sums, version, minisign_key, ssh_key):
    """Writes SHA256SUMS.minisig and SHA256SUMS.sig, for the keys that are given."""
    if minisign_key:
        comment = f"ws1-token {version}"
        subprocess.run(["minisign", "-S", "-s", minisign_key, "-m", str(sums), "-t", comment], check=True)
    if ssh_key:
        subprocess.run(["ssh-keygen", "-Y", "sign", "-q", "-n", NAMESPACE, "-f", ssh_key, str(sums)], check=True)
    if not (minisign_key or ssh_key):
        print("release/build: no key is given: the checksums are not signed", file=sys.stderr)
