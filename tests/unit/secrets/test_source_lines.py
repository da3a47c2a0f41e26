"""Lines that may publish more than they ask for, as measured for Vite 5, 7 and 8."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.secrets import load
from scripts.secrets.source_lines import ASKED, SUFFIXES, findings


def rules(text: str, file: str = "src/a.ts") -> list[str]:
    """The rules that one line breaks."""
    return [each.rule for each in findings([(file, 1, text)])]


@pytest.mark.parametrize(
    "text",
    [
        "const e = import.meta.env;",
        "const e = import.meta.env",
        "import.meta.env['VITE_A']",
        "import.meta.env[key]",
        "for (const k of keys) use(import.meta.env[k])",
        "schema.parse(import.meta.env)",
        "const all = { ...import.meta.env }",
        "const { VITE_A, ...rest } = import.meta.env;",
        "import.meta && import.meta.env && import.meta.env.VITE_A",
        "export default import.meta.env",
    ],
)
def test_the_whole_environment(text: str) -> None:
    """Each of these puts all public variables into the bundle of some Vite."""
    assert ["SRC001"] == rules(text)


@pytest.mark.parametrize(
    "text",
    [
        "import.meta.env.VITE_A",
        "import.meta.env?.VITE_A ?? ''",
        "const { VITE_A, MODE } = import.meta.env;",
        "// never hand import.meta.env around",
        " * import.meta.env as a whole",
        "import.meta.environment",
        "loadEnv(mode, process.cwd(), 'VITE_')",
        "loadEnv(mode, process.cwd())",
    ],
)
def test_what_asks_for_one(text: str) -> None:
    """Nothing is said of what is fine, nor of comments."""
    assert [] == rules(text)


@pytest.mark.parametrize("empty", ["''", '""', "``"])
def test_every_variable_of_the_machine(empty: str) -> None:
    """`loadEnv` with an empty prefix."""
    assert ["SRC002"] == rules(f"  const env = loadEnv(mode, process.cwd(), {empty});", "vite.config.ts")


def test_types_are_no_code() -> None:
    """A declaration takes nothing."""
    assert [] == rules("declare const e: typeof import.meta.env", "src/vite-env.d.ts")


def test_git_finds_them_wherever_they_lie(tmp_path: Path) -> None:
    """In tracked files of every kind and name; not in others, and not outside of a checkout."""
    assert [] == load.lines(tmp_path, ASKED, SUFFIXES)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    for name in ("a.ts", "deep/er/b é:1.vue", "notes.md"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("first\nuse(import.meta.env)\n")
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    (tmp_path / "new.ts").write_text("use(import.meta.env)\n")

    assert [("a.ts", 2, "use(import.meta.env)"), ("deep/er/b é:1.vue", 2, "use(import.meta.env)")] == (
        sorted(load.lines(tmp_path, ASKED, SUFFIXES))
    )
