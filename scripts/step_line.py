"""One line a step: in a terminal rewritten in place with the time that it takes; elsewhere written once.

In a log, which nobody watches, a step is one line as it begins; a second one comes where it failed or took
long, and every `TICK` seconds one that it is still running, or how far it is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scripts.language import number, translate

TICK = 10.0  # seconds between two lines of a log that a long step is still running
REDRAWN = 0.5  # seconds between two drawings in a terminal
ERASE = "\r\x1b[2K"
LONG = 10.0  # seconds from which on a log names the time that a step took
BAR = 10  # columns of the bar of a step whose total is known


@dataclass(frozen=True)
class Reached:
    """How far a step is, such as in bytes or seconds; `total` 0: nobody knows of how much.

    A total that is an estimate may be passed: then it is 99 % until the step ends.
    """

    done: float
    total: float
    text: str

    @property
    def percent(self) -> str:
        """The share that is done; "" where the total is unknown."""
        if self.total <= 0:
            return ""
        share = 100 if self.done == self.total else min(99, max(0, int(100 * self.done / self.total)))
        return f"{share} %"

    @property
    def bar(self) -> str:
        """The bar with the share, then the text; the text alone where the total is unknown."""
        if not self.percent:
            return translate(self.text)
        full = int(BAR * min(1.0, max(0.0, self.done / self.total)))
        return f"{'█' * full}{'░' * (BAR - full)} {self.percent:>5} {translate(self.text)}".rstrip()


@dataclass
class StepLine:
    """The step that runs.

    Args:
        write: of the stream; the text has its line end, where it ends one.
        width: columns of the terminal; 0: it is none, or can't rewrite a line.
        paint: gives a text a colour: `green`, `red` or `dim`.
        lock: held while anything is written to the stream.
        expected: by name, the seconds that a step took last time.
    """

    write: Callable[[str], None]
    width: Callable[[], int]
    paint: Callable[[str, str], str]
    lock: threading.RLock
    expected: Mapping[str, float] = field(default_factory=dict)
    _step: str = ""
    _detail: str = ""
    _reached: Reached | None = None
    _began: float = 0.0
    _drawn: bool = False
    _ended: threading.Event | None = None

    def begin(self, step: str, detail: str) -> None:
        """A step begins; what is written meanwhile stands above its line."""
        self._step, self._detail, self._began = step, translate(detail), time.monotonic()
        self._reached = None
        ended = self._ended = threading.Event()
        watched = self.width() > 0
        with self.lock:
            self.draw() if watched else self.write(
                f"-> {translate(step):<9} {self._detail}".rstrip() + "\n"
            )
        run = self._redraw if watched else self._tick
        threading.Thread(target=run, args=(ended, step), daemon=True).start()

    def advance(self, done: float, total: float, text: str, *steps: str) -> None:
        """How far the step is, if it is one of these; it is shown when the line is drawn next."""
        if not steps or self._step in steps:
            self._reached = Reached(done, total, text)

    def end(self, step: str, ending: str, seconds: float) -> None:
        """It has ended: `done` or `failed`."""
        if self._ended:
            self._ended.set()
        with self.lock:
            watched, self._step = bool(self._step) and self.width() > 0, ""
            self._reached = None
            if watched:
                mark, colour = (" ✓", "green") if ending == "done" else (" ✗", "red")
                took = (
                    number(f"{seconds:.1f} s")
                    if ending == "done"
                    else translate(f"failed after {seconds:.1f} s")
                )
                self.erase()
                self.write(f"{self.paint(mark, colour)} {self._fitted(step, self._detail, took)}\n")
            elif ending != "done" or seconds >= LONG:
                self.write(f"   {translate(step):<9} {translate(f'{ending} in {seconds:.1f} s')}\n")

    def erase(self) -> None:
        """Make room for a line that stands above; `draw` brings it back."""
        if self._drawn:
            self.write(ERASE)
            self._drawn = False

    def draw(self) -> None:
        """Draw the line, if a step runs in a terminal."""
        if self._step and self.width() > 0:
            seconds = time.monotonic() - self._began
            about = self.expected.get(self._step)
            took = f"{seconds:.0f} s"
            if about and about >= 1:
                took = translate(f"{took} of about {about:.0f} s")
            detail = self._reached.bar if self._reached else self._detail
            line = self._fitted(self._step, detail, took)
            self.write(f"{ERASE if self._drawn else ''}{self.paint('->', 'dim')} {line}")
            self._drawn = True

    def _fitted(self, step: str, detail: str, took: str) -> str:
        """The line in the width of the terminal, the time at its end."""
        room = max(0, self.width() - len(took) - 15)
        detail = detail.splitlines()[0] if detail else ""
        shown = detail if len(detail) <= room else f"{detail[: max(0, room - 1)]}…"
        return f"{translate(step):<9} {shown:<{room}} {took}"

    def _redraw(self, ended: threading.Event, _step: str) -> None:
        while not ended.wait(REDRAWN):
            with self.lock:
                if not ended.is_set():
                    self.draw()

    def _tick(self, ended: threading.Event, step: str) -> None:
        passed = TICK
        while not ended.wait(TICK):
            with self.lock:
                if not ended.is_set():
                    said = "still running"
                    if reached := self._reached:
                        said = ", ".join(filter(None, (reached.percent, reached.text))) or said
                    said = translate(f"{said} after {passed:g} s")
                    self.write(f"   {translate(step):<9} {said}\n")
            passed += TICK
