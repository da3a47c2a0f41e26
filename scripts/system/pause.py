"""A pause between two looks, in a process that runs for days: tasks start without the garbage collector."""

from __future__ import annotations

import gc
import time

LONG = 5.0  # seconds: in a pause like this a collection delays nobody


def pause(seconds: float) -> None:
    """Sleep, and collect the garbage of what came before if there is time."""
    if seconds >= LONG:
        began = time.monotonic()
        gc.collect()
        seconds = max(0.0, seconds - (time.monotonic() - began))
    time.sleep(seconds)
