"""`.env` files that git has: whoever can clone has them, on the disk or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.config.desk import Desk
from scripts.git.client import Git
from scripts.secrets.classify import PublicNames
from scripts.secrets.exposure import past_env_files, tracked_env_files
from scripts.setup.machine_checks import check_history
from tests.support.environments import made_up
from tests.support.fake_desk import fake_desk
from tests.support.repositories import Repository

SECRET = f"PAYMENT_SECRET={made_up('payment')}\n"


@pytest.fixture
def app(tmp_path: Path) -> Repository:
    """The app's checkout; its configuration lies elsewhere."""
    app = Repository(tmp_path / "app")
    app.folder.mkdir()
    app.git("init", "-q")
    return app


@pytest.fixture
def desk(app: Repository, tmp_path: Path) -> Desk:
    """A desk for it."""
    return fake_desk(tmp_path, git=Git(app.folder, "origin"))


def tracked(desk: Desk, *known: Path) -> list[str]:
    """The files that are told."""
    return [each.file for each in tracked_env_files(desk, PublicNames(), known)]


def add(app: Repository, name: str, text: str = SECRET) -> Path:
    """A file in git's index."""
    file = app.folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    app.git("add", "-f", name)
    return file


@pytest.mark.parametrize("name", [".env", ".env.production", ".env.production.local", "web/.env.local"])
def test_a_tracked_file_of_the_app_is_told_with_its_names(app: Repository, desk: Desk, name: str) -> None:
    """At the root or below; never with a value."""
    add(app, name)

    (found,) = tracked_env_files(desk, PublicNames(), ())
    ((why, hint),) = found.exposed

    assert (found.file, found.kind) == (name, "tracked")
    assert "it is in git with `PAYMENT_SECRET`" in why
    assert f"git rm --cached {name}" in hint
    assert made_up("payment") not in why + hint


def test_a_file_that_is_gone_from_the_disk_is_still_in_git(app: Repository, desk: Desk) -> None:
    """`rm` leaves it in the index; the one that replaces it may be harmless."""
    add(app, ".env").unlink()
    add(app, ".env.staging").write_text("A=b\n")

    assert tracked(desk) == [".env", ".env.staging"]


def test_what_a_link_leads_to_counts(app: Repository, desk: Desk) -> None:
    """Git has the link alone, and the file under another name."""
    (app.folder / "values.txt").write_text(SECRET)
    (app.folder / ".env").symlink_to("values.txt")
    app.git("add", "-f", ".env", "values.txt")

    assert tracked(desk) == [".env"]


def test_a_file_without_a_secret_may_be_in_git(app: Repository, desk: Desk) -> None:
    """Vite's own manual has `.env` in git, for public values; examples are made for it."""
    add(app, ".env", "VITE_TITLE=Airhost\nVITE_MAPBOX_TOKEN=pk.eyJ1.abcdef\nPORT=3000\n")
    add(app, ".env.staging", "OPENAI_API_KEY=your-key-here\n")
    for ending in ("example", "sample", "production.template", "sops"):
        add(app, f".env.{ending}")
    (app.folder / ".env.local").write_text(SECRET)

    assert tracked(desk) == []


def test_what_is_looked_at_elsewhere_is_left_out_while_it_exists(app: Repository, desk: Desk) -> None:
    """The file of an environment has its own finding."""
    file = add(app, ".env.production")

    assert tracked(desk, file) == []
    file.unlink()
    assert tracked(desk, file) == [".env.production"]


def test_outside_of_a_checkout_nothing_is_tracked(tmp_path: Path) -> None:
    """There is no git to ask."""
    desk = fake_desk(tmp_path)

    assert (tracked(desk), past_env_files(desk)) == ([], [])


def test_the_history_is_named_once(app: Repository, desk: Desk) -> None:
    """Deleted long ago, or on another branch: whoever has a clone has it."""
    add(app, ".env.example")
    add(app, ".env")
    app.git("commit", "-qm", "first")
    app.git("rm", "-q", ".env")
    app.git("commit", "-qm", "gone")
    app.git("checkout", "-qb", "other")
    add(app, "web/.env.production")
    app.git("commit", "-qm", "there")
    app.git("checkout", "-q", "-")

    assert past_env_files(desk) == [".env", "web/.env.production"]
    (told,) = check_history(desk)
    assert (told.state, told.message) == (
        "warning",
        "git's history holds `.env`, `web/.env.production`",
    )
