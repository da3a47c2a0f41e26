"""The schema goes back with the code: verdicts, rollback scripts, rehearsals; and how that can fail."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.database.postgres.local_server import TEMPLATE
from tests.integration.desk import Desk, ended, git
from tests.support import skips

pytestmark = pytest.mark.timeout(900)

DEV = ("--env", "development")
UP, DOWN = "supabase/migrations", "supabase/rollbacks"
HOME = "server/home.js"
V = "2099010100006"  # and a digit: versions of these tests alone
FORGET = "delete from supabase_migrations.schema_migrations where version like"
MAKE = "create table public.back_a (id int, old text);"
RENAME = "alter table public.back_a rename column old to new;"
BACK = "alter table public.back_a rename column new to old;"
WIDEN = "alter table public.back_a add column extra int;"
NARROW = "alter table public.back_a drop column extra;"
COMPOSED = "do $$ begin execute format('select %s', 1); end $$;"  # leaves nothing, and can't be judged
NEEDS = "select {column} from public.back_a"  # what the page of a release asks
# a front page that needs the schema of its own release
READS = """import {{ query }} from "./database.js";
import {{ sendFile }} from "./static.js";
export async function home(request, response) {{
  await query("{needs}");
  return sendFile(response, "index.html");
}}
"""


def page(column: str) -> str:
    """A front page that works with this column."""
    return READS.format(needs=NEEDS.replace("{column}", column))


def up(number: int, sql: str) -> dict[str, str]:
    """A migration of the tests."""
    return {f"{UP}/{V}{number}_t.sql": sql + "\n"}


def down(number: int, sql: str) -> dict[str, str]:
    """Its rollback script."""
    return {f"{DOWN}/{V}{number}_t.sql": sql + "\n"}


def ours(desk: Desk, environment: str = "development") -> list[str]:
    """The last digits of the versions of these tests that stand."""
    return [each.removeprefix(V) for each in desk.versions(environment) if each.startswith(V)]


def columns(desk: Desk, environment: str = "development") -> list[str]:
    """The columns of the tests' table."""
    known = "information_schema.columns where table_name = 'back_a' order by 1"
    query = f"select column_name from {known}"  # noqa: S608 - constants only
    return [str(row[0]) for row in desk.sql(environment, query)]


@pytest.fixture
def base(desk: Desk) -> Iterator[Desk]:
    """Development has a good release; afterwards nothing of the test is left anywhere."""
    home = (desk.world.clone / HOME).read_text()
    if desk.served("development") != desk.refs()["refs/heads/develop"]:
        assert desk("deploy", *DEV, "--wait").code == 0
    try:
        yield desk
    finally:
        tidy(desk, home)


def tidy(desk: Desk, home: str) -> None:
    """Take files, tables and rows out again, lift the hold, and release that."""
    clone = desk.world.clone
    git(clone, "pull", "-q", "--ff-only")
    left = git(clone, "ls-files", f"{UP}/{V}*", f"{DOWN}/{V}*").split()
    if left:
        desk.remove(*left)
    desk.commit({HOME: home, "NOTES.md": f"{time.time()}\n"}, "as it was")
    reached = [each for each in ("development", "staging") if desk.served(each) and ours(desk, each)]
    for each in reached:
        desk.sql(each, f"{FORGET} '{V}%'")
        desk.sql(each, "drop table if exists public.back_a cascade")
    desk("release-hold", *DEV, "--reason", "test")
    assert desk("deploy", *DEV).code == 0
    if "staging" in reached:
        assert desk("promote", "--to", "staging").code == 0
    assert ours(desk) == []


def released(desk: Desk, *parts: dict[str, str]) -> str:
    """Commit these files and release them on development."""
    commit = desk.commit({name: text for part in parts for name, text in part.items()})
    call = desk("deploy", *DEV)
    assert call.code == 0, call.err
    return commit


@skips.LONG
def test_what_older_code_lives_with_stays(base: Desk) -> None:
    """The schema stays ahead, plan, message and ledger say so, and status finds no fault with the stamp."""
    old = base.served("development")
    released(base, up(0, MAKE))
    plan = base("rollback", *DEV, "--plan")
    call = base("rollback", *DEV)

    assert [f"{V}0"] == [each["version"] for each in plan.document["ahead"]]
    assert "schema stays ahead" in plan.err
    assert (0, old) == (call.code, base.served("development")), call.err
    assert "schema stays ahead" in call.document["message"]
    assert (f"{V}0", f"{V}0") == (call.document["schema"], base.ledger()[-1]["schema"])
    assert ["0"] == ours(base)
    problems = base("status").document["environments"][0]["problems"]
    assert [] == [each for each in problems if "built for" in each]


