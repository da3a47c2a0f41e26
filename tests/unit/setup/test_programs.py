"""What is installed here and in the app."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.setup import programs


@pytest.mark.parametrize(
    ("output", "version"),
    [("tool version 2.39.5 (x)", (2, 39, 5)), ("v20.1.0", (20, 1, 0)), ("tool 9", (9,)), ("none", None)],
)
def test_the_version_is_the_first_number_that_a_program_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, version: tuple[int, ...] | None
) -> None:
    """On either stream: `ssh -V` writes to standard error."""
    (tmp_path / "tool").write_text(f'#!/bin/sh\n[ "$1" = -V ] && echo "{output}" >&2\n')
    (tmp_path / "tool").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert programs.version("tool", "-V") == version


def test_a_missing_program_has_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, not an error."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert programs.version("git") is None


def test_an_alias_is_resolved_by_ssh(tmp_path: Path) -> None:
    """From the configuration that is named."""
    (tmp_path / "config").write_text("Host box\n  HostName box.example\n  User ada\n  Port 2222\n")
    target = programs.ssh_target("box", str(tmp_path / "config"))

    assert target == {"hostname": "box.example", "user": "ada", "port": "2222"}
    assert programs.ssh_target("box", str(tmp_path / "missing")) == {}


def test_modes_and_documents(tmp_path: Path) -> None:
    """A file that is missing or is no JSON object is no error."""
    file = tmp_path / "package.json"
    file.touch(mode=0o640)
    file.chmod(0o640)

    assert (programs.mode(file), programs.mode(tmp_path / "missing")) == (0o640, None)
    assert (programs.document(file), programs.document(tmp_path / "missing")) == ({}, {})

    file.write_text("[" * 100_000)

    assert programs.document(file) == {}


def test_the_cli_of_a_folder_above_counts(tmp_path: Path) -> None:
    """As node resolves packages; a file without a version does not."""
    package = tmp_path / "node_modules" / "supabase" / "package.json"
    package.parent.mkdir(parents=True)
    (tmp_path / "app").mkdir()
    package.write_text('{"version": "3.1.0"}')

    assert programs.installed_cli(tmp_path / "app") == "3.1.0"

    package.write_text("{}")

    assert programs.installed_cli(tmp_path / "app") is None
