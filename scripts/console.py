"""All output to people: results on stdout, progress and errors on stderr.

With `--json`, stdout has one document and nothing else. Untrusted text (commit subjects, server answers)
never starts a line and has its control characters replaced, so it can neither control a terminal nor issue
a workflow command to a CI system.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from scripts import VERSION, terminal
from scripts.config.outcome import Outcome
from scripts.config.request import Request
from scripts.github import job
from scripts.language import FRENCH, language, time_form, translate
from scripts.proof_tables import told
from scripts.step_line import StepLine
from scripts.system.secret import redact, redacted, unannounced
from scripts.system.text import sanitize
from scripts.table import Row, width_of
from scripts.tables import MESSAGE_FIRST, RESULTS, TABLES

GONE = (OSError, ValueError)  # nobody reads, or there is no room: the work goes on
FOLLOWS = "\n  | "  # what begins the lines that follow a message
ASKED = 2  # times that a word to type is asked for


@dataclass
class Console:
    """Writes to people.

    Args:
        as_json: print the document to stdout at the end, and ask no questions.
        stream: for progress and errors.
        out: for results.
        reports: what is shown is the result: the lines of a plan with `--plan`, of a list.
        quiet: no progress; a plan is shown where a person is asked about it.
    """

    as_json: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stderr or _nowhere())
    out: TextIO = field(default_factory=lambda: sys.stdout or _nowhere())
    reports: bool = False
    quiet: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _shown: list[str] = field(default_factory=list)
    _held: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._line = StepLine(self._write, self._live_width, self._paint, self._lock)

    @property
    def _results(self) -> TextIO:
        """Where results go: programs have stdout to themselves."""
        return self.stream if self.as_json else self.out

    def say(self, text: str = "", to: TextIO | None = None) -> None:
        """Print one or more lines in the language of the reader, redacted and sanitized."""
        if not isinstance(text, Row):
            text = terminal.with_local_times(translate(redact(text)), time_form())  # masked as it stands
        self._print(text, to or self.stream)

    def _print(self, text: str, stream: TextIO) -> None:
        with self._lock, contextlib.suppress(*GONE):
            self._mask()
            self._line.erase()
            clean = terminal.wrapped(sanitize(redact(text)), stream)
            print(terminal.painted(clean, stream), file=stream, flush=True)
            self._line.draw()

    def _write(self, text: str) -> None:
        with contextlib.suppress(*GONE):
            self.stream.write(text)
            self.stream.flush()

    def _live_width(self) -> int:
        return terminal.live_width(self.stream)

    def _paint(self, text: str, colour: str) -> str:
        return terminal.paint(text, colour, self.stream)

    def _mask(self) -> None:
        """Tell GitHub's runner what to mask, before anything that may contain it is printed."""
        if os.environ.get("GITHUB_ACTIONS") == "true":
            for value in unannounced():
                escaped = value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
                print(f"::add-mask::{escaped}", file=self.stream, flush=True)

    def show(self, lines: Iterable[str]) -> None:
        """Print the lines of a plan or a report."""
        for line in lines:
            self._shown.append(line)
            if self.quiet and not self.reports:
                self._held.append(line)
            else:
                self.say(line, self._results if self.reports else self.stream)

    def expect(self, seconds: Mapping[str, float]) -> None:
        """How long steps took last time, by name."""
        self._line.expected = seconds

    def begin(self, step: str, detail: str) -> None:
        """Announce a step."""
        if self.quiet:
            return
        self._line.begin(step, sanitize(redact(detail)))

    def advance(self, done: float, total: float, text: str, *steps: str) -> None:
        """How far the step that runs is; it is drawn with the step's line, at most twice a second."""
        self._line.advance(done, total, sanitize(redact(text)), *steps)

    def end(self, step: str, ending: str, seconds: float) -> None:
        """Announce the end of a step: `done` or `failed`."""
        if not self.quiet:
            self._line.end(step, ending, seconds)

    def note(self, text: str) -> None:
        """Print a note, indented; one that starts with a line break is a heading."""
        if not self.quiet or self.reports or text.lstrip().startswith(("warning:", "error:")):
            self.say(text if text.startswith("\n") else f"   {text}")

    def output(self, text: str) -> None:
        """Print the output of another program as it arrives."""
        if not self.quiet:
            self._print(text, self.stream)

    def trace(self, text: str) -> None:
        """Print what is done behind a step, for `--verbose`."""
        self.say(f"   {text}")

    def confirm(self, environment: str, *aliases: str) -> bool:
        """Ask a person to type the environment's name or an alias; False without a terminal."""
        for _ in range(ASKED if self._asks else 0):
            typed = self._typed(translate(f"type `{environment}` to go on: "))
            if typed in (environment, *aliases):
                return True
            if not typed:
                return False
            self.say(f"that is not `{environment}`")
        return False

    def ask(self, question: str, default: str) -> str:
        """Ask a person something; the default for an empty answer, or without a terminal."""
        return self._typed(f"{translate(question)} [{default}]: ") or default

    def agree(self, question: str) -> bool:
        """Ask a person to type `yes`; False without a terminal."""
        typed = self._typed(f"{translate(question)} {translate('type `yes`:')} ")
        return typed == "yes" or (typed == "oui" and language() == FRENCH)

    @property
    def _asks(self) -> bool:
        return not self.as_json and sys.stdin.isatty()

    def _typed(self, prompt: str) -> str:
        if not self._asks:
            return ""
        while self._held:
            self.say(self._held.pop(0))
        with self._lock, contextlib.suppress(*GONE):
            self._line.erase()
            self.stream.write(sanitize(redact(prompt)))
            self.stream.flush()
        return sys.stdin.readline().strip()

    def finish(self, request: Request, outcome: Outcome) -> None:
        """Show how the task ended: the document or the table, then message and hint."""
        failed = outcome.ending not in ("done", "nothing")
        lines = self._table(request, outcome)
        first = type(request) in MESSAGE_FIRST and not failed
        if first:
            self.say(outcome.message, self._results)
        for line in lines:
            self.say(line, self._results)
        if failed:
            brief = lines and told(outcome.data)
            self.say(f"error: {outcome.message.partition(FOLLOWS)[0] if brief else outcome.message}")
        elif not first:
            self.say(outcome.message, self._results)
        self._close(outcome, failed=failed)
        if self.as_json:
            self._print_document(json.dumps(self._document(outcome), indent=2))
        if os.environ.get("GITHUB_ACTIONS") == "true":
            self._tell_job(request, outcome)

    def _close(self, outcome: Outcome, *, failed: bool) -> None:
        """What is live and locked now, and what to type next."""
        if outcome.closing:
            self.say(outcome.closing, self.stream if failed else self._results)
        if outcome.hint:
            self.say(f"\nhint: {outcome.hint}" if failed else outcome.hint)

    def _table(self, request: Request, outcome: Outcome) -> list[str]:
        """The lines of the task's table; the document has it for programs."""
        table = TABLES.get(type(request))
        shown = outcome.code == 0 or RESULTS & {*outcome.data}
        if self.as_json or table is None or not shown:
            return []
        return list(table(outcome.data, width_of(self._results)))

    def _tell_job(self, request: Request, outcome: Outcome) -> None:
        """Annotate lines, and write the job's summary."""
        document = self._document(outcome)
        file = os.environ.get("GITHUB_STEP_SUMMARY")
        with contextlib.suppress(*GONE):
            for command in job.commands(document):
                print(command, file=self.stream, flush=True)
            if file:
                title = f"{type(request).__name__.removesuffix('Request')} {request.about}".strip()
                plan = [sanitize(translate(redact(line))) for line in self._shown]
                with Path(file).open("a", encoding="utf-8") as stream:
                    stream.write(job.summary(title, plan, document, translate))

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
        """The document, redacted except our own words: `ending`, `code` and `desk`, the version."""
        document = outcome.document()
        ours = {"ending": document["ending"], "code": document["code"], "desk": VERSION}
        return {**redacted(document), **ours}


def _nowhere() -> TextIO:
    """In place of a stream that was closed before the desk began."""
    return Path(os.devnull).open("w")
