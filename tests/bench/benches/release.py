"""A release that brings code alone: `deploy`, `promote` and `rollback` beside a script by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from scripts.sandbox.world_facts import World
from tests.bench.clock import Spent
from tests.bench.parts.desk import typed, where
from tests.bench.parts.scripted import publish_takes, script
from tests.bench.parts.worlds import lacks, released
from tests.bench.plan import Bench, Limit, Run
from tests.bench.turns import Row
from tests.integration.desk import Desk

MORE = Limit(more=0.5)
LONG = Limit(more=0.5, ratio=1.1)  # where Publish takes a minute
MINUTE = 60
BESIDE = "script by hand"
Taken = dict[str, list[Spent]]


def measure(run: Run) -> Iterator[Row]:
    """Rows for Publish that takes nothing, and longer."""
    world = released(run)
    for seconds in run.up_to(small=[0, 3], large=[MINUTE]):
        run.say(f"  Publish takes {seconds} s")
        publish_takes(world, seconds)
        mine, other = _turns(run, world)
        limit = LONG if seconds >= MINUTE else MORE
        for name, taken in mine.items():
            case = f"`{name}`, Publish {seconds} s"
            yield Row.of(case, taken, other[name], beside=BESIDE, limit=limit, note=where(taken))
    publish_takes(world, 0)


def _turns(run: Run, world: World) -> tuple[Taken, Taken]:
    """A commit travels: the desk's deploy, the script's, the desk's promotion, the script's, and back."""
    desk, one, two = Desk(world), script(run, world, "one"), script(run, world, "two")
    mine, other = defaultdict[str, list[Spent]](list), defaultdict[str, list[Spent]](list)
    for number in range(run.runs):
        before = desk.refs()["refs/heads/staging"]
        commit = desk.commit({"NOTES.md": f"{number} of {run.runs}\n{before}\n"})
        mine["deploy"].append(typed("deploy", "--env", "development", "--json", env_dir=world.env_dir))
        other["deploy"].append(one())
        mine["promote"].append(typed("promote", "--to", "staging", "--json", env_dir=world.env_dir))
        other["promote"].append(two(commit=commit, moves="by-hand"))
        back = ("rollback", "--env", "staging", "--yes", "--json")
        mine["rollback"].append(typed(*back, env_dir=world.env_dir))
        other["rollback"].append(two(commit=before))
        typed("release-hold", "--env", "staging", "--reason", "bench", env_dir=world.env_dir)
    return mine, other


def deploys(
    run: Run, world: World, env_dir: Path, by_hand: Callable[[], Spent], files: Callable[[], dict[str, str]]
) -> tuple[list[Spent], list[Spent]]:
    """`deploy` and the script in turns, each turn with a new commit of these files."""
    mine, other = list[Spent](), list[Spent]()
    for _ in range(run.runs):
        Desk(world).commit(files())
        mine.append(typed("deploy", "--env", "development", "--json", env_dir=env_dir))
        other.append(by_hand())
    return mine, other


BENCH = Bench(
    "release",
    "a code-only `deploy`, `promote` and `rollback` (which builds again), beside a script by hand with the"
    " same git, ssh and curl calls, where Publish takes 0 s and 3 s",
    "0.5 s more; 1.1 x where Publish takes 60 s",
    measure,
    lacks,
    {"large": "also where Publish takes 60 s"},
)
