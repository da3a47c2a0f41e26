"""What a person may say to a release, and the one way from that to its end."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.config.consent import Consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.release.execute import carry_out
from scripts.release.missing_proofs import run_missing
from scripts.release.observe import observe
from scripts.release.plan import decide
from scripts.release.wish import Wish
from scripts.state.retry import patiently


@dataclass(frozen=True)
class Asked:
    """The options that `deploy`, `promote`, `rollback` and `hotfix` share, as the counter says them."""

    sha: str = ""
    retry: bool = False
    allow_bad: str = ""
    accept_irreversible: bool = False
    out_of_order: bool = False
    reason: str = ""
    with_data: bool = False
    backup: str = ""
    rung: str = ""
    plan: bool = False
    yes: bool = False
    wait: bool = False
    run_missing: bool = False

    def wish(
        self,
        task: str,
        environment: Environment,
        *,
        source: Environment | None = None,
        release: str | None = None,
    ) -> Wish:
        """What is asked of the environment; `release` is the one to go back to."""
        return Wish(
            task,
            environment,
            source,
            revision=self.sha or None,
            retry=self.retry,
            release=release,
            allow_bad=self.allow_bad,
            accepts=self.accepts,
            with_data=self.with_data or bool(self.rung or self.backup),
            backup=self.backup,
            rung=self.rung,
        )

    @property
    def accepts(self) -> frozenset[str]:
        """What the person takes on himself."""
        said = {"irreversible": self.accept_irreversible, "out-of-order": self.out_of_order}
        return frozenset(name for name, yes in said.items() if yes)

    @property
    def consent(self) -> Consent:
        """What is allowed."""
        return Consent(self.plan, self.yes, self.reason or self.allow_bad)

    def released(self, desk: Desk, wish: Wish) -> Outcome:
        """Observe, plan, and carry the plan out; once more whenever a lock was in the way, with `wait`."""

        def release() -> Outcome:
            plan = decide(observe(desk, wish))
            if self.run_missing and not self.plan and run_missing(desk, plan):
                plan = decide(observe(desk, wish))
            return carry_out(desk, plan, self.consent)

        return patiently(desk, release, wait=self.wait and not self.plan)