@skips.LONG
def test_what_a_hotfix_overtook_is_applied_on_a_persons_word(base: Desk) -> None:
    """A newer migration went first: the older one is refused with the way out, and then goes after it."""
    released(base, up(2, MAKE))
    new = base.commit(up(1, "create table public.back_b (id int); drop table public.back_b;"))
    refused = base("deploy", *DEV)
    done = base("deploy", *DEV, "--out-of-order")

    assert (1, f"`{V}1_t.sql`") == (refused.code, refused.document["message"].split()[-1]), refused.err
    assert "--out-of-order" in refused.document["hint"]
    assert (0, new) == (done.code, base.served("development")), done.err
    assert ["1", "2"] == ours(base)


def test_what_older_code_can_not_live_with_goes_back(base: Desk) -> None:
    """The breaking one and the newer one are undone at once; the older page, which needs it, works."""
    old = released(base, up(0, MAKE), {HOME: page("old")})
    new = base.commit({**up(1, RENAME), **down(1, BACK), **up(2, WIDEN), **down(2, NARROW),
                       HOME: page("new")})  # fmt: skip
    forward = base("deploy", *DEV, "--plan")
    assert base("deploy", *DEV).code == 0
    base.sql("development", "insert into public.back_a values (1, 'kept', 7)")
    plan = base("rollback", *DEV, "--plan")
    call = base("rollback", *DEV)

    assert [("reversible", False), ("compatible", False)] == [
        (each["verdict"], each["rehearsed"]) for each in forward.document["migrations"]
    ]
    assert "renames" in " ".join(forward.document["migrations"][0]["reasons"])
    assert [f"{V}2", f"{V}1"] == [each["version"] for each in plan.document["undo"]]
    assert "drops column `back_a.extra`" in plan.document["lost"][0]
    assert 0 == call.code, call.err
    assert (old, ["0"], ["id", "old"]) == (base.served("development"), ours(base), columns(base))
    assert [("kept",)] == base.sql("development", "select old from public.back_a")
    steps = [each["name"] for each in call.document["steps"]]
    assert [
        "lock",
        "build",
        "scan",
        "rehearse",
        "publish",
        "verify",
        "scan",
        "undo",
        "verify",
        "finish",
    ] == steps
    event = base.ledger()[-1]
    assert (new, f"{V}0", [f"{V}2_t.sql", f"{V}1_t.sql"]) == (
        event["bad"],
        event["schema"],
        event["undone"],
    )
    problems = base("status").document["environments"][0]["problems"]
    assert [] == [each for each in problems if "database" in each or "built for" in each]


@skips.LONG
def test_missing_script_is_refused_before_anything_changes(base: Desk) -> None:
    """The file is named; with a person's word the code goes back alone, and the message says so."""
    old = released(base, up(0, MAKE))
    new = released(base, up(1, RENAME), up(2, WIDEN), down(2, NARROW))
    before = base.refs()
    call = base("rollback", *DEV)

    assert 1 == call.code
    assert f"{V}1_t.sql" in call.document["message"]
    assert f"{V}2_t.sql" not in call.document["message"]
    assert "--accept-irreversible" in call.document["hint"]
    assert (before, new, ["0", "1", "2"]) == (base.refs(), base.served("development"), ours(base))
    accepted = base("rollback", *DEV, "--accept-irreversible")
    assert (0, old) == (accepted.code, base.served("development")), accepted.err
    assert f"schema stays ahead: {V}1_t.sql: breaking" in accepted.document["message"]
    assert ["0", "1", "2"] == ours(base)


def test_script_that_ends_the_transaction_is_refused(base: Desk) -> None:
    """`commit` in a script is found in the plan, in any environment."""
    base.commit({**up(0, MAKE), **down(0, "begin; drop table public.back_a; commit;")})
    call = base("deploy", *DEV, "--plan")

    assert 1 == call.code
    assert "holds `begin`" in call.document["refused"]


