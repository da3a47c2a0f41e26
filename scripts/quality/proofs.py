"""Proofs in the ledger, and the reports on this machine's disk that they are bound to by a digest.

The digest is over all files of a run, so that no page of it can be changed, or lost, without notice here.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import Refused
from scripts.github.deployments import tell_proof
from scripts.quality import notices
from scripts.quality.digests import digest_of
from scripts.quality.gates import TESTS, place_of
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import record

REPORTS, MACHINE = "reports", "machine"  # below the state folder


def prove(
    desk: Desk,
    environment: Environment,
    what: str,
    commit: str,
    *,
    measured: Mapping[str, Any],
    passed: bool = True,
    **detail: Any,
) -> Event:
    """Append a proof of `what` for this commit, and tell the team. A failed one revokes an earlier pass.

    Args:
        environment: where the commit was tested.
        what: the kind of proof, as `[environment.<name>.gates]` names it (`e2e`, `load`, `unit`).
        commit: 40 hex digits: the commit that was served during the test.
        measured: what `evidence` says of the test; a gate compares it with what it demands.
        detail: `level` (suite or profile, as the gate names it), `report` (its path), `digest` (of the
            report: `sha256:<64 hex>`), and figures.

    Raises:
        CommandFailed: the remote refused, can't be reached, or moves too fast.
    """
    ending = "done" if passed else "failed"
    proof = record(
        desk, environment.name, "proof", ending, commit=commit, what=what, measured=measured, **detail
    )
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


def reference(desk: Desk, folder: Path) -> dict[str, str]:
    """The `report` (its folder, relative to the state folder), `digest` and `machine` of a proof."""
    where = str(folder.relative_to(desk.state_folder))
    return {"report": where, "digest": digest_of(folder), "machine": _machine(desk)}


def _machine(desk: Desk) -> str:
    """A name of this machine's state folder: a new folder, as on a new runner, is another machine."""
    file = desk.state_folder / MACHINE
    with contextlib.suppress(FileExistsError), file.open("x") as new:
        new.write(secrets.token_hex(8))
    return file.read_text("ascii").strip()


def altered(
    desk: Desk, ledger: Ledger, environment: Environment, commits: Collection[str]
) -> frozenset[str]:
    """The runs of these commits' proofs whose report was made on this machine, and was changed, or is gone.

    For a report on another machine, the verdict in the ledger has to do.
    """
    if not (desk.state_folder / MACHINE).exists():
        return frozenset()
    here = _machine(desk)
    made = [
        proof
        for what in TESTS
        for proof in ledger.proofs(place_of(what, environment.name), what, about=commits)
        if proof.commit in commits and proof.detail.get("machine") == here
    ]
    return frozenset(proof.run for proof in made if not _is_whole(desk, proof))


def _is_whole(desk: Desk, proof: Event) -> bool:
    """Whether its report is as it was. Anybody may write events: nothing but a report's folder is read."""
    report = Path(str(proof.detail.get("report") or ""))
    inside = len(report.parts) == 2 and report.parts[0] == REPORTS and ".." not in report.parts
    return inside and digest_of(desk.state_folder / report) == proof.detail.get("digest")
