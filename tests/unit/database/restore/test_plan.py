"""The plan of a restore: whether it is allowed, how long it takes, what it loses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.config.settings import Environment
from scripts.database.backups.manifest import Manifest
from scripts.database.restore import plan
from scripts.database.restore.plan import Change, Counts, RestorePlan, StorageGaps
from scripts.state.ledger import Event
from tests.unit.database.restore.manifests import manifest, table

PRODUCTION = Environment("production", "main", "http://127.0.0.1:9", guarded=True)
STAGING = Environment("staging", "staging", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("backup", "environment", "why"),
    [
        (manifest(), PRODUCTION, None),
        (manifest(project="other"), PRODUCTION, "is a backup of `other`, not of `app`"),
        (manifest(policy="x"), PRODUCTION, "is masked: it must not be restored into production"),
        (manifest(policy="x"), STAGING, None),
        (manifest(), STAGING, "is of production: its data must not go to staging unmasked"),
        (manifest(server="18.1"), PRODUCTION, "is of PostgreSQL 18.1, the server of production is 17"),
        (manifest(server="16.9"), PRODUCTION, None),
    ],
)
def test_a_backup_is_restored_only_where_it_may_go(
    backup: Manifest, environment: Environment, why: str | None
) -> None:
    """Another app's, a masked one in production, unmasked production elsewhere, a newer server's: no."""
    objection = plan.objection(backup, environment, "app", 17)

    assert objection == (f"`{backup.id}` {why}" if why else None)


def change(table: str = "public.a", *, updated: int | None = 2) -> Change:
    return Change(table, before=10, now=12, inserted=3, updated=updated, deleted=1)


def test_lost_rows_are_inserted_and_updated_ones_and_new_tables() -> None:
    """Deleted rows are restored, so they are not lost."""
    whole = RestorePlan(manifest(), (change(), change("b", updated=None)), {"public.new": 7}, None, 5, True)

    assert whole.lost == 3 + 2 + 3 + 7
    assert whole.document()["lost"] == whole.lost


def test_the_plan_in_words_names_every_table_and_the_way_back() -> None:
    """Accounts are counted apart, since they keep their rows."""
    accounts = Change(plan.ACCOUNTS, 5, 6, inserted=2, updated=0, deleted=1)
    words = list(
        RestorePlan(manifest(), (change(),), {"public.new": 7}, accounts, 65.4, True).words("prod")
    )

    kept = "the old schemas are kept until `invoke db.drop-aside --env prod`"
    assert words[1:] == [
        f"  {change()}",
        "  public.new: not in the backup, 7 rows (lost)",
        "  so far: what is written from now on is counted when no writer is let in any more",
        "  2 people signed up since: their accounts stay, and nothing else of theirs",
        "  1 accounts of the backup are missing: they are restored",
        "  for about 65 s the app can read but not write; then it reads the backup",
        f"  way back: a safety backup is taken first; {kept}",
    ]
    assert str(change()) == (
        "public.a: 10 rows in the backup, 12 now, 3 inserted since (lost), 2 updated since (reverted),"
        " 1 deleted since (restored)"
    )


def test_what_a_new_project_lacks_is_named_with_what_to_do() -> None:
    """Extensions are created; buckets and files are a person's work."""
    gaps = StorageGaps({"photos": "insert into storage.buckets ..."}, {"photos": 2})
    whole = RestorePlan(manifest(), (), {}, None, 1, False, gaps, ("citext",))

    assert list(whole.words("prod"))[2:5] == [
        "  extension citext: missing, created first",
        "  bucket `photos` is missing: make it with `insert into storage.buckets ...`",
        "  2 rows of files of the bucket `photos` are missing: upload these files again",
    ]
    assert whole.document()["storage"] == {"buckets": ["photos"], "objects": {"photos": 2}}


def test_a_plan_without_losses_says_so() -> None:
    """An unguarded environment has no safety backup."""
    words = list(RestorePlan(manifest(), (), {}, None, 2, False).words("staging"))

    assert words[1] == "  no row was written since"
    assert "safety backup" not in words[-1]


