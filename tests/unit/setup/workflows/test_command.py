"""`github.workflows`: a look, a yes, and files that a job can use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.errors import Declined, Refused
from scripts.setup.request import WorkflowsRequest
from scripts.setup.workflows import command
from scripts.setup.workflows.command import find_place, write_workflows
from tests.fakes.world import Notes
from tests.support.workflows import settings

Make = Callable[..., Any]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A desk in `desk` beside an app in `app`, or copied into it; its configuration where it is said."""
    for each in ("app/env", "desk/env", "app/release-desk/env", "away"):
        (tmp_path / each).mkdir(parents=True)

    def made(where: str = "app/release-desk", config: str = "", **more: Any) -> Any:
        monkeypatch.setattr(command, "DESK", tmp_path / where)
        found = settings()
        repository = more.pop("repository", "../app")
        return SimpleNamespace(
            settings=replace(found, app=found.app._replace(repository=repository)),
            git=SimpleNamespace(folder=tmp_path / "app"),
            config_folder=tmp_path / (config or f"{where}/env"),
            progress=Notes(**more),
        )

    return made


def test_what_is_shown_is_written_after_a_yes(make: Make, tmp_path: Path) -> None:
    """Not before, and not twice; a file that somebody changed is shown as a difference and asked about."""
    folder = tmp_path / "app" / ".github" / "workflows"
    planned = write_workflows(make(), WorkflowsRequest(plan=True))
    with pytest.raises(Declined):
        write_workflows(make(), WorkflowsRequest())
    assert not folder.exists()
    assert set(planned.data["files"].values()) == {"new"}

    assert write_workflows(make(types="yes"), WorkflowsRequest()).ending == "done"
    names = sorted(file.name for file in folder.iterdir())
    assert names == ["check.yml", "deploy.yml", "nightly.yml", "preview.yml", "promote.yml", "rollback.yml"]
    assert write_workflows(make(), WorkflowsRequest()).ending == "nothing"

    (folder / "deploy.yml").write_text("name: mine\n")
    desk = make()
    with pytest.raises(Declined):
        write_workflows(desk, WorkflowsRequest())
    assert any("| -name: mine" in line for line in desk.progress.lines)
    changed = write_workflows(make(), WorkflowsRequest(yes=True)).data["files"]
    assert changed[".github/workflows/deploy.yml"] == "changed"


def test_the_secrets_to_set_are_commands(make: Make) -> None:
    """Each from a file; what is public is a variable, and nightly jobs have an environment of their own."""
    listed = write_workflows(make(), WorkflowsRequest(plan=True)).data["set"]

    assert "gh secret set DATABASE_URL --env production < file" in listed
    assert "gh variable set VITE_SITE_URL --env staging < file" in listed
    assert "gh secret set BACKUP_IDENTITY --env production-nightly < file" in listed
    assert not any("BACKUP_IDENTITY --env production " in line for line in listed)
    assert not any("GITHUB_TOKEN" in line for line in listed)


def test_a_job_finds_desk_and_configuration_where_this_machine_does(make: Make) -> None:
    """In the app, or checked out beside it; the configuration in either repository."""
    pinned = WorkflowsRequest(desk=f"o/desk@{'a' * 40}")
    copied = find_place(make(), WorkflowsRequest())
    beside = find_place(make("desk", "app/env"), pinned)
    own = find_place(make("desk"), pinned)

    assert copied[1:5] == ("release-desk", ".", "", "release-desk/.airhost")
    assert beside[1:5] == ("desk", "app", "app/env", "app/.airhost")
    assert beside.source == ("o/desk", "a" * 40)
    assert (own.config, own.state) == ("", "desk/.airhost")


@pytest.mark.parametrize(
    ("where", "repository", "desk", "why"),
    [
        ("app/release-desk away", "..", "", "could not find the configuration"),
        ("desk away", "../app", f"o/desk@{'a' * 40}", "could not find the configuration"),
        ("desk app/env", "/srv/app", f"o/desk@{'a' * 40}", "could not find the app"),
        ("desk app/env", "../app", "o/desk@main", "no repository at a commit"),
        ("desk app/env", "../app", "", "comes from no repository on GitHub"),
    ],
)
def test_what_a_job_could_not_find_is_refused(
    make: Make, where: str, repository: str, desk: str, why: str
) -> None:
    """Before anything is written."""
    with pytest.raises(Refused, match=why):
        find_place(make(*where.split(), repository=repository), WorkflowsRequest(desk=desk))
