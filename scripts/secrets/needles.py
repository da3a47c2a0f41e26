# pure
"""What is searched for in a bundle: every secret, in each form that a build may give it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

WHOLE = 12  # characters from which on a value is searched for wherever it may stand
QUOTED = 6  # shorter ones only as a quoted text, and only those that are no plain word
BLOCK = 12  # characters of the pieces of a value that was cut
CUT = 24  # characters from which on a value is searched for in pieces


@dataclass(frozen=True)
class Hidden:
    """A secret: whose it is, under which name, and what it is."""

    environment: str
    name: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class Needle:
    """One form of a secret; `how` says which, for the message."""

    hidden: Hidden
    how: str
    data: bytes = field(repr=False)


def needles(secrets: Iterable[Hidden]) -> tuple[Needle, ...]:
    """Every form of every secret, each only once."""
    found: dict[bytes, Needle] = {}
    for hidden in secrets:
        for value in _parts(hidden.value):
            for how, data in _forms(value):
                found.setdefault(data, Needle(hidden, how, data))
    return tuple(found.values())


def _parts(value: str) -> Iterator[str]:
    """The value itself, and the password of an address, as it stands there and as it is meant."""
    yield value
    try:
        password = urlsplit(value).password if "://" in value else None
    except ValueError:
        password = None
    if password:
        yield from dict.fromkeys((password, unquote(password)))


def _forms(value: str) -> Iterator[tuple[str, bytes]]:
    raw = value.encode("utf-8", "surrogateescape")
    if len(value) < WHOLE:
        if len(value) >= QUOTED and any(c.isdigit() for c in value) and any(c.isalpha() for c in value):
            yield from (("as it is", quote_ + raw + quote_) for quote_ in (b'"', b"'", b"`", b'\\"'))
        return
    yield "as it is", raw
    escaped = json.dumps(value)[1:-1]
    for text in (
        escaped,
        escaped.replace("/", "\\/"),
        escaped.replace("</", "<\\/"),
        json.dumps(escaped)[1:-1],
    ):
        yield "escaped", text.encode()
    for text in (
        quote(raw, safe=""),
        quote(raw),
        quote(raw, safe="").lower(),
        quote(quote(raw, safe=""), safe=""),
    ):
        yield "URL-encoded", text.encode()
    yield from (("in hex", text.encode()) for text in (raw.hex(), raw.hex().upper()))
    yield "reversed", raw[::-1]
    yield from (("in base64", text) for text in _base64(raw))
    yield "in UTF-16", value.encode("utf-16-le", "surrogatepass")


def _base64(raw: bytes) -> Iterator[bytes]:
    """At all three places where it may begin, in both alphabets; the characters at its borders left out."""
    for lead in range(3):
        padded = base64.b64encode(b"\0" * lead + raw)
        first = (lead * 8 + 5) // 6
        last = (lead + len(raw)) * 8 // 6
        text = padded[first:last]
        yield from (text, text.replace(b"+", b"-").replace(b"/", b"_"))


def blocks(hidden: Hidden, public: bytes) -> tuple[bytes, ...]:
    """The pieces by which a value is known that was cut, without those that public values have too.

    Of a JSON web token only the signature counts: header and claims are shared with public keys.
    """
    value = hidden.value
    value = value.rsplit(".", 1)[-1] if value.startswith("eyJ") and value.count(".") == 2 else value
    if len(value) < CUT or "://" in value:
        return ()
    raw = value.encode("utf-8", "surrogateescape")
    pieces = [raw[at : at + BLOCK] for at in range(0, len(raw) - BLOCK + 1, BLOCK)]
    return tuple(piece for piece in dict.fromkeys(pieces) if piece not in public and len(set(piece)) > 4)
