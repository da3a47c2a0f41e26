"""A `rollback` by launcher, whose last release is still warm, beside a script by hand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from scripts.replit.launcher_driver import HEADER
from scripts.sandbox.host_config import write_private
from scripts.sandbox.world_facts import World
from tests.bench.benches.release import BESIDE, MORE
from tests.bench.clock import Spent, clean_env, spend
from tests.bench.parts.desk import typed, where
from tests.bench.parts.worlds import lacks, sandbox
from tests.bench.plan import Bench, Run
from tests.bench.turns import Row
from tests.integration.desk import Desk, git

SCRIPT = Path(__file__).parents[1] / "parts" / "switch_by_hand.sh"
DEV = ("--env", "development")


def measure(run: Run) -> Iterator[Row]:
    """One row; after each way back the newer release goes live again."""
    world = sandbox(run, "launcher")
    desk, call = Desk(world), partial(typed, env_dir=world.env_dir)
    by_hand = _script(world)
    for number in (1, 2):
        desk.commit({"NOTES.md": f"release {number}\n"})
        run.say(f"  release {number} of 2, by launcher")
        call("deploy", *DEV)
        by_hand(_head(desk))
    newer = _head(desk)
    older = git(world.origin, "rev-parse", f"{newer}^")
    mine, other = list[Spent](), list[Spent]()
    for _ in range(run.runs):
        mine.append(call("rollback", *DEV, "--yes", "--json"))
        other.append(by_hand(older))
        call("release-hold", *DEV, "--reason", "bench")
        call("deploy", *DEV, "--allow-bad", "bench")
        by_hand(newer)
    yield Row.of("`rollback`, warm", mine, other, beside=BESIDE, limit=MORE, note=where(mine))


def _head(desk: Desk) -> str:
    return desk.refs()["refs/heads/develop"]


def _script(world: World) -> partial[Spent]:
    """The script, which takes the commit; it works on a slot of previews, with a launcher as well."""
    slot = world.slots[0]
    write_private(slot.host / "token", f"{HEADER}: {slot.launcher_token}\n")
    env = {"NAME": slot.desk_name, "URL": slot.url, "TOKEN": str(slot.host / "token")}
    return partial(_run, world.clone, env)


def _run(clone: Path, env: dict[str, str], commit: str) -> Spent:
    return spend("bash", SCRIPT, cwd=clone, env=clean_env(**env, COMMIT=commit))


BENCH = Bench(
    "rollback-warm",
    "a `rollback` by launcher, where the release before is warm, beside a script by hand with the same git"
    " and curl calls",
    "0.5 s more",
    measure,
    lacks,
)
