"""The copy of the desk in an app's repository: one folder of its own, and a manifest of what belongs to it.

The manifest has the form of `sha256sum`. A file whose digest is not the one there was changed by a person:
it stays, and is named. The configuration (`env/`) is in no manifest, so no upgrade ever touches it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from scripts.errors import Refused
from scripts.git.command import git_command
from scripts.setup import app_facts
from scripts.setup.files import Change, Changes
from scripts.system.process import attempt

FOLDER = "release-desk"
MANIFEST = "MANIFEST"
NUMBER = "VERSION"  # the file with the number, the date and the commit of a copy
TEMPLATES = "scripts/setup/templates"
SAYS = re.compile(r'^(?:VERSION|RELEASED) = "([^"]+)"', re.MULTILINE)  # in `scripts/__init__.py`
PATH = re.compile(r"[\w.@+ /-]+")  # it stands in a file of Python, between quotes
LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
# The sandbox holds a sample app, which an app's own tools would compile and test.
LEFT_OUT = ("scripts/sandbox/",)
TOPS = ("tasks.py", "scripts", "loadtests", "tests/e2e", "LICENSE")
ENDINGS = (".py", ".sh", ".cjs", ".ini", ".txt", ".toml", ".css", ".sql", ".mo")
PLAIN = ("LICENSE", "bootstrap")
# At the top of the app's checkout, so that `invoke` finds its tasks from there.
TASKS = '''"""Here `invoke` runs the tasks of the release desk, which is in `{folder}/`.

Before the first one, on each machine: `{folder}/scripts/bootstrap --list`, then
`. {folder}/.venv/bin/activate`.
"""
import runpy
import sys
from pathlib import Path

desk = str(Path(__file__).resolve().parent / "{folder}")
sys.path.insert(0, desk)
namespace = runpy.run_path(desk + "/tasks.py", run_name="release_desk")["namespace"]
'''
# The app's own pytest must not collect the desk's journeys; those are run in their own folder.
GUARD = '''"""Keeps the app's own pytest out of this folder: it is the release desk's."""

collect_ignore_glob = ["*"]
'''


def folder_for(top: Path, wanted: str, ask: Callable[[str, str], str] | None) -> str:
    """The folder of the copy, below the app's checkout.

    Args:
        wanted: as somebody typed it; "" for the usual one.
        ask: asks a person for another folder, if this one is taken.

    Raises:
        Refused: it leads out of the checkout, or something else lies there.
    """
    name = (wanted or FOLDER).strip("/")
    if ask is not None and _is_taken(top / name):
        name = ask(f"`{name}` holds something else; another folder for the desk", name).strip("/")
    if not PATH.fullmatch(name) or set(name.split("/")) & {"", ".", "..", ".git"}:
        raise Refused(f"`{name}` is no folder below `{top}`", "`--vendor-folder tools/release-desk`")
    if _is_taken(top / name):
        raise Refused(
            f"`{top / name}` is there, and is no copy of the desk", "`--vendor-folder tools/release-desk`"
        )
    return name


def _is_taken(folder: Path) -> bool:
    """Whether something else than a copy of the desk lies there."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        return True
    return folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file()


def template(desk: Path, name: str) -> str:
    """The shipped `pipeline.toml` or `masking.toml`, also where `env/` is an app's."""
    copied = desk / TEMPLATES / name
    return (copied if copied.is_file() else desk / "env" / name).read_text(encoding="utf-8")


def tasks_of(app: Path, folder: str) -> dict[str, str]:
    """The `tasks.py` by which `invoke` finds the copy from the app's top; {} where the app has its own."""
    there = (app_facts.read(app / "tasks.py") or b"").decode("utf-8", "replace")
    own = (there and not there.startswith(TASKS.partition(",")[0])) or (app / "tasks").exists()
    return {} if own else {"tasks.py": TASKS.replace("{folder}", folder)}


