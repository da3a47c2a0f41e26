"""A proof: what was found out about a commit in an environment, for whoever demands it; in the ledger."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import append, observe_remote


def prove(
    desk: Desk,
    environment: Environment,
    what: str,
    commit: str,
    *,
    passed: bool = True,
    **detail: Any,
) -> Event:
    """Append a proof of `what` (`e2e`, `load`) for this very commit; a failed one takes back an older one.

    Args:
        environment: where it was found out.
        what: the kind of proof, as `[environment.<name>.gates]` names it.
        commit: 40 hex digits: the commit that was served while it was found out.
        passed: whether the verdict is good.
        detail: what a reader wants to know: `level` (suite or profile, as the gate names it), `report`
            (its path), `digest` (of the report: `sha256:<64 hex>`), figures.

    Raises:
        CommandFailed: the remote refused, can't be reached, or moves too fast.
    """
    run = desk.new_id()

    def make(ledger: Ledger) -> Event:
        live = ledger.live(environment.name)
        return Event(
            environment=environment.name,
            kind="proof",
            ending="done" if passed else "failed",
            release=live.release if live and live.commit == commit else "",
            commit=commit,
            actor=desk.actor,
            at=desk.now(),
            run=run,
            detail={**detail, "what": what},
        )

    return append(desk, observe_remote(desk).ledger.tip, make)


# Reports on this machine's disk, and the digests by which the ledger knows them.


FOLDER = "reports"  # below the state folder


def folder(desk: Desk, environment: Environment, what: str, commit: str) -> Path:
    """A new folder for the reports of one run of tests."""
    stamp = desk.now().replace(":", "").replace("-", "").partition("+")[0]
    name = f"{stamp}-{what}-{environment.name}-{commit[:12]}-{desk.new_id()[:4]}"
    made = desk.state_folder / FOLDER / name
    made.mkdir(mode=0o700, parents=True)
    return made


def digest(report: Path) -> str:
    """`sha256:` and 64 hex digits of the file's content."""
    with report.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def known_as(desk: Desk, report: Path) -> dict[str, str]:
    """The `report` and `digest` that a proof names; the path is relative to the state folder."""
    return {"report": str(report.relative_to(desk.state_folder)), "digest": digest(report)}


def altered(desk: Desk, ledger: Ledger, environment: Environment, commit: str) -> frozenset[str]:
    """The runs of those proofs of a commit whose report is here, and is not what it was.

    A report on another machine can't be looked at; then the verdict in the ledger stands alone.
    """
    proofs = [
        each
        for what in ("e2e", "load")
        for each in ledger.proofs(environment.name, what)
        if each.commit == commit and each.detail.get("report")
    ]
    found = {each.run: desk.state_folder / str(each.detail["report"]) for each in proofs}
    return frozenset(
        each.run
        for each in proofs
        if found[each.run].is_file() and digest(found[each.run]) != each.detail.get("digest")
    )
