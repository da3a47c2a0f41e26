"""Certificates: one source for every library and program, whichever variable names it.

`requests` reads `REQUESTS_CA_BUNDLE`, git `GIT_SSL_CAINFO`, OpenSSL and Go `SSL_CERT_FILE`, and so on.
A team sets the one that it knows: what any of them names is trusted by all of them, besides what the
system trusts.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from scripts.errors import ConfigError
from scripts.system import proxies
from scripts.system.background import Once

# who reads each: requests, curl, OpenSSL and Go, git, boto3, node
CERTIFICATES = (
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "GIT_SSL_CAINFO",
    "AWS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
SYSTEM = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
FOLDER = "desk-certificates-{user}"  # in the system's temporary folder
LARGEST = 16 * 1024 * 1024  # bytes of one file; all public authorities together have 0.3 MB
BEGIN = b"-----BEGIN "
BEGIN_CERTIFICATE, END_CERTIFICATE = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
FIRST = 16_384  # bytes that hold the first certificate of a file, and what is said before it


@cache
def named_certificates() -> Mapping[str, Path]:
    """The files or folders that the variables name, by variable, as they were when this process began."""
    return {name: Path(os.environ[name]).absolute() for name in CERTIFICATES if os.environ.get(name)}


def check_certificates() -> dict[str, int]:
    """How many certificates each variable names.

    Raises:
        ConfigError: one names what can't be read, or holds none.
    """
    counted: dict[Path, int] = {}  # several variables usually name one file, which takes long to parse
    for name, path in named_certificates().items():
        counted[path] = counted.get(path) or _count(name, path)
    return {name: counted[path] for name, path in named_certificates().items()}


def _count(name: str, path: Path) -> int:
    hint = f"point `{name}` at a file with certificates in PEM, or `unset {name}`"
    try:
        content = _content(path)
    except OSError as fault:
        why = fault.strerror or type(fault).__name__
        raise ConfigError(f"`{name}` names `{path}`, which can't be read: {why}", hint) from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=content.decode("ascii", "replace"))
    except (ssl.SSLError, ValueError):
        raise ConfigError(f"`{name}` names `{path}`, which holds no certificate", hint) from None
    return context.cert_store_stats()["x509_ca"] or content.count(BEGIN)


def _content(path: Path) -> bytes:
    """What a file, or each file of a folder, says; certificates alone.

    Raises:
        OSError: it can't be read, or is too large.
    """
    parts = []
    for file in sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]:
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise OSError(0, f"it has more than {LARGEST // 1024**2} MB")
        if path == file or BEGIN in content:
            parts.append(content.strip() + b"\n")
    return b"".join(parts)


@Once
def trusted() -> Path | None:
    """One file with what the system trusts and what the variables name; None where none of them is set.

    Raises:
        ConfigError: it can't be written, or what a variable names can't be read.
    """
    named = named_certificates()
    files = {path.resolve() for path in named.values()}
    system = [Path(each).resolve() for each in SYSTEM if Path(each).is_file()]
    only = next(iter(files)) if len(files) == 1 and files <= set(system) else None
    if only is None or not _begins_well(only):
        check_certificates()
    if only:
        return only
    return _stored(b"".join(map(_content, [*_base(system), *sorted(files)]))) if files else None


def _begins_well(file: Path) -> bool:
    """Whether it begins with a certificate: enough of the system's own file, which takes 20 ms to parse."""
    try:
        with file.open("rb") as opened:
            begin = opened.read(FIRST)
        pem = begin[begin.index(BEGIN_CERTIFICATE) : begin.index(END_CERTIFICATE) + len(END_CERTIFICATE)]
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem.decode("ascii"))
    except (OSError, ValueError):
        return False
    return True


def _base(system: list[Path]) -> Iterator[Path]:
    """What is trusted anyway: the system's file, and that of `requests`."""
    import certifi

    yield from system[:1]
    yield Path(certifi.where())


def _stored(content: bytes) -> Path:
    """A file with it, that everybody can read and only this user can write; the next run finds it there.

    Raises:
        ConfigError: there is no place for it.
    """
    folder = Path(tempfile.gettempdir()) / FOLDER.format(user=os.geteuid())
    file = folder / f"{hashlib.sha256(content).hexdigest()[:16]}.pem"
    try:
        folder.mkdir(mode=0o755, exist_ok=True)
        status = folder.lstat()
        if folder.is_symlink() or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            folder = Path(tempfile.mkdtemp(prefix=f"{folder.name}-"))
            folder.chmod(0o755)
            file = folder / file.name
        if not file.is_file() or file.read_bytes() != content:
            handle, new = tempfile.mkstemp(dir=folder)
            with open(handle, "wb") as written:  # noqa: PTH123 - a descriptor
                written.write(content)
            Path(new).chmod(0o644)
            Path(new).replace(file)
    except OSError as fault:
        names = ", ".join(f"`{name}`" for name in named_certificates())
        raise ConfigError(
            f"the certificates of {names} can't be put into `{folder}`: {fault.strerror}",
            "make room there, or set `TMPDIR` to another folder",
        ) from None
    return file


def for_children() -> dict[str, str]:
    """The variables through which programs find the same certificates and proxies."""
    file = trusted()
    return {**proxies.for_children(), **(dict.fromkeys(CERTIFICATES, str(file)) if file else {})}
