"""Looks for the secrets of this machine, and for keys of known forms, in what would be public.

The desk has the large scan; this one knows what is set here, and reads what is about to be served.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from scripts.replit.launcher.files import walk_files
from scripts.secrets.formats import find_keys

PUBLIC_PREFIXES = (
    *("VITE_", "NEXT_PUBLIC_", "PUBLIC_", "REACT_APP_", "NUXT_PUBLIC_", "VUE_APP_"),
    *("GATSBY_", "EXPO_PUBLIC_", "NG_APP_", "STORYBOOK_"),
)
OF_THE_SYSTEM = re.compile(
    r"(?:PATH|HOME|PWD|OLDPWD|SHELL|USER|LANG|LC_.*|TERM|HOSTNAME|PORT|TZ|SHLVL|_|XDG_.*|NIX_.*|NIXPKGS_.*|LISTEN_.*|RELEASE_.*"
    r"|REPL_(?:ID|SLUG|OWNER|OWNER_ID|HOME|IMAGE|LANGUAGE|PUBKEYS)|REPLIT_(?!DB_URL).*|npm_.*|NODE_.*|PYTHON.*|LD_.*"
    r"|.*_(?:PATH|DIR|FILE|HOST|PORT|REGION|BUCKET|ENV|ENVIRONMENT))"
)
SECRET_NAME = re.compile(
    r"(?i)KEY|SECRET|TOKEN|PASS|PRIVATE|CREDENTIAL|DSN|AUTH|DATABASE_URL|CONNECTION|WEBHOOK|SALT"
)
PASSWORD_OF_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^:/@\s]*:([^\s]+)@")
SHORTEST = 8  # characters of a value that is searched for
MOST_BYTES = 64_000_000  # of one file
NEVER_PUBLIC = re.compile(
    r"(?i)(?:^|/)(?:\.env(?:\..*)?|\.npmrc|\.netrc|\.git/.*|id_(?:rsa|dsa|ecdsa|ed25519)|.*\.(?:p12|pfx|jks|keystore))$"
)


def secret_values(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables whose values must not be public, by rule: not a name that a bundler publishes.

    A value that a public name has as well is public; one that is no secret by its name must look like one.
    """
    public = {value for name, value in environ.items() if name.startswith(PUBLIC_PREFIXES)}
    found = {}
    for name, value in environ.items():
        if name.startswith(PUBLIC_PREFIXES) or value in public or OF_THE_SYSTEM.fullmatch(name):
            continue
        if len(value) >= SHORTEST and (SECRET_NAME.search(name) or _looks_secret(value)):
            found[name] = value
    return found


def _looks_secret(value: str) -> bool:
    if PASSWORD_OF_URL.search(value):
        return True
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return mixed and len(value) >= 20 and not re.search(r"[\s/\\]|^https?:", value)


def scan_folder(folder: Path, environ: Mapping[str, str]) -> list[str]:
    """What was found, each in one sentence without the value; empty when nothing was."""
    needles = [(name, form) for name, value in secret_values(environ).items() for form in _forms(value)]
    findings = []
    for path in walk_files(folder):
        name = path.relative_to(folder).as_posix()
        if NEVER_PUBLIC.search(name):
            findings.append(f"`{name}` should never be published")
        elif path.is_file():
            findings += _findings(name, _content(path), needles)
    return list(dict.fromkeys(findings))


def _findings(name: str, data: bytes, needles: list[tuple[str, bytes]]) -> Iterator[str]:
    for secret, form in needles:
        if form in data:
            yield f"`{name}` holds the value of `{secret}`"
    for match in find_keys(data):
        if match.severity == "error":
            yield f"`{name}` holds {match.label}"


def _content(path: Path) -> bytes:
    """The bytes; of a compressed file what is in it as well."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES)
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.open(path) as unpacked:
                data += unpacked.read(MOST_BYTES)
        except (OSError, EOFError):
            pass
    return data


def _forms(value: str) -> Iterator[bytes]:
    """The value as it is, escaped, in a URL, and in base64 wherever it may begin."""
    raw = value.encode("utf-8", "surrogateescape")
    forms = {raw, json.dumps(value)[1:-1].encode(), quote(value, safe="").encode()}
    password = PASSWORD_OF_URL.search(value)
    if password and len(password[1]) >= SHORTEST:
        forms.add(password[1].encode())
    if len(raw) >= 12:
        for shift in range(3):
            inner = base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4]
            forms |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    yield from sorted(forms)
