"""The French catalogue, kept in step with the code: `python -m tests.support.message_catalogue`.

One file a room, `scripts/locale/fr/LC_MESSAGES/ROOM.po`, so that several people can translate at once. The
command keeps translations, adds new texts without one, removes what the code no longer says, and compiles.
A text that changed a little keeps its old translation, marked `fuzzy`: correct it and remove the mark.
"""

from __future__ import annotations

import difflib
import sys
from collections import defaultdict
from collections.abc import Mapping

from scripts.language import CATALOGUE
from scripts.phrase_templates import FIELD
from tests.support.catalogue_files import Item, mo, po, read_po
from tests.support.messages import Entry, messages

ALIKE = 0.75  # from which ratio on a new text is an old one that was changed
LARGE = ("database",)  # rooms that have a catalogue for each of their own rooms


def room_of(file: str) -> str:
    """The catalogue of a source file: `release`; `database-backups`; `desk` for the top."""
    parts = file.removeprefix("scripts/").split("/")
    if len(parts) == 1:
        return "desk"
    return "-".join(parts[:2]) if parts[0] in LARGE and len(parts) > 2 else parts[0]


def stored() -> dict[str, Item]:
    """Every entry of the files, whichever file it stands in."""
    files = sorted(CATALOGUE.glob("*.po"))
    return {key: item for file in files for key, item in read_po(file.read_text(encoding="utf-8")).items()}


def updated(known: Mapping[str, Item], said: Mapping[str, Entry]) -> dict[str, list[Item]]:
    """The entries of each room: what the code says, with the translations that are known."""
    dead = {key: item for key, item in known.items() if key not in said and item.french}
    renamed = {FIELD.sub("{}", key): item for key, item in dead.items()}
    rooms: dict[str, list[Item]] = defaultdict(list)
    for english, entry in sorted(said.items()):
        item = known.get(english) or _renamed(english, renamed) or _alike(english, dead)
        made = Item(english, item.french, entry.files, entry.notes, item.fuzzy)
        rooms[room_of(min(entry.files))].append(made)
    return rooms


def _renamed(english: str, renamed: Mapping[str, Item]) -> Item | None:
    """The entry whose text differs in the names of its fields alone."""
    old = renamed.get(FIELD.sub("{}", english))
    if old is None:
        return None
    names = dict(zip(FIELD.findall(old.english), FIELD.findall(english), strict=True))
    return Item(english, FIELD.sub(lambda name: f"{{{names[name[1]]}}}", old.french), fuzzy=old.fuzzy)


def _alike(english: str, dead: Mapping[str, Item]) -> Item:
    near = difflib.get_close_matches(english, dead, n=1, cutoff=ALIKE)
    return Item(english, dead[near[0]].french, fuzzy=True) if near else Item(english)


def files(rooms: Mapping[str, list[Item]]) -> dict[str, bytes]:
    """The files of the catalogue by their names."""
    texts = {f"{room}.po": po(items).encode() for room, items in rooms.items()}
    return texts | {f"{room}.mo": mo(items) for room, items in rooms.items()}


def main() -> None:
    """Bring the files up to date, and say what lacks a translation."""
    rooms = updated(stored(), messages())
    wanted = files(rooms)
    CATALOGUE.mkdir(parents=True, exist_ok=True)
    for file in CATALOGUE.glob("*.?o"):
        if file.name not in wanted:
            file.unlink()
    for name, data in wanted.items():
        (CATALOGUE / name).write_bytes(data)
    for room, items in sorted(rooms.items()):
        lacking = sum(not item.french or item.fuzzy for item in items)
        sys.stdout.write(f"{room:<24}{len(items):>5} texts, {lacking:>5} to translate\n")


if __name__ == "__main__":
    main()
