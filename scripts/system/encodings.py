# pure
"""Find values in a text in whatever form they occur: plain, encoded, escaped once or twice, wrapped.

Encodings of the whole value (base64, hex) are searched for as they are. Escapes (URL, JSON, HTML, shell)
change some characters and not others, so the text is decoded, and each match is mapped back to the
raw text.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from scripts.system.dumps import is_row, open_dump, readings
from scripts.system.view import View, as_bytes

HEX = "[0-9A-Fa-f]"
BREAK = r"(?:\r\n?|\n)"
BORDER = "[|│┃║]"
JOIN = r"(?:\+|\|\||[\\.,&])?"
# what programs put before each line
PREFIX = (
    r"(?:npm (?:ERR!|error|warn)|remote:|//|--|[>#*]"
    r"|\d{4}-\d\d-\d\d[T ][\d:.,]{5,18}Z?|\[[\w:.,/ -]{1,40}\])"
)
BEGUN = r"[a-zA-Z!:]{1,9}(?: [a-zA-Z!]{0,5})?|\d[\d:.,TZ -]{0,30}|\[[\w:.,/ -]{0,40}"
GAP = rf"[ \t]*(?:{BORDER}[ \t]*)?{BREAK}[ \t]*(?:{BORDER}[ \t]*)?"
# what stands between two characters of a secret, and what it is in the place of
GAP_KINDS = {"colour": "", "blanks": "", "joined": "", "prefix": "", "words": " ", "wrap": ""}
# of these most texts are full
COMMON = ("blanks", "joined", "prefix", "words", "wrap")
# each kind of escape is decoded on its own: a password may contain what looks like another kind
KINDS = {
    "url": re.compile(rf"(?:%{HEX}{{2}})+"),
    "backslash": re.compile(
        rf"(?:\\x{HEX}{{2}})+"
        rf"|\\u[dD][89abAB]{HEX}{{2}}\\u[dD][c-fC-F]{HEX}{{2}}|\\u{HEX}{{4}}"
        r"|\\[abefnrtv0]|\\[^A-Za-z0-9]"
    ),
    "html": re.compile(rf"&(?:#[0-9]{{1,7}}|#[xX]{HEX}{{1,6}}|amp|lt|gt|quot|apos);"),
    "quotes": re.compile(r"""'\\''|'"'"'"""),
    # colours and movements of a terminal, and characters that nobody sees
    "colour": re.compile(
        r"\x1b\[[0-9;:?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b\][^\x07\x1b\n]{0,300}(?:\x07|\x1b\\)|[^\x08\n]\x08"
        r"|[\0-\x07\x0b\x0c\x0e-\x1a\x7f\xad\u200b-\u200f\u2060\ufeff]"
    ),
    # letters set apart, and columns without borders
    "blanks": re.compile(r"(?<=\S)(?:[ \t]+|<br ?/?>)(?=\S)"),
    # a long text as programs write it down: 'one' + 'two', "one" "two", over several lines or not
    "joined": re.compile(rf"[\"'`][ \t]*{JOIN}[ \t]*(?:{BREAK}[ \t]*)?{JOIN}[ \t]*[\"'`]"),
    "prefix": re.compile(rf"(?<=\S)[ \t]*{BREAK}[ \t]*{PREFIX}[ \t]*(?=\S)"),
    # a text that was too long for its line, cut anywhere or between two words
    "words": re.compile(rf"(?<=\S){GAP}(?=\S)"),
    "wrap": re.compile(rf"(?<=\S){GAP}(?=\S)"),
}
# the end of a text that may become an escape when more text arrives
UNFINISHED = re.compile(
    rf"(?:(?:%{HEX}{{2}})*%{HEX}{{0,2}}"
    rf"|(?:\\x{HEX}{{2}})*\\(?:x{HEX}{{0,2}})?"
    rf"|\\u[dD][89abAB]{HEX}{{2}}(?:\\(?:u{HEX}{{0,3}})?)?|\\u{HEX}{{0,3}}"
    r"""|&[#A-Za-z0-9]{0,8}|'(?:\\'?|"'?"?)?|\x1b(?:[()]|\[[0-9;:?]*|\][^\x07\x1b\n]{0,300}\x1b?)?)\Z"""
)
# the end of a text that may become a gap between two characters of a secret
GAPS = (
    re.compile(rf"[ \t]*(?:{BORDER}[ \t]*)?{BREAK}?[ \t]*(?:{BORDER}[ \t]*)?\Z"),
    re.compile(rf"[\"'`][ \t]*{JOIN}\|?[ \t]*{BREAK}?[ \t]*{JOIN}\|?[ \t]*\Z"),
    re.compile(rf"[ \t]*{BREAK}[ \t]*(?:{PREFIX}|{BEGUN})?[ \t]*\Z"),
    re.compile(r"<(?:b(?:r ?/?)?)?\Z"),
)
HALF = re.compile("[\ud800-\udfff]{1,3}\\Z")  # the decoded begin of a character of several bytes
BORDERS = re.compile(BORDER)
CONTROL = dict(zip("abefnrtv0", "\a\b\x1b\f\n\r\t\v\0", strict=True))
LONGEST_ROW = 4096  # characters of a table's row; the columns of a longer one are not put together
MOST_COLUMNS = 32
DEPTH = 2  # an escaped text inside an escaped text
LONGEST = 24  # characters that one character may become: an escape of an escape
SHORT = 1024  # characters of a needle that is looked up by its first three
WIDEST = 10  # the same with a gap after it


