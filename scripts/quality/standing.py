# pure
"""Whether a run of tests counts for a promotion, and if not, why: in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scripts.config.settings import SUITES, Environment, Settings

ENDED = {"failed": "the run failed", "infrastructure": "the run could not be made"}
REVOKES = "an earlier pass of the same files counts no longer"


@dataclass(frozen=True)
class Standing:
    """Whether it counts. `said`: the sentence; `counts`: it meets a gate, or would meet one."""

    counts: bool
    said: str

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"counts": self.counts, "said": self.said}


def standing(
    settings: Settings,
    environment: Environment,
    kind: str,
    level: str,
    *,
    verdict: str,
    changed: Sequence[str] = (),
    recorded: bool = True,
) -> Standing:
    """Of one run.

    Args:
        kind: `e2e` or `load`.
        level: the suite or profile.
        verdict: as the run's report has it.
        changed: options by which it was another test than the one that `level` names.
        recorded: whether the ledger has it.
    """
    if changed:
        options = ", ".join(f"`{option}`" for option in changed)
        part = "a part of the suite was run" if kind == "e2e" else f"this is not `{level}` as it is written"
        return Standing(False, f"no proof: {part} ({options})")
    if verdict != "passed":
        ended = ENDED.get(verdict, f"the run is {verdict}")
        return Standing(False, f"no proof: {ended}; {REVOKES if recorded else 'nothing is recorded'}")
    return _passed(settings, environment, kind, level)


def _passed(settings: Settings, environment: Environment, kind: str, level: str) -> Standing:
    following = settings.after(environment)
    if following is None:
        return Standing(False, f"recorded; no gate needs it: nothing is promoted from {environment.name}")
    wanted = getattr(following.gates, kind, "")
    if not wanted:
        tests = "browser tests" if kind == "e2e" else "load test"
        return Standing(True, f"a proof, recorded; {following.name} demands no {tests}")
    if wanted == level or (kind == "e2e" and _contains(level, wanted)):
        return Standing(
            True, f"a proof for the promotion to {following.name}, which demands {kind} `{wanted}`"
        )
    command = f"load-test --env {environment.name} --profile {wanted}"
    if kind == "e2e":
        command = f"test-e2e --env {environment.name} --suite {wanted}"
    return Standing(
        False,
        f"recorded, but {following.name} demands {kind} `{wanted}`, not `{level}`: `invoke {command}`",
    )


def _contains(level: str, wanted: str) -> bool:
    return level in SUITES and wanted in SUITES and SUITES.index(level) >= SUITES.index(wanted)
