"""Every word to people: progress, plans and tables on stderr; with `--json` one document on stdout.

Untrusted text (commit subjects, server answers) never starts a line and carries no control
characters, so it can neither drive a terminal nor start a workflow command of a CI system.
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
from typing import TYPE_CHECKING, Any, TextIO

from scripts.config.outcome import Outcome
from scripts.config.request import Request
from scripts.release.request import HistoryRequest, StatusRequest
from scripts.secrets.request import CheckRequest, DiffRequest, ScanRequest
from scripts.system.secret import redact, redacted, unannounced
from scripts.system.text import sanitize

if TYPE_CHECKING:
    pass


TICK = 10.0  # seconds between two signs of life of a long step


@dataclass
class Console:
    """Where people read. `as_json` leaves stdout to the document."""

    as_json: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    _ticker: threading.Event | None = None

    def say(self, text: str = "") -> None:
        """One or more lines, redacted and free of control characters."""
        with contextlib.suppress(OSError, ValueError):  # nobody reads any more: the release goes on
            self._mask()
            print(sanitize(redact(text)), file=self.stream, flush=True)

    def _mask(self) -> None:
        """Name what is secret to GitHub's runner, before anything that might hold it is said."""
        if os.environ.get("GITHUB_ACTIONS") == "true":
            for value in unannounced():
                escaped = value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
                print(f"::add-mask::{escaped}", file=self.stream, flush=True)

    def show(self, lines: Iterable[str]) -> None:
        """Lines of a plan or a report, as they stand."""
        for line in lines:
            self.say(line)

    def begin(self, step: str, detail: str) -> None:
        """A step begins; a long one gives a sign of life now and then."""
        self.say(f"-> {step:<8} {detail}".rstrip())
        over = threading.Event()
        self._ticker = over

        def tick() -> None:
            passed = TICK
            while not over.wait(TICK):
                self.say(f"   {step:<8} still at it after {passed:g} s")
                passed += TICK

        threading.Thread(target=tick, daemon=True).start()

    def end(self, step: str, ending: str, seconds: float) -> None:
        """A step has ended."""
        if self._ticker:
            self._ticker.set()
        self.say(f"   {step:<8} {ending} in {seconds:.1f} s")

    def note(self, text: str) -> None:
        """Something worth saying; one that begins with a line break is a heading."""
        self.say(text if text.startswith("\n") else f"   {text}")

    def output(self, text: str) -> None:
        """What another program prints, as it comes."""
        self.say(text)

    def confirm(self, environment: str) -> bool:
        """Ask for the environment's name; without a terminal nobody can say yes."""
        return self._typed(f"type `{environment}` to go on: ") == environment

    def ask(self, question: str, default: str) -> str:
        """Ask a person something; the default where nobody is there, or nothing is said."""
        return self._typed(f"{question} [{default}]: ") or default

    def agree(self, question: str) -> bool:
        """Ask a person for a yes; no where nobody is there."""
        return self._typed(f"{question} type `yes`: ") == "yes"

    def _typed(self, prompt: str) -> str:
        if self.as_json or not sys.stdin.isatty():
            return ""
        self.stream.write(sanitize(redact(prompt)))
        self.stream.flush()
        return sys.stdin.readline().strip()

    def finish(self, request: Request, outcome: Outcome) -> None:
        """Show how it ended: the document, or the table and the last words."""
        if self.as_json:
            self._mask()
            print(json.dumps(self._document(outcome), indent=2), flush=True)
        elif type(request) in TABLES and (outcome.code == 0 or "findings" in outcome.data):
            TABLES[type(request)](self, outcome.data)
        failed = outcome.ending not in ("done", "nothing")
        self.say(f"{'error: ' if failed else ''}{outcome.message}")
        if outcome.hint:
            self.say(f"\nhint: {outcome.hint}" if failed else outcome.hint)

    @staticmethod
    def _document(outcome: Outcome) -> dict[str, Any]:
        """The document, redacted; `ending` and `code` are our own words whatever a secret may be."""
        document = outcome.document()
        return {**redacted(document), "ending": document["ending"], "code": document["code"]}

    def status(self, data: Mapping[str, Any]) -> None:
        """One row an environment, and the disagreements below."""
        rows = [
            (
                each["name"],
                f"{each['branch']} {short(each['head'])}",
                short(each["live"]),
                f"{each['release'] or '-'} {age(each.get('released_at'))}".strip(),
                each["schema"] or "-",
                f"{each['pending']['commits']} / {each['pending']['migrations']}",
                each["url"],
            )
            for each in data["environments"]
        ]
        head = ("environment", "branch", "live", "release", "schema", "pending*", "url")
        self._table(head, rows)
        self.say("* commits / migrations that the next environment lacks")
        for each in data["environments"]:
            for problem in each["problems"]:
                self.say(f"  {each['name']}: {problem}")

    def history(self, data: Mapping[str, Any]) -> None:
        """One row an event."""
        rows = [
            (e["at"], e["environment"], e["release"], e["kind"], e["commit"][:12], e["ending"],
             e["actor"])
            for e in data["events"]
        ]  # fmt: skip
        self._table(("at", "environment", "release", "kind", "commit", "ending", "actor"), rows)

    def findings(self, data: Mapping[str, Any]) -> None:
        """One block a finding: what is wrong where, and how to mend it."""
        for each in data["findings"]:
            place = f":{each['line']}" if each["line"] else ""
            if each["offset"] is not None:
                place = f" (byte {each['offset']})"
            self.say(f"{each['rule']} {each['severity']}: {each['file']}{place}: {each['message']}")
            if each["hint"]:
                self.say(f"  {each['hint']}")

    def differences(self, data: Mapping[str, Any]) -> None:
        """One row a name, by digests; then what the hosts have otherwise, and the mistakes."""
        rows = [
            (e["name"], e["state"], e["from"] or "-", e["to"] or "-", "public" if e["public"] else "secret")
            for e in data["variables"]
        ]
        self._table(("variable", "", f"{data['from']} (digest)", f"{data['to']} (digest)", "kind"), rows)
        for each in data["drift"]:
            self.say(f"  {each['host']} of {each['environment']}: `{each['name']}`: {each['state']}")
        self.findings(data)

    def _table(self, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        from rich import box
        from rich.console import Console as Rich
        from rich.table import Table
        from rich.text import Text

        wide = None if self.stream.isatty() else 200  # a CI log has no width of its own
        table = Table(*head, box=box.SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(sanitize(redact(cell)), overflow="fold") for cell in row))
        Rich(file=self.stream, width=wide, highlight=False).print(table)


TABLES: dict[type[Request], Callable[[Console, Mapping[str, Any]], None]] = {
    StatusRequest: Console.status,
    HistoryRequest: Console.history,
    CheckRequest: Console.findings,
    ScanRequest: Console.findings,
    DiffRequest: Console.differences,
}


def short(commit: str | None) -> str:
    """Twelve digits, or a dash for nothing."""
    return commit[:12] if commit else "-"


def age(at: str | None) -> str:
    """How long ago, in its largest unit."""
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
