"""The main job on real parts: a commit travels, and each way in which it can fail is told truly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.desk import ROOT, Call, Desk, ended, git
from tests.support import fork_server, skips
from tests.support.sandboxes import NO_FUNCTIONS, VITE

pytestmark = pytest.mark.timeout(900)

ROUNDS = int(os.environ.get("DESK_ROUNDS", "1"))
CONTENDERS = 16
MIGRATIONS = "supabase/migrations"
FUNCTION = "supabase/functions/check-in/index.ts"
BAD_HOME = "export function home() { throw new Error('no'); }\n"
LOCK = "refs/deploy/"


@pytest.fixture(scope="module")
def live(desk: Desk) -> Iterator[Desk]:
    """A world whose three environments have the same release live, with its Edge Functions."""
    file = desk.world.env_dir / "pipeline.toml"
    file.write_text(file.read_text().replace(NO_FUNCTIONS, ""))
    desk.commit({"NOTES.md": "with functions\n"})
    assert desk("deploy", "--env", "development").code == 0
    assert desk("promote", "--to", "staging").code == 0
    assert desk("promote", "--to", "production", "--yes").code == 0
    yield desk
    file.write_text(file.read_text() + NO_FUNCTIONS)


def untouched(desk: Desk, environment: str, before: dict[str, str], served: str | None) -> None:
    """No branch moved, nothing is left locked, and the previous commit answers."""
    after = desk.refs()

    assert before["refs/heads/staging"] == after["refs/heads/staging"]
    assert before["refs/heads/main"] == after["refs/heads/main"]
    assert [ref for ref in after if ref.startswith(LOCK)] == []
    assert served == desk.served(environment)


def test_status_tells_what_independent_clients_see(live: Desk) -> None:
    """Branch, schema and commit of `status --json` are those of git, psycopg and urllib."""
    environments = live("status").document["environments"]

    assert [each["name"] for each in environments] == ["development", "staging", "production"]
    for each in environments:
        assert live.refs()[f"refs/heads/{each['branch']}"] == each["head"]
        assert live.served(each["name"]) == each["live"] == each["head"]
        assert live.versions(each["name"])[-1] == each["schema"]
        assert each["problems"] == []
        assert each["lock"] is None


def test_each_release_is_one_line_in_the_ledger(live: Desk) -> None:
    """The ledger has an event for each environment, and `history` shows the same."""
    events = live.ledger()
    done = [each for each in events if (each["kind"], each["ending"]) == ("release", "done")]
    first = {each["environment"]: each for each in reversed(done)}

    assert {"development", "staging", "production"} == set(first)
    assert {"v1"} == {each["release"] for each in first.values()}
    assert [each["run"] for each in events] == [each["run"] for each in live("history").document["events"]]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("rollback production v", None),
        ("rollback --env prod --to", None),
        ("promote prod", ["production", "prod"]),
        ("db.restore new", ["newest"]),
    ],
)
def test_a_shell_completes_environments_and_releases(
    live: Desk, line: str, offered: list[str] | None
) -> None:
    """From what this clone has seen of the ledger. `offered` None: the good releases, newest first.

    Other modules release in this world too, so the ledger says which those are.
    """
    events = [each for each in live.ledger() if each["environment"] == "production"]
    done = [each for each in events if each["ending"] == "done"]
    bad = {each.get("bad") for each in done if each["kind"] == "rollback"}
    releases = [each for each in reversed(done) if each["kind"] == "release"]
    released = [each["release"] for each in releases if each["commit"] not in bad]
    child = fork_server.start(
        "--complete",
        "--",
        f"invoke {line}",
        cwd=ROOT,
        env={**os.environ, "AIRHOST_ENV_DIR": str(live.world.env_dir)},
    )
    out, _ = child.communicate(timeout=60)

    assert out.split() == (released if offered is None else offered)
    assert "v1" in released


def test_deploy_of_what_is_live_does_nothing(live: Desk) -> None:
    """CI may run it on every push: code 0, `nothing`, and the origin is as before."""
    before = live.refs()
    call = live("deploy", "--env", "development")

    assert (0, "nothing") == (call.code, call.document["ending"])
    assert before == live.refs()


def test_promote_refuses_what_is_not_proven(live: Desk) -> None:
    """A commit that is not live on the environment before can't pass, and the next command is named."""
    commit = live.commit({"NOTES.md": "not released\n"})
    call = live("promote", "--to", "staging")

    assert 1 == call.code
    assert "not proven on development" in call.document["message"]
    assert "invoke deploy --env development" in call.document["hint"]
    assert commit != live.served("staging")


