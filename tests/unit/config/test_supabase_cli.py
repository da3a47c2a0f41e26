"""How the Supabase CLI is found, and how its answers are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.config.supabase_cli import answer, find, install_command
from scripts.errors import CommandFailed, Refused
from scripts.system.command import Result
from scripts.system.secret import remember


def result(out: str = "", err: str = "", code: int = 0) -> Result:
    """An ended call."""
    return Result(code, out.encode(), err.encode(), 0.1)


def test_a_good_answer_is_its_document() -> None:
    """JSON on standard output with code 0 is believed."""
    assert answer(result('[{"local": "1"}]\n', "Connecting...\n"), "x") == [{"local": "1"}]


BAD: list[tuple[Result, str]] = [
    (result("", "no such host", 1), "`x` ended with 1 and no JSON\n  | no such host"),
    (result("Applied.", "", 0), "`x` ended with 0 and no JSON\n  | Applied."),
    (
        result('{"_tag": "Error", "error": {"message": "bad\\n::error::"}}', "", 1),
        "`x` ended with 1\n  | bad\n  | ::error::",
    ),
    (result('{"_tag": "Error", "error": {"message": "bad"}}'), "`x` ended with 0\n  | bad"),
    (result("[]", "", 3), "`x` ended with 3\n  | []"),
]


@pytest.mark.parametrize(("ended", "message"), BAD)
def test_every_other_answer_is_a_failure(ended: Result, message: str) -> None:
    """Exit code 0 alone proves nothing, an error document is quoted, and its lines can't pass for ours."""
    with pytest.raises(CommandFailed) as caught:
        answer(ended, "x")

    assert (message, ended.code) == (caught.value.message, caught.value.exit_code)


@pytest.mark.parametrize("error", [None, "text", [], 1, {"message": None}])
def test_an_odd_error_document_is_no_traceback(error: Any) -> None:
    """Whatever stands in its place, the failure is told."""
    with pytest.raises(CommandFailed):
        answer(result(json.dumps({"_tag": "Error", "error": error}), "", 1), "x")


def test_secrets_in_an_answer_are_masked() -> None:
    """A CLI that repeats the password does not repeat it to people."""
    remember("pw-of-db")

    with pytest.raises(CommandFailed) as caught:
        answer(result('{"_tag": "Error", "error": {"message": "bad pw-of-db"}}', "", 1), "x")

    assert "pw-of-db" not in caught.value.message


def installed(app: Path, version: str) -> Path:
    """A CLI as npm installs it."""
    package = app / "node_modules" / "@supabase" / "cli-linux-x64"
    (package / "bin").mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"version": version}))
    (package / "bin" / "supabase").touch()
    return package / "bin" / "supabase"


def test_the_pinned_binary_is_found(tmp_path: Path) -> None:
    """In the app's own packages, or in those of a folder above."""
    binary = installed(tmp_path, "3.1.0")
    (tmp_path / "apps" / "web").mkdir(parents=True)

    assert (find(tmp_path, ""), find(tmp_path / "apps" / "web", "")) == (binary, binary)


@pytest.mark.parametrize(
    "layout",
    [
        "apps/web/node_modules/@supabase/cli-linux-x64",
        "frontend/node_modules/.pnpm/node_modules/@supabase/cli-linux-x64",
        "node_modules/.bun/@supabase+cli-linux-x64@3.1.0/node_modules/@supabase/cli-linux-x64",
    ],
)
def test_the_binary_of_a_nested_app_is_found(tmp_path: Path, layout: str) -> None:
    """Wherever a package manager puts it, up to two folders below the checkout."""
    binary = tmp_path / layout / "bin" / "supabase"
    binary.parent.mkdir(parents=True)
    binary.touch()

    assert find(tmp_path, "") == binary


@pytest.mark.parametrize(
    ("files", "command"),
    [
        (["package.json"], "npm --prefix {app} install --save-dev --save-exact supabase@3.1.0"),
        (
            ["frontend/package.json", "frontend/pnpm-lock.yaml"],
            "pnpm --dir {app}/frontend add --save-dev --save-exact supabase@3.1.0",
        ),
        (["package.json", "bun.lockb"], "bun add --cwd {app} --dev --exact supabase@3.1.0"),
    ],
)
def test_what_installs_it_fits_the_app(tmp_path: Path, files: list[str], command: str) -> None:
    """In the folder that has a package, with the package manager whose lock file is there."""
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    with pytest.raises(Refused) as caught:
        find(tmp_path, "")

    assert f"`{command.format(app=tmp_path)}`" == caught.value.hint


@pytest.mark.parametrize(
    ("lockfile", "command"),
    [
        ("package-lock.json", "npm --prefix {app} ci"),
        ("pnpm-lock.yaml", "pnpm --dir {app} install --frozen-lockfile"),
        ("bun.lockb", "bun install --cwd {app} --frozen-lockfile"),
    ],
)
def test_one_that_is_pinned_is_only_to_be_installed(tmp_path: Path, lockfile: str, command: str) -> None:
    """Adding it would change the app's files; a range, or an old one, has to be changed."""
    (tmp_path / lockfile).touch()
    for version, fits in (("3.1.0", True), ("^3.1.0", False), ("2.58.5", False)):
        (tmp_path / "package.json").write_text(f'{{"devDependencies": {{"supabase": "{version}"}}}}')

        assert (install_command(tmp_path) == command.format(app=tmp_path)) is fits


def test_a_configured_binary_is_taken(tmp_path: Path) -> None:
    """`[supabase] cli` is relative to the app."""
    (tmp_path / "cli").touch()

    assert tmp_path / "cli" == find(tmp_path, "cli")


@pytest.mark.parametrize("configured", ["", "nowhere"])
def test_no_binary_is_refused_with_what_installs_it(tmp_path: Path, configured: str) -> None:
    """Who lacks it learns where it should be."""
    with pytest.raises(Refused) as caught:
        find(tmp_path, configured)

    assert caught.value.hint


def test_an_old_one_is_refused(tmp_path: Path) -> None:
    """2.x answers its own questions with yes."""
    installed(tmp_path, "2.58.5")

    with pytest.raises(Refused, match=r"2\.58\.5"):
        find(tmp_path, "")


@pytest.mark.parametrize("version", ["canary", "", "v3.1.0"])
def test_an_odd_version_is_no_traceback(tmp_path: Path, version: str) -> None:
    """A version that is no number is refused or trusted, but read."""
    binary = installed(tmp_path, version)

    try:
        found = find(tmp_path, "")
    except Refused:
        return

    assert binary == found