def test_the_document_has_its_keys() -> None:
    """They are the contract of `--plan --json`."""
    document = RestorePlan(manifest(), (change(),), {}, change(plan.ACCOUNTS), 5.04, False).document()

    assert list(document) == [
        "backup",
        "taken",
        "schema",
        "tables",
        "new",
        "people",
        "lost",
        "seconds",
        "safety",
        "storage",
        "extensions",
    ]
    assert document["people"]["table"] == plan.ACCOUNTS
    assert document["seconds"] == 5.0


def event(kind: str, seconds: float, size: float, environment: str = "production") -> Event:
    steps = [{"name": "restore", "seconds": seconds}, {"name": "safety", "seconds": 100}]
    detail = {"steps": steps, "bytes": size}
    return Event(environment, kind, "done", "", "c", "a", "t", "r", detail)


def test_the_rate_is_that_of_the_last_restore_of_the_environment() -> None:
    """Only steps in which writers wait count; a restore of a second or less says nothing."""
    events = [event("restore", 10, 500), event("restore", 0.5, 9999), event("backup", 2, 9999)]

    assert plan.last_rate([], "production") is None
    assert plan.last_rate(events, "production") == 50
    assert plan.last_rate(events, "staging") is None


def test_expected_seconds_follow_the_rate() -> None:
    """Two seconds, and the time for the tables' bytes."""
    backup = replace(manifest(), tables={"public.a": table(size=50_000_000)})

    assert plan.expected_seconds(backup, 10e6) == 7
    assert plan.expected_seconds(backup, None) == 4


def test_old_schemas_and_the_platforms_publications_are_not_compared() -> None:
    """The platform publishes its own tables as it likes."""
    lines = [
        "table public.a: ...",
        "table desk_aside_1_public.a: ...",
        "publication p of realtime.messages",
        "publication p of public.a",
    ]

    assert plan.comparable_schema(lines) == (lines[0], lines[3])


def test_what_was_counted_is_told_beside_what_the_plan_said() -> None:
    """By table, how many rows more or fewer; where they are kept; and how they come back."""
    whole = RestorePlan(manifest(), (change(), change("public.b")), {"public.new": 7}, None, 5, True)
    counts = Counts((Change("public.a", 10, 20, 13, 4, 1),), {"public.new": 7, "public.newer": 2})
    told = {**whole.tell(counts), "safety_backup": "s1"}
    words = plan.lost_rows(told, "r1", "prod").split("\n  | ")

    assert {key: told[key] for key in ("lost", "planned", "late", "new")} == {
        "lost": 13 + 4 + 7 + 2,
        "planned": 5 + 5 + 7,
        "late": {"public.a": 12, "public.b": -5, "public.newer": 2},
        "new": counts.new,
    }
    assert words == [
        "26 rows are live no longer",
        "public.a: 13 inserted and 4 updated since are live no longer, 1 deleted since are back",
        "public.new: all its 7 rows are gone",
        "public.newer: all its 2 rows are gone",
        "the plan had said 17 rows; written after it: public.a +12, public.b -5, public.newer +2",
        "every one of them is kept in `desk_aside_r1_*`: `invoke db.restore r1 --from-aside --env prod`",
        "those written before it are in the safety backup `s1` as well",
    ]


def test_nothing_lost_needs_no_words() -> None:
    """Nobody wrote meanwhile."""
    told = RestorePlan(manifest(), (), {}, None, 5, False).tell(Counts((), {}))

    assert plan.lost_rows(told, "r1", "prod") == "0 rows are live no longer"
    assert told["late"] == {}


def test_what_was_made_since_outside_of_the_schemas_is_kept() -> None:
    """It is not removed, so it is no difference; what the backup knows is compared."""
    original = ("cast (text AS public.a): i", "table public.t: r p")
    now = ("cast (text AS public.a): e", "cast (text AS public.b): i", "table public.t: r p", "view v: v")

    assert plan.without_newer(now, original) == (now[0], now[2], now[3])
