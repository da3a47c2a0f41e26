"""What is to be published: the files of a folder, or of the archive that a workspace sent."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from scripts.errors import Refused

MOST = 512 * 2**20  # bytes of a bundle that are scanned; a larger one is no answer


def folder(path: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path there; links are followed, as a server does.

    Raises:
        Refused: it is not there, it can't be read, or it is too large to be scanned.
    """
    if not path.is_dir():
        raise Refused(f"there is no folder `{path}`", "name the folder that the build fills, or an address")
    found: dict[str, bytes] = {}
    size = 0
    try:
        for file in sorted(path.rglob("*")):
            if not file.is_file():
                if file.is_symlink():
                    raise Refused(f"`{file}` is a link that leads nowhere", "take it out of the bundle")
                continue
            size += file.stat().st_size
            if size > MOST:
                raise _too_large(str(path))
            found[file.relative_to(path).as_posix()] = file.read_bytes()
    except OSError as fault:
        raise Refused(f"`{path}` can't be read: {fault.strerror}") from None
    return found


def archive(data: bytes, what: str) -> dict[str, bytes]:
    """The files of a tar archive, packed or not; nothing of it is ever written to a disk.

    Raises:
        Refused: it is broken, or too large to be scanned.
    """
    found: dict[str, bytes] = {}
    size = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as packed:
            for member in packed:
                size += member.size
                if size > MOST:
                    raise _too_large(what)
                content = packed.extractfile(member) if member.isreg() or member.islnk() else None
                if content is not None:
                    found[member.name.removeprefix("./")] = content.read()
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError):
        raise Refused(f"what {what} sent can't be read as an archive: nothing was scanned") from None
    return found


def _too_large(what: str) -> Refused:
    return Refused(
        f"{what} is larger than {MOST // 2**20} MiB, and was not scanned", "is it the folder that is built?"
    )
