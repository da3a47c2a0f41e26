"""Files of a gettext catalogue: read and written as text (`.po`), compiled (`.mo`)."""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

HEAD = {
    "": "Content-Type: text/plain; charset=UTF-8\nLanguage: fr\nPlural-Forms: nplurals=2; plural=(n > 1);\n"
}
STRING = re.compile(r'^(?:(msgid|msgstr) )?"(.*)"$')


@dataclass
class Item:
    """An entry of a catalogue.

    Args:
        fuzzy: the French text is that of an English one that has changed since: it has to be looked at.
    """

    english: str
    french: str = ""
    places: Iterable[str] = ()
    notes: Iterable[str] = ()
    fuzzy: bool = False


@dataclass
class _Read:
    texts: dict[str, list[str]] = field(default_factory=lambda: {"msgid": [], "msgstr": []})
    fuzzy: bool = False


def read_po(text: str) -> dict[str, Item]:
    """The entries by their English text, without the head."""
    found: dict[str, Item] = {}
    for block in re.split(r"\n\s*\n", text):
        read, kind = _Read(), "msgid"
        for line in block.splitlines():
            read.fuzzy |= line.startswith("#,") and "fuzzy" in line
            string = STRING.match(line)
            if string:
                kind = string[1] or kind
                read.texts[kind].append(ast.literal_eval(f'"{string[2]}"'))
        english, french = ("".join(read.texts[each]) for each in ("msgid", "msgstr"))
        if english:
            found[english] = Item(english, french, fuzzy=read.fuzzy)
    return found


def po(items: Iterable[Item]) -> str:
    """The text of a file, each entry with its places and what its fields hold."""
    blocks = [f'msgid ""\nmsgstr {_quoted(HEAD[""])}']
    for item in items:
        lines = [f"#. {note}" for note in sorted(item.notes)]
        lines += [f"#: {place}" for place in sorted(item.places)]
        lines += ["#, fuzzy"] if item.fuzzy else []
        blocks.append(
            "\n".join([*lines, f"msgid {_quoted(item.english)}", f"msgstr {_quoted(item.french)}"])
        )
    return "\n\n".join(blocks) + "\n"


def _quoted(text: str) -> str:
    def one(line: str) -> str:
        return (
            '"'
            + line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
            + '"'
        )

    lines = text.splitlines(keepends=True)
    return one(text) if len(lines) < 2 else "\n".join(['""', *map(one, lines)])


def mo(items: Iterable[Item]) -> bytes:
    """The compiled catalogue: what is translated, and nothing that has to be looked at."""
    said: Mapping[str, str] = HEAD | {
        each.english: each.french for each in items if each.french and not each.fuzzy
    }
    pairs = sorted((key.encode(), value.encode()) for key, value in said.items())
    ids, texts = ([pair[side] for pair in pairs] for side in (0, 1))
    start = 28 + 16 * len(pairs)
    tables, data = [], b""
    for column in (ids, texts):
        for each in column:
            tables.append(struct.pack("<2I", len(each), start + len(data)))
            data += each + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, start)
    return head + b"".join(tables) + data
