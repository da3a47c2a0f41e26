"""The results of tasks as tables: what each one shows, in the width of the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from scripts.config.request import Request
from scripts.database.backups.request import ListBackupsRequest
from scripts.language import ENGLISH, language, number, time_form
from scripts.preview.request import PreviewListRequest
from scripts.proof_tables import browser_tests, load_test
from scripts.quality.request import AppTestRequest, E2eRequest, LoadRequest
from scripts.release.request import HistoryRequest, StatusRequest
from scripts.secrets.request import CheckRequest, ConfigRequest, DiffRequest, ScanRequest
from scripts.table import WIDE, Column, Table

Lines = Callable[[Mapping[str, Any], int], Iterator[str]]


def status(data: Mapping[str, Any], width: int) -> Iterator[str]:
    """One row per environment, and the problems below."""
    rows = [
        (
            environment["name"],
            environment["release"] or "-",
            short(environment["live"]),
            age(environment.get("released_at")) or "-",
            _pending(environment["pending"]),
            f"{environment['branch']} {short(environment['head'])}",
            environment["schema"] or "-",
            environment["url"],
        )
        for environment in data["environments"]
    ]
    columns = (
        Column("environment"), Column("release"), Column("live"), Column("since", 1),
        Column("next lacks", 2), Column("branch", 3), Column("schema", 5), Column("url", 4),
    )  # fmt: skip
    yield from Table(columns, rows).lines(width)
    for environment in data["environments"]:
        for said in (*environment.get("states", ()), *environment["problems"]):
            yield f"  {environment['name']}: {said}"
    for problem in data.get("problems", ()):
        yield f"  {problem}; see `invoke ledger.check`"
    for preview in data.get("previews", ()):
        branch, until = preview["branch"], local(preview["until"])
        yield f"  preview {preview['slot']}: `{branch}`, {preview['state']}, until {until}"


def previews(data: Mapping[str, Any], width: int) -> Iterator[str]:
    """One row per slot, and the problems below."""
    rows = [
        (row["slot"], row["state"], row["branch"] or "-", short(row["commit"]), local(row["until"]) or "-",
         row.get("owner") or "-", row["url"] or "-")
        for row in data["previews"]
    ]  # fmt: skip
    columns = (
        Column("slot"), Column("state"), Column("branch", shrinks=True), Column("commit", 3),
        Column("until", 1), Column("by", 2), Column("url"),
    )  # fmt: skip
    yield from Table(columns, rows).lines(width)
    for row in data["previews"]:
        if row["problem"]:
            yield f"  {row['slot']}: {row['problem']}"


def _pending(pending: Mapping[str, int]) -> str:
    """What the next environment lacks: `3 commits, 1 migration`."""
    return (
        ", ".join(counted(pending[many], many[:-1]) for many in ("commits", "migrations") if pending[many])
        or "-"
    )


def history(data: Mapping[str, Any], width: int) -> Iterator[str]:
    """One row per event, the newest first; with figures, one per environment and period."""
    if "stats" in data:
        yield from _dora(data["stats"], width)
        return
    shown = data.get("shown", ())
    rows = [
        (age(row["at"]), row["environment"], row["release"], row["what"], row["ending"], row["actor"],
         local(row["at"]))
        for row in shown
    ]  # fmt: skip
    columns = (
        Column("when"), Column("environment"), Column("release"), Column("what", shrinks=True),
        Column("ending"), Column("who", 1), Column("at", 2),
    )  # fmt: skip
    yield from Table(columns, rows).lines(width)
    older = data["count"] - len(shown)
    if older:
        yield f"and {counted(older, 'older event')}: `invoke history -n 0` lists all"


def _dora(stats: Sequence[Mapping[str, Any]], width: int) -> Iterator[str]:
    from scripts.release.dora import span

    rows = [
        (each["environment"], f"{each['days']} d", str(each["releases"]), number(f"{each['per_week']:g}"),
         span(each["lead_seconds"]), share(each["failure_rate"]), span(each["restore_seconds"]))
        for each in stats
    ]  # fmt: skip
    heads = ("environment", "last", "releases", "a week", "lead time*", "failed", "to restore*")
    yield from Table([Column(head) for head in heads], rows).lines(width)
    yield "* median: from the commit to live; from a bad release to a good one"


def backups(data: Mapping[str, Any], width: int) -> Iterator[str]:
    """One row per backup, the newest first."""
    from scripts.database.backups.dumping import readable_size

    rows = [
        (
            row["backup"],
            row["environment"],
            age(row["at"]),
            readable_size(row["bytes"]) if row["bytes"] is not None else "not recorded",
            "proven" if row["proven"] else "was proven" if row["proven_at"] else "not proven",
            _copies(row["copies"]),
        )
        for row in sorted(data.get("backups", ()), key=lambda row: str(row["at"]), reverse=True)
    ]
    columns = (
        Column("backup"), Column("environment", 3), Column("age", 1), Column("size", 2), Column("proof"),
        Column("copies", 4),
    )  # fmt: skip
    yield from Table(columns, rows).lines(width)


def _copies(copies: Sequence[Mapping[str, Any]]) -> str:
    """Where copies are, and what is wrong with those that are not intact."""
    words = (
        f"{copy['place']}{'' if copy['state'] == 'intact' else ': ' + (copy['why'] or copy['state'])}"
        for copy in copies
    )
    return "; ".join(words) or "no copy"


def findings(data: Mapping[str, Any], _width: int = WIDE) -> Iterator[str]:
    """One block per finding: what is wrong where, and how to fix it."""
    for finding in data["findings"]:
        place = f":{finding['line']}" if finding["line"] else ""
        if finding["offset"] is not None:
            place = f" (byte {finding['offset']})"
        yield "{rule} {severity}: {file}{place}: {message}".format_map({**finding, "place": place})
        if finding["hint"]:
            yield f"  {finding['hint']}"


def differences(data: Mapping[str, Any], width: int) -> Iterator[str]:
    """One row per variable, by digests; then how the hosts differ, and the findings."""
    rows = [
        (variable["name"], variable["state"], variable["from"] or "-", variable["to"] or "-",
         "public" if variable["public"] else "secret")
        for variable in data["variables"]
    ]  # fmt: skip
    columns = (
        Column("variable", shrinks=True), Column("state"), Column(f"{data['from']} (digest)"),
        Column(f"{data['to']} (digest)"), Column("kind", 1),
    )  # fmt: skip
    yield from Table(columns, rows).lines(width)
    for difference in data["drift"]:
        yield "  {host} of {environment}: `{name}`: {state}".format_map(difference)
    yield from findings(data)


def configuration(data: Mapping[str, Any], width: int) -> Iterator[str]:
    """One row per setting, then one per variable; the defaults where they were asked for."""
    rows = [
        (each["key"], json.dumps(each["value"], ensure_ascii=False), each["source"])
        for each in data["settings"]
        if data["all"] or each["source"] != "default"
    ]
    columns = (Column("setting"), Column("value", shrinks=True), Column("from"))
    yield from Table(columns, rows).lines(width)
    yield ""
    variables = [
        (each["environment"], each["name"], each["kind"], each["value"] or "-", each["source"])
        for each in data["variables"]
    ]
    heads = (
        Column("environment"), Column("variable"), Column("kind"), Column("value", 1, shrinks=True),
        Column("from"),
    )  # fmt: skip
    yield from Table(heads, variables).lines(width)


TABLES: Mapping[type[Request], Lines] = {
    StatusRequest: status,
    HistoryRequest: history,
    PreviewListRequest: previews,
    CheckRequest: findings,
    ScanRequest: findings,
    DiffRequest: differences,
    ConfigRequest: configuration,
    ListBackupsRequest: backups,
    LoadRequest: load_test,
    E2eRequest: browser_tests,
    AppTestRequest: browser_tests,
}

MESSAGE_FIRST = (StatusRequest,)  # the first line says whether all is well
# what a document holds where its table is shown, even if the task has failed
RESULTS = frozenset(("findings", "environments", "backups", "suites", "stages"))


def counted(number: int, noun: str) -> str:
    """`1 commit`, `2 commits`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def share(ratio: float | None) -> str:
    """A ratio in per cent; `-` for none."""
    if ratio is None:
        return "-"
    return f"{ratio:.0%}" if language() == ENGLISH else f"{ratio * 100:.0f} %"


def short(commit: str | None) -> str:
    """The first eight digits of a commit; `-` for none."""
    return commit[:8] if commit else "-"


def age(at: str | None) -> str:
    """How long ago, in the largest unit that fits: `3 h ago`; "" for no readable time."""
    then = _time(at)
    if then is None:
        return ""
    seconds = (datetime.now(UTC) - then).total_seconds()
    for ago, size in (("{count} d ago", 86400), ("{count} h ago", 3600), ("{count} min ago", 60)):
        if seconds >= size:
            return ago.format(count=int(seconds // size))
    return "just now"


def local(at: str | None) -> str:
    """The time on this machine's clock, `2026-11-28 19:07`, `28/11/2026 19:07`; "" for no readable time."""
    then = _time(at)
    return f"{then.astimezone():{time_form()}}" if then else ""


def _time(at: str | None) -> datetime | None:
    try:
        then = datetime.fromisoformat(at or "")
    except ValueError:
        return None
    return then if then.tzinfo else then.replace(tzinfo=UTC)
