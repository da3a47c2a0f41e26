"""What is said of a session that waits for a lock; the watching itself needs a server."""

from __future__ import annotations

from scripts.database.postgres.lock_watch import LockWatch, Wait, waited

BUSY = Wait(7, "public.t", 5.2, 4711, "postgres", "psql\x1b", "idle in transaction", 61.3)


def test_the_table_and_its_holder_are_named() -> None:
    """With what ends it; control signs of a name are left out."""
    watch = LockWatch()
    watch.last = BUSY

    holder = "`public.t` is locked by `postgres` (psql), process 4711, idle in transaction for 61 s"
    assert waited(watch) == f"\n  | {holder}"
    assert "select pg_terminate_backend(4711)" in watch.hint


def test_a_holder_that_can_not_be_seen() -> None:
    """The table is named all the same."""
    watch = LockWatch()
    assert (waited(watch), watch.ended) == ("", False)
    watch.last = BUSY._replace(holder=None)

    assert waited(watch) == "\n  | `public.t` is locked by another session"
    assert watch.hint.startswith("try again when less is going on")