def test_production_needs_a_yes(live: Desk) -> None:
    """Without a terminal and without `--yes`, a guarded environment is declined and nothing changes."""
    live.commit({"NOTES.md": f"{time.time()}\n"})
    assert live("deploy", "--env", "development").code == 0
    assert live("promote", "--to", "staging").code == 0
    before, served = live.refs(), live.served("production")
    call = live("promote", "--to", "production")

    assert (6, "declined") == (call.code, call.document["ending"])
    assert before == live.refs()
    assert served == live.served("production")


def test_plan_changes_nothing(live: Desk) -> None:
    """`--plan` shows commits, steps and the way back, and leaves every ref as it was."""
    if live.refs()["refs/heads/staging"] == live.refs()["refs/heads/main"]:
        live.commit({"NOTES.md": f"{time.time()}\n"})
        assert live("deploy", "--env", "development").code == 0
        assert live("promote", "--to", "staging").code == 0
    before = live.refs()
    call = live("promote", "--to", "production", "--plan")

    assert 0 == call.code
    assert call.document["refused"] is None
    assert ["lock", "build", "scan", "publish", "verify", "scan", "finish"] == [
        each["name"] for each in call.document["steps"]
    ]
    assert call.document["commits"][0]["author"] == "Ada Sandbox"
    assert before == live.refs()


def test_diverged_histories_are_refused(live: Desk) -> None:
    """A commit that only `main` has stops the promotion, and what brings it back is named."""
    origin = live.world.origin
    main = live.refs()["refs/heads/main"]
    tree = git(origin, "hash-object", "-w", "-t", "tree", "/dev/null")  # it takes everything out
    identity = ("-c", "user.name=x", "-c", "user.email=x@localhost")
    stranger = git(origin, *identity, "commit-tree", tree, "-p", main, "-m", "hotfix by hand")
    git(origin, "update-ref", "refs/heads/main", stranger)
    try:
        call = live("promote", "--to", "production", "--yes")

        assert 1 == call.code
        assert "hotfix by hand" in call.document["message"]
        assert "invoke backmerge --all --plan" in call.document["hint"]
        assert stranger == live.refs()["refs/heads/main"]
    finally:
        git(origin, "update-ref", "refs/heads/main", main)


FAILING = {
    "syntax": ({"30": "create tabel nonsense();"}, [], "30_t.sql"),
    "second of three": (
        {"30": "create table one();", "31": "insert into nowhere values (1);", "32": "select 1;"},
        [],
        "31_t.sql",
    ),
    "second of three, which no rehearsal can try": (
        {"30": "create table one();", "31": "vacuum;\ninsert into nowhere values (1);", "32": "select 1;"},
        ["30"],
        "31_t.sql",
    ),
    "concurrently after a table": (
        {
            "30": "create table left_behind(a int);\ninsert into left_behind values (1), (1);\n"
            "create unique index concurrently left_index on left_behind(a);"
        },
        [],
        "30_t.sql",
    ),
}


@pytest.mark.parametrize("case", FAILING)
def test_failing_migration_is_never_a_success(live: Desk, case: str) -> None:
    """It names the file and what stands; no branch moves, the previous commit serves, the lock is free."""
    files, applied, blamed = FAILING[case]
    assert live("deploy", "--env", "development").code == 0
    before, served, versions = live.refs(), live.served("development"), live.versions("development")
    names = {f"{MIGRATIONS}/209901010000{number}_t.sql": sql for number, sql in files.items()}
    commit = live.commit(names, f"a migration that fails: {case}")
    try:
        call = live("deploy", "--env", "development")

        assert (1, "failed") == (call.code, call.document["ending"])
        assert blamed in call.document["message"]
        stood = [version for version in live.versions("development") if version not in versions]
        assert [f"209901010000{number}" for number in applied] == stood
        for number in applied:
            assert f"`209901010000{number}_t.sql`" in call.document["message"]
        if case == "second of three":
            assert "seen in a dry run; nothing was changed" in call.document["message"]
        if case.startswith("concurrently"):
            assert "left_behind" in call.document["message"]
            assert "invalid index left_index" in call.document["message"]
        assert ("failed", commit) == (live.ledger()[-1]["ending"], live.ledger()[-1]["commit"])
        untouched(live, "development", before, served)
        again = live("deploy", "--env", "development")
        assert 1 == again.code
        assert "--retry" in again.document["hint"]
    finally:
        live.remove(*names)
        live.sql("development", "drop table if exists one, left_behind, lost, after_it")
        live.sql(
            "development",
            "delete from supabase_migrations.schema_migrations where version like '2099%'",
        )


