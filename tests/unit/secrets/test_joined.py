"""What was cut is read as it is when it was put together again."""

from __future__ import annotations

import base64
import time

import pytest

from scripts.secrets.joined import joined
from scripts.secrets.scan import KnownSecret, ScanInputs, scan

VALUE = "q8Zt3LmW0xYb7Rk2Vn5Jc9Hd4Fs6Gp1T"


def cut(size: int, value: str = VALUE) -> list[str]:
    return [f'"{value[at : at + size]}"' for at in range(0, len(value), size)]


CODED = base64.b64encode(VALUE.encode()).decode()
CONSTANTS = "".join(f"const p{number}={piece};" for number, piece in enumerate(cut(5)))
OBJECT = ",".join(f"k{number}:{piece}" for number, piece in enumerate(cut(8)))
BACKWARDS = f"[{','.join(cut(3, VALUE[::-1]))}].reverse()"
FORMS = {
    "added": "+".join(cut(4)),
    "added over lines": " +\n  ".join(cut(4)),
    "a list": f"[{','.join(cut(3))}].join('')",
    "a list of characters": f"[{', '.join(cut(1))}]",
    "a list, backwards": BACKWARDS,
    "constants": CONSTANTS,
    "an object": f"{{{OBJECT}}}",
    "base64 in two": f'atob("{CODED[:17]}"+"{CODED[17:]}")',
    "base64 in lines": base64.encodebytes(("-" * 80 + VALUE + "-" * 80).encode()).decode(),
    "base64 in escaped lines": base64.encodebytes((VALUE * 3).encode()).decode().replace("\n", "\\r\\n"),
    "hex with colons": ":".join(f"{ord(c):02x}" for c in VALUE),
    "hex with spaces": " ".join(f"{ord(c):02X}" for c in VALUE),
    "hex as strings": ",".join(f'"{ord(c):02x}"' for c in VALUE),
    "quoted-printable": "".join(f"={ord(c):02X}" for c in VALUE),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_value_is_found_in_pieces(form: str) -> None:
    """In the midst of other code."""
    files = {"index.html": b"", "a.js": f"let a=1;f({FORMS[form]});g('x')".encode()}
    leaks = scan(files, ScanInputs(secrets=(KnownSecret("production", "API_TOKEN", VALUE),)))

    assert [(leak.rule, leak.name) for leak in leaks] == [("LEAK001", "API_TOKEN")]


@pytest.mark.parametrize("data", [b"", b"a+b", b"f('a')", b"12 ab", b"\xff\0" * 40])
def test_what_was_not_cut_is_left(data: bytes) -> None:
    assert list(joined(data)) == []


@pytest.mark.parametrize("unit", [b"a", b'"a",', b"'", b"ab ", b"\\n", b"a" * 60 + b"\n", b'";const a="'])
def test_the_time_grows_with_the_data(unit: bytes) -> None:
    """Four times the data take about four times as long; eight leave room for noise."""

    def seconds(size: int) -> float:
        data = unit * (size // len(unit))
        started = time.process_time()
        list(joined(data))
        return time.process_time() - started

    assert seconds(1_600_000) < 8 * max(seconds(400_000), 0.02)
