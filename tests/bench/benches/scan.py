"""The leak scan: beside another scanner, its growth, and its CPU seconds for ten megabytes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.bench.clock import Spent
from tests.bench.figures import exponent, spread
from tests.bench.parts import leaks
from tests.bench.parts.bundles import KINDS, bundle
from tests.bench.parts.desk import typed
from tests.bench.parts.quiet_world import quiet_world
from tests.bench.plan import Bench, Limit, Run
from tests.bench.turns import Row, Way, take_turns

SIZES = (0, 1, 5, 20)  # megabytes; 0: what the call costs without a bundle
SECRETS = {
    "DATABASE_URL": "postgresql://postgres:Wq7hT2mZx9Lk4Vb8@db.example.org:5432/postgres",
    "SUPABASE_SERVICE_ROLE_KEY": "sb_secret_Jk29dLs0aPq8Zm3XvT7bNc5RyE1wUh6f",
    "OPENAI_API_KEY": "sk-proj-4fGh8jKl2mNp6qRs0tUv4wXy8zAb2cDe6",
    "WHATSAPP_VERIFY_TOKEN": "Vt5nB8kQ2wE7rY4uI0oP",
}


def measure(run: Run) -> Iterator[Row]:
    """For each kind of bundle a row for each size, its growth, and CPU seconds for 10 MB."""
    env_dir = quiet_world(run, commits=1_000, events=10)
    file = env_dir / ".env.staging"
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
    name, words = leaks.scanner(run)
    for kind in KINDS:
        folders = {size: bundle(run.folder / f"{kind}{size}", kind, size) for size in SIZES}
        yield from _rows(run, kind, folders, env_dir, (name, words))


def _rows(
    run: Run, kind: str, folders: dict[int, Path], env_dir: Path, scanner: tuple[str, tuple[str, ...]]
) -> Iterator[Row]:
    name, words = scanner
    ways: dict[str, Way] = {}
    for size, folder in folders.items():
        ways[f"mine {size}"] = partial(typed, "env.scan", str(folder), "--env", "staging", env_dir=env_dir)
        ways[f"other {size}"] = partial(leaks.scan, words, folder)
    taken = take_turns(ways, run.runs)
    for size in SIZES[1:]:
        mine, other = taken[f"mine {size}"], taken[f"other {size}"]
        yield Row.of(f"{kind}, {size} MB", mine, other, beside=name)
    bare = spread([each.cpu for each in taken["mine 0"]]).median
    cpu = {
        size: max(1e-3, spread([each.cpu for each in taken[f"mine {size}"]]).median - bare)
        for size in SIZES[1:]
    }
    grown = exponent([(float(size), seconds) for size, seconds in cpu.items()])
    largest = taken[f"mine {SIZES[-1]}"]
    note = f"of CPU without the {bare:.2f} s that a call takes in any case"
    yield Row.of(f"{kind}, growth", largest, exponent=grown, limit=Limit(exponent=1.1), note=note)
    ten = [Spent(each.seconds, each.cpu, value=(each.cpu - bare) * 10 / SIZES[-1]) for each in largest]
    yield Row.of(f"{kind}, CPU for 10 MB", ten, limit=Limit(value=2.0), note=note)


BENCH = Bench(
    "scan",
    "`env.scan` of minified code, and of code with much base64, of 1, 5 and 20 MB, beside gitleaks or"
    " betterleaks; its growth, and CPU seconds for 10 MB",
    "exponent 1.1, 2 CPU seconds for 10 MB",
    measure,
    leaks.lacks,
)
