"""Facts for tests of what is decided: a promotion, a deploy and a hotfix that nothing stands against."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scripts.database.backups.manifest import Manifest
from scripts.database.migrations.files import Applied, Migration
from scripts.git.client import Commit
from scripts.release.facts import Facts
from scripts.release.observe import observe
from scripts.release.plan import decide
from scripts.release.request import DeployRequest, HotfixRequest, PromoteRequest, ReleaseRequest
from scripts.release.run import ReleaseRun, acquire
from scripts.replit.live import Answer
from scripts.state.ledger import Event, Ledger
from scripts.state.lock import Lock
from tests.fakes.world import World
from tests.support.tables import environment

A, B, C = "a" * 40, "b" * 40, "c" * 40
DEV, STAGING, PRODUCTION = map(environment, ("development", "staging", "production"))
LOCK = Lock("r9", "n", "Bob", "laptop", "promote", "staging", C, "2024-01-01T00:00:00+00:00")
ONE, TWO, THREE = (Migration(str(n), f"{n}_x.sql", f"select {n}") for n in (1, 2, 3))
ROW_ONE, ROW_TWO, ROW_THREE = (Applied(str(n), "x", (f"select {n}",)) for n in (1, 2, 3))


def event(where: str, release: str, commit: str, ending: str = "done", **detail: Any) -> Event:
    """A release in the ledger."""
    return Event(where, "release", ending, release, commit, "Ada", "2024-01-01", "r1", detail)


def ledger(*events: Event) -> Ledger:
    """A ledger of these events."""
    return Ledger("tip", events)


def answer(commit: str | None, where: str, schema: str | None = "1") -> Answer:
    """What a public URL answers."""
    return Answer(
        200 if commit else None, commit, where, schema, (("/", 200),), None if commit else "timed out"
    )


# `a` is live and proven on development, `c` on staging; `a` is to go to staging
PROMOTE = Facts(
    request=PromoteRequest(),
    environment=STAGING,
    source=DEV,
    wanted=A,
    head=C,
    contained=True,
    commits=(Commit(A, "Ada", "2024-01-02T00:00:00+00:00", "better"),),
    strangers=(),
    lock=None,
    ledger=ledger(event("staging", "v1", C), event("development", "v7", A)),
    live=answer(C, "staging"),
    source_live=answer(A, "development"),
    committed=(ONE,),
    applied=(ROW_ONE,),
)
# the head `a` of develop is to go live on development, where `c` is
DEPLOY = replace(
    PROMOTE,
    request=DeployRequest(),
    environment=DEV,
    source=None,
    head=A,
    ledger=ledger(event("development", "v1", C)),
    live=answer(C, "development"),
    source_live=None,
)


def manifest(*versions: str, **changes: Any) -> Manifest:
    """A backup of production that holds these migrations."""
    known: dict[str, Any] = {
        **dict.fromkeys(("host", "database", "finished", "release", "commit", "wal", "schema_hash"), ""),
        **{key: {} for key in ("tables", "sequences", "extensions", "files")},
        "id": "b1",
        "environment": "production",
        "kind": "daily",
        "project": "app",
        "started": "2024-01-01T00:00:00+00:00",
        "server": "17.0",
        "client": "17.0",
        "migrations": dict.fromkeys(versions, ""),
        "left_out": (),
    }
    return Manifest(**{**known, **changes})


def why(facts: Facts) -> tuple[str, str | None, int]:
    """The refusal of a plan."""
    refused = decide(facts).refused
    assert refused is not None
    return refused.why, refused.hint, refused.code


RELEASED = replace(DEPLOY, ledger=ledger(event("development", "v2", A)), live=answer(A, "development"))
HOTFIX = replace(
    PROMOTE,
    request=HotfixRequest(branch="hotfix/x"),
    environment=PRODUCTION,
    source=None,
    source_live=None,
    ledger=ledger(event("production", "v1", C)),
    live=answer(C, "production"),
)


def begun(world: World, request: ReleaseRequest | None = None, actor: str = "Ada") -> ReleaseRun:
    """A run that holds its lock: observed, planned and acquired; nothing else is done yet."""
    desk = world.desk(actor)
    plan = decide(observe(desk, request or DeployRequest(env="development")))
    assert plan.refused is None, plan.refused
    return acquire(desk, plan)
