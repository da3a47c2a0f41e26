"""The desk against a world that it did not make: only `pipeline.toml` and `.env` files differ.

`brewlog` is no Node app; its PostgreSQL 15 takes TLS and passwords alone, its hosts run OpenSSH's
own server, and a person presses Publish. What the desk says is compared with git, psql and urllib.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from scripts.database import supabase
from scripts.database.postgres.url import parse_database
from scripts.errors import CommandFailed
from tests.integration import foreign_servers as servers
from tests.integration.foreign_app import BRANCH, CHAIN, DISGUISES, MIGRATIONS, PASSWORDS, git
from tests.integration.foreign_world import Answer, World
from tests.support import skips

REASON = servers.missing()
pytestmark = pytest.mark.skipif(REASON is not None, reason=REASON or "")

DEPLOY = ("deploy", "--env", "test", "--yes")
TO_QA = ("promote", "--to", "qa", "--yes")
TO_LIVE = ("promote", "--to", "live", "--yes")
HOPS = {"recipes.txt": "water, malt, hops\n"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything stands; nothing was released yet."""
    cli = servers.supabase_cli(tmp_path_factory.getbasetemp() / "supabase-cli")
    with (
        servers.passable_folder() as folder,
        servers.postgres(folder) as port,
        servers.sshd(folder, [f"brew-{name}" for name in CHAIN]) as ssh_config,
    ):
        world = World(folder, port, cli)
        world.build(ssh_config)
        try:
            for site in world.sites.values():
                site.up()
            yield world
        finally:
            for site in world.sites.values():
                site.down()


@pytest.fixture(scope="module")
def walk(built: World) -> dict[str, Answer]:
    """The first commit goes all the way; how each command ended."""
    before = built.clone_state()
    answers = {"deploy": built.desk(*DEPLOY)}
    with built.button("qa"):
        answers["to qa"] = built.desk(*TO_QA)
    answers["without consent"] = built.desk(*TO_LIVE[:-1])
    answers["to live"] = built.desk(*TO_LIVE)
    answers["status"] = built.desk("status")
    assert built.clone_state() == before
    return answers


@pytest.fixture
def world(built: World, walk: dict[str, Answer]) -> World:
    """A world in which every environment has a release, and nothing is under way."""
    assert walk["status"].code == 0, walk["status"].said
    built.settle()
    return built


def refused(world: World, *task: str, code: int = 1, says: tuple[str, ...] = ()) -> Answer:
    """Call the desk; it must end with this code, say these words, and have changed nothing."""
    before = world.facts()
    answer = world.desk(*task)
    assert answer.code == answer.document["code"] == code, answer.said
    lacking = [word for word in says if word not in answer.message]
    assert not lacking, answer.said
    assert world.facts() == before
    assert answer.document["hint"], answer.said
    return answer


def test_a_commit_travels_the_chain(built: World, walk: dict[str, Answer]) -> None:
    """Each step ends with 0, and what `status` says is what git, psql and a visitor see."""
    codes = {name: answer.code for name, answer in walk.items()}
    assert codes == {**dict.fromkeys(codes, 0), "without consent": 6}, walk
    refs = built.refs()
    commit = refs["refs/heads/trunk"]
    for seen in walk["status"].document["environments"]:
        name = seen["name"]
        independent = {
            "head": refs[f"refs/heads/{BRANCH[name]}"],
            "live": built.answers(name)["commit"],
            "schema": built.history(name)[-1],
        }
        assert independent == {key: seen[key] for key in independent}
        assert independent["head"] == independent["live"] == commit
        assert built.history(name) == [file.split("_")[0] for file in MIGRATIONS]
        assert built.sql(name, "select name, style from beers") == "Alt; dark|ale"
        assert (seen["release"], seen["lock"], seen["problems"]) == ("v1", None, [])
    assert not [ref for ref in refs if ref.startswith("refs/deploy/")]
    pages = [(built.served[name] / "index.html").read_text() for name in CHAIN]
    for name, page in zip(CHAIN, pages, strict=True):
        assert f"Brewlog {name}" in page
        assert "no secret" in page


def test_a_person_presses_publish(walk: dict[str, Answer]) -> None:
    """Where Publish comes by hand, the release waits until the public URL answers with it."""
    steps = [(each["name"], each["ending"]) for each in walk["to qa"].document["steps"]]
    assert {("publish", "done"), ("verify", "done")} <= set(steps)
    assert "press Publish" in walk["to qa"].said


