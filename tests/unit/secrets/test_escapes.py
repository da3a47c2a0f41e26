"""Escaped text is read as a browser reads it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest

from scripts.secrets.escapes import decoded

VALUE = "Zx9/k2+Lm=8q-Rt%7_W"
FORMS: dict[str, Callable[[str], bytes]] = {
    "percent": lambda text: "".join(f"%{ord(c):02x}" for c in text).encode(),
    "percent, twice": lambda text: quote("".join(f"%{ord(c):02X}" for c in text)).encode(),
    "one of them": lambda text: text.replace("k", "%6B").encode(),
    "x": lambda text: "".join(f"\\x{ord(c):02X}" for c in text).encode(),
    "u": lambda text: "".join(f"\\u{ord(c):04x}" for c in text).encode(),
    "u in braces": lambda text: "".join(f"\\u{{{ord(c):x}}}" for c in text).encode(),
    "percent u": lambda text: "".join(f"%u{ord(c):04x}" for c in text).encode(),
    "u in JSON in a script": lambda text: json.dumps("".join(f"\\u{ord(c):04x}" for c in text)).encode(),
    "octal": lambda text: "".join(f"\\{ord(c):o}" for c in text).encode(),
    "entities": lambda text: "".join(f"&#{ord(c)};" for c in text).encode(),
    "entities in hex": lambda text: "".join(f"&#x{ord(c):X};" for c in text).encode(),
    "entities by name": lambda text: text.replace("/", "&sol;").replace("+", "&plus;").encode(),
    "numbers": lambda text: ", ".join(str(ord(c)) for c in text).encode(),
    "numbers in hex": lambda text: ",\n".join(f"0x{ord(c):02x}" for c in text).encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16, big": lambda text: text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32-le"),
    "UTF-32, big": lambda text: text.encode("utf-32-be"),
    "style sheet": lambda text: "".join(f"\\{ord(c):x} " for c in text).encode(),
    "style sheet, six digits": lambda text: "".join(f"\\{ord(c):06x}" for c in text).encode(),
    "numbers with spaces": lambda text: " ".join(str(ord(c)) for c in text).encode(),
    "UTF-16 with others": lambda text: b"\0\xff" + text.encode("utf-16-le") + b"\xff",
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_decoded(form: str) -> None:
    """In the midst of other text."""
    data = FORMS[form](VALUE) if "UTF" in form else b"let a = '" + FORMS[form](VALUE) + b"'; b()"

    assert any(VALUE.encode() in text for _, text in decoded(data))


@pytest.mark.parametrize("data", [b"", b"let a = 'it\\'s 100% sure' + 5 % 2 && b", bytes(range(256)) * 3])
def test_other_text_has_no_decoding(data: bytes) -> None:
    """Nothing is searched twice."""
    assert list(decoded(data)) == []


@pytest.mark.parametrize(
    "text", [b"\\u{ffffff}", b"\\777", b"\\ud800", b"&#99999999;", b"&nothing;", b"&#x0;"]
)
def test_an_escape_of_nothing_is_no_fault(text: bytes) -> None:
    """A bundle may hold anything."""
    list(decoded(text * 3))


@pytest.mark.parametrize(
    "unit",
    [b"%41", b"\\x41", b"\\u0041", b"&#65;", b"&lt;x ", b"\\u{41}", b"\\", b"A\0", b"&a", b"1,", b"12.5,"],
)
def test_megabytes_take_seconds_at_most(unit: bytes) -> None:
    """Each byte is looked at a few times, never each pair of them."""
    began = time.process_time()

    list(decoded(unit * (2_000_000 // len(unit))))

    assert time.process_time() - began < 3