@skips.LONG
def test_script_that_fails_is_found_before_the_code_goes_back(base: Desk) -> None:
    """It is rehearsed on the very database, and rolled back there: nothing was changed."""
    released(base, up(0, MAKE))
    new = released(base, up(1, RENAME), down(1, BACK + " table public.nowhere;"))
    call = base("rollback", *DEV)

    assert 1 == call.code
    assert "nowhere" in call.document["message"]
    assert (new, ["0", "1"]) == (base.served("development"), ours(base))
    assert [] == [ref for ref in base.refs() if ref.startswith("refs/deploy/")]


@skips.LONG
def test_undo_that_fails_is_said_and_can_be_asked_for_again(base: Desk) -> None:
    """The older code is live, the schema is not, nothing is called done; the same command ends it."""
    old = released(base, up(0, MAKE + " create sequence public.back_s owned by public.back_a.id;"))
    # a sequence remembers what was rolled back: the second run of the script, after the rehearsal, fails
    fail = "do $$ begin if nextval('public.back_s') = 2 then raise 'busy'; end if; end $$;"
    released(base, up(1, RENAME), down(1, f"{BACK} {fail}"))
    call = base("rollback", *DEV)

    assert 3 == call.code, call.err
    assert "busy" in call.document["message"]
    assert f"still there: `{V}1_t.sql`" in call.document["message"]
    assert (old, ["0", "1"]) == (base.served("development"), ours(base))
    assert ("rollback", "error") == (base.ledger()[-1]["kind"], base.ledger()[-1]["ending"])
    again = call.document["hint"].rpartition("`invoke ")[2].removesuffix("`").split()
    assert 0 == base(*again).code
    assert (old, ["0"]) == (base.served("development"), ours(base))
    assert ("rollback", "done") == (base.ledger()[-1]["kind"], base.ledger()[-1]["ending"])


def test_what_was_applied_before_a_file_failed_is_undone(base: Desk) -> None:
    """The second of three fails: the first is undone by its script, and the message names what stands."""
    old = base.served("development")
    base.commit({**up(0, MAKE), **down(0, "drop table public.back_a;"),
                 **up(1, "vacuum; insert into public.nowhere values (1);"),
                 **up(2, "select 1;")})  # fmt: skip
    call = base("deploy", *DEV)

    assert 1 == call.code
    assert f"migration `{V}1_t.sql` failed" in call.document["message"]
    assert f"undone by their rollback scripts: `{V}0_t.sql`" in call.document["message"]
    assert "  | applied, by the history: none" in call.document["message"]
    assert "still there" not in call.document["message"]
    assert ([], [], old) == (ours(base), columns(base), base.served("development"))
    assert [f"{V}0_t.sql"] == base.ledger()[-1]["undone"]


@skips.LONG
def test_undo_that_fails_does_not_hide_the_first_fault(base: Desk) -> None:
    """Both are said, and what stands is what is said to stand."""
    base.commit({**up(0, MAKE), **down(0, "drop table public.nothing;"), **up(1, "vacuum; select 1 / 0;")})
    call = base("deploy", *DEV)

    assert 1 == call.code
    assert "division by zero" in call.document["message"].splitlines()[1]
    assert "could not be undone" in call.document["message"]
    assert f"  | applied, by the history: `{V}0_t.sql`" in call.document["message"]
    assert ["0"] == ours(base)


def test_bad_release_takes_its_schema_back(base: Desk) -> None:
    """The page of the new code fails: the older one is published again, and gets its schema back."""
    old = released(base, up(0, MAKE), {HOME: page("old")})
    base.commit({**up(1, RENAME), **down(1, BACK), HOME: page("never")})
    call = base("deploy", *DEV)

    assert 1 == call.code
    assert "gives 503" in call.document["message"]
    assert f"undone by their rollback scripts: `{V}1_t.sql`" in call.document["message"]
    assert "migrations stand" not in call.document["message"]
    assert (old, ["0"], ["id", "old"]) == (base.served("development"), ours(base), columns(base))
    event = base.ledger()[-1]
    assert ("failed", f"{V}0", [f"{V}1_t.sql"]) == (event["ending"], event["schema"], event["undone"])


