"""The workflows, played step by step against a world: what they say is what happens."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.config.env_files import parse_values, read_toml
from scripts.config.parse import parse
from scripts.sandbox.world_code import repository
from scripts.sandbox.world_facts import World
from scripts.setup import vendor
from scripts.setup.workflows.place import Place
from tests.integration.desk import ROOT, Desk, git
from tests.support import skips
from tests.support.processes import wait_until
from tests.support.sandboxes import ready_slot, sandbox
from tests.support.workflow_player import Player
from tests.support.workflows import documents

pytestmark = pytest.mark.timeout(900)
BAD_HOME = "export function home() { throw new Error('no'); }\n"
GATES = """
[tests]
integration = ["npm", "test"]
[environment.production.gates]
integration = true
"""
ODD = 'it\'s "odd"; touch broken; $(touch broken) `touch broken`'


def player(world: World, folder: Path, more: str = "", types: str = "") -> tuple[Player, Place]:
    """A repository on GitHub whose environments have the world's values, and a desk beside the app.

    `scripts/bootstrap` would install the desk: a stand-in starts the one that is here. `npm ci` without
    scripts, which every job needs for the Supabase CLI, gives it the packages that the clone has.
    """
    text = (world.env_dir / "pipeline.toml").read_text() + more
    text = text.replace("[supabase]\n", f'[supabase]\ntypes = "{types}"\n')
    bin_ = folder / "bin"
    bin_.mkdir(parents=True)
    npm = f'#!/bin/sh\n[ "$*" = "ci --ignore-scripts" ] || exec {shutil.which("npm")} "$@"\n'
    (bin_ / "npm").write_text(f"{npm}exec cp -al {world.clone}/node_modules .\n")
    (bin_ / "npm").chmod(0o755)

    def prepare(workspace: Path) -> None:
        config, program = workspace / "config", workspace / "desk" / "scripts" / "bootstrap"
        config.mkdir()
        (config / "pipeline.toml").write_text(text.replace(str(world.clone), str(workspace / "app")))
        for name in ("masking.toml", "ssh_config"):
            (config / name).write_text((world.env_dir / name).read_text())
        program.parent.mkdir(parents=True)
        start = f"cd {ROOT}\nexec {sys.executable} -m invoke"
        program.write_text(f'#!/bin/sh\nexport AIRHOST_ENV_DIR="$PWD/$AIRHOST_ENV_DIR"\n{start} "$@"\n')
        program.chmod(0o755)

    values = {
        each.name: parse_values(file.read_text(), file)
        for each in world.environments
        for file in [world.env_dir / f".env.{each.name}"]
    }
    slots = world.env_dir / ".env.preview"
    values["preview"] = {**values["development"], **parse_values(slots.read_text(), slots)}
    values["preview"]["REPLIT_MCP_TOKEN"] = world.slots[0].mcp_token  # on Replit, a person has one token
    settings_file = folder / "pipeline.toml"
    settings_file.write_text(text)
    source = ("o/desk", "a" * 40)
    place = Place(parse(read_toml(settings_file)), "desk", "app", "config", ".airhost", source, "22")
    return Player(world.origin, folder, values, values, prepare, str(bin_)), place


def test_a_push_to_develop_is_deployed(desk: Desk, tmp_path: Path) -> None:
    """With development's values alone; the job's summary says so, and no other job runs."""
    commit = desk.commit({"public/pushed.txt": "1"})
    made, place = player(desk.world, tmp_path)
    results = made.push(documents(place)["deploy"], "develop")
    deployed = results["deploy-development"]

    assert deployed.ending == "success", deployed.log
    assert desk.served("development") == commit
    assert {name for name, each in results.items() if each.ending != "skipped"} == {"deploy-development"}
    assert deployed.summary.startswith("### Deploy development: done")
    assert "| verify | done |" in deployed.summary
    given = deployed.envs["deploy development"]
    assert {name.partition("_")[0] for name in given} == {"DEVELOPMENT", "GITHUB", "AIRHOST"}


def test_a_pull_request_is_shown_until_it_is_closed(desk: Desk, tmp_path: Path) -> None:
    """With the values of previews alone; a fork's and another branch's get no preview."""
    ready_slot(desk.world, "one")
    origin, before = desk.world.origin, desk.refs("refs/heads/develop")["refs/heads/develop"]
    commit = desk.commit({"public/shown.txt": "1"})
    for branch in ("feature/shown", "fix/x"):
        git(origin, "update-ref", f"refs/heads/{branch}", commit)
    git(origin, "update-ref", "refs/heads/develop", before)
    made, place = player(desk.world, tmp_path)
    workflow = documents(place)["preview"]
    fork = made.pull(workflow, "feature/shown", "develop", "opened", repository="eve/r")
    assert {each.ending for each in fork.values()} == {"skipped"}
    other = made.pull(workflow, "fix/x", "develop", "opened")["preview-up"]
    assert (other.ending, other.log.strip()) == ("success", "")

    shown = made.pull(workflow, "feature/shown", "develop", "opened")["preview-up"]
    assert shown.ending == "success", shown.log
    assert list(desk.refs("refs/deploy/")) == ["refs/deploy/preview/one"]
    given = shown.envs["show the branch"]
    names = {name.partition("_")[0] for name in given}
    assert names == {"PREVIEW", "DEVELOPMENT", "GITHUB", "AIRHOST", "BRANCH"}
    assert {name for name in given if name.startswith("DEVELOPMENT")} == {
        *("DEVELOPMENT_SLACK_WEBHOOK_URL", "DEVELOPMENT_DISCORD_WEBHOOK_URL")
    }

    closed = made.pull(workflow, "feature/shown", "develop", "closed")["preview-down"]
    assert closed.ending == "success", closed.log
    assert desk.refs("refs/deploy/") == {}
    night = made.night(workflow, "develop")
    assert {name: each.ending for name, each in night.items()} == {
        "preview-up": "skipped", "preview-down": "skipped", "preview-sweep": "success",
    }  # fmt: skip
    git(origin, "update-ref", "refs/heads/develop", commit)
    for branch in ("feature/shown", "fix/x"):
        git(origin, "update-ref", "-d", f"refs/heads/{branch}")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A world of its own, since its `main` is moved by hand."""
    with sandbox(tmp_path_factory, "workflows") as world:
        yield Desk(world)