def test_a_release_that_did_not_begin_reports_the_schema_that_stands(
    walk: dict[str, Answer],
) -> None:
    """Nobody confirmed, so the database of live was still empty, and the document must say so."""
    assert walk["without consent"].document["schema"] is None


def test_a_secret_that_is_a_plain_word_does_not_garble_the_document(world: World) -> None:
    """Masking touches values alone: the keys of the contract stay."""
    file = world.env_dir / ".env.test"
    file.write_text(file.read_text() + "ADMIN_TOKEN=environment\n")
    answer = world.desk(*DEPLOY, "--plan")
    assert answer.document.get("environment") == "test"


def test_nothing_to_do_is_done_without_a_lock(world: World) -> None:
    """What is live and proven is not released again."""
    before = world.facts(), world.event()
    answer = world.desk(*DEPLOY)
    assert (answer.code, answer.document["ending"]) == (0, "nothing")
    assert (world.facts(), world.event()) == before


@skips.LONG
def test_ci_gives_the_password_in_the_process_environment(world: World) -> None:
    """Without a password in the file, the one of the process serves desk and Supabase CLI alike."""
    world.configure(password_in_file=False)
    wrong = world.desk(*DEPLOY, env={"DATABASE_PASSWORD": "stale beer"})
    assert wrong.code == 3, wrong.said
    version = "100"
    migration = {f"db/migrations/{version}_malt.sql": "create table malt (id int);\n"}
    commit = world.commit(migration, "malt")
    answer = world.desk(*DEPLOY, env={"DATABASE_PASSWORD": PASSWORDS["test"]})
    assert answer.code == 0, answer.said
    assert world.history("test")[-1] == version == world.answers("test")["schema"]
    assert world.answers("test")["commit"] == commit


@skips.LONG
def test_nobody_presses_publish(world: World) -> None:
    """The release fails with 1 and names what still answers; branch stays, the ledger knows."""
    old = world.answers("qa")["commit"]
    new = world.commit({"recipes.txt": "water, malt, hops, patience\n"}, "patience")
    assert world.desk(*DEPLOY).code == 0
    world.configure(timeout=2)
    answer = world.desk(*TO_QA)
    assert answer.code == 1, answer.said
    assert old[:12] in answer.message
    assert new[:12] in answer.message
    assert answer.document["live"] == old == world.answers("qa")["commit"]
    refs = world.refs()
    assert refs["refs/heads/qa"] == old
    assert not [ref for ref in refs if ref.startswith("refs/deploy/")]
    event = world.event()
    found = {key: event[key] for key in ("environment", "ending", "commit", "live")}
    assert found == {"environment": "qa", "ending": "failed", "commit": new, "live": old}
    refused(world, *TO_QA, says=("failed on qa", new[:12]))
    world.configure()
    with world.button("qa", after=0):
        again = world.desk(*TO_QA, "--retry")
    assert again.code == 0, again.said
    assert world.refs()["refs/heads/qa"] == new == world.answers("qa")["commit"]


def test_nobody_answers(world: World) -> None:
    """Without an answer nobody knows what is live: 7, and the lock is given back."""
    world.configure(timeout=1)
    head = world.refs()["refs/heads/live"]
    world.commit({"recipes.txt": "water, malt, silence\n"}, "silence")
    world.sites["test"].down()
    answer = world.desk(*DEPLOY)
    assert (answer.code, answer.document["ending"]) == (7, "unknown"), answer.said
    assert answer.document["live"] is None
    assert world.sites["test"].url in answer.message
    refs = world.refs()
    assert refs["refs/heads/live"] == head
    assert not [ref for ref in refs if ref.startswith("refs/deploy/")]
    assert world.event()["ending"] == "error"


@pytest.mark.parametrize(
    ("tls", "says"),
    [
        ("sslmode=verify-full&sslrootcert={other}", "certificate verify failed"),
        ("sslmode=disable", "no encryption"),
    ],
    ids=["wrong CA", "no TLS"],
)
def test_an_untrusted_database_connection(world: World, tls: str, says: str) -> None:
    """A server that can't prove who it is, and a connection in the clear, are refused."""
    world.commit({**HOPS, "db/migrations/900_hops.sql": "create table hops ();\n"}, "hops")
    world.configure(tls=tls)
    refused(world, *DEPLOY, code=3, says=(says, "brew_test"))


