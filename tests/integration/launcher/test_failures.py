"""What may happen to an app that follows: damage, a full or lost place, a history that is rewritten."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from scripts.replit.launcher.files import tree_digest
from tests.integration.launcher.world import World, git, world

PLAIN_SERVER = """\
const http = require("node:http");
const fs = require("node:fs");
const stamp = fs.readFileSync("public/version.json");
const server = http.createServer((request, response) =>
  response.end(request.url === "/version.json" ? stamp : JSON.parse(stamp).commit));
server.listen(Number(process.env.PORT));
"""


def launched(app: World, *commits: str) -> None:
    """Each of these is live in turn; the last one stays."""
    for number, commit in enumerate(commits):
        app.want(commit)
        if number == 0:
            app.start()
        else:
            app.poke()
        app.until_live(commit)


def restart(app: World) -> None:
    """Kill all of it; the platform starts it again."""
    for pid in app.processes():
        os.kill(pid, signal.SIGKILL)


def test_a_damaged_release_is_made_anew(tmp_path: Path) -> None:
    """Meanwhile the one before answers; what stands in the damaged folder is never started."""
    with world(tmp_path) as app:
        launched(app, app.commit(), app.commit())
        damaged = app.app / ".launcher" / "releases" / app.commits[1] / "server.cjs"
        damaged.write_text(damaged.read_text() + "// damaged\n")

        restart(app)

        app.until(lambda: "is thrown away" in (app.app / ".launcher" / "log").read_text(), "it is seen")
        app.until_live(app.commits[1])
        assert "damaged" not in damaged.read_text()


def test_it_goes_on_without_its_remote(tmp_path: Path) -> None:
    """Also over a restart; the problem is reported, and what was asked for meanwhile comes afterwards."""
    with world(tmp_path) as app:
        launched(app, app.commit())
        gone = tmp_path / "gone.git"
        app.origin.rename(gone)
        app.poke()
        app.until(lambda: bool(app.status().get("remote", {}).get("problem")), "the problem")
        restart(app)
        app.until_live(app.commits[0])

        gone.rename(app.origin)
        app.want(app.commit())
        app.until(lambda: bool(app.status()), "the launcher answers")
        app.poke()
        app.until_live(app.commits[1])


def test_a_history_that_is_rewritten_is_followed(tmp_path: Path) -> None:
    """The wanted commit counts, forced or not; what is on the branch no more can't be asked for anew."""
    with world(tmp_path, config={"keep": 1, "warm": 0}) as app:
        launched(app, app.commit(), app.commit())
        git(app.work, "reset", "--quiet", "--hard", app.commits[0])
        other = app.commit()
        app.want(other)
        app.poke()
        app.until_live(other)
        shutil.rmtree(app.app / ".launcher" / "releases" / app.commits[1], ignore_errors=True)

        app.want(app.commits[1])
        app.poke()
        app.until(lambda: (app.status().get("failed") or {}).get("step") == "refused", "it is refused")
        assert app.answers(other)


def test_an_artifact_is_started_as_it_was_built(tmp_path: Path) -> None:
    """A site that was built elsewhere: nothing is built here, and one with another digest is refused."""
    config = {"build": "artifact", "run": None, "static": "dist", "build_command": ["false"], "health": "/"}
    with world(tmp_path, config=config, files={"source": "x"}) as app:
        first = app.commit()
        push_artifact(app, first)
        launched(app, first)
        second = app.commit()
        push_artifact(app, second, digest="0" * 64)
        app.want(second)
        app.poke()
        app.until(lambda: (app.status().get("failed") or {}).get("step") == "refused", "it is refused")
        assert app.answers(first)

        push_artifact(app, second)
        app.poke()
        app.until_live(second)
        assert json.loads(app.get("/version.json")[1])["commit"] == second


def push_artifact(app: World, commit: str, digest: str | None = None) -> None:
    """Build a site for a commit and push it as the desk does: a commit without parents."""
    built = app.work.parent / f"built-{commit[:8]}"
    shutil.rmtree(built, ignore_errors=True)
    built.mkdir()
    (built / "index.html").write_text(commit)
    (built / "version.json").write_text(json.dumps({"commit": commit, "environment": "staging"}))
    true_digest, files, size = tree_digest(built)
    told = {"commit": commit, "environment": "staging", "digest": digest or true_digest}
    git(built, "init", "--quiet")
    git(built, "add", "--all")
    git(built, "commit", "--quiet", "-m", json.dumps({**told, "files": files, "bytes": size}))
    git(built, "push", "--quiet", "--force", str(app.origin), f"HEAD:refs/deploy/artifact/staging/{commit}")


def test_an_app_with_a_port_of_its_own(tmp_path: Path) -> None:
    """It needs no helper; the launcher passes visitors through, and answers for itself."""
    files = {"server.cjs": PLAIN_SERVER, "build.sh": "mkdir -p public\n"}
    with world(tmp_path, config={"socket": "proxy"}, files=files) as app:
        launched(app, app.commit(), app.commit())

        assert app.status()["live"] == app.commits[1]
        server = [pid for pid, line in app.processes().items() if "server.cjs" in line]
        for pid in server:
            os.kill(pid, signal.SIGKILL)
        app.until_live(app.commits[1])


def test_a_machine_that_was_published_with_a_release_starts_it(tmp_path: Path) -> None:
    """`launcher.py prepare` makes the wanted release at Publish; a start then builds nothing."""
    with world(tmp_path) as app:
        app.want(app.commit())
        done = subprocess.run(
            [sys.executable, "launcher.py", "prepare"],
            cwd=app.app,
            env={"DESK_ENVIRONMENT": "staging", "PATH": os.environ["PATH"]},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        log = app.app / ".launcher" / "log"

        app.start()
        app.until_live(app.commits[0])
        assert "is ready" not in log.read_text()


def test_what_failed_is_tried_again_when_asked(tmp_path: Path) -> None:
    """A POST forgets the failure: what was lacking on this machine may be there now."""
    with world(tmp_path) as app:
        launched(app, app.commit())
        lacking = app.commit({"build.sh": f"test -f {app.app}/there || exit 1\n{app.files['build.sh']}"})
        app.want(lacking)
        app.poke()
        app.until(lambda: (app.status().get("failed") or {}).get("commit") == lacking, "it fails")
        (app.app / "there").touch()

        assert app.poke() == 202
        app.until_live(lacking)
        assert app.status()["failed"] is None


def test_what_was_published_is_better_than_nothing(tmp_path: Path) -> None:
    """Without its remote a machine serves the folder that it was published with; then it follows."""
    with world(tmp_path) as app:
        first = app.commit()
        for name in app.files:
            shutil.copy(app.work / name, app.app / name)
        (app.app / "public").mkdir()
        stamp = {"commit": first, "environment": "staging"}
        (app.app / "public" / "version.json").write_text(json.dumps(stamp))
        gone = tmp_path / "gone.git"
        app.origin.rename(gone)
        app.start()
        app.until_live(first)

        gone.rename(app.origin)
        second = app.commit()
        app.want(second)
        app.poke()
        app.until_live(second)
        assert app.status()["warm"] == [first]
