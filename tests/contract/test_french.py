"""The French catalogue: complete, of the same form as the English texts, and compiled."""

from __future__ import annotations

import functools
import re
from collections import Counter
from typing import Any

import pytest

import tasks
from scripts.language import CATALOGUE
from scripts.phrase_templates import FIELD, SPAN, Template
from tests.support.catalogue_files import Item, mo, read_po
from tests.support.message_catalogue import files, room_of, stored, updated
from tests.support.messages import Entry, messages, said_in

FIX = "`python -m tests.support.message_catalogue`, then translate what it counts"
COMMAND = re.compile(r"(?<![-\w])--[a-z][a-z-]+")


@functools.cache
def said() -> dict[str, Entry]:
    """What the code says."""
    return messages()


@functools.cache
def translated() -> dict[str, Item]:
    """What the catalogue has."""
    return {key: item for key, item in stored().items() if item.french and not item.fuzzy}


def test_every_text_is_translated() -> None:
    """What the code says and the catalogue lacks."""
    assert sorted(said().keys() - translated().keys()) == [], FIX


def test_the_files_are_what_the_code_says() -> None:
    """Nothing dead in them, each text in the file of its room."""
    wanted = files(updated(stored(), said()))

    assert {file.name: file.read_bytes() for file in CATALOGUE.glob("*.?o")} == wanted, FIX


def test_the_compiled_files_are_fresh() -> None:
    """Each `.mo` is what its `.po` compiles to."""
    for file in CATALOGUE.glob("*.po"):
        items = read_po(file.read_text(encoding="utf-8")).values()
        assert file.with_suffix(".mo").read_bytes() == mo(items), f"{file.name}: {FIX}"


def test_a_translation_keeps_what_is_no_prose() -> None:
    """Its fields, what stands in backticks and quotes, and options; no blank at its ends."""
    faults = [
        f"{english!r} -> {item.french!r}"
        for english, item in translated().items()
        for part in (FIELD, SPAN, COMMAND)
        if Counter(part.findall(english)) != Counter(part.findall(item.french))
    ]
    faults += [
        f"blank at the edge: {item.french!r}"
        for item in translated().values()
        if item.french.removeprefix(" " if item.english[0] in ":;!?" else "") != item.french.strip()
    ]
    assert faults == []


def test_a_translation_leaves_no_line_of_output_to_chance() -> None:
    """As many lines as in English: `| ` marks what others said."""
    faults = [
        english
        for english, item in translated().items()
        if english.count("\n  | ") != item.french.count("\n  | ")
        or english.startswith("|") != item.french.startswith("|")
    ]
    assert faults == []


def test_the_list_of_tasks_fits() -> None:
    """In 80 columns, without a cut where the English line has none."""
    every: list[Any] = [tasks.namespace[name] for name in tasks.namespace.task_names]
    firsts = {(each.__doc__ or "").partition("\n")[0].partition(": `")[0].rstrip(".") for each in every}

    assert [first for first in firsts & {*translated()} if len(translated()[first].french) > 60] == []


def test_every_template_can_be_found() -> None:
    """One without a whole word of its own would never match."""
    assert [each for each in said() if FIELD.search(SPAN.sub("", each)) and not Template.key(each)] == []


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("note(f\"{n} commit{'s' if n > 1 else ''} wait\")", {"{n} commits wait", "{n} commit wait"}),
        ('raise Refused("it is frozen" + f" until {until}")', {"it is frozen until {until}"}),
        (
            'why = "late" if x else "in time"\nnote(f"{name} is {why}")',
            {"{name} is {why}", "late", "in time"},
        ),
        (
            'note(f"took {seconds:.1f} s, {facts.environment.name}")',
            {"took {seconds_n} s, {environment_name}"},
        ),
        ('note(f"{a.name}{b} and {c.name}")', {"{a_name} and {c_name}"}),
        ('hint = "no such file: `{file}`"', {"no such file: `{file}`"}),
        ('f"`{path}.{fault}"\nfault = "url` is missing"', {"`url` is missing"}),
        ('note(counted(2, "older event"))', {"older event", "older events"}),
        ('def f():\n    """Not a text for people."""', set()),
        (
            'x = run("git status", ["not a text"])\nrows("select a from b where c")',
            {"git status", "not a text"},
        ),
        ('if x == "not a text": y["not a text"] = re.compile("not a text")', set()),
        ('a = "one two three".split()', set()),
    ],
)
def test_the_extractor_reads_what_people_read(source: str, wanted: set[str]) -> None:
    """F-strings, sums and conditions; no docstring, key, pattern or SQL."""
    assert {text for text, _ in said_in(source, "scripts/made_up.py")} == wanted


def test_a_text_that_changed_keeps_its_translation() -> None:
    """Where a field has another name alone; else it has to be looked at; what is dead goes."""
    known = {
        "`{file}` of {name}": Item("`{file}` of {name}", "`{file}` de {name}"),
        "nothing was moved here": Item("nothing was moved here", "rien n'a bougé ici"),
        "dead": Item("dead", "mort"),
    }
    texts = ("`{path}` of {who}", "nothing was moved there", "something new altogether")
    rooms = updated(known, {text: Entry({"scripts/state/a.py"}) for text in texts})

    assert {each.english: (each.french, each.fuzzy) for each in rooms["state"]} == {
        "`{path}` of {who}": ("`{path}` de {who}", False),
        "nothing was moved there": ("rien n'a bougé ici", True),
        "something new altogether": ("", False),
    }
    assert room_of("scripts/database/backups/create.py") == "database-backups"
    assert room_of("scripts/app.py") == "desk"
