"""A package that is missing while a task runs ends it; a module of the desk that is missing is a bug."""

from __future__ import annotations

import os

import pytest

from scripts.tasks import interpreter


def test_a_package_that_is_missing_ends_the_task(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its first name is what pip installs it by, or near."""
    monkeypatch.setattr(os, "_exit", lambda code: (_ for _ in ()).throw(SystemExit(code)))

    with pytest.raises(SystemExit, match="3"), interpreter.complete():
        raise ModuleNotFoundError("No module named 'dotenv.main'", name="dotenv.main")

    assert "has no package `dotenv`" in capsys.readouterr().err


def test_a_module_of_the_desk_is_no_package() -> None:
    """No bootstrap would install it."""
    with pytest.raises(ModuleNotFoundError), interpreter.complete():
        raise ModuleNotFoundError("No module named 'scripts.nothing'", name="scripts.nothing")
