"""Reports on this machine's disk, and the digests by which the ledger knows them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from scripts.domain.release.ledger import Ledger
from scripts.domain.settings import Environment
from scripts.workflows.toolbox import Toolbox

FOLDER = "reports"  # below the state folder


def folder(tools: Toolbox, environment: Environment, what: str, commit: str) -> Path:
    """A new folder for the reports of one run of tests."""
    stamp = tools.now().replace(":", "").replace("-", "").partition("+")[0]
    name = f"{stamp}-{what}-{environment.name}-{commit[:12]}-{tools.new_id()[:4]}"
    made = tools.state_folder / FOLDER / name
    made.mkdir(mode=0o700, parents=True)
    return made


def digest(report: Path) -> str:
    """`sha256:` and 64 hex digits of the file's content."""
    with report.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def known_as(tools: Toolbox, report: Path) -> dict[str, str]:
    """The `report` and `digest` that a proof names; the path is relative to the state folder."""
    return {"report": str(report.relative_to(tools.state_folder)), "digest": digest(report)}


def altered(tools: Toolbox, ledger: Ledger, environment: Environment, commit: str) -> frozenset[str]:
    """The runs of those proofs of a commit whose report is here, and is not what it was.

    A report on another machine can't be looked at; then the verdict in the ledger stands alone.
    """
    proofs = [
        each
        for what in ("e2e", "load")
        for each in ledger.proofs(environment.name, what)
        if each.commit == commit and each.detail.get("report")
    ]
    found = {each.run: tools.state_folder / str(each.detail["report"]) for each in proofs}
    return frozenset(
        each.run
        for each in proofs
        if found[each.run].is_file() and digest(found[each.run]) != each.detail.get("digest")
    )
