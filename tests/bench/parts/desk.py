"""The desk as people type it."""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.clock import Spent, clean_env, spend
from tests.bench.plan import Broken

ROOT = Path(__file__).resolve().parents[3]


def program() -> tuple[str, ...]:
    """`invoke` of this Python."""
    script = Path(sys.executable).with_name("invoke")
    return (str(script),) if script.exists() else (sys.executable, "-m", "invoke")


def typed(*words: str, env_dir: Path, **env: str) -> Spent:
    """`invoke WORDS`, which must end with 0."""
    return spend(*program(), *words, cwd=ROOT, env=clean_env(AIRHOST_ENV_DIR=str(env_dir), **env))


def document(out: str) -> dict[str, Any]:
    """What `invoke ... --json` printed, between its progress.

    Raises:
        Broken: there is no document.
    """
    try:
        found, _ = json.JSONDecoder().raw_decode(out[out.index("\n{\n") + 1 :])
    except ValueError:
        raise Broken(f"no document in:\n{out[-2000:]}") from None
    if not isinstance(found, dict):
        raise Broken("the document is no object")
    return found


def where(taken: Sequence[Spent]) -> str:
    """Where the seconds of calls with `--json` went: the medians of their steps, and of what is none."""
    steps, rest = defaultdict[str, list[float]](list), list[float]()
    for each in taken:
        whole = defaultdict[str, float](float)
        for step in document(each.out).get("steps", ()):
            whole[step["name"]] += step["seconds"]
        for name, seconds in whole.items():
            steps[name].append(seconds)
        rest.append(each.seconds - sum(whole.values()))
    told = [f"{name} {statistics.median(every):.2f}" for name, every in steps.items()]
    return ", ".join([*told, f"outside of steps {statistics.median(rest):.2f}"])
