"""A CycloneDX 1.5 bill of materials: the crates in a program with their checksums and licences, Rust's own library, and
the C library of a static program. Crates that only build or test it are not in it."""

import json
import subprocess
import uuid
from datetime import UTC, datetime

from archive import sha256
from crates import shipped
from targets import SOURCE


def sbom(target, program, time):
    """The document for a program."""
    own, crates = shipped(target)
    rust = subprocess.run(["rustc", "--version"], cwd=SOURCE, check=True, stdout=subprocess.PIPE, text=True).stdout
    root = component("application", own.name, own.version, own.licence, own.id)
    root["hashes"] = [{"alg": "SHA-256", "content": sha256(program)}]
    components = []
    for crate in crates:
        entry = component("library", crate.name, crate.version, crate.licence, crate.id)
        entry["hashes"] = [{"alg": "SHA-256", "content": crate.checksum}]
        components.append(entry)
    std = component("library", "rust-std", rust.split()[1], "MIT OR Apache-2.0", f"pkg:generic/rust-std@{rust.split()[1]}")
    components.append(std)
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, sha256(program))}",
        "metadata": {
            "timestamp": datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": root,
            "properties": [{"name": "target", "value": target.name}],
        },
        "components": components,
        "dependencies": [{"ref": crate.id, "dependsOn": list(crate.needs)} for crate in [own, *crates]],
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def component(kind, name, version, licence, url):
    """An entry of the document."""
    return {
        "type": kind,
        "bom-ref": url,
        "name": name,
        "version": version,
        "licenses": [{"expression": licence}],
        "purl": url,
    }
