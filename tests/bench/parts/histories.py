"""Repositories with so many commits and so many events in the ledger, made by `git fast-import`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scripts.state.ledger import FILE, REF
from tests.support.repositories import Repository, bare

ENVIRONMENTS = {"development": "develop", "staging": "staging", "production": "main"}
FOLDERS, FILES = 20, 20  # of the app's tree, which has 400 files
PACE = 600  # seconds between two commits; the newest is made now
SHOWN_MIGRATIONS = 5  # measured migrations of a release, as its event keeps them


def history(
    folder: Path, *, commits: int, events: int, migrations: int = 0, behind: bool = False
) -> Repository:
    """An origin and a checkout's repository beside it; gives the checkout.

    The environments are at the last commits, as the ledger says; `behind`: staging and production are at
    the first ones.
    """
    origin, now = bare(folder / "origin.git"), int(time.time())
    lines = _commits(commits, migrations, now - (commits + 1) * PACE)
    origin.git("fast-import", "--quiet", stdin="\n".join(lines))
    last = origin.git("rev-list", "-n", "64", "develop").split()
    if behind:
        last[1:3] = origin.git("rev-list", "develop").split()[-2:]
    origin.git("update-ref", "refs/heads/staging", last[1])
    origin.git("update-ref", "refs/heads/main", last[2])
    origin.git("fast-import", "--quiet", stdin="\n".join(_events(last, events, now - (events + 1) * PACE)))
    origin.git("clone", "-q", "--bare", str(origin.folder), str(folder / "app" / ".git"))
    person = Repository(folder / "app")
    person.git("config", "core.bare", "false")
    person.git("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    person.git("fetch", "-q", "origin")
    person.git("symbolic-ref", "HEAD", "refs/heads/develop")
    return person


def onto(origin: Repository, branch: str, commits: int) -> None:
    """Put so many commits on top of a branch of a bare repository; each adds a small file."""
    ref, now = f"refs/heads/{branch}", int(time.time()) - commits
    lines: list[str] = []
    for each in range(1, commits + 1):
        lines += _commit(ref, each, now + each, f"Change {each} of {commits}")
        lines += [f"from {ref}^0"] if each == 1 else []
        lines += [*_file(f"notes/{each % FILES}/{each % 97}.md", f"{each} of {commits}\n"), ""]
    origin.git("fast-import", "--quiet", stdin="\n".join(lines))


def migration(number: int) -> tuple[str, str]:
    """The file of a migration, and its text."""
    at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    text = f"create table public.t{number} (id bigint primary key, name text not null);\n"
    return f"{at:%Y%m%d%H%M%S}_m{number}.sql", text


def _commits(number: int, migrations: int, start: int) -> Iterator[str]:
    """A tree of many files, then commits that change one each."""
    yield from _commit("refs/heads/develop", 1, start, "first")
    for each in range(FOLDERS * FILES):
        yield from _file(f"src/part{each % FOLDERS}/file{each // FOLDERS}.js", f"export default {each}\n")
    for each in range(migrations):
        file, text = migration(each)
        yield from _file(f"supabase/migrations/{file}", text)
    yield ""
    for each in range(2, number + 1):
        yield from _commit("refs/heads/develop", each, start + each * PACE, f"Change {each}")
        name = f"src/part{each % FOLDERS}/file{each // FOLDERS % FILES}.js"
        yield from (*_file(name, f"export default {-each}\n"), "")


def _events(last: list[str], number: int, start: int) -> Iterator[str]:
    """Releases of the environments in turn, each with its begin; a proof now and then.

    The newest event of each environment says what is live there: the commits in `last`.
    """
    names, counts = [*ENVIRONMENTS], dict.fromkeys(ENVIRONMENTS, 0)
    for each in range(1, number + 1):
        left = (number - each) // 2  # pairs of begin and release that follow
        name = names[left % 3]
        commit = last[left % 3] if left < 3 else last[3 + left % (len(last) - 3)]
        when = start + each * PACE
        at = datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds")
        begins = (number - each) % 2 == 1
        counts[name] += not begins
        event = {
            "environment": name, "kind": "begin" if begins else "release", "ending": "done",
            "release": f"v{counts[name] + begins}", "commit": commit, "actor": "Ada", "at": at,
            "run": f"r{left:010x}", "version": 1, **({} if begins else _detail(each)),
        }  # fmt: skip
        text = json.dumps(event, indent=1, sort_keys=True) + "\n"
        yield from _commit(REF, each, when, f"{name} {event['release']} {event['kind']} {commit[:12]}")
        yield from (*_file(FILE, text), "")


def _detail(number: int) -> dict[str, Any]:
    """As much as a release writes: about two kilobytes."""
    steps = "lock build scan rehearse migrate functions publish verify scan finish".split()
    measured = {
        f"{number:08x}{each:056x}": {
            "blocks": 0.02, "deleted": {}, "file": f"2026010509000{each}_m.sql",
            "locks": {"auth.users": ["AccessShareLock"]}, "rewritten": {}, "rows": {}, "seconds": 0.02,
            "updated": {}, "where": "development",
        }
        for each in range(SHOWN_MIGRATIONS if number % 10 == 0 else 0)
    }  # fmt: skip
    return {
        "built_for": None, "schema": None, "source": None, "previous": None, "restored": None,
        "functions": {"check-in": {"digest": f"{number:064x}", "sha256": "c" * 64, "version": number}},
        "measured": measured, "migrations": [],
        "steps": [{"ending": "done", "name": name, "seconds": 0.25} for name in steps],
    }  # fmt: skip


def _commit(ref: str, mark: int, at: int, subject: str) -> Iterator[str]:
    who = f"Ada <ada@example.org> {at} +0000"
    yield from (f"commit {ref}", f"mark :{mark}", f"author {who}", f"committer {who}")
    yield from (f"data {len(subject.encode())}", subject)


def _file(name: str, text: str) -> tuple[str, str, str]:
    return f"M 100644 inline {name}", f"data {len(text.encode())}", text
