"""`github.workflows`: write workflows for GitHub Actions into the app, after a look and a yes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from scripts import DESK
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import CommandFailed, Declined, Refused
from scripts.git.command import git_command, remote_urls
from scripts.github.remote import NAME, first_repository
from scripts.setup.files import Changes, show
from scripts.setup.request import WorkflowsRequest
from scripts.setup.workflows.check import check, heading
from scripts.setup.workflows.nightly import monitor, nightly
from scripts.setup.workflows.place import Place
from scripts.setup.workflows.preview import preview
from scripts.setup.workflows.releases import deploy, promote, rollback
from scripts.setup.workflows.secrets import commands
from scripts.setup.workflows.yaml import dump
from scripts.system.process import attempt

FOLDER = ".github/workflows"
ABOUT = {
    "check": "What every push and pull request is judged by.",
    "deploy": "A push makes a branch's head live.",
    "promote": "What passed in one environment goes to the next.",
    "rollback": "An earlier release goes live again.",
    "nightly": "Backups and drift.",
    "preview": "A pull request's branch at an address of its own.",
    "monitor": "A fallback: GitHub runs schedules late, or not at all, and a job remembers nothing.",
}
PINNED = re.compile(rf"({NAME})@([0-9a-f]{{40}})")


def write_workflows(desk: Desk, request: WorkflowsRequest) -> Outcome:
    """Show what would be written, ask, write.

    Raises:
        Declined: files differ, and overwriting them was not agreed to.
        CommandFailed: a file can't be written.
    """
    place = find_place(desk, request)
    documents = generate(place, monitors=request.monitor)
    texts = {
        f"{FOLDER}/{name}.yml": dump({**heading(ABOUT[name]), **each}) for name, each in documents.items()
    }
    changes = Changes.between(desk.git.folder, texts, ())
    show(desk.progress, changes, None)
    if place.settings.app.migrations and not place.settings.backup.bucket:
        desk.progress.note(
            "warning: no backups at night: a job's machine is thrown away, and `[backup]` has no bucket"
        )
    data: dict[str, Any] = {
        "files": {each.name: each.state for each in changes.changes},
        "set": commands(documents),
    }
    desk.progress.show(["", "to set on GitHub, each from a file:", *(f"  {line}" for line in data["set"])])
    if request.plan:
        return Outcome.done("nothing was written; this is what would be", **data)
    if not changes.written:
        return Outcome.nothing("every workflow is up to date", **data)
    if not (request.yes or desk.progress.agree(f"write {len(changes.written)} files as shown?")):
        raise Declined("nothing was written", "look at the differences, then use `--yes`")
    try:
        count = changes.write()
    except OSError as fault:
        raise CommandFailed(f"`{desk.git.folder / FOLDER}` can't be written: {fault.strerror}") from None
    hint = "next: set the secrets that `docs/ci.md` explains, and commit the files to the first branch"
    return Outcome.done(f"{count} workflows written in `{desk.git.folder / FOLDER}`", hint, **data)


def generate(place: Place, *, monitors: bool = False) -> dict[str, dict[str, Any]]:
    """Every workflow, by the name of its file."""
    made = {
        "check": check(place),
        "deploy": deploy(place),
        "promote": promote(place),
        "rollback": rollback(place),
        "nightly": nightly(place),
        "preview": preview(place),
        "monitor": monitor(place) if monitors else None,
    }
    return {name: each for name, each in made.items() if each is not None}


def find_place(desk: Desk, request: WorkflowsRequest) -> Place:
    """Where the desk lies for a job: in the app's repository, or checked out beside it.

    Raises:
        Refused: a job could not have it, or its configuration, where this machine has it.
    """
    top, config = desk.git.folder.resolve(), desk.config_folder
    if top == DESK or top in DESK.parents:
        folder = DESK.relative_to(top).as_posix()
        inside = _inside(config, top)
        return Place(
            desk.settings,
            desk=folder,
            app=".",
            config="" if config == DESK / "env" else inside,
            state=_state(inside),
            source=("", ""),
            node=request.node,
        )
    relative = os.path.relpath(top, DESK)
    if Path(relative).parent != Path("..") or desk.settings.app.repository.startswith("/"):
        raise Refused(
            f"a job could not find the app: `[app] repository` is `{desk.settings.app.repository}`",
            f"put both folders side by side, and name it `../{top.name}`",
        )
    within = config.is_relative_to(DESK)
    inside = f"{DESK.name if within else top.name}/{_inside(config, DESK if within else top)}"
    return Place(
        desk.settings,
        desk=DESK.name,
        app=top.name,
        config="" if config == DESK / "env" else inside,
        state=_state(inside),
        source=_source(request),
        node=request.node,
    )


def _inside(config: Path, top: Path) -> str:
    """The configuration's folder, relative to the repository that holds it."""
    if not config.is_relative_to(top):
        raise Refused(
            f"a job could not find the configuration: `{config}` is in no repository that it checks out",
            f"move it to `{top / 'env'}`, and commit `pipeline.toml`",
        )
    return config.relative_to(top).as_posix()


def _state(config: str) -> str:
    """Where the desk keeps reports: beside its configuration."""
    return (Path(config).parent / ".airhost").as_posix()


def _source(request: WorkflowsRequest) -> tuple[str, str]:
    """The desk's repository on GitHub and the commit of this copy, unless others are named.

    Raises:
        Refused: it is not there.
    """
    if request.desk:
        pinned = PINNED.fullmatch(request.desk)
        if pinned is None:
            raise Refused(f"`{request.desk}` is no repository at a commit", "`--desk OWNER/NAME@COMMIT`")
        return pinned[1], pinned[2]
    head = attempt(git_command(DESK, ("rev-parse", "HEAD"), 30))
    repository = first_repository(remote_urls(DESK, "origin")) if head.code == 0 else None
    if repository is None:
        raise Refused(
            "the desk is beside the app, and this copy of it comes from no repository on GitHub",
            "name one: `--desk OWNER/NAME@COMMIT`; or `invoke init --app ../app --vendor`",
        )
    return repository, head.text.strip()
