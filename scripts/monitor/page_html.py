# pure
"""The page: one HTML file without a script and without a request; every text from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from scripts.monitor import plots
from scripts.monitor.page_style import STYLE
from scripts.monitor.page_words import Words, date, moment
from scripts.monitor.series import Day, Pace

# Even if something slipped through, the browser may load and run nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
ONE_TABLE = ("incidents", "load", "dora", "releases")  # under a heading that says what their captions say
HIDE = ' class="hidden"'
TYPED = re.compile(r"`([^`]+)`")
Facts = Mapping[str, Any]


def render(facts: Facts, language: str) -> str:
    """The whole page.

    Args:
        facts: as `page_facts.collect` gives them.
    """
    say = Words(language)
    sections = [
        (key, title, body)
        for key, title, make in SECTIONS
        if (body := make(say, facts)) or key == "environments"
    ]
    links = "".join(f'<li><a href="#{key}">{say(title)}</a>' for key, title, _ in sections)
    title = f"{escape(facts['app'])}{say.colon} {say('What is live where')}"
    head = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head>"
    )
    top = (
        f'<body><a class="skip" href="#content">{say("Skip to the content")}</a><header><h1>{title}</h1>'
        f'<p class="soft">{say("as of")} {_time(facts["now"])}</p></header>'
    )
    body = "".join(
        f'<section aria-labelledby="{key}"{HIDE if key in ONE_TABLE else ""}>'
        f'<h2 id="{key}">{say(title)}</h2>{body}</section>'
        for key, title, body in sections
    )
    nav = f'<nav aria-label="{say("Sections")}"><ul>{links}</ul></nav>'
    return f'{head}{top}<main id="content">{_first(say, facts)}{nav}{body}</main></body></html>\n'


def _first(say: Words, facts: Facts) -> str:
    """What is live at the end of the chain, and since when: the first thing that is read."""
    last = facts["environments"][-1]
    live, problems = last["released"], last["problems"]
    if live is None:
        return (
            '<section class="first none" aria-labelledby="first">'
            f'<h2 id="first">{escape(last["name"])}</h2>'
            f'<p class="big">{say("nothing is live yet")}</p></section>'
        )
    state = (
        f'<p class="bad">{say("problems")}{say.colon} {len(problems)}</p>{_problems(say, problems)}'
        if problems
        else f'<p class="good">✓ {say("all agree")}</p>'
    )
    return (
        f'<section class="first {"bad" if problems else "good"}" aria-labelledby="first">'
        f'<h2 id="first">{escape(last["name"])}</h2>'
        f'<p class="big">{escape(live["release"])} {_since(say, last)} {_time(live["at"])}</p>'
        f"<p>{say('for {0} when this page was made', say.span(facts['now'] - live['at']))}"
        f" · {say('commit')}"
        f" <code>{live['commit'][:12]}</code> {_foreign(last['subject'])}"
        f" · {say('by')} {escape(live['actor'])}</p>{state}</section>"
    )


def _since(say: Words, own: Facts) -> str:
    """`live` is said only of what the public address answers with."""
    return say("live since" if own["live"] == own["released"]["commit"] else "released, but not served; on")


def _environments(say: Words, facts: Facts) -> str:
    shared = _problems(say, facts["problems"])
    cards = "".join(_card(say, each, facts) for each in facts["environments"])
    return f'{shared}<div class="grid">{cards}</div>'


def _card(say: Words, own: Facts, facts: Facts) -> str:
    live, name = own["released"], escape(own["name"])
    rows = [f'<h3>{name}</h3><p><a href="{escape(own["url"])}">{escape(own["url"])}</a></p>']
    if live:
        age = say.span(facts["now"] - live["at"])
        rows.append(
            f"<p><strong>{escape(live['release'])}</strong> {_since(say, own)} {_time(live['at'])}"
            f" ({age})</p>"
            f"<p>{say('commit')} <code>{live['commit'][:12]}</code> {_foreign(own['subject'])}</p>"
            f'<p class="soft">{say("by")} {escape(live["actor"])} · {say("branch")} {escape(own["branch"])}'
            f" · {say('schema')} {escape(str(own['schema'] or '-'))}</p>"
        )
    else:
        rows.append(f"<p>{say('nothing is live yet')}</p>")
    rows += [_waiting(say, own), _problems(say, own["problems"])]
    rows.append(f"<p>{say('Type next')}{say.colon}</p><ul class=plain>")
    rows += [f'<li><code class="type">{_words(each)}</code>' for each in commands(own)]
    return f'<article class="card">{"".join(rows)}</ul></article>'


def commands(own: Facts) -> list[str]:
    """What a person may type next about an environment, the most pressing first."""
    name, live = own["name"], own["released"]
    found = []
    if own["lock"]:
        found.append("invoke lock.show")
    if own["hold"]:
        found.append(f'invoke release-hold --env {name} --reason "..."')
    if own["head"] and (not live or own["head"] != live["commit"]) and not own["lock"]:
        found.append(f"invoke deploy --env {name} --plan")
    if own["next"] and any(own["pending"].values()):
        found.append(f"invoke promote --to {own['next']} --plan")
    if live and not own["next"]:
        found.append(f"invoke rollback --env {name} --plan")
    return [*found, f"invoke history --env {name}"]


def _waiting(say: Words, own: Facts) -> str:
    """Whose commits wait for the next environment."""
    if own["next"] is None:
        return ""
    pending, waiting = own["pending"], own["waiting"]
    title = say("waiting for {0}", escape(own["next"]))
    if not any(pending.values()):
        return f'<p class="soft">{title}{say.colon} {say("nothing waits")}</p>'
    people = ", ".join(f"{escape(name)} {number}" for name, number in waiting["people"])
    since = f"; {say('the oldest since')} {date(waiting['oldest'])}" if waiting["oldest"] else ""
    rows = "".join(
        f"<li><code>{commit[:12]}</code> {_foreign(subject)} ({escape(author)})"
        for commit, author, subject in waiting["commits"]
    )
    counts = (
        f"{say('commits')} {pending['commits']}, {say('migrations')} {pending['migrations']}"
        f"{f' ({people})' if people else ''}{since}"
    )
    return f"<details><summary>{title}{say.colon} {counts}</summary><ul class=plain>{rows}</ul></details>"


def _problems(say: Words, problems: Sequence[str]) -> str:
    """The desk's own messages, which are English in both languages; what can be typed stands out."""
    mark = "" if say.language == "en" else ' lang="en"'
    rows = "".join(f'<li class="bad">{_typed(escape(each))}' for each in problems)
    return f'<ul class="plain"{mark}>{rows}</ul>' if rows else ""