@skips.LONG
def test_a_whole_week(own: Desk, tmp_path: Path) -> None:
    """Deployed, promoted with its proof; what is unproven is refused, what fails is put back, and told."""
    made, place = player(own.world, tmp_path, GATES, types="src/db.ts")
    found = documents(place)
    first = own.commit({"public/first.txt": "1"})
    assert made.push(found["deploy"], "develop")["deploy-development"].ending == "success"

    # by hand: promoted, and what production demands is tested on staging
    staged = made.dispatch(found["promote"], "develop", to="staging")
    assert [name for name, each in staged.items() if each.ending == "success"] == [
        "promote-staging",
        "tests-staging",
    ], "\n".join(each.log for each in staged.values())
    assert own.served("staging") == first
    proof = own.ledger()[-1]
    assert (proof["what"], proof["ending"], proof["commit"]) == ("integration", "done", first)
    assert (tmp_path / "3" / "artifacts").is_dir()

    # a feature branch is judged without a secret: what can't be taken back is noted on its line
    file = "supabase/migrations/20270101000000_x.sql"
    types = "type Database = { public: { Tables: { bookings: { Row: { guest_name: string } } } } }"
    feature = own.commit({file: "\n\nalter table bookings drop column guest_name;\n", "src/db.ts": types})
    for branch, commit in (("feature/x", feature), ("develop", first)):
        git(own.world.origin, "update-ref", f"refs/heads/{branch}", commit)
    checks = made.push(found["check"], "feature/x")
    endings = {name: each.ending for name, each in checks.items()}
    logs = "\n".join(each.log for each in checks.values())
    assert endings == {"source": "skipped", "configuration": "success", "migrations": "failure"}, logs
    assert "`public.bookings.guest_name` is `string`, and should be `gone`" in logs
    assert f"::warning file={file},line=3,title=migration%3A irreversible::" in checks["migrations"].log
    assert {each for step in checks["migrations"].envs.values() for each in step} == {
        *("BASE", "GITHUB_TOKEN", "AIRHOST_ENV_DIR")
    }
    git(own.world.origin, "update-ref", "refs/heads/develop", feature)
    own.remove(file, "src/db.ts")

    # something unproven is pushed to main
    unproven = own.commit({"public/unproven.txt": "1"})
    git(own.world.origin, "update-ref", "refs/heads/main", unproven)
    refused = made.push(found["deploy"], "main")["deploy-production"]
    assert refused.ending == "failure"
    assert "lacks what production demands: integration tests on staging: missing" in refused.log
    assert refused.summary.startswith("### Deploy production: failed")
    assert own.served("production") is None
    git(own.world.origin, "update-ref", "-d", "refs/heads/main")

    # a release that fails: the commit before is live again, the job is red, the team is told
    own.commit({"server/home.js": BAD_HOME})
    failed = made.push(found["deploy"], "develop")["deploy-development"]
    assert failed.ending == "failure"
    assert own.served("development") == first
    inbox = (own.world.inbox / "slack.jsonl").read_text()
    assert "rolled back" in inbox.lower()

    # by hand: rolled back, with a reason that no shell reads
    again = made.dispatch(found["promote"], "staging", to="production")["promote-production"]
    assert again.ending == "success", again.log
    second = made.dispatch(found["rollback"], "develop", environment="staging", reason=ODD)
    assert second["rollback-staging"].ending == "failure"  # there is nothing to go back to
    assert "no other good release" in second["rollback-staging"].log
    assert list(tmp_path.rglob("broken")) == []


