"""The driver protocol: how a commit is built and published, and what is live. One class for each way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from scripts.errors import Refused
from scripts.replit.live import Answer, Expected
from scripts.state.held_lock import HeldLock

Status = Literal["running", "failed", "other"]


class Driver(Protocol):
    """What releases need of the place where an environment runs.

    Which settings and variables a driver needs stands in `config/settings.py` (`DRIVERS`), for `env.check`.

    """

    @property
    def name(self) -> str:
        """As `publish` names it in `pipeline.toml`."""

    @property
    def unattended(self) -> bool:
        """It publishes without a person, so a bad release can be taken back automatically."""

    @property
    def staged(self) -> bool:
        """What it builds lies where a person may publish it by hand, so it has to be put back."""

    @property
    def confirms(self) -> bool:
        """Its `publish` itself makes sure that the lock is held, at the last moment."""

    @property
    def unproven_hint(self) -> str:
        """What to look at when the public URL does not show a release in time."""

    def connect(self) -> None:
        """Begin to connect to where `build` works, and return at once. Nothing is changed; never raises."""

    def disconnect(self) -> None:
        """No build follows."""

    def objection(self) -> Refused | None:
        """Why a release would be refused there now, such as work that would be lost.

        None if it would not, or if it can't be asked. Nothing is changed.
        """

    def build(
        self, expected: Expected, candidate: str, *, send: bool = False, keep: str = ""
    ) -> bytes | None:
        """Build the exact commit, stamped. What is live is untouched.

        Args:
            expected: the commit, the environment and the schema version of the stamp.
            candidate: the ref on the remote under which the commit can be fetched.
            keep: for a way back: work that would be lost is kept aside there, under this name.
            send: return the built folder as a tar.gz archive; otherwise nothing is returned.

        Returns:
            The archive, or b""; None where it was built and scanned elsewhere, and can't be sent.

        Raises:
            Refused: work would be lost there; nothing was changed.
            ReleaseFailed: the commit can't be installed or built.
            CommandFailed: git or the transfer failed there.
            Unreachable: no answer: what stands there is unknown, live is untouched.
        """

    def deliver(self, expected: Expected, lock: HeldLock) -> Mapping[str, Any]:
        """Bring what was built to where it will run, once it was scanned (`Environment.ships`).

        Returns:
            What the ledger is to hold of it, such as its digest; {} if it was there already.

        Raises:
            ReleaseFailed: it is too large, or does not arrive as it was built.
            CommandFailed, Locked: the remote does not take it.
        """

    def publish(self, expected: Expected, lock: HeldLock) -> None:
        """Ask for what was built to go live; returns once that is accepted. The public URL decides.

        Raises:
            CommandFailed, Unreachable: it was refused: nothing has begun.
            Unanswered: no answer: it may have begun.
            Locked: the lock was lost: nothing has begun.
        """

    def asked_for(self) -> str | None:
        """The commit that was asked to go live last, by whomever; None where nobody can say."""

    def lagging(self) -> tuple[str, ...]:
        """For `status`: what is not as it should be where the environment runs, in words; never raises."""

    def publish_status(self) -> tuple[Status, str]:
        """How the publishing is doing, and its own words. Never proof that it is live; never raises."""

    def live(self) -> Answer:
        """What the public URL answers."""

    def check(self) -> str:
        """Whether publishing would be accepted, in words, for `doctor`.

        Raises:
            DeskError: it would not; with a hint.
        """
