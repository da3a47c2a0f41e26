# pure
"""The one error family: a message, a hint that can be pasted, and an exit code.

    DeskError
    ├── Refused             1    a gate or a rule says no; nothing was changed
    │   ├── ConfigError     1    `pipeline.toml` or a `.env` file is at fault
    │   └── BackupFault     1    a backup itself is at fault: damaged, lost, or it does not restore
    ├── ReleaseFailed       1    the release itself is bad: proven so, and what is live is known
    │   └── TakenBack       1    it was undone on purpose
    ├── UsageError          2    the command line can't be run as it was typed
    ├── CommandFailed       3    another program failed
    │   ├── DiskFull        3    this machine has no room left
    │   ├── PushRefused     3    the remote does not take a push, by a hook or a rule
    │   └── Unreachable     3    a server did not answer, refused access, or can't work (read-only, full)
    │       └── Unanswered  3    the request was sent, and may have been carried out
    ├── CommandTimedOut     4    another program took too long
    ├── Locked              5    somebody else holds the environment
    ├── Declined            6    a person said no
    ├── LiveUnknown         7    what is live is unknown: look before you act
    └── Interrupted       130    stopped by a signal, and undone

Any other exception that reaches the top is a bug and shows its traceback.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal


class DeskError(Exception):
    """An error that people can act on, shown without a traceback."""

    code: ClassVar[int] = 1
    ending: ClassVar[Literal["failed", "declined", "unknown"]] = "failed"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.data: Mapping[str, Any] = {}  # the task's own part of the `--json` document


class Refused(DeskError):
    """A gate or a rule says no, before the first change."""


class ConfigError(Refused):
    """The configuration is at fault; the message lists all faults."""


class BackupFault(Refused):
    """A backup is damaged or lost, or does not restore to its original; not a mistake of the caller."""


class ReleaseFailed(DeskError):
    """The commit proved bad (migration, build, live check); what is live is known."""


class TakenBack(ReleaseFailed):
    """The run must be undone from wherever it is, not finished.

    Args:
        bad: the commit proved bad; otherwise it was undone for another reason and may be released again.
    """

    def __init__(self, message: str, *, bad: bool) -> None:
        super().__init__(message)
        self.bad = bad


class UsageError(DeskError):
    """The command line can't be run as it was typed; nothing was started."""

    code = 2


class CommandFailed(DeskError):
    """Another program ended with a code that means failure.

    Args:
        exit_code: the program's exit code; None if it never started.
    """

    code = 3

    def __init__(self, message: str, hint: str | None = None, *, exit_code: int | None = None) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


class DiskFull(CommandFailed):
    """A file could not be written: the disk or the quota is full."""


class PushRefused(CommandFailed):
    """The remote can be reached and does not take the push, such as by a hook or a rule for a branch.

    Args:
        barred: the branches whose protection refused it, as far as the remote names them.
    """

    def __init__(self, message: str, hint: str | None = None, barred: frozenset[str] = frozenset()) -> None:
        super().__init__(message, hint)
        self.barred = barred


class Unreachable(CommandFailed):
    """A server did not answer, refused access, or can't work now (read-only, full)."""


class Unanswered(Unreachable):
    """The request was sent and no answer came: it may have been carried out."""


class CommandTimedOut(DeskError):
    """Another program was ended because it exceeded its timeout."""

    code = 4


class Locked(DeskError):
    """Somebody else holds the environment's lock."""

    code = 5


class Declined(DeskError):
    """A person was asked and did not say yes; nothing was changed."""

    code = 6
    ending = "declined"


class LiveUnknown(DeskError):
    """It is unknown what is live now.

    Args:
        resumable: a Publish may still be running; the lock is kept for `resume` to take over.
    """

    code = 7
    ending = "unknown"

    def __init__(self, message: str, hint: str | None = None, *, resumable: bool = False) -> None:
        super().__init__(message, hint)
        self.resumable = resumable


class Interrupted(DeskError):
    """SIGINT, SIGTERM or SIGHUP arrived; what had begun was undone."""

    code = 130