@skips.LONG
def test_only_production_demands_a_way_back(base: Desk) -> None:
    """Development and staging take a breaking migration; production needs a script or a person's word."""
    if not base.served("production"):
        assert base("promote", "--to", "staging").code == 0
        assert base("promote", "--to", "production", "--yes").code == 0
    released(base, up(0, MAKE))
    released(base, up(1, COMPOSED))
    assert base("promote", "--to", "staging").code == 0
    before = base.refs()
    plan = base("promote", "--to", "production", "--plan")
    call = base("promote", "--to", "production", "--yes")
    accepted = base("promote", "--to", "production", "--accept-irreversible", "--plan")

    assert ["compatible", "breaking"] == [each["verdict"] for each in plan.document["migrations"]][-2:]
    assert (1, 1) == (plan.code, call.code)
    assert f"{V}1_t.sql: breaking" in call.document["message"]
    assert f"supabase/rollbacks/{V}1_t.sql" in call.document["hint"]
    assert before == base.refs()
    assert (0, None) == (accepted.code, accepted.document["refused"])


@skips.LONG
def test_killed_in_the_midst_of_the_undo(base: Desk) -> None:
    """All or nothing; `resume` finishes it on what is true then."""
    old = released(base, up(0, MAKE))
    slow = f"{BACK} select pg_sleep(4);"
    released(base, up(1, RENAME), down(1, slow), up(2, WIDEN), down(2, NARROW))
    child = base.start("rollback", *DEV)
    asleep = "select 1 from pg_stat_activity where query like '%sleep(4)%' and pid <> pg_backend_pid()"
    deadline = time.monotonic() + 120
    while not (base.served("development") == old and base.sql("development", asleep)):
        assert time.monotonic() < deadline, ended(child).err
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert ["0", "1", "2"] == ours(base)
    call = base("resume", *DEV)

    assert 0 == call.code, call.err
    assert (old, ["0"], ["id", "old"]) == (base.served("development"), ours(base), columns(base))
    assert [] == [ref for ref in base.refs() if ref.startswith("refs/deploy/")]
    assert ("rollback", "done") == (base.ledger()[-1]["kind"], base.ledger()[-1]["ending"])


def nothing_is_left(folder: Path) -> None:
    """No file, and no process whose command line names the folder."""
    assert [] == list(folder.iterdir())
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert str(folder).encode() not in entry.read_bytes(), entry
        except OSError:
            continue


@skips.LONG
def test_rehearsal_finds_the_wrong_script(base: Desk, tmp_path: Path) -> None:
    """Code 1 with the difference and no proof; fixed, the proof is in ledger and plan."""
    base.commit({**up(0, MAKE), **up(1, RENAME), **down(1, BACK), **up(2, WIDEN), **down(2, "select 1;")})
    wrong = base("db.rehearse", *DEV, TMPDIR=str(tmp_path))
    proofs = [each for each in base.ledger() if each["kind"] == "proof"]
    commit = base.commit(down(2, NARROW))
    right = base("db.rehearse", *DEV, TMPDIR=str(tmp_path))
    plan = base("deploy", *DEV, "--plan")

    assert 1 == wrong.code, wrong.err
    assert f"{V}2_t.sql" in wrong.document["message"]
    rows = {each["version"]: each for each in wrong.document["migrations"]}
    assert ("proven", "wrong", "missing") == tuple(rows[f"{V}{n}"]["pair"] for n in (1, 2, 0))
    assert '"extra"' in rows[f"{V}2"]["fault"]
    assert 0 == right.code, right.err
    event = base.ledger()[-1]
    assert ("proof", "rehearsal", commit) == (event["kind"], event["what"], event["commit"])
    assert len(proofs) + 1 == len([each for each in base.ledger() if each["kind"] == "proof"])
    assert [False, True, True] == [each["rehearsed"] for each in plan.document["migrations"]]
    nothing_is_left(tmp_path)


def scratch_databases(desk: Desk) -> list[str]:
    """Those on the world's own server."""
    rows = desk.sql("development", "select datname from pg_database where datname like 'release_desk_%'")
    return [str(row[0]) for row in rows]


