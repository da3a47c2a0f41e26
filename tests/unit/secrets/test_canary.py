"""`env.scan --canary`: marks in place of secrets, a build, and a search for the marks."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from secrets import token_hex

import pytest

from scripts.config import places
from scripts.config.desk import Desk
from scripts.errors import Refused, ReleaseFailed
from scripts.secrets import canary, load
from scripts.secrets.canary import EXTRA, build, find_marks, scan_canary_build
from scripts.system import confinement
from tests.support.fake_desk import fake_desk

# a "node" that runs Vite's script with the shell; the script is the test's
NODE = '#!/bin/sh\nexec sh "$@"\n'
VITE = 'while [ "$1" != --outDir ]; do shift; done\nmkdir -p "$2"\nprintf "<p>" >"$2/index.html"\n{}\n'
MARKS = {"VITE_A_TOKEN": "cnry-0123456789ab", f"VITE_{EXTRA}": "cnry-ba9876543210"}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk with two public variables in staging, one of which is a secret."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "node").write_text(NODE)
    (programs / "node").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / ".env.staging").write_text(
        "VITE_TITLE=Airhost\nVITE_OPENAI_API_KEY=value-of-openai\nA_TOKEN=a\n"
    )
    return fake_desk(tmp_path, config_folder=tmp_path, new_id=lambda: token_hex(6))


def checkout(folder: Path, script: str) -> Path:
    """A checkout whose Vite writes a bundle with this line of shell."""
    vite = folder / "checkout" / canary.VITE
    vite.parent.mkdir(parents=True)
    vite.write_text(VITE.format(script))
    return folder / "checkout"


def scan(desk: Desk, path: Path) -> dict[str, str]:
    """The rules of the findings, by variable."""
    outcome = scan_canary_build(desk, path, desk.settings.environment("staging"))
    return {each["name"]: each["rule"] for each in outcome.data["findings"]}


def test_a_build_that_inlines_nothing_is_clean(desk: Desk, tmp_path: Path) -> None:
    """Public variables keep their values, for they decide what is built."""
    app = checkout(tmp_path, 'test "$VITE_TITLE" = Airhost || exit 3; echo "$VITE_TITLE" >"$2/a.js"')

    outcome = scan_canary_build(desk, app, desk.settings.environment("staging"))

    assert (outcome.ending, outcome.data["findings"]) == ("done", [])
    assert "1 secret name(s) under a public prefix, 2 files" in outcome.message


def test_a_build_that_inlines_a_secret_is_found(desk: Desk, tmp_path: Path) -> None:
    """In whatever form; the mark is there, not the value."""
    app = checkout(tmp_path, 'printf %s "$VITE_OPENAI_API_KEY" | base64 >"$2/a.js"; env >>"$2/b.js"')

    assert scan(desk, app)["VITE_OPENAI_API_KEY"] == "LEAK009"
    assert "value-of-openai" not in str(scan_canary_build(desk, app, None))


def test_a_build_sees_no_value_of_an_environment(desk: Desk, tmp_path: Path) -> None:
    """It gets a copy without `.env` files; as another user it can't read those of the desk either."""
    script = 'cat .env.local "{}"/.env.staging >"$2/a.js" 2>/dev/null; echo "$VITE_MAP" >"$2/b.js"'
    app = checkout(tmp_path, script.format(tmp_path))
    (app / ".env.local").write_text("VITE_OTHER_SECRET=value-of-other\nVITE_MAP=value-of-map\n")
    output = tmp_path / "out"

    variables = canary._shown_values(  # what is public in the checkout's own files stays
        desk, desk.settings.environment("staging"), load.public_names(desk), app
    )
    build(app, output, variables, 20, places.hidden(desk))

    built = {file.name: file.read_text() for file in output.iterdir()}
    assert built["b.js"] == "value-of-map\n"
    assert "value-of-other" not in str(built)
    assert ("value-of-openai" in str(built)) == bool(confinement.why_not())
    assert (app / ".env.local").is_file()


def test_a_build_that_takes_the_whole_environment_is_told(desk: Desk, tmp_path: Path) -> None:
    """By a variable that no code can name."""
    assert scan(desk, checkout(tmp_path, f'echo "$VITE_{EXTRA}" >"$2/a.js"')) == {"": "LEAK007"}


def test_secret_names_of_the_checkouts_own_files_are_marked_too(desk: Desk, tmp_path: Path) -> None:
    """The marks win over what Vite would read there."""
    app = checkout(tmp_path, 'echo "$VITE_OTHER_SECRET" >"$2/a.js"')
    (app / ".env.local").write_text("VITE_OTHER_SECRET=x\n")

    assert scan(desk, app) == {"VITE_OTHER_SECRET": "LEAK009"}


def test_marks_are_found_once_in_each_file() -> None:
    """As they are, or encoded."""
    mark = MARKS["VITE_A_TOKEN"].encode()
    files = {"a.js": mark + b" " + mark, "b.js": base64.b64encode(b"x" + mark), "c.js": b"cnry"}

    assert [(each.rule, each.file, each.name, each.offset) for each in find_marks(files, MARKS)] == [
        ("LEAK009", "a.js", "VITE_A_TOKEN", 0),
        ("LEAK009", "b.js", "VITE_A_TOKEN", 2),
    ]


def test_without_vite_or_node_there_is_no_canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is called clean."""
    with pytest.raises(Refused, match="has no Vite installed"):
        build(tmp_path, tmp_path / "out", {}, 5)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="there is no `node`"):
        build(checkout(tmp_path, ""), tmp_path / "out", {}, 5)


def test_a_build_that_fails_is_quoted(desk: Desk, tmp_path: Path) -> None:
    """With its own last words."""
    with pytest.raises(ReleaseFailed, match="could not build") as caught:
        scan_canary_build(desk, checkout(tmp_path, "echo no such module >&2; exit 1"), None)

    assert "no such module" in caught.value.message
