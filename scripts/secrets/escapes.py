# pure
"""Text as a browser reads it: escapes of URLs, scripts and pages decoded, and text in UTF-16."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

AROUND = 1024  # bytes before and after an escape that may belong to the same value
TWICE = 2  # an escaped text inside an escaped text
HEX = rb"[0-9A-Fa-f]"
ENTITY = rb"(?:#[0-9]{1,7};?|#[xX]" + HEX + rb"{1,6};?|[A-Za-z]{2,8};)"
# Each begins with one of three signs: a set in front is what lets `re` skip quickly to the next of them.
FORMS = (
    rb"(?<=%)" + HEX + rb"{2}(?:%" + HEX + rb"{2})*|(?<=\\)x" + HEX + rb"{2}(?:\\x" + HEX + rb"{2})*"
    rb"|(?<=[%\\])u" + HEX + rb"{4}(?:[%\\]u" + HEX + rb"{4})*|(?<=\\)u\{" + HEX + rb"{1,6}\}"
    rb"|(?<=\\)[0-7]{2,3}(?:\\[0-7]{2,3})*"
    rb"|(?<=&)" + ENTITY + rb"(?:&" + ENTITY + rb")*"
)
ESCAPES = re.compile(rb"[%\\&](?:" + FORMS + rb")")
# beside them, these are decoded too; alone they are part of nearly every script
ALL = re.compile(rb"([%\\&](?:" + FORMS + rb"|(?<=\\)[\\\"'`/]))")
# bytes as numbers: `String.fromCharCode(115, 107, ...)`, a `Uint8Array`, a `Buffer` as JSON
NUMBER = rb"(?:0[xX]" + HEX + rb"{1,2}|[0-9]{1,3})"
BETWEEN = rb"(?:[ \t\r\n]{0,4},[ \t\r\n]{0,4}|[ \t])"
NUMBERS = re.compile(
    rb"(?<![0-9A-Za-z.])" + NUMBER + rb"(?:" + BETWEEN + NUMBER + rb"){5,4000}(?![0-9A-Za-z.])"
)
# UTF-16 and UTF-32, either end first
WIDE = (re.compile(rb"(?:[\x20-\x7e]\0{1,3}){6,}"), re.compile(rb"(?:\0{1,3}[\x20-\x7e]){6,}"))
STYLE = re.compile(rb"(?:\\" + HEX + rb"{1,6}[ \t\n]?){6,}")  # as style sheets escape


def decoded(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(offset, text) of what stands there escaped, with what stands around it; as numbers; in UTF-16."""
    text = data
    for _ in range(TWICE):
        windows = list(_windows(text))
        if not windows:
            break
        text = b"\n".join(_read(text[start:end]) for start, end in windows)
        yield windows[0][0], text
    listed = [(match.start(), _numbers(match.group())) for match in NUMBERS.finditer(data)]
    if listed:
        yield listed[0][0], b"\n".join(text for _, text in listed)
    if b"\0" in data:
        for form in WIDE:
            found = [match.group() for match in form.finditer(data)]
            if found:
                yield data.find(found[0]), b"\n".join(run.replace(b"\0", b"") for run in found)
    styled = [(match.start(), _style(match.group())) for match in STYLE.finditer(data)]
    if styled:
        yield styled[0][0], b"\n".join(text for _, text in styled)


def _windows(data: bytes) -> Iterator[tuple[int, int]]:
    """(start, end) of the stretches with escapes, in order; none overlap.

    What stands within `AROUND` of an escape is skipped, not searched for more of them: a stretch goes on
    for twice as long instead. A script may have hundreds of thousands.
    """
    start, end = 0, -1
    match = ESCAPES.search(data)
    while match:
        first, last = match.span()
        if first - AROUND > end:
            if end >= 0:
                yield start, end
            start = max(0, first - AROUND)
        end = min(len(data), last + 2 * AROUND)
        match = ESCAPES.search(data, last + AROUND)
    if end >= 0:
        yield start, end


def _read(text: bytes) -> bytes:
    """The text with its escapes decoded; `split` and `map` take half the time of `sub` with a function."""
    parts = ALL.split(text)
    parts[1::2] = map(_clear, parts[1::2])
    return b"".join(parts)


@lru_cache(maxsize=4096)  # a script repeats few of them often
def _clear(text: bytes) -> bytes:
    if text[:1] == b"&":
        import html  # its table of entities is big, and most bundles have few of them

        return _bytes(html.unescape(text.decode("ascii")))
    if text[:3] == b"\\u{":
        number = int(text[3:-1], 16)
        return _bytes(chr(number)) if number < 0x110000 else text
    if text[1:2] == b"u":
        units = bytes.fromhex(re.sub(rb"[\\%]u", b"", text).decode("ascii"))
        return _bytes(units.decode("utf-16-be", "surrogatepass"))
    if text[:1] == b"%" or text[:2] == b"\\x":
        return bytes.fromhex(re.sub(rb"%|\\x", b"", text).decode("ascii"))
    if text[1:2].isdigit():
        return bytes(int(number, 8) & 255 for number in text.split(b"\\")[1:])
    return text[1:]


def _style(text: bytes) -> bytes:
    points = (int(number, 16) for number in text.split(b"\\")[1:])
    return _bytes("".join(chr(point) for point in points if point < 0x110000))


def _numbers(text: bytes) -> bytes:
    """The bytes of a list; 0 for a number that is none."""
    numbers = (int(each, 16 if each[1:2] in (b"x", b"X") else 10) for each in re.split(rb"[\s,]+", text))
    return bytes(number if number < 256 else 0 for number in numbers)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
