"""Work in a session of its own, which can put everything back also where its caller is killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_apart(work: Callable[[], int]) -> NoReturn:
    """Do the work in a child that leads a session; end as it does.

    What ends a task ends its process group a second later. A sandbox takes longer to end, and so do servers
    that tests start: the child is told to stop, and is not in that group.
    """
    child = os.fork()
    if not child:
        os.setsid()
        for number in SIGNALS:
            signal.signal(number, _stop)
        sys.exit(work())
    for number in SIGNALS:
        signal.signal(number, lambda *_: os.kill(child, signal.SIGTERM))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    sys.exit(code if code >= 0 else 128 - code)


def _stop(*_: object) -> NoReturn:
    """End what was started, which the `with` around it does; once."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit(130)
