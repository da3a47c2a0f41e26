# pure
"""`[monitor]` of `pipeline.toml`: what is watched beside what every environment has anyway."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Literal, NamedTuple

from scripts.config.addresses import keeps_secrets

# The checks that an environment has without any table, where they apply to it.
BUILT_IN = (
    *("page", "commit", "dns", "tls", "database", "connections", "queries", "size", "migrations"),
    *("supabase-rest", "supabase-auth", "functions", "backup", "drill", "lock", "notices", "remote"),
)
NAME = re.compile(r"[a-z0-9][a-z0-9 _./-]{0,60}")


class MonitorCheck(NamedTuple):
    """`[[monitor.checks]]`: one more look.

    Args:
        environments: names; all of them if it is empty.
        path: below the environment's `url` (`http`, `whatsapp`), below Supabase's `/rest/v1` (`rest`) or
            `/functions/v1` (`function`); or a whole https address.
        json: the way to a value in a JSON answer: `data.0.id`.
        min_rows: entries of the list that is the answer, or that `json` leads to.
        max_issues: `sentry`: new issues that the live release may have.
        slow: milliseconds; 0 is `[monitor] slow`.
    """

    name: str
    environments: tuple[str, ...] = ()
    kind: Literal["http", "rest", "function", "whatsapp", "sentry"] = "http"
    path: str = "/"
    status: int = 200
    contains: str = ""
    json: str = ""
    equals: str = ""
    min_rows: int = 0
    max_issues: int = 0
    slow: int = 0


class Monitor(NamedTuple):
    """`[monitor]`: how often is looked, and what counts as bad; times in seconds, where no unit is named.

    Args:
        cold_start: how long the first answer of an app that sleeps may take; 0: it never sleeps.
        second_look: seconds until a look that came out otherwise than before is made again.
        down: so many bad looks in a row are an incident; the second look counts.
        up: so many good ones end it.
        slow: milliseconds.
        connections: the share of the database's connections that may be in use.
        off: built-in checks that are left out: `backup`, or in one environment `staging/backup`.
    """

    interval: float = 60
    timeout: float = 10
    cold_start: int = 20
    second_look: float = 3
    down: int = 3
    up: int = 2
    slow: float = 3000
    tls_days: int = 14
    lock_minutes: float = 60
    query_minutes: float = 10
    connections: float = 0.8
    database_gb: int = 0
    keep_days: int = 90
    off: tuple[str, ...] = ()
    checks: tuple[MonitorCheck, ...] = ()


class WatchWindow(NamedTuple):
    """`[environment.<name>.watch]`: how closely a release is looked at once it is live.

    Args:
        minutes: 0: not at all.
        wait: the release does it, and ends afterwards; otherwise a `monitor.watch` takes it over.
        interval: seconds between two looks.
        requests: of each page, for one look.
        errors: the share of requests that may fail, whatever the release before had.
        worse: times the share of failed requests of the release before that is a breach.
        slower: times the p95 of the release before that is told.
        sentry: Sentry is asked for new issues of the release.
        issues: that it may have, whatever the release before had.
    """

    minutes: int = 0
    wait: bool = True
    interval: float = 5
    requests: int = 40
    errors: float = 0.02
    worse: float = 1.5
    slower: float = 2
    sentry: bool = False
    issues: int = 0
    on_breach: Literal["alert", "rollback"] = "alert"


def needs_sentry(monitor: Monitor, windows: Mapping[str, WatchWindow]) -> Iterator[str]:
    """The keys that mean nothing without `[sentry]`."""
    for number, each in enumerate(monitor.checks):
        if each.kind == "sentry":
            yield f"monitor.checks[{number}].kind"
    yield from (f"environment.{name}.watch.sentry" for name, watch in windows.items() if watch.sentry)


def monitor_faults(monitor: Monitor, environments: Collection[str]) -> Iterator[str]:
    """What the types can't express."""
    if not (monitor.down and monitor.up):
        yield "`monitor.down` and `monitor.up` should be at least 1"
    if monitor.connections > 1:
        yield "`monitor.connections` should be a share, at most 1: `0.8`"
    for name in monitor.off:
        environment, _, check = name.rpartition("/")
        if environment and environment not in environments:
            yield f"`monitor.off` names the environment `{environment}`, which is not in `chain`"
        if check not in BUILT_IN:
            yield f"`monitor.off` names `{check}`, which is no built-in check{_near(check, BUILT_IN)}"
    names = [each.name for each in monitor.checks]
    for number, each in enumerate(monitor.checks):
        path = f"`monitor.checks[{number}]"
        yield from (f"{path}.{fault}" for fault in _check_faults(each, environments))
        if each.name in names[:number]:
            yield f"{path}.name` is the one of an earlier check: `{each.name}`"


def _check_faults(check: MonitorCheck, environments: Collection[str]) -> Iterator[str]:
    if check.name and not NAME.fullmatch(check.name):
        yield "name` should be lower-case letters, digits and ` _./-`"
    elif check.name.partition(" ")[0] in BUILT_IN:
        yield f"name` should not be the one of a built-in check: `{check.name}`"
    for name in check.environments:
        if name not in environments:
            yield f"environments` names `{name}`, which is not in `chain`{_near(name, environments)}"
    yield from _path_faults(check)
    if check.equals and not check.json:
        yield "equals` needs `json`: the way to the value"
    if check.kind in ("function", "whatsapp", "sentry") and (
        check.contains or check.json or check.min_rows
    ):
        yield f'contains`, `json` and `min_rows` mean nothing for `kind = "{check.kind}"`'


def _path_faults(check: MonitorCheck) -> Iterator[str]:
    if check.path.startswith(("http://", "https://")):
        if check.kind != "http" or not keeps_secrets(check.path):
            yield 'path` should begin with `/`, or with `kind = "http"` be an https address'
    elif not check.path.startswith("/"):
        yield "path` should begin with `/`"


def _near(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f": did you mean `{near[0]}`?" if near else ""