def test_an_unclosed_begin_is_refused_before_the_database_is_touched(live: Desk) -> None:
    """The Supabase CLI would end with 0, and lose it and all that follows."""
    name = f"{MIGRATIONS}/20990101000030_t.sql"
    live.commit({name: "begin;\ncreate table lost();"}, "an unclosed begin")
    events = len(live.ledger())
    try:
        call = live("deploy", "--env", "development")
    finally:
        live.remove(name)

    assert 1 == call.code
    assert "20990101000030_t.sql" in call.document["message"]
    assert events == len(live.ledger())
    assert live.sql("development", "select to_regclass('public.lost')") == [(None,)]


def test_migration_edited_after_it_was_applied_is_refused(live: Desk) -> None:
    """The file is named; a change of comments alone is no edit."""
    folder = live.world.clone / MIGRATIONS
    file = min(folder.glob("*.sql"))
    original = file.read_text()
    name = f"{MIGRATIONS}/{file.name}"
    live.commit({name: "-- a comment more\n" + original})
    assert live("deploy", "--env", "development").code == 0
    live.commit({name: original + "\nselect 1;\n"})
    try:
        call = live("deploy", "--env", "development")

        assert 1 == call.code
        assert "edited after it was applied" in call.document["message"]
        assert file.name in call.document["message"]
    finally:
        live.commit({name: original})


def test_migration_that_the_commit_lacks_is_refused(live: Desk) -> None:
    """A database that is ahead of the commit is said to be so, with the version."""
    assert live("deploy", "--env", "development").code == 0
    live.sql(
        "development",
        "insert into supabase_migrations.schema_migrations(version) values ('20980101000000')",
    )
    live.commit({"NOTES.md": f"{time.time()}\n"})
    try:
        call = live("deploy", "--env", "development")

        assert 1 == call.code
        assert "20980101000000" in call.document["message"]
    finally:
        live.sql(
            "development",
            "delete from supabase_migrations.schema_migrations where version = '20980101000000'",
        )


def test_app_that_answers_500_does_not_stay_live(live: Desk) -> None:
    """Code 1, the ledger holds the failed release, and the previous one answers again, verified.

    So does the Edge Function of the previous commit: the real CLI has put it back.
    """
    assert live("deploy", "--env", "development").code == 0
    before, served = live.refs(), live.served("development")
    version, sources = live.function("development", "check-in")
    good = (live.world.clone / "server" / "home.js").read_text()
    function = (live.world.clone / FUNCTION).read_text()
    commit = live.commit({"server/home.js": BAD_HOME, FUNCTION: function + "// bad\n"}, "a bad home")
    try:
        call = live("deploy", "--env", "development")

        assert 1 == call.code
        assert "gives 500" in call.document["message"]
        assert "is live again, and verified" in call.document["message"]
        assert served == call.document["live"]
        assert "Edge Functions of `v" in call.document["message"]
        assert live.function("development", "check-in") == (version + 2, sources)
        assert "// bad" not in sources[FUNCTION]
        event = live.ledger()[-1]
        assert event["functions"]["check-in"]["version"] == version + 2
        assert ("failed", commit, "verify") == (event["ending"], event["commit"], event["at_step"])
        untouched(live, "development", before, served)
    finally:
        live.commit({"server/home.js": good, FUNCTION: function}, "a good home")


def test_app_that_does_not_build_changes_nothing(live: Desk) -> None:
    """The compiler's words are shown, the live app was never touched."""
    assert live("deploy", "--env", "development").code == 0
    before, served = live.refs(), live.served("development")
    good = (live.world.clone / "src" / "main.ts").read_text()
    live.commit({"src/main.ts": "const a: number = 'text' +;\n"})
    manual = live.world.env_dir / "pipeline.toml"
    text = manual.read_text()
    manual.write_text(text.replace(VITE, "[app]\n"))  # as the app itself builds: the type checker first
    try:
        call = live("deploy", "--env", "development")

        assert 1 == call.code
        assert "the build failed in the workspace" in call.document["message"]
        assert "main.ts" in call.document["message"]
        untouched(live, "development", before, served)
    finally:
        manual.write_text(text)
        live.commit({"src/main.ts": good})


