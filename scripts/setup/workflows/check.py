# pure
"""`check.yml`: what every push and pull request is judged by, without any secret."""

from __future__ import annotations

import itertools
import posixpath
import shlex
from collections.abc import Mapping

from scripts.setup.workflows.place import OWN_TOKEN, UPLOAD, Place, Step
from scripts.setup.workflows.yaml import Comment

RUNNER = "ubuntu-24.04"
READ = {"contents": "read"}
TOKEN = {"GITHUB_TOKEN": OWN_TOKEN}
BASE = {"BASE": "${{ github.base_ref || github.ref_name }}"}


def check(place: Place) -> dict[str, object]:
    """Required checks: `source`, `unit`, `configuration`, `migrations`."""
    tests, jobs = place.settings.tests, {"source": _source(place), "configuration": _configuration(place)}
    for suite in ("unit", "integration"):
        command, name = getattr(tests, suite), getattr(tests, f"{suite}_check")
        if command and (suite == "unit" or name):  # other integration tests need an environment
            jobs[suite] = _tests(place, suite, name or suite)
    if place.settings.app.migrations:
        jobs["migrations"] = _migrations(place)
    return {
        "name": "check",
        "on": {
            "push": {"branches-ignore": ["deploy-ledger"], "tags-ignore": ["**"]},
            "pull_request": None,
        },
        "permissions": {},
        "concurrency": {
            "group": "check-${{ github.event_name }}-${{ github.ref }}",
            "cancel-in-progress": True,
        },
        "jobs": jobs,
    }


def _source(place: Place) -> dict[str, object]:
    """A pull request may come from the branch before, or from a branch that the desk makes for its own."""
    chain = list(place.settings)
    cases = [
        f"  {shlex.quote(after.branch)}) wanted={shlex.quote(before.branch)} ;;"
        for before, after in itertools.pairwise(chain)
    ]
    script = [
        'case "$BASE" in',
        *cases,
        "  *) exit 0 ;;",
        "esac",
        'case "$HEAD_REPOSITORY:$HEAD" in',
        '  "$GITHUB_REPOSITORY:$wanted" | "$GITHUB_REPOSITORY:promote/$wanted-into-$BASE") exit 0 ;;',
        '  "$GITHUB_REPOSITORY:backmerge/"*"-into-$BASE") exit 0 ;;',
        "esac",
        'echo "::error::into \\`$BASE\\` come pull requests from \\`$wanted\\` alone"',
        "exit 1",
    ]
    return {
        "if": "github.event_name == 'pull_request'",
        "name": "source",
        "runs-on": RUNNER,
        "timeout-minutes": 5,
        "permissions": {},
        "steps": [
            {
                "name": "the branch that a pull request comes from",
                "env": {
                    "BASE": "${{ github.base_ref }}",
                    "HEAD": "${{ github.head_ref }}",
                    "HEAD_REPOSITORY": "${{ github.event.pull_request.head.repo.full_name }}",
                },
                "run": "\n".join(script),
            }
        ],
    }


def _tests(place: Place, suite: str, name: str) -> dict[str, object]:
    """The app's own tests; the gate takes a check of this name for the proof."""
    app, tests = place.settings.app, place.settings.tests
    folder = posixpath.normpath(posixpath.join(place.app, app.folder))
    run: Step = {"name": f"{suite} tests", "run": shlex.join(getattr(tests, suite))}
    if folder != ".":
        run["working-directory"] = folder
    steps = [*place.checkout()[:1], *place.packages(scripts=True), run]
    report = getattr(tests, f"{suite}_report")
    if report:
        upload = {"name": f"junit-{suite}", "path": posixpath.join(folder, report), "retention-days": 14}
        steps.append({"if": "${{ !cancelled() }}", "uses": UPLOAD, "with": upload})
    return _job(name, steps)


def _configuration(place: Place) -> dict[str, object]:
    step = place.desk_step("mistakes in configuration and sources", "env.check", TOKEN)
    return _job("configuration", [*place.checkout(), step])


def _migrations(place: Place) -> dict[str, object]:
    """All migrations on a throw-away PostgreSQL, judged against what the target branch has."""
    first, *others = place.settings
    cases = [f"  {shlex.quote(each.branch)}) environment={each.name} ;;" for each in others]
    before = "\n".join(['case "$BASE" in', *cases, f"  *) environment={first.name} ;;", "esac", ""])
    command = 'db.rehearse --env "$environment" --sha "$GITHUB_SHA" --scratch'
    step = place.desk_step("replay and judge the migrations", command, {**BASE, **TOKEN}, before)
    return _job("migrations", [*place.checkout(), *place.supabase(), step])


def _job(name: str, steps: list[Step]) -> dict[str, object]:
    return {
        "name": name,
        "runs-on": RUNNER,
        "timeout-minutes": 30,
        "permissions": READ,
        "steps": steps,
    }


def one_at_a_time(group: str) -> dict[str, object]:
    """Jobs of a group wait for each other. GitHub keeps one that waits, the last: so each task has a group.

    A rollback that waits is never replaced by a push. Between groups the desk's own lock keeps the order.
    """
    return {"group": group, "cancel-in-progress": False}


def heading(what: str) -> Mapping[str, object]:
    """The first lines of every file."""
    return {
        "#1": Comment(f"{what} Written by `invoke github.workflows`,"),
        "#2": Comment("which shows a difference before it overwrites: docs/ci.md of the release desk."),
    }