@pytest.mark.parametrize("ca", ["ca", "other"])
def test_the_supabase_cli_verifies_the_server_as_well(world: World, ca: str) -> None:
    """The CLI gets `sslmode` and `sslrootcert` too: it lists with our CA, and not with another."""
    certificate = world.folder / "tls" / f"{ca}.crt"
    address = f"postgresql://brew_live@localhost:{world.port}/brew_live"
    url = f"{address}?sslmode=verify-full&sslrootcert={certificate}"
    database = parse_database(url, PASSWORDS["live"], where="a test", folder=world.folder)
    with (
        supabase.cli_with_migrations(world.cli, {}) as cli,
        pytest.raises(CommandFailed, match="certificate") if ca == "other" else nullcontext(),
    ):
        local, remote = supabase.versions(cli, database)
        assert (local, remote) == (set(), set(world.history("live")))


def soil(world: World, how: str) -> str:
    """Leave work in the workspace of test; returns what the desk must name."""
    workspace = world.workspaces["test"]
    if how == "local commit":
        git(workspace, "commit", "-q", "--allow-empty", "-m", "made on Replit")
        return git(workspace, "rev-parse", "--short", "HEAD")
    file = {"changed": "recipes.txt", "untracked": "shopping list.txt"}[how]
    (workspace / file).write_text("mine\n")
    return file


@pytest.mark.parametrize("how", ["changed", "untracked", "local commit"])
def test_work_in_the_workspace_is_never_lost(world: World, how: str) -> None:
    """A workspace with work of its own is refused, and the work is named."""
    world.commit({"recipes.txt": f"water, malt, {how}\n"}, how)
    refused(world, *DEPLOY, says=("brew-test", soil(world, how)))


@pytest.mark.parametrize("how", ["changed", "brew-down"])
def test_the_workspace_is_looked_at_before_the_database_changes(world: World, how: str) -> None:
    """What can be known before the first change is known before it: no migration for nothing."""
    world.commit({**HOPS, "db/migrations/950_yeast.sql": "create table yeast ();\n"}, "yeast")
    try:
        if how == "brew-down":
            world.configure(hosts={"test": how})
            refused(world, *DEPLOY, code=3, says=(how,))
        else:
            refused(world, *DEPLOY, says=("brew-test", soil(world, how)))
    finally:
        world.sql("test", "drop table if exists yeast")
        world.sql("test", "delete from supabase_migrations.schema_migrations where version = '950'")


@pytest.mark.parametrize("alias", ["brew-down", "brew-wrong-key", "brew-impostor"])
def test_a_workspace_that_does_not_let_us_in(world: World, alias: str) -> None:
    """No answer, no entry, or another host key: not done, nothing changed, and the alias is named."""
    commit = world.commit({"recipes.txt": f"water, malt, {alias}\n"}, alias)
    world.configure(hosts={"test": alias})
    refused(world, *DEPLOY, code=3, says=(alias,))
    event = world.event()
    assert (event["commit"], event["ending"]) == (commit, "error")


@skips.LONG
def test_diverged_branches_are_not_promoted(world: World) -> None:
    """A hotfix that the source lacks stops the promotion; its names stand in the next command."""
    world.commit({"recipes.txt": "water, malt, divergence\n"}, "on trunk")
    assert world.desk(*DEPLOY).code == 0
    world.commit({"hotfix.txt": "1\n"}, "a hotfix on qa", "qa")
    answer = refused(world, *TO_QA, says=("diverged", "a hotfix on qa", "`qa`"))
    assert "harmless" not in answer.message
    assert "invoke backmerge --all --plan" in answer.document["hint"]