@skips.LONG
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_rehearsal_leaves_nothing(base: Desk, tmp_path: Path, number: signal.Signals) -> None:
    """Ended gently it removes everything itself; killed, the next one does, here and on a given server."""
    base.commit({**up(0, MAKE), **down(0, "drop table public.back_a;")})
    url = base.world.environment("development").database_url.rpartition("/")[0] + f"/{TEMPLATE}"
    given = {"SCRATCH_DATABASE_URL": url, "TMPDIR": str(tmp_path)}
    child = base.start("db.rehearse", *DEV, **given)
    deadline = time.monotonic() + 60
    while not scratch_databases(base):
        assert time.monotonic() < deadline, ended(child).err
        time.sleep(0.05)
    child.send_signal(number)
    code = ended(child).code
    gentle = number == signal.SIGTERM

    assert code == (130 if gentle else -signal.SIGKILL)
    assert gentle == (scratch_databases(base) == [])
    again = base("db.rehearse", *DEV, **given)
    assert 0 == again.code, again.err
    assert [] == scratch_databases(base)
    nothing_is_left(tmp_path)


@skips.LONG
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_own_server_goes_with_the_rehearsal(base: Desk, tmp_path: Path, number: signal.Signals) -> None:
    """The PostgreSQL in the temporary folder ends with it, or with the next one."""
    child = base.start("db.rehearse", *DEV, TMPDIR=str(tmp_path))
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*/postgres/pid")):
        assert time.monotonic() < deadline, ended(child).err
        time.sleep(0.02)
    child.send_signal(number)
    ended(child)
    if number == signal.SIGKILL:
        assert base("db.rehearse", *DEV, TMPDIR=str(tmp_path)).code == 0
    nothing_is_left(tmp_path)
    assert os.environ.get("SCRATCH_DATABASE_URL") is None


HALF = {
    # file -> what is said to stand of it
    "insert into public.back_a values (4), (4); create type public.back_m as enum ('a'); delete from"
    " public.back_b where id = 1; create unique index concurrently back_i on public.back_a (id);": (
        "invalid index back_i: made",
        "type public.back_m: made",
        "table public.back_a: 2 rows written (0 before, 2 now)",
        "table public.back_b: 0 rows written (2 before, 1 now)",
    ),
    "-- pg-delta: transaction=false\nalter type public.back_e add value 'odd';\ncreate or replace function"
    " public.back_f() returns int language sql as 'select 2';\nselect 1 / (1 - count(*)) from"
    " pg_stat_activity where application_name = '@effect/sql-pg' and pid = pg_backend_pid();\n"
    "create table public.back_never ();": (
        "type public.back_e: now",
        "'odd'",
        "function public.back_f(): now",
    ),
    "alter table public.back_b add column extra int; update public.back_b set extra = 1;"
    " drop view public.back_v; vacuum; select 1 / 0;": (
        "table public.back_b: now `column extra integer`",
        "view public.back_v: dropped",
        "table public.back_b: 2 rows written (2 before, 2 now)",
    ),
}
LEFT = """create table public.back_a (id int); create table public.back_b (id int primary key);
insert into public.back_b values (1), (2); create type public.back_e as enum ('calm');
create view public.back_v as select 1 as x;
create function public.back_f() returns int language sql as 'select 1'"""


@pytest.mark.parametrize("sql", HALF, ids=["concurrently", "directive", "vacuum"])
def test_what_stands_of_a_half_applied_file_is_named(base: Desk, sql: str) -> None:
    """By the message, and from then on by `status`, `db.status` and the next plan, until it is gone."""
    base.sql("development", LEFT)
    base.commit(up(0, sql))
    try:
        call = base("deploy", *DEV)
        problems = base("status").document["environments"][0]["problems"]
        checked, plan = base("db.status", *DEV), base("deploy", *DEV, "--plan", "--retry")
    finally:
        base.sql(
            "development",
            "drop table public.back_a, public.back_b; drop type if exists public.back_m; drop type"
            " public.back_e; drop view if exists public.back_v; drop function public.back_f()",
        )

    assert call.code == 1, call.err
    assert "none of the release" not in call.document["message"]
    assert ours(base) == []
    for each in HALF[sql]:
        assert each in call.document["message"], each
        assert each in "".join(call.document["half_applied"]["stands"]), each
    said = f"a part of `{V}0_t.sql` stands since {base.ledger()[-1]['release']}"
    assert any(each.startswith(said) for each in problems)
    assert (checked.code, said in checked.document["message"]) == (1, True)
    assert plan.document["half_applied"][0].startswith(said)
