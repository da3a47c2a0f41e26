"""`bench`: the desk's own measurements, beside what it stands on, in a process of their own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from scripts import DESK
from scripts.config.desk import Progress
from scripts.config.outcome import Outcome
from scripts.errors import Refused, UsageError
from scripts.setup.request import BenchRequest
from scripts.system.command import Command, full_env
from scripts.system.process import stream_lines

TIMEOUT = 24 * 3600.0  # seconds: of databases of gigabytes, several times
SIZES = ("small", "medium", "large")
FOLDER = ".airhost/bench"
ERROR = "error: "
USAGE = 2  # the exit code for what can't be asked


def bench(progress: Progress, request: BenchRequest) -> Outcome:
    """Measure, and show the table; what exceeds its limit is `over`, and fails with `strict` alone.

    Raises:
        Refused: the benches are not here, as in a copy in an app.
        UsageError: there is no such bench or size, or no run at all.
    """
    if not (DESK / "tests" / "bench").is_dir():
        raise Refused(f"`{DESK}` is a copy of the desk, without its benches", "`invoke --list`")
    _require(request)
    out = Path(request.out).absolute() if request.out else DESK / FOLDER
    words = ["--limits"] if request.limits else ["--runs", str(request.runs), "--size", request.size]
    words += ["--out", str(out), *(["--only", request.only] if request.only else [])]
    argv = (sys.executable, "-m", "tests.bench", *words)
    said: list[str] = []
    env = {name: value for name, value in full_env().items() if name != "PYTHONDONTWRITEBYTECODE"}

    def tell(text: str) -> None:
        said.append(text)
        if not text.startswith(ERROR):
            progress.output(text)

    for name in ("bench.md", "bench.json"):  # those of another run
        (out / name).unlink(missing_ok=True)
    code = stream_lines(Command(argv, cwd=DESK, env=env, timeout=TIMEOUT), tell)
    if code == USAGE:
        raise UsageError(said[-1].removeprefix(ERROR), "`invoke bench --limits`")
    if code not in (0, 1) or not (out / "bench.json").exists():
        return Outcome.failed(f"the benches ended with {code}", "`pip install -r requirements-dev.txt`")
    progress.show((out / "bench.md").read_text().splitlines())
    return _judged(json.loads((out / "bench.json").read_text()), request, out)


def _require(request: BenchRequest) -> None:
    if request.size not in SIZES:
        raise UsageError(f"there is no size `{request.size}`", f"`--size` {', '.join(SIZES)}")
    if request.runs < 1:
        raise UsageError("`--runs` is at least 1", "leave it out for 5")


def _judged(found: dict[str, Any], request: BenchRequest, out: Path) -> Outcome:
    """The ending: a bench that could not measure fails; what is over its limit does with `strict`."""
    if request.limits:
        return Outcome.done(f"{len(found['benches'])} benches", **found)
    states = [each["state"] for each in found["benches"]]
    told = (
        f"{found['ok']} within their limits, {found['over']} over, "
        f"{states.count('not run')} benches not run, {states.count('failed')} failed"
    )
    said = f"{told}: `{out / 'bench.json'}`"
    missed = found["over"] + states.count("not run") if request.strict else 0
    if "failed" in states or missed:
        return Outcome.failed(said, "`invoke bench --limits`", **found)
    return Outcome.done(said, **found)
