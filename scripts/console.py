"""All output to people: progress, plans and tables on stderr; with `--json` one document on stdout.

Untrusted text (commit subjects, server answers) never starts a line and has its control characters
replaced, so it can neither control a terminal nor issue a workflow command to a CI system.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from scripts.config.outcome import Outcome
from scripts.config.request import Request
from scripts.github import job
from scripts.release.request import HistoryRequest, StatusRequest
from scripts.secrets.request import CheckRequest, DiffRequest, ScanRequest
from scripts.system.secret import redact, redacted, unannounced
from scripts.system.text import sanitize

GONE = (OSError, ValueError)  # nobody reads, or there is no room: the work goes on
TICK = 10.0  # seconds between two messages of a long step that it is still running


@dataclass
class Console:
    """Writes to people.

    Args:
        as_json: print the document to stdout at the end, and ask no questions.
        stream: where people read.
    """

    as_json: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stderr or _nowhere())
    _ticker: threading.Event | None = None
    _shown: list[str] = field(default_factory=list)

    def say(self, text: str = "") -> None:
        """Print one or more lines, redacted and sanitized."""
        with contextlib.suppress(*GONE):
            self._mask()
            print(sanitize(redact(text)), file=self.stream, flush=True)

    def _mask(self) -> None:
        """Tell GitHub's runner what to mask, before anything that may contain it is printed."""
        if os.environ.get("GITHUB_ACTIONS") == "true":
            for value in unannounced():
                escaped = value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
                print(f"::add-mask::{escaped}", file=self.stream, flush=True)

    def show(self, lines: Iterable[str]) -> None:
        """Print the lines of a plan or a report."""
        for line in lines:
            self.say(line)
            self._shown.append(line)

    def begin(self, step: str, detail: str) -> None:
        """Announce a step, and while it runs, every `TICK` seconds that it is still running."""
        self.say(f"-> {step:<8} {detail}".rstrip())
        ended = threading.Event()
        self._ticker = ended

        def tick() -> None:
            passed = TICK
            while not ended.wait(TICK):
                self.say(f"   {step:<8} still running after {passed:g} s")
                passed += TICK

        threading.Thread(target=tick, daemon=True).start()

    def end(self, step: str, ending: str, seconds: float) -> None:
        """Announce the end of a step: `done` or `failed`."""
        if self._ticker:
            self._ticker.set()
        self.say(f"   {step:<8} {ending} in {seconds:.1f} s")

    def note(self, text: str) -> None:
        """Print a note, indented; one that starts with a line break is a heading."""
        self.say(text if text.startswith("\n") else f"   {text}")

    def output(self, text: str) -> None:
        """Print the output of another program as it arrives."""
        self.say(text)

    def confirm(self, environment: str) -> bool:
        """Ask a person to type the environment's name; False without a terminal."""
        return self._typed(f"type `{environment}` to go on: ") == environment

    def ask(self, question: str, default: str) -> str:
        """Ask a person something; the default for an empty answer, or without a terminal."""
        return self._typed(f"{question} [{default}]: ") or default

    def agree(self, question: str) -> bool:
        """Ask a person to type `yes`; False without a terminal."""
        return self._typed(f"{question} type `yes`: ") == "yes"

    def _typed(self, prompt: str) -> str:
        if self.as_json or not sys.stdin.isatty():
            return ""
        with contextlib.suppress(*GONE):
            self.stream.write(sanitize(redact(prompt)))
            self.stream.flush()
        return sys.stdin.readline().strip()

    def finish(self, request: Request, outcome: Outcome) -> None:
        """Show how the task ended: the document or the table, then message and hint."""
        if self.as_json:
            self._print_document(json.dumps(self._document(outcome), indent=2))
        elif type(request) in TABLES and (
            outcome.code == 0 or {"findings", "environments"} & {*outcome.data}
        ):
            TABLES[type(request)](self, outcome.data)
        failed = outcome.ending not in ("done", "nothing")
        self.say(f"{'error: ' if failed else ''}{outcome.message}")
        if outcome.hint:
            self.say(f"\nhint: {outcome.hint}" if failed else outcome.hint)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            self._tell_job(request, outcome)

    def _tell_job(self, request: Request, outcome: Outcome) -> None:
        """Annotate lines, and write the job's summary."""
        document = self._document(outcome)
        file = os.environ.get("GITHUB_STEP_SUMMARY")
        with contextlib.suppress(*GONE):
            for command in job.commands(document):
                print(command, file=self.stream, flush=True)
            if file:
                title = f"{type(request).__name__.removesuffix('Request')} {request.about}".strip()
                plan = [sanitize(redact(line)) for line in self._shown]
                with Path(file).open("a", encoding="utf-8") as stream:
                    stream.write(job.summary(title, plan, document))

    def _print_document(self, text: str) -> None:
        """Print the document; where it can't be written, that is said, and the ending stays what it is."""
        try:
            self._mask()
            print(text, file=sys.stdout or _nowhere(), flush=True)
        except BrokenPipeError:  # `| head -1` has read what it wanted
            pass
        except GONE as fault:
            self.say(f"warning: the document could not be written: {fault}")

    @staticmethod
    def _document(outcome: Outcome) -> dict[str, Any]:
        """The document, redacted except `ending` and `code`, which are our own words."""
        document = outcome.document()
        return {**redacted(document), "ending": document["ending"], "code": document["code"]}

    def status(self, data: Mapping[str, Any]) -> None:
        """One row per environment, and the problems below."""
        rows = [
            (
                environment["name"],
                f"{environment['branch']} {short(environment['head'])}",
                short(environment["live"]),
                f"{environment['release'] or '-'} {age(environment.get('released_at'))}".strip(),
                environment["schema"] or "-",
                f"{environment['pending']['commits']} / {environment['pending']['migrations']}",
                environment["url"],
            )
            for environment in data["environments"]
        ]
        head = ("environment", "branch", "live", "release", "schema", "pending*", "url")
        self._table(head, rows)
        self.say("* commits / migrations that the next environment lacks")
        for environment in data["environments"]:
            for problem in environment["problems"]:
                self.say(f"  {environment['name']}: {problem}")
        for problem in data.get("problems", ()):
            self.say(f"  {problem}; see `invoke ledger.check`")

    def history(self, data: Mapping[str, Any]) -> None:
        """One row per event; with figures, one per environment and period."""
        if "stats" in data:
            self._dora(data["stats"])
            return
        rows = [
            (event["at"], event["environment"], event["release"], event["kind"], event["commit"][:12],
             event["ending"], event["actor"])
            for event in data["events"]
        ]  # fmt: skip
        self._table(("at", "environment", "release", "kind", "commit", "ending", "actor"), rows)

    def _dora(self, stats: Sequence[Mapping[str, Any]]) -> None:
        from scripts.release.dora import span

        rows = [
            (each["environment"], f"{each['days']} d", str(each["releases"]), f"{each['per_week']:g}",
             span(each["lead_seconds"]), share(each["failure_rate"]), span(each["restore_seconds"]))
            for each in stats
        ]  # fmt: skip
        head = ("environment", "last", "releases", "a week", "lead time*", "failed", "time to restore*")
        self._table(head, rows)
        self.say("* median: from the commit to live; from a bad release to a good one")

    def findings(self, data: Mapping[str, Any]) -> None:
        """One block per finding: what is wrong where, and how to fix it."""
        for finding in data["findings"]:
            place = f":{finding['line']}" if finding["line"] else ""
            if finding["offset"] is not None:
                place = f" (byte {finding['offset']})"
            self.say("{rule} {severity}: {file}{place}: {message}".format_map({**finding, "place": place}))
            if finding["hint"]:
                self.say(f"  {finding['hint']}")

    def differences(self, data: Mapping[str, Any]) -> None:
        """One row per variable, by digests; then how the hosts differ, and the findings."""
        rows = [
            (variable["name"], variable["state"], variable["from"] or "-", variable["to"] or "-",
             "public" if variable["public"] else "secret")
            for variable in data["variables"]
        ]  # fmt: skip
        self._table(("variable", "", f"{data['from']} (digest)", f"{data['to']} (digest)", "kind"), rows)
        for difference in data["drift"]:
            self.say("  {host} of {environment}: `{name}`: {state}".format_map(difference))
        self.findings(data)

    def _table(self, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        from rich import box
        from rich.console import Console as Rich
        from rich.table import Table
        from rich.text import Text

        wide = None if self.stream.isatty() else 200  # a CI log has no width
        table = Table(*head, box=box.SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(sanitize(redact(cell)), overflow="fold") for cell in row))
        rich = Rich(file=self.stream, width=wide, highlight=False)
        rich.on_broken_pipe = lambda: None  # type: ignore[method-assign] # its own way ends the program
        with contextlib.suppress(*GONE):
            rich.print(table)


TABLES: dict[type[Request], Callable[[Console, Mapping[str, Any]], None]] = {
    StatusRequest: Console.status,
    HistoryRequest: Console.history,
    CheckRequest: Console.findings,
    ScanRequest: Console.findings,
    DiffRequest: Console.differences,
}


def _nowhere() -> TextIO:
    """In place of a stream that was closed before the desk began."""
    return Path(os.devnull).open("w")


def share(ratio: float | None) -> str:
    """A ratio in per cent; `-` for none."""
    return f"{ratio:.0%}" if ratio is not None else "-"


def short(commit: str | None) -> str:
    """The first twelve digits of a commit; `-` for none."""
    return commit[:12] if commit else "-"


def age(at: str | None) -> str:
    """How long ago, in the largest unit that fits: `3 h ago`; "" for no readable time."""
    if not at:
        return ""
    try:
        then = datetime.fromisoformat(at)
    except ValueError:
        return ""
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    seconds = (datetime.now(UTC) - then).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"
