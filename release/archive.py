"""Archives whose bytes depend on their content alone: sorted, without owners, with one time for every file."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class File:
    """A file, directory or link of an archive."""

    # Its path, with `/`.
    path: str
    # Its bytes; None for a directory.
    content: bytes | None = None
    mode: int = 0o644
    # What a symbolic link leads to.
    link: str | None = None
    # Numbers of the owner and the group.
    owner: int = 0


def tar(files, time):
    """A tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for file in sorted(files, key=lambda file: file.path):
            entry = tarfile.TarInfo(file.path)
            entry.mode, entry.mtime, entry.uid, entry.gid = file.mode, time, file.owner, file.owner
            if file.link is not None:
                entry.type, entry.linkname = tarfile.SYMTYPE, file.link
            elif file.content is None:
                entry.type = tarfile.DIRTYPE
            else:
                entry.size = len(file.content)
            archive.addfile(entry, io.BytesIO(file.content or b""))
    return out.getvalue()


def compressed(content):
    """The same, gzipped, without name and time."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def zip(files, time):
    """A zip archive, without links: Windows has none that every user may make."""
    out = io.BytesIO()
    moment = datetime.fromtimestamp(time, UTC)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(files, key=lambda file: file.path):
            entry = zipfile.ZipInfo(file.path, moment.timetuple()[:6])
            entry.create_system, entry.external_attr = 3, (0o100000 | file.mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.content)
    return out.getvalue()


def sha256(content):
    """The checksum in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
