"""`launcher.json` and the environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.replit.launcher.config import Config, LauncherError, app_environment, load_config

GOOD = {"remote": "ssh://git@host/app.git", "branches": {"staging": "develop"}, "run": ["node", "a.js"]}
ENVIRON = {"DESK_ENVIRONMENT": "staging", "PORT": "8080", "LAUNCHER_TOKEN": "t", "LAUNCHER_DEPLOY_KEY": "k"}


def load(folder: Path, environ: dict[str, str] | None = None, **changes: Any) -> Config:
    """Load a good file with these changes."""
    (folder / "launcher.json").write_text(json.dumps({**GOOD, **changes}))
    return load_config(folder, ENVIRON if environ is None else environ)


def test_it_is_read(tmp_path: Path) -> None:
    """Defaults, the environment's branch, and what the secrets say."""
    config = load(tmp_path)

    assert (config.branch, config.port, config.token, config.key) == ("develop", 8080, "t", "k")
    assert (config.keep, config.warm, config.socket, config.build) == (5, 1, "inherit", "there")
    assert "k" not in repr(config).split("key")[-1][:5]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"run": None}, "needs `run`"),
        ({"run": "node a.js"}, "list of words"),
        ({"run": []}, "list of words"),
        ({"keep": 0}, "`keep`"),
        ({"keep": True}, "`keep`"),
        ({"poll_seconds": "3"}, "`poll_seconds`"),
        ({"socket": "magic"}, "`socket`"),
        ({"build": "elsewhere"}, "`build`"),
        ({"remote": "--upload-pack=x"}, "`remote`"),
        ({"remote": "ext::sh -c x"}, "`remote`"),
        ({"remote": "https://a:b@host/app.git"}, "LAUNCHER_GIT_TOKEN"),
        ({"static": "../x"}, "`static`"),
        ({"static": "/etc"}, "`static`"),
        ({"health": "health"}, "`health`"),
        ({"health": "/a\r\nX: y"}, "`health`"),
        ({"branches": {"staging": "--force"}}, "no name of a branch"),
        ({"branches": {"production": "main"}}, "should name one of"),
        ({"whatever": 1}, "unknown keys: whatever"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """In a sentence with the key."""
    with pytest.raises(LauncherError, match=said):
        load(tmp_path, **changes)


@pytest.mark.parametrize("environ", [{}, {"DESK_ENVIRONMENT": "x"}, {**ENVIRON, "PORT": "http"}])
def test_the_environment_is_checked(tmp_path: Path, environ: dict[str, str]) -> None:
    """Which one it is has to be known."""
    with pytest.raises(LauncherError):
        load(tmp_path, environ)


def test_the_app_gets_none_of_the_launchers_secrets() -> None:
    """Neither the key nor the tokens."""
    assert app_environment({**ENVIRON, "LAUNCHER_GIT_TOKEN": "g"}) == {
        "DESK_ENVIRONMENT": "staging",
        "PORT": "8080",
    }


def test_a_public_folder(tmp_path: Path) -> None:
    """An artifact is that folder itself, unless it has one of that name."""
    config = load(tmp_path, static="dist", build="artifact")

    assert config.public(tmp_path) == tmp_path
    (tmp_path / "dist").mkdir()
    assert config.public(tmp_path) == tmp_path / "dist"
