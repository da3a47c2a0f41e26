"""`drill`: a release that is broken on purpose must be caught, taken back and told; today, not once."""

from __future__ import annotations

from typing import Any

from scripts.adapters.git_merge import MergingGit
from scripts.domain.notices import notice as notices
from scripts.domain.notices.notice import Deed
from scripts.domain.outcome import Outcome
from scripts.domain.release.ledger import Event, Ledger
from scripts.domain.release.plan import decide
from scripts.domain.settings import Environment
from scripts.errors import Refused, ReleaseFailed, TakenBack
from scripts.workflows.notices import tell
from scripts.workflows.notices.deliveries import undelivered
from scripts.workflows.release import publish
from scripts.workflows.release.carry_out import Consent, confirm, held, refuse
from scripts.workflows.release.observe import observe, observe_remote
from scripts.workflows.release.wish import Wish
from scripts.workflows.run.begin import acquire
from scripts.workflows.run.record import append
from scripts.workflows.run.run import Run
from scripts.workflows.toolbox import Toolbox

SUBJECT = "drill: a commit that is broken on purpose"


def run(tools: Toolbox, *, env: str, yes: bool) -> Outcome:
    """Release a broken commit, see it caught and taken back, and write the dated proof."""
    environment = tools.settings.environment(env)
    good = _ready(tools, environment)
    broken = _break(tools, good.commit)
    plan = decide(observe(tools, Wish("drill", environment, revision=broken)))
    tools.progress.plan(plan)
    refuse(plan)
    confirm(tools, plan, Consent(yes=yes))
    drilled = acquire(tools, plan, SUBJECT)
    try:
        with held(drilled):
            _release_it(drilled)
    except TakenBack:
        raise
    except ReleaseFailed as caught:
        return _proven(drilled, good, caught)
    raise AssertionError("a drill never ends well by itself")


def _ready(tools: Toolbox, environment: Environment) -> Event:
    """A drill starts from a good state, never where customers are, and needs to know what to break.

    Raises:
        Refused: one of these does not hold.
    """
    if environment.guarded:
        raise Refused(
            f"{environment.name} is guarded: drills are for an environment without customers",
            f"invoke drill --env {tools.settings.chain[0]}",
        )
    if environment.publish == "manual":
        raise Refused("a drill needs a way back that nobody has to press", '`publish = "mcp"`')
    good = observe_remote(tools).ledger.live(environment.name)
    live = tools.look(environment).commit
    if good is None or live != good.commit:
        raise Refused(
            f"{environment.name} is not at a proven release: a drill could not tell what it broke",
            f"invoke deploy --env {environment.name}",
        )
    return good


def _break(tools: Toolbox, commit: str) -> str:
    """A commit on top of the good one in which `[drill] file` holds `[drill] text`; on no branch."""
    drill = tools.settings.drill
    if not drill.file:
        raise Refused(
            "the drill does not know how to break this app",
            "name a `file` and its broken `text` under `[drill]` in `pipeline.toml`",
        )
    git = MergingGit(tools.git.folder, tools.git.remote)
    return git.commit_with(commit, drill.file, drill.text, f"{SUBJECT} ({tools.now()})")


def _release_it(run: Run) -> None:
    """As any release; but it has to fail, and then the bracket takes it back."""
    expected = run.plan.facts.expected
    publish.build(run, expected)
    publish.publish(run)
    publish.verify(run, expected)
    raise TakenBack(
        f"the drill FAILED: {run.environment.name} took a broken commit for a good release;"
        " name a page that the drill breaks in `[verify] paths`",
        bad=True,
    )


def _proven(run: Run, good: Event, caught: ReleaseFailed) -> Outcome:
    """The good release must be live again and verified, and the notices must have gone out."""
    tools, environment = run.tools, run.environment
    back = run.live is not None and run.live.commit == good.commit
    left = undelivered(tools, environment)
    passed = back and not left
    seconds = round(sum(float(step["seconds"]) for step in run.steps), 1)
    reason = caught.message.splitlines()[0]
    found: dict[str, Any] = {
        "caught": reason,
        "back": good.commit if back else None,
        "seconds": seconds,
        "undelivered": left,
    }
    if passed:
        _write(tools, environment, good, run.id, found)
    facts = [("caught", reason), ("live again", good.release), ("notices waiting", str(left))]
    deed = Deed(run.id, tools.actor, tools.now(), seconds)
    tell.tell(tools, notices.of_drill(environment, deed, passed=passed, found=facts))
    if not passed:
        return Outcome.failed(
            f"the drill FAILED on {environment.name}: "
            + (f"{left} notices were not delivered" if back else f"live is {run.live}"),
            f"mend it, then `invoke drill --env {environment.name}`",
            **found,
        )
    return Outcome.done(
        f"the drill passed on {environment.name} in {seconds:g} s: the broken release was caught"
        f" ({reason}), {good.release} is live again and verified, the notices are out",
        **found,
    )


def _write(
    tools: Toolbox, environment: Environment, good: Event, run_id: str, found: dict[str, Any]
) -> None:
    """The dated proof, for whoever demands one."""

    def make(_ledger: Ledger) -> Event:
        return Event(
            environment=environment.name,
            kind="proof",
            ending="done",
            release=good.release,
            commit=good.commit,
            actor=tools.actor,
            at=tools.now(),
            run=run_id,
            detail={"what": "drill", **found},
        )

    append(tools, observe_remote(tools).ledger.tip, make)