def encoded_forms(value: str) -> set[str]:
    """The value, and each encoding of the whole of it: hex, base64, reversed, `+` for spaces."""
    raw = as_bytes(value)
    encoded = {raw.hex(), raw.hex().upper(), value[::-1]}
    for shift, skipped in ((0, 0), (1, 2), (2, 3)):  # it may start anywhere in a group of three bytes
        for alphabet in (b"+/", b"-_"):
            text = base64.b64encode(b"\0" * shift + raw, alphabet).decode()
            encoded.add(text[skipped : (shift + len(raw)) * 8 // 6])
    spaced = {value, value.replace(" ", "+"), value.replace("'", "''")}
    return encoded | spaced


def find_spans(text: str, needles: Sequence[str]) -> Iterator[tuple[int, int]]:
    """(start, end) in the raw text of each needle in each decoding; may repeat and overlap."""
    for view in _readings(View(text), needles):
        for needle in needles:
            start = view.text.find(needle)
            while start >= 0:
                yield view.start(start), view.end(start + len(needle))
                start = view.text.find(needle, start + 1)


def incomplete_from(text: str, needles: Sequence[str]) -> int:
    """From where on the text may be the start of a needle, or of an escape; its length if nowhere.

    Only the last part is searched, as much as the longest needle can take.
    """
    longest = max(map(len, needles), default=0)
    far = _incomplete(text, needles, LONGEST * longest, gaps=False)
    near = _incomplete(text, needles, WIDEST * longest, gaps=True)
    return min(far, near, _open_row(text, needles, longest)) if longest else len(text)


def _incomplete(text: str, needles: Sequence[str], most: int, *, gaps: bool) -> int:
    before = max(0, len(text) - most)
    text = text[before:]
    cut = len(text)
    for view in _readings(View(text), needles, joined=True, gaps=gaps):
        size = len(view.text)
        unfinished = UNFINISHED.search(view.text, max(0, size - 4096))
        ends = {size}
        if unfinished:
            cut = min(cut, view.start(unfinished.start()))
            ends.add(unfinished.start())
        found = {gap.start() for form in GAPS if (gap := form.search(view.text, max(0, size - 128)))}
        for end in found - {size}:  # the gap may stand within an escape
            unfinished = UNFINISHED.search(view.text, max(0, end - 16), end)
            if unfinished:
                cut = min(cut, view.start(unfinished.start()))
                ends.add(unfinished.start())
        ends |= found
        halves = (HALF.search(view.text, max(0, end - 3), end) for end in tuple(ends))
        ends |= {half.start() for half in halves if half}
        cut = min([cut, *(_partial_needle(view, end, needles) for end in ends)])
    return before + cut


def _open_row(text: str, needles: Sequence[str], longest: int) -> int:
    """From where on the rows of a dump, the last perhaps not whole, may be the start of a needle."""
    start, end = open_dump(text, longest)
    cut = end
    for dump in readings(text[start:end]):
        half = HALF.search(dump.text, max(0, len(dump.text) - 3))
        size = half.start() if half else len(dump.text)
        if half or _partial_needle(View(dump.text), size, needles) < size:
            cut = min(cut, start + _partial_needle(dump.view(), size, needles))
    return cut


def row_start(text: str, cut: int) -> int:
    """Where the table's row starts that `cut` would split: the row alone shows which column it is."""
    line = text.rfind("\n", 0, cut) + 1
    if cut - line >= LONGEST_ROW:
        return cut
    return line if BORDERS.search(text, line, cut) or is_row(text, line, cut) else cut


def _partial_needle(view: View, end: int, needles: Sequence[str]) -> int:
    """Where, in the raw text, the first needle starts that `end` cuts off; the end of the text if none."""
    text, index = view.text, _index(tuple(needles))
    first = index.first(text, end)
    for needle in index.long:
        at = text.find(needle[0], max(0, end - len(needle) + 1), first)
        while at >= 0 and not needle.startswith(text[at:end]):
            at = text.find(needle[0], at + 1, first)
        first = at if at >= 0 else first
    return view.start(first if first < end else len(text))


@dataclass
class _Index:
    """The needles by how they begin: most places of a text are the begin of none.

    Args:
        short: the needles of at most `SHORT` characters, by their first three.
        begins_short: their first one and two characters.
        long: the others.
        longest: characters of the longest short one.
    """

    short: dict[str, list[str]] = field(default_factory=dict)
    begins_short: set[str] = field(default_factory=set)
    long: list[str] = field(default_factory=list)
    longest: int = 0

    def first(self, text: str, end: int) -> int:
        """Where the first short needle starts that `end` cuts off; `end` if none does."""
        for at in range(max(0, end - self.longest + 1), end - 2):
            if text[at : at + 3] in self.short:
                piece = text[at:end]
                same = self.short[piece[:3]]
                if any(needle.startswith(piece) and len(needle) > len(piece) for needle in same):
                    return at
        last = (at for at in range(max(0, end - 2), end) if text[at:end] in self.begins_short)
        return next(last, end)


@lru_cache(maxsize=2)
def _index(needles: tuple[str, ...]) -> _Index:
    index = _Index()
    for needle in needles:
        if len(needle) > SHORT:
            index.long.append(needle)
        else:
            index.short.setdefault(needle[:3], []).append(needle)
            index.begins_short |= {needle[0], needle[:2]}
            index.longest = max(index.longest, len(needle))
    return index


def _readings(
    view: View,
    needles: Sequence[str],
    kinds: tuple[str, ...] = (),
    *,
    joined: bool = False,
    gaps: bool = True,
) -> Iterator[View]:
    """The view itself, and its decodings by each kind of escape, up to `DEPTH` one after the other.

    The gaps of `COMMON` are closed only where that reveals a needle, or if `joined`.
    """
    if not needles:
        return
    yield view
    if gaps and kinds in ((), ("colour",)):
        yield from _columns(view, needles, joined=joined)
        yield from () if joined else _dumped(view, needles)
    for kind, escape in KINDS.items():
        skipped = _is_deep(kind, kinds) or _is_known(kind, kinds) or (kind in GAP_KINDS and not gaps)
        if skipped or not escape.search(view.text):
            continue
        if kind in COMMON and not joined:
            text = View(escape.sub(GAP_KINDS[kind], view.text))
            if not any(
                needle in each.text
                for each in _readings(text, needles, (*kinds, kind))
                for needle in needles
            ):
                continue
        matches = (
            (match.start(), match.end(), list(_characters(match[0], kind)))
            for match in escape.finditer(view.text)
        )
        yield from _readings(view.rewritten(matches), needles, (*kinds, kind), joined=joined, gaps=gaps)


def _dumped(view: View, needles: Sequence[str]) -> Iterator[View]:
    """The bytes of each dump, and what they stand for if they are escapes themselves."""
    for dump in readings(view.text):
        plain = _readings(View(dump.text), needles, ("dump",), gaps=False)
        if any(needle in each.text for each in plain for needle in needles):
            yield from _readings(dump.view().over(view), needles, ("dump",), gaps=False)


def _is_deep(kind: str, kinds: tuple[str, ...]) -> bool:
    """Whether this were one decoding too many. A text escaped twice may be wrapped, or dumped, besides."""
    if len(kinds) == DEPTH and kinds[1] == kind:
        return kinds[0] not in GAP_KINDS and kinds[0] != "dump"
    return len(kinds) >= DEPTH


def _is_known(kind: str, kinds: tuple[str, ...]) -> bool:
    """Whether decoding by this kind as well gives no new text: gaps may be taken out in any order."""
    if kind in GAP_KINDS:
        order = list(GAP_KINDS)
        return any(order.index(other) >= order.index(kind) for other in kinds if other in GAP_KINDS)
    return kind in kinds and kind not in ("url", "backslash")


def _columns(view: View, needles: Sequence[str], *, joined: bool) -> Iterator[View]:
    """One view for each column of each table: its cells one after the other, nothing between them.

    As with wrapped lines, only those that reveal a needle, or all if `joined`.
    """
    for rows in _tables(view.text) if BORDERS.search(view.text) else ():
        for number in range(min(MOST_COLUMNS, max(map(len, rows)))):
            cells = [row[number] for row in rows if number < len(row)]
            column = "".join(view.text[start:end] for start, end in cells)
            if joined or any(needle in column for needle in needles):
                edges = [rows[0][0][0], *(edge for cell in cells for edge in cell), rows[-1][-1][1]]
                gaps = zip(edges[::2], edges[1::2], strict=True)
                yield view.rewritten((start, end, []) for start, end in gaps if start < end)


def _tables(text: str) -> Iterator[list[list[tuple[int, int]]]]:
    """The rows of each table, as (start, end) of their cells; the last row may not have all of them yet."""
    rows: list[list[tuple[int, int]]] = []
    for line in re.finditer(r"[^\n]+\n?", text):
        row = list(_cells(line[0], line.start()))
        unfinished = not line[0].endswith("\n") and len(row) <= len(rows[0]) if rows else False
        if rows and len(row) != len(rows[0]) and not unfinished:
            yield rows
            rows = []
        rows += [row] if len(row) > 1 or unfinished else []
    if rows:
        yield rows


def _cells(line: str, at: int) -> Iterator[tuple[int, int]]:
    for cell in BORDERS.split(line):
        start = at + len(cell) - len(cell.lstrip())
        yield start, max(start, at + len(cell.rstrip()))
        at += len(cell) + 1


def _characters(escape: str, kind: str) -> Iterator[tuple[str, int]]:
    """The characters that one or more escapes stand for, each with the length of its escape."""
    if kind in GAP_KINDS:
        yield from ((character, len(escape)) for character in GAP_KINDS[kind])
    elif escape[0] == "%" or escape[:2] == "\\x":
        width = 3 if escape[0] == "%" else 4
        raw = bytes.fromhex(re.sub(r"%|\\x", "", escape))
        for character in raw.decode("utf-8", "surrogateescape"):
            yield character, width * len(as_bytes(character))
    elif escape[:2] == "\\u":
        units = b"".join(int(part, 16).to_bytes(2, "big") for part in escape.split("\\u")[1:])
        yield units.decode("utf-16-be", "surrogatepass"), len(escape)
    elif escape[0] == "&":
        import html  # its table of entities is big, and most runs meet none

        yield html.unescape(escape)[:1], len(escape)
    elif escape[0] == "'":
        yield "'", len(escape)
    else:
        yield CONTROL.get(escape[1], escape[1]), len(escape)