@pytest.mark.parametrize(
    ("faults", "code", "word"),
    [
        ({"publish": "lost"}, 1, "answers, not"),
        ({"publish": "fails"}, 1, "could not publish"),
        ({"publish": "error"}, 3, "publish_app"),
        ({"ssh": "down"}, 3, "no answer from the workspace"),
        ({"ssh": "drops"}, 3, "no answer from the workspace"),
        pytest.param({"public": "500"}, 7, "way back", marks=skips.LONG),
    ],
)
def test_faulty_host_is_never_called_deployed(
    live: Desk, faults: dict[str, str], code: int, word: str
) -> None:
    """The exit code says what kind of fault it was, and what is live is told as it is."""
    live.play("development")
    assert live("deploy", "--env", "development").code == 0
    before, served = live.refs(), live.served("development")
    live.commit({"NOTES.md": f"{time.time()}\n"})
    live.play("development", **faults)
    try:
        call = live("deploy", "--env", "development")

        assert code == call.code, call.err
        assert word in call.document["message"]
        assert "done" != call.document["ending"]
        live.play("development")
        untouched(live, "development", before, served)
    finally:
        live.play("development")
    time.sleep(1.5)  # a dropped session's remote side goes on for a moment
    assert 0 == live("deploy", "--env", "development", "--retry").code


def test_silent_host_is_unknown(live: Desk) -> None:
    """When nobody answers after the publish, the ending is `unknown` with code 7."""
    live.commit({"NOTES.md": f"{time.time()}\n"})
    live.play("staging")
    assert live("deploy", "--env", "development").code == 0
    live.play("staging", public="down")
    try:
        call = live("promote", "--to", "staging")

        assert (7, "unknown") == (call.code, call.document["ending"])
        assert call.document["live"] is None
    finally:
        live.play("staging")
    assert 0 == live("promote", "--to", "staging").code


def dirty(workspace: Path) -> Callable[[], None]:
    (workspace / "README.md").write_text("changed by hand\n")
    return lambda: (git(workspace, "checkout", "-q", "README.md") and None) or None


def untracked(workspace: Path) -> Callable[[], None]:
    (workspace / "left-over.txt").write_text("x")
    return (workspace / "left-over.txt").unlink


def unpushed(workspace: Path) -> Callable[[], None]:
    here = git(workspace, "rev-parse", "HEAD")
    identity = ("-c", "user.name=agent", "-c", "user.email=agent@localhost")
    git(workspace, *identity, "commit", "-q", "--allow-empty", "-m", "made on Replit")
    return lambda: (git(workspace, "checkout", "-q", here), None)[1]


@pytest.mark.parametrize(
    ("spoil", "word"), [(dirty, "README.md"), (untracked, "left-over.txt"), (unpushed, "only here")]
)
def test_workspace_with_work_of_its_own_is_refused(
    live: Desk, spoil: Callable[[Path], Callable[[], None]], word: str
) -> None:
    """What somebody did on Replit is named and left alone."""
    live.commit({"NOTES.md": f"{time.time()}\n"})
    workspace = live.world.environment("development").workspace
    served = live.served("development")
    fix = spoil(workspace)
    head = git(workspace, "rev-parse", "HEAD")
    try:
        seen = live("status").document["environments"][0]["problems"]
        call = live("deploy", "--env", "development")

        assert 1 == call.code
        assert word in call.document["message"]
        assert [problem for problem in seen if word in problem]
        assert head == git(workspace, "rev-parse", "HEAD")
        assert served == live.served("development")
    finally:
        fix()
    assert 0 == live("deploy", "--env", "development").code


def test_dead_environment_costs_its_time_out_once(live: Desk) -> None:
    """`status` shows the rest, and says which one does not answer."""
    live.play("production", public="down")
    try:
        call = live("status")

        production = call.document["environments"][2]
        assert 0 == call.code
        assert production["live"] is None
        assert "nobody answers" in " ".join(production["problems"])
        assert call.document["environments"][0]["live"]
    finally:
        live.play("production")


