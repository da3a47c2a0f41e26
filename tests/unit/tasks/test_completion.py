"""What a shell offers after a task."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.tasks import completion

TOML = 'chain = ["development", "staging"]\n[environment.staging]\naliases = ["stage"]\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration that is offered."""
    (tmp_path / "pipeline.toml").write_text(TOML)
    monkeypatch.setenv("AIRHOST_ENV_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("invoke deploy --env", ["development", "staging", "stage"]),
        ("invoke deploy -e", ["development", "staging", "stage"]),
        ("invoke promote --to sta", ["staging", "stage"]),
        ("invoke promote --to x", []),
        ("invoke deploy", []),
        ("invoke deploy --env staging --pl", []),
        ("", []),
        ("invoke deploy --env 'sta", []),
        ("invoke promote sta", ["staging", "stage"]),
        ("invoke rollback --to", []),
        ("invoke db.restore --plan sta", []),
    ],
)
def test_environments_are_offered_where_one_is_asked_for(line: str, offered: list[str]) -> None:
    """Names and aliases that begin as what was typed."""
    assert completion.offered(line) == offered


@pytest.mark.parametrize("text", ["chain = [", "chain = 3", "", "chain = ['a']\nenvironment = 1"])
def test_a_configuration_that_is_broken_offers_nothing(folder: Path, text: str) -> None:
    """No traceback between two key presses."""
    (folder / "pipeline.toml").write_text(text)

    assert completion.offered("invoke deploy --env") == []
