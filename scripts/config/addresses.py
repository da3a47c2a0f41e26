# pure
"""Addresses as people write them: of a database, before it is taken apart, and of an API."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Everything between the user and the last `@` is meant as the password, whatever stands in it.
PASSWORD = re.compile(r"postgres(?:ql)?://[^:/?#@\[\]\s]*:(?P<password>.+)@[^@]*", re.IGNORECASE)
# These end the part of an address in which a password stands.
ENDS = re.compile(r"[/?#\[\]\s]")
TEMPLATE = re.compile(r"(?i)\[?your[-_ ]?password\]?")
ENCODING = "a password with `/`, `?`, `#`, `[`, `]` or `@` in it has to be URL-encoded"
ENCODE = (
    "put the password into `DATABASE_PASSWORD` and leave it out of the address; or encode it:"
    " `python3 -c 'import getpass, urllib.parse; print(urllib.parse.quote(getpass.getpass(), safe=\"\"))'`"
)


def password_fault(url: str) -> tuple[str, str] | None:
    """What is wrong with how the password stands in a database's address, and how to fix it."""
    match = PASSWORD.fullmatch(url.strip())
    if match is None:
        return None
    if TEMPLATE.fullmatch(match["password"]):
        return "it still has the placeholder of Supabase's dashboard for the password", ENCODE
    return (ENCODING, ENCODE) if ENDS.search(match["password"]) else None


def keeps_secrets(url: str) -> bool:
    """Whether a token can be sent there: over https, or to this very machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