@pytest.mark.parametrize("number", range(ROUNDS))
def test_one_of_sixteen_deploys_wins(live: Desk, number: int) -> None:
    """One release; each of the others ends with code 5 and names the holder."""
    live.commit({"NOTES.md": f"round {number} at {time.time()}\n"})
    before = len(live.ledger())
    children = [live.start("deploy", "--env", "development", "--yes") for _ in range(CONTENDERS)]
    with ThreadPoolExecutor(CONTENDERS) as pool:
        calls: list[Call] = list(pool.map(ended, children))

    codes = sorted(call.code for call in calls)
    assert [0] + [5] * (CONTENDERS - 1) == codes, [call.document.get("message") for call in calls]
    winner = next(call for call in calls if call.code == 0)
    for call in calls:
        if call.code == 5:
            assert winner.document["run"] in call.document["message"]
            assert "Ada Sandbox" in call.document["message"]
    assert before + 1 == len(live.ledger())
    assert [] == [ref for ref in live.refs() if ref.startswith(LOCK)]


def test_no_secret_leaves_its_place(live: Desk, tmp_path: Path) -> None:
    """Not in `ps`, output, ledger, lock, or any file that the desk writes; on success and on failure."""
    world = live.world
    staging = world.environment("development")
    secrets = [world.password, staging.mcp_token, staging.secrets["OPENAI_API_KEY"],
               staging.secrets["WHATSAPP_VERIFY_TOKEN"]]  # fmt: skip
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    said = []
    try:
        name = f"{MIGRATIONS}/20990101000090_t.sql"
        live.commit({name: f"select '{secrets[2]}'::int;"})  # the server repeats it in its error
        said.append(live("deploy", "--env", "development", TMPDIR=str(tmp_path)))
        live.remove(name)
        name = f"{MIGRATIONS}/20990101000091_t.sql"
        live.commit({name: "select 1;"})  # one that works, and leaves nothing for other modules
        said.append(live("deploy", "--env", "development", TMPDIR=str(tmp_path)))
        live.play("development", publish="error")
        live.commit({"NOTES.md": f"{time.time()}\n"})
        said.append(live("deploy", "--env", "development", TMPDIR=str(tmp_path)))
        live.remove(name)
    finally:
        live.play("development")
        live.sql(
            "development", "delete from supabase_migrations.schema_migrations where version like '2099%'"
        )
        over.set()
        thread.join()

    assert [1, 0, 3] == [call.code for call in said]
    ledger = git(world.origin, "log", "-p", "deploy-ledger")
    texts = {
        "ps": "\n".join(seen),
        "output": "\n".join(call.out + call.err for call in said),
        "ledger": ledger,
        "temporary files": "\n".join(
            path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()
        ),
        "workspace": subprocess.run(
            ["grep", "-rIl", "--exclude-dir=node_modules", "-e", world.password, "-e",
             staging.mcp_token, str(staging.workspace)],
            capture_output=True, text=True, check=False,
        ).stdout,
    }  # fmt: skip
    for place, text in texts.items():
        for secret in secrets:
            assert secret not in text, f"a secret stands in: {place}"
    assert texts["workspace"] == ""
    assert json.dumps(said[1].document)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_gives_the_lock_back(live: Desk, number: signal.Signals) -> None:
    """Code 130 in under 8 s, the lock is free, the ledger says so, and it is no failed release.

    The last words say what is live, that the lock is free, and what to type; another signal is answered.
    """
    live.commit({"NOTES.md": f"{time.time()}\n"})
    served = live.served("development")
    runs = live.world.env_dir.parent / ".airhost" / "runs"
    known = set(runs.glob("*/*.jsonl"))
    child = live.start("deploy", "--env", "development")
    while not any('"step": "build"' in new.read_text() for new in {*runs.glob("*/*.jsonl")} - known):
        time.sleep(0.02)
    started = time.monotonic()
    for _ in range(10):  # an impatient person
        child.send_signal(number)
        time.sleep(0.05)
    call = ended(child)

    assert 130 == call.code
    assert f"error: interrupted by {number.name} in `build`: nothing was published" in call.err
    assert f"development serves {call.document['serves']['release']} {(served or '')[:8]}" in call.err
    assert "; the lock is free" in call.err
    assert any(words in call.err for words in ("already stopping", "still putting back", "already ending"))
    assert (served, {"state": "free"}) == (call.document["live"], call.document["lock"])
    assert ["invoke deploy --env development"] == call.document["next"]
    assert time.monotonic() - started < 8
    assert served == live.served("development")
    assert [] == [ref for ref in live.refs() if ref.startswith(LOCK)]
    assert "error" == live.ledger()[-1]["ending"]
    time.sleep(2)  # the workspace's own build ends by itself
    assert 0 == live("deploy", "--env", "development").code
