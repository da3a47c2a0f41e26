"""The language of what people read: English, as it stands in the code, or French by a gettext catalogue.

The code says everything in English; `translate` makes it French where it is shown. Programs get English:
`--json` documents, the ledger, journals. English costs nothing: no file is read.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.phrases import Phrases

SETTINGS = ("AIRHOST_LANG", "LC_ALL", "LC_MESSAGES", "LANG")  # the first that says anything counts
ENGLISH, FRENCH = "en", "fr"
CATALOGUE = Path(__file__).parent / "locale" / FRENCH / "LC_MESSAGES"  # one file a room
MAGIC = 0x950412DE
missed: list[Callable[[str], None]] = []  # told what has no translation; for tests


def language() -> str:
    """`fr` or `en`."""
    said = next(filter(None, map(os.environ.get, SETTINGS)), ENGLISH).lower()
    return FRENCH if said.startswith(FRENCH) and not said[2:3].isalpha() else ENGLISH


def translate(text: str) -> str:
    """The text in the language of the reader; what stands in backticks or double quotes stays as it is."""
    if not text or language() == ENGLISH:
        return text
    return _phrases().translate(text)


def number(text: str) -> str:
    """A number with the reader's decimal mark: `1.5` is `1,5` in French."""
    return text if language() == ENGLISH else text.replace(".", ",")


def time_form() -> str:
    """How a time is written, for `strftime`: `2026-11-28 19:07`, `28/11/2026 19:07`."""
    return "%Y-%m-%d %H:%M" if language() == ENGLISH else "%d/%m/%Y %H:%M"


@cache
def _phrases() -> Phrases:
    from scripts.phrases import Phrases

    catalogue: dict[str, str] = {}
    for file in sorted(CATALOGUE.glob("*.mo")):
        catalogue |= read_mo(file.read_bytes())
    return Phrases(catalogue, _missed)


def _missed(text: str) -> None:
    for tell in missed:
        tell(text)


def read_mo(data: bytes) -> dict[str, str]:
    """The entries of a compiled gettext catalogue, without its head."""
    import struct

    magic, _, count, ids, texts = struct.unpack_from("<5I", data)
    if magic != MAGIC:
        return {}

    def entry(table: int, place: int) -> str:
        length, start = struct.unpack_from("<2I", data, table + 8 * place)
        return data[start : start + length].decode()

    return {entry(ids, place): entry(texts, place) for place in range(count) if entry(ids, place)}