def _uptime(say: Words, facts: Facts) -> str:
    if not facts["watched"]:
        text = say("No watch has run on this machine: `invoke monitor.watch`")
        return f'<p class="soft">{_typed(text)}</p>'
    parts = []
    for own in facts["environments"]:
        days, name = own["days"], escape(own["name"])
        looks, bad = sum(day[1] for day in days), sum(day[2] for day in days)
        if not looks:
            parts.append(f"<h3>{name}</h3><p class=soft>{say('no looks yet')}</p>")
            continue
        said = say("{0} up over 90 days", say.percent(1 - bad / looks, 2))
        faulty = [day for day in days if day[2]]
        parts.append(f"<h3>{name}{say.colon} {said}</h3>")
        about = f"{own['name']}{say.colon} {said}; {say('days with faults')}{say.colon} {len(faulty)}"
        parts.append(plots.bars(say, [Day(*day) for day in days], facts["now"], about))
        rows = [(date(day[0] * 86400), say.percent(1 - day[2] / day[1], 2)) for day in reversed(faulty)]
        if rows:
            worst = _table(
                f"{own['name']}{say.colon} {say('days with faults')}", (say("day"), say("up")), rows
            )
            parts.append(
                f"<details><summary>{say('days with faults')}{say.colon} {len(rows)}</summary>"
                f"{worst}</details>"
            )
        else:
            parts.append(f'<p class="good">✓ {say("no day with faults")}</p>')
    return "".join(parts)


def _pace(say: Words, facts: Facts) -> str:
    parts = []
    for own in facts["environments"]:
        slots = [Pace(*each) for each in own["pace"]]
        if slots:
            ends = ", ".join(
                f"{say(name)} {say.span(value)}"
                for name, value in (("median", slots[-1].p50), ("95th percentile", slots[-1].p95))
            )
            about = f"{own['name']}{say.colon} {ends}"
            plot = plots.pace(say, slots, own["marks"], facts["now"], about)
            parts.append(f"<h3>{escape(about)}</h3>{_plot(plot, about)}")
    if not parts:
        return ""
    key = (
        f'<span class="key">{say("median")}</span> · <span class="key slow">{say("95th percentile")}</span>'
    )
    return (
        f'<p class="soft">{key} · {say("last 30 days; the dashed lines are releases")}</p>{"".join(parts)}'
    )


def _incidents(say: Words, facts: Facts) -> str:
    if not facts["watched"]:
        return ""
    head = ("environment", "check", "began", "ended", "duration", "why", "since release")
    rows = [
        (each["environment"], each["check"], moment(each["began"]),
         moment(each["ended"]) if each["ended"] else say("open"),
         say.span((each["ended"] or facts["now"]) - each["began"]), each["why"], each["release"] or "-")
        for each in facts["incidents"]
    ]  # fmt: skip
    return _table(say("Incidents"), [say(each) for each in head], rows, empty=say("none"))


