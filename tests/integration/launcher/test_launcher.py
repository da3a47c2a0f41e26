"""The launcher in an app: it follows the wanted commit, goes back at once, and stops bad releases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.launcher.world import World, world


@pytest.fixture
def app(tmp_path: Path) -> Iterator[World]:
    """An app whose first commit is live."""
    with world(tmp_path) as made:
        made.want(made.commit())
        made.start()
        made.until_live(made.commits[0])
        yield made


def test_it_follows_the_ref_forward_and_back(app: World) -> None:
    """The release before stays warm, so going back starts nothing; the stamp says which commit is live."""
    second = app.commit()
    app.want(second)
    assert app.poke() == 202
    app.until_live(second)
    warm = [pid for pid, line in app.processes().items() if "server.cjs" in line]

    app.want(app.commits[0])
    app.poke()
    app.until_live(app.commits[0])

    status = app.status()
    assert [status[key] for key in ("live", "wanted", "state", "warm")] == [
        *(app.commits[0], app.commits[0], "serving", [second]),
    ]
    assert sorted(pid for pid, line in app.processes().items() if "server.cjs" in line) == sorted(warm)
    stamp = json.loads(app.get("/version.json")[1])
    assert (stamp["commit"], stamp["environment"]) == (app.commits[0], "staging")
    assert len(stamp["assets"]) == 1
    assert app.get("/assets/app-001abcdefgh.js")[0] == 200  # a page of the other release is still open
    assert app.get("/-/release")[0] == 404
    assert app.get("/-/release", headers={"Authorization": "Bearer no"})[0] == 404


def test_a_bad_release_never_gets_the_port(app: World) -> None:
    """Not one that does not build, start or become healthy, nor one that leaks or is on no branch."""
    config = json.loads((app.app / "launcher.json").read_text())
    assert config["start_seconds"] == 20
    steps = {}
    for step, files in {
        "build": {"build.sh": "echo the reason; exit 3\n"},
        "start": {"build.sh": app.files["build.sh"], "server.cjs": "throw new Error('no')\n"},
        "scan": {
            "server.cjs": app.files["server.cjs"],
            "build.sh": app.files["build.sh"] + 'echo "x = \\"$SESSION_SECRET\\"" >public/assets/x.js\n',
        },
        "refused": {"build.sh": app.files["build.sh"]},
    }.items():
        commit = app.commit(files, push=step != "refused")
        app.want(commit)
        app.poke()
        app.until(lambda c=commit: (app.status().get("failed") or {}).get("commit") == c, step)  # type: ignore[misc]
        failed = app.status()["failed"]
        steps[step] = failed["step"]
        assert app.answers(app.commits[0])
        assert "very-secret-value" not in json.dumps(failed)
        if step == "build":
            assert "the reason" in failed["log"]

    assert steps == {step: step for step in steps}
    assert app.status()["state"] == "failed"
