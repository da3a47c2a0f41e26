"""The one error family: a message, a hint that can be pasted, and an exit code.

    DeskError
    ├── Refused             1    a gate or a rule says no; nothing was changed
    │   └── ConfigError     1    `pipeline.toml` or a `.env` file is at fault
    ├── ReleaseFailed       1    the release itself is bad: proven so, and what is live is known
    │   └── TakenBack       1    it was to be undone, and was
    ├── CommandFailed       3    another program failed
    │   ├── DiskFull        3    this machine has no room left
    │   └── Unreachable     3    a server did not answer, or refused us
    │       └── Unanswered  3    it may have done what was asked all the same
    ├── CommandTimedOut     4    another program took too long
    ├── Locked              5    somebody else holds the environment
    ├── Declined            6    a person said no
    ├── LiveUnknown         7    what is live can't be told: look before you act
    └── Interrupted       130    stopped by a signal, and put back

Anything else that reaches the top is our own bug and shows its traceback.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal


class DeskError(Exception):
    """An ending that people can act on: said once, without a traceback."""

    code: ClassVar[int] = 1
    ending: ClassVar[Literal["failed", "declined", "unknown"]] = "failed"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.data: Mapping[str, Any] = {}  # what is known at the end, for `--json`


class Refused(DeskError):
    """A gate or a rule says no, before the first change."""


class ConfigError(Refused):
    """The configuration is at fault; all faults are listed in one go."""


class ReleaseFailed(DeskError):
    """The commit proved bad (migration, build, live answer); what is live is known."""


class TakenBack(ReleaseFailed):
    """Not to be finished: the way back is taken wherever the run stands.

    Args:
        bad: the commit proved bad; otherwise it was undone for another reason and may come again.
    """

    def __init__(self, message: str, *, bad: bool) -> None:
        super().__init__(message)
        self.bad = bad


class CommandFailed(DeskError):
    """Another program ended with a code that means failure.

    Args:
        exit_code: the program's own exit code, None where it never started.
    """

    code = 3

    def __init__(self, message: str, hint: str | None = None, *, exit_code: int | None = None) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


class DiskFull(CommandFailed):
    """A file could not be written: the disk or the quota is full."""


class Unreachable(CommandFailed):
    """A server did not answer, or would not let us in."""


class Unanswered(Unreachable):
    """It was asked, and no answer came: what was asked for may have begun all the same."""


class CommandTimedOut(DeskError):
    """Another program was ended by us because it took longer than it may."""

    code = 4


class Locked(DeskError):
    """Somebody else holds the environment's lock."""

    code = 5


class Declined(DeskError):
    """A person was asked and did not say yes; nothing was changed."""

    code = 6
    ending = "declined"


class LiveUnknown(DeskError):
    """Nobody can say what is live now.

    Args:
        resumable: a Publish may still be under way; the lock is left for `resume` to take over.
    """

    code = 7
    ending = "unknown"

    def __init__(self, message: str, hint: str | None = None, *, resumable: bool = False) -> None:
        super().__init__(message, hint)
        self.resumable = resumable


class Interrupted(DeskError):
    """SIGINT or SIGTERM arrived; what had begun was put back."""

    code = 130