@skips.LONG
def test_a_cancelled_job_puts_back_what_it_began(own: Desk, tmp_path: Path) -> None:
    """GitHub signals the step's shell alone; that is the desk by then, so no lock is left."""
    made, place = player(own.world, tmp_path)
    before = own.served("development")
    own.commit({"public/cancelled.txt": "1"})

    def cancel(shell: subprocess.Popen[str]) -> None:
        assert wait_until(lambda: own.refs("refs/deploy/lock/development"), 60)
        os.kill(shell.pid, signal.SIGINT)

    made.during = cancel
    job = made.push(documents(place)["deploy"], "develop")["deploy-development"]

    assert job.ending == "failure"
    assert own.refs("refs/deploy/") == {}, job.log
    assert own.served("development") == before


@skips.LONG
def test_the_desk_in_the_apps_repository(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """Copied as by `init --vendor`, and started by its own `scripts/bootstrap`; its packages are there."""
    with sandbox(tmp_path_factory, "copied") as world:
        desk = Desk(world)
        copy = world.clone / "release-desk"
        text = (world.env_dir / "pipeline.toml").read_text().replace(str(world.clone), "..")
        files = {"pipeline.toml": f'{text}\n[tests]\nunit = ["npm", "test"]\n'}
        files |= {name: (world.env_dir / name).read_text() for name in ("masking.toml", "ssh_config")}
        with repository(world.clone, world.folder) as clone:
            clone.heads.develop.checkout()
            vendor.changes(ROOT, copy).write()
        commit = desk.commit({f"release-desk/env/{name}": content for name, content in files.items()})

        def warm(workspace: Path) -> None:
            place = workspace / "release-desk" / ".venv"
            place.mkdir()
            for name in ("bin", "lib", "pyvenv.cfg"):
                (place / name).symlink_to(Path(sys.prefix) / name)
            first = (place.parent / "requirements.txt").read_text()
            for file in place.parent.glob("requirements*.txt"):
                (place / f".installed-{file.name}").write_text(first + file.read_text())

        made, _ = player(world, tmp_path)
        made.prepare, made.path = warm, ""
        settings = parse(tomllib.loads(files["pipeline.toml"]))
        found = documents(Place(settings, "release-desk", ".", "", "release-desk/.airhost", ("", ""), "22"))
        jobs = made.push(found["deploy"], "develop")
        checks = made.push(found["check"], "develop")

        log = "\n".join(job.log for job in (*jobs.values(), *checks.values()))
        assert {name for name, job in jobs.items() if job.ending == "success"} == {
            *("deploy-development", "unit-tests")
        }, log
        assert {job.ending for name, job in checks.items() if name != "source"} == {"success"}, log
        assert desk.served("development") == commit
        assert [event["what"] for event in desk.ledger() if event["kind"] == "proof"] == ["unit"]
