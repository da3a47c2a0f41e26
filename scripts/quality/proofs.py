"""Proofs in the ledger, and the reports on this machine's disk that they are bound to by a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import Refused
from scripts.github.deployments import tell_proof
from scripts.quality import notices
from scripts.quality.gates import TESTS, place_of
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import record

REPORTS = "reports"  # below the state folder


def prove(
    desk: Desk,
    environment: Environment,
    what: str,
    commit: str,
    *,
    passed: bool = True,
    **detail: Any,
) -> Event:
    """Append a proof of `what` for this commit, and tell the team. A failed one revokes an earlier pass.

    Args:
        environment: where the commit was tested.
        what: the kind of proof, as `[environment.<name>.gates]` names it (`e2e`, `load`, `unit`).
        commit: 40 hex digits: the commit that was served during the test.
        detail: `level` (suite or profile, as the gate names it), `report` (its path), `digest` (of the
            report: `sha256:<64 hex>`), and figures.

    Raises:
        CommandFailed: the remote refused, can't be reached, or moves too fast.
    """
    ending = "done" if passed else "failed"
    proof = record(desk, environment.name, "proof", ending, commit=commit, what=what, **detail)
    notices.tell(desk, environment, proof)
    level = "" if detail.get("level") in (None, what) else f" {detail['level']}"
    tell_proof(desk, environment, f"{what}{level}", commit, passed=passed)
    return proof


def live_commit(ledger: Ledger, environment: Environment) -> str:
    """The commit of the newest release that was proven live there.

    Raises:
        Refused: there is none.
    """
    live = ledger.live(environment.name)
    if live is None:
        deploy = f"`invoke deploy --env {environment.name}`"
        raise Refused(f"nothing was released on {environment.name} yet", deploy)
    return live.commit


def create_report_folder(desk: Desk, environment: Environment, what: str, commit: str) -> Path:
    """Create a private folder for the reports of one test run."""
    stamp = desk.now().replace(":", "").replace("-", "").partition("+")[0]
    name = f"{stamp}-{what}-{environment.name}-{commit[:12]}-{desk.new_id()[:4]}"
    folder = desk.state_folder / REPORTS / name
    folder.mkdir(mode=0o700, parents=True)
    return folder


def digest(report: Path) -> str:
    """`sha256:` and 64 hex digits of the file's content."""
    with report.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def reference(desk: Desk, report: Path) -> dict[str, str]:
    """The `report` and `digest` of a proof; the path is relative to the state folder."""
    return {"report": str(report.relative_to(desk.state_folder)), "digest": digest(report)}


def altered(
    desk: Desk, ledger: Ledger, environment: Environment, commits: Collection[str]
) -> frozenset[str]:
    """The runs of these commits' proofs whose report is on this machine and was changed afterwards.

    For a report on another machine, the verdict in the ledger has to do.
    """
    runs = set()
    for what in TESTS:
        for proof in ledger.proofs(place_of(what, environment.name), what):
            report = desk.state_folder / str(proof.detail.get("report") or "")
            if (
                proof.commit in commits
                and report.is_file()
                and digest(report) != proof.detail.get("digest")
            ):
                runs.add(proof.run)
    return frozenset(runs)
