"""Which language people read, and texts of a catalogue found again in what is said."""

from __future__ import annotations

import io
import re
import time

import pytest

from scripts import language
from scripts.console import Console
from scripts.notify.deliver import _translated
from scripts.notify.events import Fact, Notice
from scripts.phrases import Phrases
from scripts.system.secret import MASK, remember
from scripts.table import Column, Table
from scripts.tables import age, local, share
from tests.support.catalogue_files import Item, mo, po, read_po

CATALOGUE = {
    "error: {message}": "erreur : {message}",
    "{name} is frozen until {until}": "{name} est gelé jusqu'au {until}",
    "`{task}` has no option `{word}`": "l'option `{word}` n'existe pas pour `{task}`",
    "took {seconds_n} s": "a duré {seconds_n} s",
    "{first} of {second}": "{second} : {first}",
    "nothing was changed": "rien n'a été modifié",
    "try {migrations} in a transaction that is rolled back": "essayer {migrations} annulés ensuite",
    "(about {seconds_n} s)": "(environ {seconds_n} s)",
    "commits": "commits",
    "migration": "migration",
    "rehearse": "répéter",
    "environment": "environnement",
    "done": "terminé",
    "not translated yet": "",
}


def french(text: str, missed: list[str] | None = None) -> str:
    """The text by the catalogue above."""
    return Phrases(CATALOGUE, (missed if missed is not None else []).append).translate(text)


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, "en"),
        ({"AIRHOST_LANG": "fr"}, "fr"),
        ({"AIRHOST_LANG": "FR"}, "fr"),
        ({"AIRHOST_LANG": "en", "LANG": "fr_FR.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "fr"),
        ({"LC_ALL": "C.UTF-8", "LANG": "fr_FR.UTF-8"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "fr_CA", "LANG": "en_US"}, "fr"),
        ({"LANG": "fry_NL.UTF-8"}, "en"),
        ({"AIRHOST_LANG": "de"}, "en"),
    ],
)
def test_the_language_is_that_of_the_reader(
    variables: dict[str, str], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for, else by the locale, else English."""
    for name in language.SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert language.language() == wanted


def test_english_reads_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text comes back as it is."""
    monkeypatch.setattr(language, "_phrases", lambda: pytest.fail("the catalogue was read"))

    assert language.translate("error: nothing was changed") == "error: nothing was changed"
    assert language.number("1.5") == "1.5"


@pytest.mark.parametrize(
    ("english", "wanted"),
    [
        ("nothing was changed", "rien n'a été modifié"),
        ("error: nothing was changed", "erreur : rien n'a été modifié"),
        ("\n  error: nothing was changed\n", "\n  erreur : rien n'a été modifié\n"),
        ("staging is frozen until 14:05", "staging est gelé jusqu'au 14:05"),
        ("`deploy` has no option `--x`", "l'option `--x` n'existe pas pour `deploy`"),
        ("took 1.5 s", "a duré 1,5 s"),
        ("nothing was changed; took 2.0 s", "rien n'a été modifié ; a duré 2,0 s"),
        ("`a`: nothing was changed", "`a` : rien n'a été modifié"),
        ("nothing was changed (done)", "rien n'a été modifié (terminé)"),
        ("nothing was changed\n  | fatal: nothing new", "rien n'a été modifié\n  | fatal: nothing new"),
        ("not translated yet", "not translated yet"),
        ("", ""),
    ],
)
def test_what_is_said_is_found_again(english: str, wanted: str) -> None:
    """Whole, by a template, line by line, piece by piece; what a field holds as well."""
    assert french(english) == wanted


def test_columns_stay_where_they_are() -> None:
    """A line of a plan."""
    assert (
        french("  rehearse  try 3 commits, 1 migration in a transaction that is rolled back (about 2.5 s)")
        == "  répéter   essayer 3 commits, 1 migration annulés ensuite (environ 2,5 s)"
    )


@pytest.mark.parametrize(
    "data",
    [
        "`nothing was changed`",
        '"nothing was changed"',
        "`error: nothing was changed`",
        '1a3b1ac "done of nothing was changed"',
        "  | 1a3b1ac97efd 2030-01-02 Ada: nothing was changed",
    ],
)
def test_data_stay_as_they_are(data: str) -> None:
    """In backticks, in quotes, and where another program or a person speaks."""
    assert french(data) == data
    assert french(f"error: {data.strip()}") == f"erreur : {data.strip()}"


@pytest.mark.parametrize(
    "hostile",
    ["{message}", "`{task}", 'a "b', "\ue000 nothing was changed", "{0} {x!r} %s $(x)", "(", "))"],
)
def test_hostile_text_is_copied(hostile: str) -> None:
    """Nothing in it is a field, a span or a pattern."""
    assert french(hostile) == hostile
    assert french(f"error: {hostile}").endswith(hostile)


def test_a_template_that_says_little_takes_only_what_is_known() -> None:
    """Else foreign words would change their places."""
    assert french("`a` of commits") == "commits : `a`"
    assert french("somebody else made the head of it") == "somebody else made the head of it"


def test_what_has_no_translation_is_told() -> None:
    """Not names and numbers; in a template, what its field holds."""
    missed: list[str] = []
    french('error: v2 403f229 "Say Paris"', missed)
    french("staging", missed)
    assert missed == []

    french("error: this is new; nothing was changed", missed)
    assert missed == ["this is new"]


@pytest.mark.parametrize(
    "piece",
    [
        "x y, and z: ",
        "error: ",
        "a `b` ",
        "`",
        '"',
        "nothing was changed; ",
        " is frozen until ",
        "( ",
        "a of b\n",
    ],
)
def test_a_huge_text_takes_no_time(piece: str) -> None:
    """In proportion to its length: ten times as long takes at most forty times as long."""
    phrases = Phrases(CATALOGUE)

    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        began = time.process_time()
        phrases.translate(text)
        return time.process_time() - began

    short = max(min(seconds(10_000 + extra) for extra in range(3)), 0.002)
    assert seconds(100_000) < 40 * short


def test_a_catalogue_is_read_as_it_was_written() -> None:
    """As text and compiled; what has to be looked at is not used."""
    items = [
        Item('say "a"\n  | `b`\\', 'dire "a"\n  | `b`\\', {"scripts/a.py"}, {"b: x.b"}),
        Item("changed since", "avant", fuzzy=True),
        Item("not yet"),
    ]
    read = read_po(po(items))

    assert [(each.english, each.french, each.fuzzy) for each in read.values()] == [
        (each.english, each.french, each.fuzzy) for each in items
    ]
    assert language.read_mo(mo(items)) == {items[0].english: items[0].french}
    assert language.read_mo(b"\0" * 40) == {}


@pytest.fixture
def in_french(monkeypatch: pytest.MonkeyPatch) -> None:
    """French, by the catalogue above."""
    monkeypatch.setenv("AIRHOST_LANG", "fr")
    monkeypatch.setattr(language, "_phrases", lambda: Phrases(CATALOGUE))


@pytest.mark.usefixtures("in_french")
def test_tables_are_laid_out_in_french() -> None:
    """Heads and cells before their widths are taken; a line of a table is not translated again."""
    lines = Table([Column("environment"), Column("state")], [("dev", "done"), ("prod", "-")]).lines(80)
    stream = io.StringIO()
    console = Console(stream=stream, out=stream, reports=True)
    console.show(lines)

    assert stream.getvalue().splitlines() == [
        "environnement  state",
        "─────────────  ───────",
        "dev            terminé",
        "prod           -",
    ]


@pytest.mark.usefixtures("in_french")
def test_numbers_and_times_have_the_readers_form() -> None:
    """Decimal comma, blank before the per cent sign, day first."""
    assert language.number("1.5 s") == "1,5 s"
    assert share(0.25) == "25 %"
    assert re.fullmatch(r"\d\d/11/2026 \d\d:\d\d", local("2026-11-15T19:07:00+00:00"))
    assert age("") == ""


@pytest.mark.usefixtures("in_french")
def test_output_of_other_programs_stays_as_it_is() -> None:
    """`note` speaks, `output` passes on."""
    stream = io.StringIO()
    console = Console(stream=stream, out=stream)
    console.output("nothing was changed")
    console.note("nothing was changed")

    assert stream.getvalue() == "nothing was changed\n   rien n'a été modifié\n"


@pytest.mark.usefixtures("in_french")
def test_a_secret_is_masked_before_its_words_are_translated() -> None:
    """In French it would no longer be recognised."""
    remember("nothing was changed", "`TOKEN`")
    stream = io.StringIO()
    console = Console(stream=stream, out=stream)
    console.note("error: nothing was changed")
    console.show(Table([Column("state")], [("nothing was changed",)]).lines(80))

    assert "rien" not in stream.getvalue()
    assert stream.getvalue().count(MASK) == 2


@pytest.mark.usefixtures("in_french")
def test_a_notice_is_in_the_language_of_who_runs_this() -> None:
    """Its title, its facts and what to type next; a link stays a link."""
    facts = (Fact("environment", "done"), Fact("where", "http://done", link=True))
    notice = Notice(
        "r1-hold", "hold", "dev", "dev is frozen until 14:05", facts, "nothing was changed", "now"
    )

    made = _translated(notice)
    assert (made.title, made.hint) == ("dev est gelé jusqu'au 14:05", "rien n'a été modifié")
    assert made.facts == (Fact("environnement", "terminé"), Fact("where", "http://done", link=True))