@skips.LONG
def test_the_next_command_of_a_diverged_promotion_works_as_it_stands(world: World) -> None:
    """The plan changes nothing; its `--yes` brings the hotfix to trunk, from a shallow and dirty clone."""
    world.commit({"recipes.txt": "water, malt, divergence II\n"}, "on trunk")
    world.desk(*DEPLOY)
    world.commit({"hotfix.txt": "2\n"}, "a hotfix on qa", "qa")
    command = str(world.desk(*TO_QA).document["hint"]).split("`")[1].removeprefix("invoke ").split()
    before, clone = world.facts(), world.clone_state()
    planned = world.desk(*command)
    assert planned.code == 0, planned.said
    assert [(each["branch"], each["changes"]) for each in planned.document["moves"]] == [
        ("trunk", ["A hotfix.txt"])
    ]
    assert world.facts() == before
    moved = world.desk(*command[:-1], "--yes")
    assert moved.code == 0, moved.said
    assert "--env test" in moved.document["hint"]
    assert git(world.origin, "show", "trunk:hotfix.txt") == "2"
    assert git(world.origin, "show", "trunk:recipes.txt") == "water, malt, divergence II"
    # git itself notes where it pushed to; nothing else of the clone tells that branches moved
    assert {**world.clone_state(), "branches": ""} == {**clone, "branches": ""}
    assert world.desk(*DEPLOY).code == 0
    with world.button("qa"):
        assert world.desk(*TO_QA).code == 0


def test_only_what_was_proven_before_passes(world: World) -> None:
    """What qa has not proven does not reach live."""
    commit = world.commit({"recipes.txt": "water, malt, haste\n"}, "haste")
    assert world.desk(*DEPLOY).code == 0
    refused(world, *TO_LIVE, "--sha", commit, says=("not proven on qa", commit[:12]))


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"db/migrations/002_style.sql": "alter table beers add abv real;\n"}, "002_style.sql"),
        ({"db/migrations/002_style.sql": None}, "`002`"),
        ({"db/migrations/0025_late.sql": "x", "db/migrations/000_late.sql": "x"}, "000_late.sql"),
    ],
    ids=["edited", "missing", "out of order"],
)
def test_a_history_that_does_not_fit(world: World, files: dict[str, str | None], says: str) -> None:
    """A migration that was edited, removed, or slipped in before others is refused by name."""
    world.commit(files, "history")
    refused(world, *DEPLOY, says=(says, "test"))


def test_a_build_that_fails(world: World) -> None:
    """The release is bad, its last words are shown, and the previous one is still what answers."""
    old = world.answers("test")["commit"]
    world.commit({"site/build.py": "raise SystemExit('no yeast')\n"}, "no yeast")
    answer = world.desk(*DEPLOY)
    assert answer.code == 1, answer.said
    assert "no yeast" in answer.message
    assert world.event()["ending"] == "failed"
    assert not [ref for ref in world.refs() if ref.startswith("refs/deploy/")]
    assert answer.document["live"] == old == world.answers("test")["commit"]


def test_no_child_gets_the_ci_jobs_secrets(world: World) -> None:
    """The program git is given the variables that it needs, and the job's password is none of them."""
    folder = world.folder / "shim"
    folder.mkdir(exist_ok=True)
    told = folder / "told"
    shim = folder / "git"
    shim.write_text(
        f'#!/bin/sh\n[ -z "$DATABASE_PASSWORD" ] || echo "$*" >>{told}\nexec {shutil.which("git")} "$@"\n'
    )
    shim.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    world.desk(*DEPLOY, env={"DATABASE_PASSWORD": PASSWORDS["test"], "PATH": path})
    assert not told.exists(), told.read_text()


def test_the_developers_clone_is_as_it_was(world: World) -> None:
    """Working tree, index, HEAD, branches and configuration: nothing tells that a release ran."""
    before = world.clone_state()
    world.commit({"recipes.txt": "water, malt, the last round\n"}, "the last round")
    assert world.desk(*DEPLOY).code == 0
    assert world.clone_state() == before
    assert before["FETCH_HEAD"] is None
    assert "notes.txt" in str(before["status"])
    assert not Path(world.clone, "site", "build.py").read_text()


def test_no_secret_was_shown_or_kept(world: World) -> None:
    """No output, file, git object or argument list of all the runs above holds a planted secret."""
    found = [name for name, content in world.texts() if any(each in content for each in DISGUISES)]
    assert not found
    assert not [each for each in world.seen if each.startswith("argument")]
    assert not list(world.home.glob("release-desk-*"))


def test_nothing_is_left_in_the_temporary_folder(world: World) -> None:
    """After all these runs, home and temporary folder are as empty as before."""
    assert not [path.name for path in world.home.iterdir()]
