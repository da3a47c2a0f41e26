"""README, docs and configuration comments: links, file names, tasks and flags in them are real."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tasks
from scripts import RELEASED, VERSION
from scripts.git.isolation import CACHE, NAME
from tests.support import message_catalogue, task_page
from tests.support.desks import ROOT

README = ROOT / "README.md"
DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"
PAGES = [
    README,
    ROOT / "README.fr.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(DOCS.glob("*.md")),
    ROOT / "scripts" / "sandbox" / "sample_app" / "README.md",
]
MANUALS = [
    ROOT / "env" / "pipeline.toml",
    ROOT / "env" / "masking.toml",
    *sorted((ROOT / "env").glob(".env.*")),
]
FRENCH = [  # each page with its translation
    ("README.md", "README.fr.md"),
    ("docs/incident.md", "docs/incident.fr.md"),
    ("docs/first-release.md", "docs/mise-en-place.fr.md"),
]
README_LINES = 120  # what a stranger reads before the first command
NAMES = [str(page.relative_to(ROOT)) for page in [*PAGES, *MANUALS]]

TASKS: dict[str, Any] = {name: tasks.namespace[name] for name in tasks.namespace.task_names}
# every name that can be typed: aliases (`unhold`), and a collection for its default task (`backup`)
TYPED: dict[str, Any] = {
    **TASKS,
    **{alias: TASKS[name] for name, aliases in tasks.namespace.task_names.items() for alias in aliases},
    **{
        name: tasks.namespace[f"{name}.{each.default}"]
        for name, each in tasks.namespace.collections.items()
        if each.default
    },
}
COMMAND = re.compile(r"^(?:\$ )?(?:(?:\.venv/bin/)?invoke|scripts/bootstrap) +(\S.*)$")
TOP = (
    "scripts/",
    "docs/",
    "tests/",
    "loadtests/",
    "env/",
    "tasks.py",
    "requirements",
    "pyproject.toml",
    "CHANGELOG.md",
)
PLACEHOLDER = re.compile(r"[<*{]|^env/\.env\.\w+(\.sops)?$")


def blocks(text: str) -> Iterator[str]:
    """The lines of code blocks, fenced and indented, without their comments."""
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield re.sub(r"\s#\s.*", "", line).strip()


def spans(text: str) -> list[str]:
    """What stands between backticks on one line."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)