def _backups(say: Words, facts: Facts) -> str:
    rows = [
        (each["environment"], each["backup"], moment(each["taken"]), say.number(each["rows"]),
         f"{say.number(each['bytes'] / 1e6, 1)} MB",
         f"{say('restored and compared')} {moment(each['proven'])}" if each["proven"]
         else f"{say('not proven')}{say.colon} {each['fault'] or '-'}")
        for each in facts["backups"]
    ]  # fmt: skip
    head = [say(each) for each in ("environment", "backup", "taken", "rows", "size", "proof")]
    drills = [
        (
            each["environment"],
            moment(each["at"]),
            _seconds(say, each["seconds"]),
            str(each["caught"] or "-"),
        )
        for each in facts["drills"]
    ]
    drill_head = [say(each) for each in ("environment", "at", "duration", "what was caught")]
    return _table(say("backup"), head, rows, empty=say("none")) + _table(
        say("drill"), drill_head, drills, empty=say("none")
    )


def _load(say: Words, facts: Facts) -> str:
    parts = []
    for own in facts["environments"]:
        runs = [row for row in facts["load"] if row["environment"] == own["name"]]
        if any(row["p95"] is not None for row in runs):
            about = f"{own['name']}{say.colon} {say('slowest endpoint, p95')}"
            parts.append(f"<h3>{escape(about)}</h3>{_plot(plots.points(say, runs, about), about)}")
        rows = [
            (moment(row["at"]), str(row["level"] or "-"),
             say("passed") if row["passed"] else say.loose(str(row["verdict"] or "failed")),
             _seconds(say, row["p95"] and row["p95"] / 1000), row["commit"][:12])
            for row in runs[:-11:-1]
        ]  # fmt: skip
        head = [say(each) for each in ("at", "profile", "verdict", "slowest endpoint, p95", "commit")]
        parts.append(_table(own["name"], head, rows) if rows else "")
    return "".join(parts)


def _dora(say: Words, facts: Facts) -> str:
    names = "environment", "last", "releases a week", "lead time", "change-failure rate", "time to restore"
    rows = [
        (each["environment"], say.span(each["days"] * 86400), say.number(each["per_week"], 1),
         say.span(each["lead_seconds"]), say.percent(each["failure_rate"]),
         say.span(each["restore_seconds"]))
        for each in facts["dora"]
    ]  # fmt: skip
    return _table("DORA", [say(name) for name in names], rows)


def _releases(say: Words, facts: Facts) -> str:
    rows = [
        (each["environment"], each["release"], moment(each["at"]), say.loose(each["kind"]),
         say.loose(each["ending"]), each["commit"][:12], each["actor"])
        for each in facts["releases"]
    ]  # fmt: skip
    head = [say(each) for each in ("environment", "release", "at", "kind", "ending", "commit", "by")]
    return _table(say("Releases"), head, rows, empty=say("none"))


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], empty: str = "") -> str:
    """Rows of plain text; the first cell names the row. A wide one scrolls by itself, also by keyboard.

    `empty`: what is said under the caption where there are none.
    """
    lines = "".join(
        f'<tr><th scope="row">{escape(first)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        for first, *rest in rows
    )
    if not lines:
        return f"<h3>{escape(caption)}</h3><p class=soft>{empty}</p>"
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
    )


def _plot(svg: str, about: str) -> str:
    return f'<div class="scroll plot" tabindex="0" role="group" aria-label="{escape(about)}">{svg}</div>'


def _time(at: float) -> str:
    said = moment(at)
    return f'<time datetime="{said[:10]}T{said[11:16]}Z">{said}</time>'


def _typed(html: str) -> str:
    """What stands in backticks can be typed, or is a name."""
    return TYPED.sub(r"<code>\1</code>", html)


def _words(command: str) -> str:
    """A command whose options are not broken in two at the end of a line."""
    return " ".join(f"<span>{escape(word)}</span>" for word in command.split(" "))


def _foreign(text: str) -> str:
    """A text in whatever language its author writes."""
    return f'<bdi lang="">{escape(text)}</bdi>'


def _seconds(say: Words, value: object) -> str:
    return say.span(float(value)) if isinstance(value, int | float) else "-"


SECTIONS: tuple[tuple[str, str, Callable[[Words, Facts], str]], ...] = (
    ("environments", "Environments", _environments),
    ("uptime", "Uptime", _uptime),
    ("pace", "Response times", _pace),
    ("incidents", "Incidents", _incidents),
    ("backups", "Backups and drills", _backups),
    ("load", "Load tests", _load),
    ("dora", "How well is released", _dora),
    ("releases", "Releases", _releases),
)
