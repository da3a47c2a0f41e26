"""A secret is masked in every form that a program may print it in, and wherever its output is cut."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scripts.system.secret import MASK, SHORTEST, Redactor, redact, remember

VALUE = "s3cr&t's \"v\\lue/ö+%41€😀"
BYTES = VALUE.encode()

FORMS: dict[str, Callable[[str], str]] = {
    "exact": str,
    "url": lambda text: quote(text, safe=""),
    "url, lower case": lambda text: quote(text, safe="").lower().replace("s", "s"),
    "form": quote_plus,
    "url twice": lambda text: quote(quote(text, safe=""), safe=""),
    "json": json.dumps,
    "json, not only ascii": lambda text: json.dumps(text, ensure_ascii=False),
    "json in json": lambda text: json.dumps(json.dumps(text)),
    "json in a url": lambda text: quote(json.dumps(text)),
    "html": html.escape,
    "python": repr,
    "python bytes": lambda text: repr(text.encode()),
    "shell": shlex.quote,
    "sql": lambda text: text.replace("'", "''"),
    "shell with backslashes": lambda text: text.replace("\\", "\\\\").replace("'", "'\\''"),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "reversed": lambda text: text[::-1],
    "wrapped by a terminal": lambda text: text[:7] + "\n" + text[7:],
    "wrapped and set off": lambda text: text[:7] + "\n  | " + text[7:],
    "in a column of its own": lambda text: f"│ {text[:5]} │\n│ {text[5:10]} │\n│ {text[10:]} │",
    "in the second column": lambda text: f"│{text[:5]} │ xy\nb │ {text[5:10]} │ z\n│ {text[10:]} │",
    "in the last column": lambda text: f"| {text[:5]}\n b | {text[5:10]}\n | {text[10:]}",
    "wrapped between words": lambda text: text.replace(" ", "\n    "),
    "coloured": lambda text: f"{text[:4]}\x1b[0m\x1b[1;32m{text[4:]}",
    "with characters that nobody sees": "\u200b".join,
    "url, wrapped within an escape": lambda text: re.sub("(.{10})", r"\1\n", quote(text, safe="")),
    "after the marks of a program": lambda text: (
        f"{text[:6]}\nnpm error {text[6:13]}\nnpm error {text[13:]}"
    ),
    "quoted line by line": lambda text: f"{text[:6]}\n> {text[6:]}",
    "with the time before each line": lambda text: f"{text[:6]}\n2030-01-02T03:04:05.678Z {text[6:]}",
    "in a list of texts": lambda text: f'"{text[:5]}", "{text[5:]}"',
    "joined by a shell": lambda text: f"'{text[:5]}'\"{text[5:]}\"",
    "joined by pluses": lambda text: f"'{text[:5]}' +\n  '{text[5:]}'",
    "joined by nothing": lambda text: f'"{text[:5]}" "{text[5:]}"',
    "joined in SQL": lambda text: f"'{text[:5]}'||'{text[5:]}'",
    **{
        f"base64 after {shift}": lambda text, shift=shift: base64.b64encode(  # type: ignore[misc]
            b"user:"[:shift] + text.encode() + b"!"
        ).decode()
        for shift in range(3)
    },
    "base64 for urls": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 in lines": lambda text: base64.encodebytes((text * 3).encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_masked(form: str) -> None:
    """What is left of it is shorter than what a secret would have to be."""
    remember(VALUE)
    shown = FORMS[form](VALUE)

    masked = redact(f"before {shown} after")

    assert MASK in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    rest = masked.removeprefix("before ").removesuffix(" after").replace(MASK, "")
    assert len(rest) <= 8, rest


@given(
    st.text(
        st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=SHORTEST, max_size=30
    ),
    st.text(max_size=20),
    st.lists(st.integers(1, 9), max_size=20),
    st.sampled_from(sorted(set(FORMS) - {"url, lower case", "url, wrapped within an escape"})),
)
def test_wherever_it_is_cut(secret: str, around: str, cuts: list[int], form: str) -> None:
    """In pieces or whole, the same is masked, and nothing else is lost."""
    assume(len(secret.strip()) >= SHORTEST)
    remember(secret)
    text = around + FORMS[form](secret) + around
    redactor, shown, at = Redactor(), "", 0
    for size in (*cuts, len(text)):
        shown += redactor.feed(text[at : at + size])
        at += size
    shown += redactor.close()

    assert redact(text) == shown
    assert secret not in shown or secret in MASK


@pytest.mark.parametrize("gap", ["  ", "\t", "\0", "\x1b]8;;https://a\x1b\\"])
def test_what_stands_between_its_characters_hides_nothing(gap: str) -> None:
    """Letters set apart, cells, links of a terminal."""
    remember("s3cr3t-v4lue")
    text = f"it is {gap.join('s3cr3t-v4lue')} here"
    redactor = Redactor()

    assert redact(text) == f"it is {MASK} here"
    assert "".join(redactor.feed(c) for c in text) + redactor.close() == f"it is {MASK} here"


HALVES = ["p@s/s:w+r=d%3&é<ü'x9", "pässwörd-länger9", "😀smile€every😀where"]
IN_BYTES: dict[str, Callable[[str], str]] = {
    "url": lambda text: quote(text, safe=""),
    "url, lower case": lambda text: re.sub("%..", lambda escape: escape[0].lower(), quote(text, safe="")),
    "url, all": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "hex escapes": lambda text: "".join(
        c if c.isascii() else "".join(f"\\x{byte:02x}" for byte in c.encode()) for c in text
    ),
    "json": lambda text: json.dumps(text)[1:-1],
    "html": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "coloured": "\x1b[31m".join,
}


@pytest.mark.parametrize("secret", HALVES)
@pytest.mark.parametrize("form", IN_BYTES)
@pytest.mark.parametrize("after", [" done\n", "\nnext line is plain\n"])
def test_a_character_of_several_bytes_cut_anywhere(secret: str, form: str, after: str) -> None:
    """6 of 53 places between two bytes of one character showed the rest of the secret."""
    remember(secret)
    text = f"building with pw={IN_BYTES[form](secret)}{after}"
    whole = redact(text)

    def shown(*pieces: str) -> str:
        redactor = Redactor()
        return "".join(redactor.feed(piece) for piece in pieces) + redactor.close()

    assert whole == f"building with pw={MASK}{after}"
    assert whole == shown(*text)
    assert [whole] * len(text) == [shown(text[:at], text[at:]) for at in range(len(text))]
    assert whole == shown(text[:30], text[30:31], text[31:])


def _dump(row: str, size: int, cell: Callable[[bytes], str]) -> Callable[[bytes], str]:
    """A dump: `row` is formatted with the offset, the bytes as `cell` shows them, and the same as text."""

    def layout(raw: bytes) -> str:
        rows = (
            row.format(
                at=at,
                cells=cell(raw[at : at + size]),
                text="".join(chr(byte) if 32 <= byte < 127 else "." for byte in raw[at : at + size]),
            )
            for at in range(0, len(raw), size)
        )
        return "\n".join(rows) + f"\n{len(raw):07o}\n"

    return layout


CONTROLS = {0: r"\0", 9: r"\t", 10: r"\n"}
DUMPS: dict[str, Callable[[bytes], str]] = {
    "xxd": _dump("{at:08x}: {cells:<39}  {text}", 16, lambda raw: raw.hex(" ", -2)),
    "xxd -c 8 -g 1": _dump("{at:08x}: {cells:<23}  {text}", 8, lambda raw: raw.hex(" ")),
    "xxd -i": lambda raw: (
        "unsigned char x[] = {\n  " + ", ".join(f"0x{byte:02x}" for byte in raw) + "\n};\n"
    ),
    "hexdump -C": _dump(
        "{at:08x}  {cells:<49} |{text}|", 16, lambda raw: f"{raw[:8].hex(' ')}  {raw[8:].hex(' ')}"
    ),
    "od -c": _dump(
        "{at:07o}{cells}",
        16,
        lambda raw: "".join(
            f" {CONTROLS.get(byte) or (chr(byte) if 32 <= byte < 127 else f'{byte:03o}'):>3}"
            for byte in raw
        ),
    ),
    "od -b": _dump("{at:07o} {cells}", 16, lambda raw: " ".join(f"{byte:03o}" for byte in raw)),
    "od -x": _dump(
        "{at:07o} {cells}",
        16,
        lambda raw: " ".join(raw[at : at + 2][::-1].hex() for at in range(0, len(raw) // 2 * 2, 2)),
    ),
    "od -tu1 -An": _dump("{cells}", 16, lambda raw: "".join(f"{byte:4}" for byte in raw)),
    "a buffer": lambda raw: f"data: <Buffer {raw.hex(' ')}>\n",
    "an array": lambda raw: f'{{"type":"Buffer","data":{list(raw)}}}\n',
    "an array over lines": lambda raw: "Uint8Array [\n  " + ",\n  ".join(map(str, raw)) + "\n]\n",
}


@pytest.mark.parametrize("form", DUMPS)
@pytest.mark.parametrize("secret", ["p@s/s:w+r=d%3&é<ü'x9", "sk_live_51Hx9aBcD/eF+gH!"])
def test_a_dump_of_its_bytes_is_masked(form: str, secret: str) -> None:
    """The groups and the text beside them, in whole or as it comes; what stands before it stays."""
    remember(secret)
    raw = f"DATABASE_PW = {secret}\n".encode()
    text = f"tried:\n{DUMPS[form](raw)}and went on\n"
    masked, redactor = redact(text), Redactor()

    assert MASK in masked
    assert masked.startswith("tried:\n")
    assert masked.endswith("and went on\n")
    alone = DUMPS[form](secret.encode())
    pieces = {alone[at : at + 11] for at in range(len(alone) - 11)} - {" " * 11}
    shown = [piece for piece in pieces if piece in masked.partition(MASK)[2] and not piece.isspace()]
    assert not [piece for piece in shown if len(piece.split()) > 3]
    assert not any(secret[at : at + 6] in masked for at in range(len(secret) - 6))
    assert masked == "".join(redactor.feed(piece) for piece in _pieces(text)) + redactor.close()


@pytest.mark.parametrize("width", [4, 7])
@pytest.mark.parametrize("gap", ["\r\n", "\n  | "])
def test_an_escape_may_be_cut_by_the_end_of_a_line(width: int, gap: str) -> None:
    """Escaped once or twice, and wrapped at any place."""
    remember("pä%s/w:rd=d%3&é<ü'x9")
    once = quote("pä%s/w:rd=d%3&é<ü'x9", safe="")

    for form in (once, quote(once)):
        text = f"a {gap.join(form[at : at + width] for at in range(0, len(form), width))} b"
        redactor = Redactor()
        assert redact(text) == f"a {MASK} b"
        assert "".join(redactor.feed(piece) for piece in _pieces(text)) + redactor.close() == f"a {MASK} b"


def _pieces(text: str) -> list[str]:
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def test_what_can_not_be_a_secret_is_shown_at_once() -> None:
    """A log does not lag behind because a secret is known."""
    remember("opensesame")
    redactor = Redactor()

    assert redactor.feed("building ") == "building "
    assert redactor.feed("the d") == "the d"
    assert redactor.feed("opense") == ""
    assert redactor.feed("a\n") == "opensea\n"
    assert f"{MASK}!" == redactor.feed("opense") + redactor.feed("same!")


def test_what_is_held_back_is_bounded() -> None:
    """A program that prints the begin of an escape for ever does not fill the memory."""
    remember("opensesame")
    redactor = Redactor()

    shown = sum(len(redactor.feed("%41" * 10_000)) for _ in range(10))

    assert shown > 250_000
