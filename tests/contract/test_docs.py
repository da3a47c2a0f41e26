"""README, docs and configuration comments: links, file names, tasks and flags in them are real."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tasks
from tests.support.desks import ROOT

README = ROOT / "README.md"
PAGES = [
    README,
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "scripts" / "sandbox" / "sample_app" / "README.md",
]
MANUALS = [
    ROOT / "env" / "pipeline.toml",
    ROOT / "env" / "masking.toml",
    *sorted((ROOT / "env").glob(".env.*")),
]
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


INVOKE_FLAGS = {"--help", "--list", "--dry"}  # of the program itself; the desk refuses the last
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


def test_every_message_that_is_quoted_exists() -> None:
    """The symptoms of the troubleshooting page are messages of the desk; `...` stands for what varies."""
    source = "\n".join(file.read_text() for file in sorted((ROOT / "scripts").rglob("*.py")))
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    quoted = re.findall(r'^\| "([^"]+)" \|', page, re.MULTILINE)

    assert len(quoted) > 5
    assert [part for text in quoted for part in text.split("...") if part.strip() not in source] == []


@pytest.mark.parametrize("name", TASKS)
def test_the_readme_names_every_task(name: str) -> None:
    """Whoever reads the README learns of every task."""
    assert f"`{name}`" in README.read_text()


def test_the_readme_has_every_page() -> None:
    """No page of `docs/` is missing in the README's list."""
    pages = {f"docs/{page.name}" for page in PAGES if page.parent == ROOT / "docs"}

    assert pages - set(re.findall(r"\]\((docs/[^)#]+)\)", README.read_text())) == set()


def test_the_readme_has_the_codes_of_the_design() -> None:
    """Every exit code is explained."""
    table = re.findall(r"^\| .* \| ([0-9 ·,/or]+) \|$", README.read_text(), re.MULTILINE)
    codes = {int(code) for cell in table for code in re.findall(r"[0-9]+", cell)}

    assert {0, 1, 3, 4, 5, 6, 7, 8, 130} <= codes


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