def commands(text: str) -> Iterator[list[str]]:
    """The words after `invoke` or `scripts/bootstrap`, for every example; a quoted text is one word."""
    for example in [*spans(text), *blocks(text)]:
        for part in re.split(r" && |; ", example):
            if typed := COMMAND.match(part.strip()):
                yield [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', typed[1])]


def flags(task: Any) -> set[str]:
    """Every flag of a task as it is typed, with `--no-...` for what is on by default."""
    found = {"--help"}
    for argument in task.get_arguments():
        words = [name.replace("_", "-") for name in argument.names]
        found |= {f"--{word}" if len(word) > 1 else f"-{word}" for word in words}
        found |= {f"--no-{word}" for word in words if argument.kind is bool and argument.default is True}
    return found


# of the program itself; the desk refuses the first
INVOKE_FLAGS = {"--dry", "--help", "--list", "--version", "--print-completion-script"}
ALL_FLAGS = {flag for task in TASKS.values() for flag in flags(task)} | INVOKE_FLAGS


def faults_of(words: list[str]) -> Iterator[str]:
    """What is wrong with one example."""
    name = words[0]
    if name.startswith("--") or name in ("TASK", "TASK..."):
        typed = set(ALL_FLAGS)
    elif name not in TYPED:
        yield f"there is no task `{name}`"
        return
    else:
        typed = flags(TYPED[name])
    for word in words:
        flag = word.partition("=")[0]
        if flag.startswith("-") and flag not in typed:
            yield f"`{name}` has no `{flag}`: {' '.join(words)}"


def slugs(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them from its headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", NAMES)
def test_every_example_can_be_typed(name: str) -> None:
    """Each `invoke ...` names a task that exists, with flags that it has."""
    faults = [fault for words in commands((ROOT / name).read_text()) for fault in faults_of(words)]

    assert faults == []


@pytest.mark.parametrize("name", NAMES[: len(PAGES)])
def test_every_flag_is_one_of_a_task(name: str) -> None:
    """A flag that stands alone between backticks belongs to at least one task."""
    alone = {
        span.split()[0].partition("=")[0]
        for span in spans((ROOT / name).read_text())
        if span.startswith("--")
    }

    assert alone - ALL_FLAGS == set()


@pytest.mark.parametrize("name", NAMES[: len(PAGES)])
def test_every_link_leads_somewhere(name: str) -> None:
    """Each relative link names a file, and each anchor a heading of it."""
    page = ROOT / name
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if re.match(r"https?://", link):
            continue
        if not target.exists() or (anchor and anchor not in slugs(target)):
            lost.append(link)

    assert lost == []


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_is_named_exists(name: str) -> None:
    """A path of this repository between backticks or in an example is there."""
    text = (ROOT / name).read_text()
    named = {word.strip("`,:") for each in [*spans(text), *blocks(text)] for word in each.split()}
    ours = {word for word in named if word.startswith(TOP) and not PLACEHOLDER.search(word)}

    assert [word for word in sorted(ours) if not (ROOT / word).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_configuration_key_that_is_named_exists(name: str) -> None:
    """`[section]` and `[section] key` between backticks are in the shipped `pipeline.toml`."""
    shipped = tomllib.loads((ROOT / "env" / "pipeline.toml").read_text())
    lost = []
    for section, key in re.findall(r"`\[([a-z0-9_.]+)\](?: ([a-z0-9_]+))?[` =]", (ROOT / name).read_text()):
        table: Any = shipped
        for part in section.split("."):
            table = table.get(part, {})
        if section != "deployment" and (not table or (key and key not in table)):  # a table of `.replit`
            lost.append(f"[{section}] {key}")

    assert lost == []


@pytest.mark.parametrize("name", ["troubleshooting.md", "incident.md", "incident.fr.md"])
def test_every_message_that_is_quoted_exists(name: str) -> None:
    """The symptoms of a page are messages of the desk; `...` stands for what varies."""
    source = "\n".join(file.read_text() for file in sorted((ROOT / "scripts").rglob("*.py")))
    if name.endswith(".fr.md"):
        source = "\n".join(item.french for item in message_catalogue.stored().values())
    quoted = re.findall(r'^\| "([^"]+)" (?:\(code \d\) )?\|', (DOCS / name).read_text(), re.MULTILINE)

    assert len(quoted) > 3
    assert [part for text in quoted for part in text.split("...") if part.strip() not in source] == []


def test_the_page_of_tasks_names_every_task() -> None:
    """Under each name that can be typed."""
    page = task_page.PAGE.read_text()

    assert [name for name in TYPED if f"`{name}`" not in page and f"\n### {name}\n" not in page] == []


def test_the_readme_is_short() -> None:
    """In both languages."""
    lengths = {page: len((ROOT / page).read_text().splitlines()) for page in FRENCH[0]}

    assert {page: lines for page, lines in lengths.items() if lines > README_LINES} == {}


def test_the_index_has_every_page() -> None:
    """No page of `docs/` is missing in its README, and nobody gets lost on the way there."""
    pages = {page.name for page in PAGES if page.parent == DOCS} - {INDEX.name}

    assert pages - set(re.findall(r"\]\(([^)#]+)\)", INDEX.read_text())) == set()
    assert "](docs/README.md)" in README.read_text()


def test_every_ref_of_the_shared_state_is_explained() -> None:
    """Each kind below `refs/deploy/` that the code names, in the table of shared state; and the cache."""
    code = "".join(file.read_text() for file in (ROOT / "scripts").rglob("*.py"))
    kinds = set(re.findall(r"refs/deploy/([a-z]+)/", code)) | {"artifact", "candidate"}
    page = (DOCS / "releases.md").read_text()
    shared = page[page.index("\n## Shared state") : page.index("\n## JSON")]

    assert kinds >= {"lock", "live", "watch", "preview", "lease", "doctor"}
    assert kinds - set(re.findall(r"^\| `refs/deploy/([a-z]+)/", shared, re.MULTILINE)) == set()
    assert f"`.git/{NAME}/{CACHE}`" in shared


def test_the_exit_codes_of_the_design_are_explained() -> None:
    """Each has a row in the table of the troubleshooting page."""
    table = re.findall(r"^\| ([0-9]+)[ ,|]", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)

    assert {"0", "1", "2", "3", "4", "5", "6", "7", "8", "130"} <= set(table)


@pytest.mark.parametrize(("english", "french"), FRENCH)
def test_a_translation_has_the_same_commands(english: str, french: str) -> None:
    """In the same order; what is quoted (a reason) is translated, too."""

    def typed(name: str) -> list[str]:
        text = re.sub(r'"[^"`\n]*"', '"..."', (ROOT / name).read_text())
        return [" ".join(words) for words in commands(text)]

    assert typed(french) == typed(english)
    assert typed(english)
    assert f"]({Path(french).name})" in (ROOT / english).read_text()


@pytest.mark.parametrize(("english", "french"), FRENCH)
def test_a_translation_has_the_same_sections(english: str, french: str) -> None:
    """As many headings of each level, and rows of tables, one after the other."""

    def shape(name: str) -> list[str]:
        return re.findall(r"^(#+ |\|)", (ROOT / name).read_text(), re.MULTILINE)

    assert shape(french) == shape(english)


@pytest.mark.parametrize(
    ("example", "fault"),
    [
        ("`invoke nothing --env dev`", "there is no task `nothing`"),
        (
            "    invoke deploy --rung full  # a comment with --flags",
            "`deploy` has no `--rung`: deploy --rung full",
        ),
        ("```sh\ninvoke unhold --nope\n```", "`unhold` has no `--nope`: unhold --nope"),
        ("`cd x && scripts/bootstrap check --no-mypy`", "`check` has no `--no-mypy`: check --no-mypy"),
    ],
)
def test_a_wrong_example_is_found(example: str, fault: str) -> None:
    """In each form that an example has."""
    assert [found for words in commands(example) for found in faults_of(words)] == [fault]


def test_the_version_is_the_newest_of_the_changelog() -> None:
    """What follows it is under "Unreleased", above; by that date the desk knows its age."""
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert headings[0] == "Unreleased"
    assert headings[1] == f"{VERSION} - {RELEASED}"
    assert [
        each for each in headings[1:] if not re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", each)
    ] == []
