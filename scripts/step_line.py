"""One line a step: in a terminal rewritten in place with the time that it takes; elsewhere written once.

In a log, which nobody watches, a step is one line as it begins; a second one comes where it failed or took
long, and every `TICK` seconds one that it is still running.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

TICK = 10.0  # seconds between two lines of a log that a long step is still running
REDRAWN = 0.5  # seconds between two drawings in a terminal
ERASE = "\r\x1b[2K"
LONG = 10.0  # seconds from which on a log names the time that a step took


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
    _began: float = 0.0
    _drawn: bool = False
    _ended: threading.Event | None = None

    def begin(self, step: str, detail: str) -> None:
        """A step begins; what is written meanwhile stands above its line."""
        self._step, self._detail, self._began = step, detail, time.monotonic()
        ended = self._ended = threading.Event()
        watched = self.width() > 0
        with self.lock:
            self.draw() if watched else self.write(f"-> {step:<9} {detail}".rstrip() + "\n")
        run = self._redraw if watched else self._tick
        threading.Thread(target=run, args=(ended, step), daemon=True).start()

    def end(self, step: str, ending: str, seconds: float) -> None:
        """It has ended: `done` or `failed`."""
        if self._ended:
            self._ended.set()
        with self.lock:
            watched, self._step = bool(self._step) and self.width() > 0, ""
            if watched:
                mark, colour = (" ✓", "green") if ending == "done" else (" ✗", "red")
                took = f"{seconds:.1f} s" if ending == "done" else f"failed after {seconds:.1f} s"
                self.erase()
                self.write(f"{self.paint(mark, colour)} {self._fitted(step, self._detail, took)}\n")
            elif ending != "done" or seconds >= LONG:
                self.write(f"   {step:<9} {ending} in {seconds:.1f} s\n")

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
            took = f"{seconds:.0f} s" + (f" of about {about:.0f} s" if about and about >= 1 else "")
            line = self._fitted(self._step, self._detail, took)
            self.write(f"{ERASE if self._drawn else ''}{self.paint('->', 'dim')} {line}")
            self._drawn = True

    def _fitted(self, step: str, detail: str, took: str) -> str:
        """The line in the width of the terminal, the time at its end."""
        room = max(0, self.width() - len(took) - 15)
        detail = detail.splitlines()[0] if detail else ""
        shown = detail if len(detail) <= room else f"{detail[: max(0, room - 1)]}…"
        return f"{step:<9} {shown:<{room}} {took}"

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
                    self.write(f"   {step:<9} still running after {passed:g} s\n")
            passed += TICK
