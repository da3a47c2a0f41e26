"""`build = "artifact"`: built in a clean checkout, pushed as it was scanned, under the lock."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import ReleaseFailed
from scripts.git.merge import MergingGit
from scripts.replit import artifact
from scripts.replit.artifact import artifact_ref
from scripts.replit.launcher.files import tree_digest
from scripts.replit.live import Expected
from scripts.secrets.bundle import read_archive
from scripts.state.held_lock import HeldLock, new_lock
from scripts.system.confinement import why_not
from tests.fakes.world import World, ending
from tests.support.repositories import Repository, seeded
from tests.support.tables import settings

BUILD = (
    "mkdir -p dist/assets && cp page.html dist/index.html && cd dist/assets"
    " && echo $VITE_X >a.js && echo map >a.js.map"
)


@pytest.fixture
def place(world: World, tmp_path: Path) -> tuple[Desk, Repository, str]:
    """A desk over a real clone of an app that a shell builds; and its commit."""
    origin, person = seeded(tmp_path)
    commit = person.commit("page", **{"page.html": "<h1>page</h1>"})
    person.git("push", "-q", "origin", "develop")
    desk = world.desk(
        settings=settings(
            app__install=[],
            app__build=["sh", "-c", BUILD],
            app__build_variables=["VITE_X"],
            environment__staging__publish="launcher",
            environment__staging__launcher={"build": "artifact", "keep": 1},
        ),
        git=MergingGit(person.folder, "origin"),
        values=lambda _: {"VITE_X": "of-staging", "DATABASE_URL": "postgres://secret@x/y"},
    )
    return desk, origin, commit


def staging(desk: Desk) -> Environment:
    """The environment."""
    return desk.settings.environments["staging"]


def built(desk: Desk, commit: str) -> artifact.Built:
    """What a build of it makes."""
    return artifact.build(desk, staging(desk), Expected(commit, "staging", "7"))


def with_app(desk: Desk, **changes: Any) -> Desk:
    """Another `[app]`."""
    return replace(desk, settings=replace(desk.settings, app=desk.settings.app._replace(**changes)))


def held(desk: Desk, commit: str) -> HeldLock:
    """A run's lock."""
    lock = HeldLock(desk, new_lock(desk, "staging", "deploy", commit))
    lock.acquire()
    return lock


def test_what_is_scanned_is_what_is_pushed(place: tuple[Desk, Repository, str], tmp_path: Path) -> None:
    """The same files with the same bytes, the stamp among them; the message says their digest."""
    desk, origin, commit = place
    made = built(desk, commit)
    pushed = artifact.push(desk, staging(desk), commit, made, held(desk, commit))
    ref = artifact_ref("staging", commit)

    listed = origin.git("ls-tree", "-r", "--name-only", ref).splitlines()
    scanned = read_archive(made.archive, "x")
    assert sorted(scanned) == listed == ["assets/a.js", "assets/a.js.map", "index.html", "version.json"]
    assert (
        origin.git("show", f"{ref}:assets/a.js") == scanned["assets/a.js"].decode().strip() == "of-staging"
    )
    lines = sorted(f"100644 {hashlib.sha256(data).hexdigest()} {path}\n" for path, data in scanned.items())
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert json.loads(origin.git("log", "-1", "--format=%B", ref)) == pushed
    assert (pushed["digest"], pushed["files"], pushed["commit"]) == (digest, 4, commit)
    (tmp_path / "fetched").mkdir()
    origin.git("--work-tree", str(tmp_path / "fetched"), "checkout", ref, "--", ".")
    assert tree_digest(tmp_path / "fetched")[:2] == (digest, 4)  # as the launcher counts
    stamp = json.loads(scanned["version.json"])
    assert (stamp["commit"], stamp["environment"], stamp["schema"]) == (commit, "staging", "7")
    assert stamp["assets"] == [hashlib.sha256(scanned["assets/a.js"]).hexdigest()[:16]]
    assert origin.git("rev-list", "--count", ref) == "1"


def test_source_maps_are_scanned_and_not_pushed(place: tuple[Desk, Repository, str]) -> None:
    """Where Sentry gets them."""
    desk, _, commit = place
    sentry = desk.settings.sentry._replace(organization="o")
    made = built(replace(desk, settings=replace(desk.settings, sentry=sentry)), commit)

    assert "assets/a.js.map" in read_archive(made.archive, "x")
    assert "assets/a.js.map" not in made.files


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"build": ("sh", "-c", "echo no such page; exit 3")}, "the build of `{}` ended with 3"),
        ({"build": ("true",)}, "the build left no folder `dist`"),
        ({"build": ("sh", "-c", "mkdir dist; ln -s /etc/passwd dist/x")}, "is no plain file"),
        ({"install": ("false",)}, "the install of `{}` ended with 1"),
        ({"build": ("sh", "-c", "ln -s /etc dist")}, "the build left no folder `dist`"),
    ],
)
def test_a_build_that_makes_nothing_fit_is_a_failed_release(
    place: tuple[Desk, Repository, str], changes: dict[str, Any], words: str
) -> None:
    desk, origin, commit = place
    error = ending(lambda: built(with_app(desk, **changes), commit))

    assert type(error) is ReleaseFailed
    assert words.format(commit[:12]) in error.message
    assert not [ref for ref in origin.refs() if "artifact" in ref]


def test_what_is_too_large_is_refused(place: tuple[Desk, Repository, str]) -> None:
    """With the setting that allows it."""
    desk, _, commit = place
    environment = staging(desk)._replace(launcher=staging(desk).launcher._replace(largest_mb=0.00001))
    error = ending(lambda: artifact.build(desk, environment, Expected(commit, "staging")))

    assert "is larger than 1e-05 MB" in error.message
    assert "largest_mb" in str(error.hint)


@pytest.mark.skipif(bool(why_not()), reason=f"nothing is confined here: {why_not()}")
def test_a_build_sees_its_own_variables_alone(place: tuple[Desk, Repository, str], tmp_path: Path) -> None:
    """Neither the database's address, nor the files of the desk."""
    desk, _, commit = place
    secret = tmp_path / "env" / ".env.staging"
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("DATABASE_URL=postgres://secret@x/y")
    shell = f"mkdir dist; env >dist/env.txt; cat {secret} >dist/file.txt 2>&1; true"
    made = built(with_app(desk, build=("sh", "-c", shell)), commit)
    seen = b"".join(data for _, data in made.files.values())

    assert b"of-staging" in seen
    assert b"postgres://secret" not in seen


def test_old_artifacts_go_with_a_new_one(place: tuple[Desk, Repository, str]) -> None:
    """Of this environment alone; the lock has to be held for it."""
    desk, origin, commit = place
    old, other = artifact_ref("staging", "0" * 40), artifact_ref("production", "0" * 40)
    for ref in (old, other):
        origin.git("update-ref", ref, commit)
    artifact.push(desk, staging(desk), commit, built(desk, commit), held(desk, commit))

    assert old not in origin.refs()
    assert {other, artifact_ref("staging", commit)} <= set(origin.refs())
