"""`launcher.py`: the modules as one file."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.replit import launcher_bundle
from scripts.replit.launcher_bundle import HELPERS, MODULES, bundle, helper


def top_names(text: str) -> Iterator[str]:
    """What a module defines at its top."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign | ast.For):
            targets = [node.target]
        yield from (name.id for each in targets for name in ast.walk(each) if isinstance(name, ast.Name))


def test_no_name_occurs_in_two_modules() -> None:
    """One would silently replace the other."""
    names = Counter(
        name for module in MODULES for name in {*top_names(launcher_bundle.module_text(module))}
    )

    assert [name for name, count in names.items() if count > 1] == []


def test_every_module_is_in_it() -> None:
    """A new module would be missing in the app."""
    folder = Path(launcher_bundle.__file__).parent / "launcher"
    own = {path.stem for path in folder.glob("*.py")} - {"__init__"}

    assert own == {name for name in MODULES if "." not in name}
    assert {path.name for path in (folder / "helpers").iterdir()} - {"__pycache__"} == set(HELPERS)


def test_it_imports_nothing_of_the_desk() -> None:
    """It runs where there is no desk, and no package."""
    imported = {
        alias.name if isinstance(node, ast.Import) else str(node.module)
        for node in ast.walk(ast.parse(bundle()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize("version", ["3", "3.10", "3.11", "3.12", "3.13"])
def test_it_runs(tmp_path: Path, version: str) -> None:
    """On every Python from 3.10 on that is here: it says what is missing, in one line."""
    python = shutil.which(f"python{version}")
    works = python and subprocess.run([python, "-V"], capture_output=True, check=False).returncode == 0
    if not python or not works:
        pytest.skip(f"no Python {version} here")
    (tmp_path / "launcher.py").write_text(bundle())

    ended = subprocess.run(
        [python, "-I", "launcher.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: can't read `launcher.json`")
    assert ended.stderr.count("\n") == 1


def test_helpers_are_read() -> None:
    """Their texts are what the app gets."""
    assert all("launcher" in helper(name) for name in HELPERS)