def changes(desk: Path, target: Path) -> Changes:
    """What copying the desk into a folder would change there."""
    wanted = dict(_contents(desk))
    recorded = manifest(target)
    found: list[Change] = []
    digests: dict[str, str] = {}
    for name, (after, like) in sorted(wanted.items()):
        before, digest = app_facts.read(target / name), _digest(after)
        if before is None or before == after:
            found.append(Change(name, "new" if before is None else "same", after, like))
        elif _digest(before) == recorded.get(name):
            found.append(Change(name, "changed", after, like))
        else:
            found.append(Change(name, "kept", after, like))
            digest = recorded.get(name, "")
        if digest:
            digests[name] = digest
    for name in sorted(recorded.keys() - wanted.keys()):
        before = app_facts.read(target / name)
        if before is not None:
            ours = _digest(before) == recorded[name]
            found.append(Change(name, "removed" if ours else "kept", None))
    return Changes(target, (*found, _manifest_change(desk, target, digests)))


def _manifest_change(desk: Path, target: Path, digests: dict[str, str]) -> Change:
    """The manifest comes last: until it is written, files that were written count as they are."""
    lines = [f"{digest}  {name}" for name, digest in sorted(digests.items())]
    text = "\n".join([f"# release desk {version(desk)}", *lines, ""]).encode()
    before = app_facts.read(target / MANIFEST)
    return Change(MANIFEST, "new" if before is None else "same" if before == text else "changed", text)


def manifest(target: Path) -> dict[str, str]:
    """The digest of each file as it was copied; {} where there is no copy."""
    pairs = (LINE.fullmatch(line) for line in _text(target / MANIFEST).splitlines())
    return {pair[2]: pair[1] for pair in pairs if pair and not _leads_out(pair[2])}


def _leads_out(name: str) -> bool:
    return name.startswith("/") or ".." in name.split("/")


def version(desk: Path) -> str:
    """Number, date and commit of a desk, such as `1.0.0 (2026-11-30, 0c1d2e3f4a5b)`."""
    first = _text(desk / MANIFEST).partition("\n")[0]
    if first.startswith("# release desk "):
        return first.removeprefix("# release desk ")
    answer = attempt(
        git_command(desk, ("describe", "--always", "--tags", "--abbrev=12"), app_facts.TIMEOUT)
    )
    commit = answer.text.strip() if answer.code == 0 else ""
    number, *date = SAYS.findall(_text(desk / "scripts" / "__init__.py")) or ["unknown"]
    known = ", ".join(part for part in (*date, commit) if part)
    return f"{number} ({known})" if known else number


def _text(file: Path) -> str:
    return (app_facts.read(file) or b"").decode("utf-8", "replace")


def copies(app: Path) -> list[Path]:
    """The copies of the desk in a checkout, up to two folders down."""
    found = [path.parent for form in (f"*/{MANIFEST}", f"*/*/{MANIFEST}") for path in app.glob(form)]
    return sorted(folder for folder in found if (folder / "scripts" / "app.py").is_file())


def _contents(desk: Path) -> Iterator[tuple[str, tuple[bytes, Path | None]]]:
    """Every file of a copy: its content, and the file whose mode it gets."""
    for file in _files(desk):
        yield file.relative_to(desk).as_posix(), (file.read_bytes(), file)
    for name in ("pipeline.toml", "masking.toml"):
        yield f"{TEMPLATES}/{name}", (template(desk, name).encode(), None)
    yield "conftest.py", (GUARD.encode(), None)
    yield NUMBER, (f"{version(desk)}\n".encode(), None)


def _files(desk: Path) -> Iterator[Path]:
    for top in (*TOPS, *sorted(file.name for file in desk.glob("requirements*.txt"))):
        if (desk / top).is_file():
            yield desk / top
        for folder, inner, names in os.walk(desk / top):
            inner[:] = sorted(set(inner) - {"__pycache__", "node_modules", "templates"})
            for name in sorted(names):
                file = Path(folder) / name
                path = file.relative_to(desk).as_posix()
                if not path.startswith(LEFT_OUT) and (name in PLAIN or name.endswith(ENDINGS)):
                    yield file


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
