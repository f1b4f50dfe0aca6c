"""The container image, written without an engine: an OCI image layout in a tar file, with an index of architectures."""

import json
from datetime import UTC, datetime
from pathlib import Path

from archive import File, compressed, sha256, tar
from notices import notices

# The user of the image, as in other images without a shell.
USER = 65532

PASSWD = f"root:x:0:0:root:/root:/sbin/nologin\nws1:x:{USER}:{USER}:ws1-token:/home/ws1:/sbin/nologin\n"
GROUP = f"root:x:0:\nws1:x:{USER}:\n"


def root(target, program, roots):
    """The files of the root directory."""
    return [
        File("etc", mode=0o755),
        File("etc/group", GROUP.encode()),
        File("etc/passwd", PASSWD.encode()),
        File("etc/ssl", mode=0o755),
        File("etc/ssl/certs", mode=0o755),
        File("etc/ssl/certs/ca-certificates.crt", roots),
        File("home", mode=0o755),
        File("home/ws1", mode=0o700, owner=USER),
        File("usr", mode=0o755),
        File("usr/bin", mode=0o755),
        File("usr/bin/ws1-token", program, 0o755),
        File("usr/share", mode=0o755),
        File("usr/share/doc", mode=0o755),
        File("usr/share/doc/ws1-token", mode=0o755),
        File("usr/share/doc/ws1-token/THIRD-PARTY", notices(target).encode()),
    ]


def layer(target, program, roots, time):
    """The one layer, not compressed."""
    return tar(root(target, program, roots), time)


def image(version, programs, roots, time, revision):
    """The image layout as a tar file. `programs` are bytes by target, `roots` the PEM file of trusted certificates."""
    blobs = {}

    def add(content, kind):
        digest = sha256(content)
        blobs[digest] = content
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    created = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    manifests = []
    for target, program in programs.items():
        plain = layer(target, program, roots, time)
        platform = {"architecture": target.arch, "os": "linux"}
        config = {
            **platform,
            "created": created,
            "config": {
                "User": f"{USER}:{USER}",
                "Env": ["PATH=/usr/bin", "HOME=/home/ws1"],
                "Entrypoint": ["/usr/bin/ws1-token"],
                "WorkingDir": "/home/ws1",
                "Labels": {
                    "org.opencontainers.image.title": "ws1-token",
                    "org.opencontainers.image.version": version,
                    "org.opencontainers.image.revision": revision,
                    "org.opencontainers.image.licenses": "Apache-2.0 OR MIT",
                    "org.opencontainers.image.created": created,
                },
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(plain)}"]},
            "history": [{"created": created, "created_by": "release/build"}],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": add(as_json(config), "config.v1+json"),
            "layers": [add(compressed(plain), "layer.v1.tar+gzip")],
        }
        manifests.append(add(as_json(manifest), "manifest.v1+json") | {"platform": platform})
    index_kind = "application/vnd.oci.image.index.v1+json"
    index = add(as_json({"schemaVersion": 2, "mediaType": index_kind, "manifests": manifests}), "index.v1+json")
    named = index | {"annotations": {"org.opencontainers.image.ref.name": version}}
    files = [
        File("oci-layout", as_json({"imageLayoutVersion": "1.0.0"})),
        File("index.json", as_json({"schemaVersion": 2, "mediaType": index_kind, "manifests": [named]})),
        *(File(f"blobs/sha256/{digest}", content) for digest, content in blobs.items()),
    ]
    return tar(files, time)


def as_json(value):
    """A value as JSON, the same every time."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def system_roots():
    """The trusted certificates of this system, which the image gets."""
    return Path("/etc/ssl/certs/ca-certificates.crt").read_bytes()
