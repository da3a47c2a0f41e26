"""Every release, told in order: `deploy` and `promote` differ only in what they plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import Interrupted, Locked, Refused
from scripts.http import fault
from scripts.notify import deliver
from scripts.release import messages, migrate, publish, undo_schema
from scripts.release.leak_gate import Bundle, scan_bundle, scan_served
from scripts.release.plan import Plan, words
from scripts.release.recover import settle
from scripts.release.run import Run, acquire, write_down
from scripts.system import signals


def execute(desk: Desk, plan: Plan) -> Outcome:
    """From the plan to a release that is proven live, or to the reason why not."""
    desk.progress.show(words(plan))
    request = plan.facts.request
    if request.plan:
        return planned(plan)
    if plan.nothing:
        deliver.flush(desk)
        return Outcome.nothing(f"nothing to do: {plan.nothing}", **_unchanged(plan))
    refuse(plan)
    migrate.ready(desk, plan)
    desk.build_variables(plan.facts.environment)
    confirm(desk, plan)
    with locked_run(acquire(desk, plan, request.reason or request.allow_bad)) as run:
        messages.start(run)
        run_steps(run)
    return report(run)


def run_steps(run: Run) -> None:
    """The steps themselves; each can be done again, so a run that died here is simply run again."""
    facts, built = run.plan.facts, Bundle()
    if run.plan.comparison.pending:
        _bring_schema(run)
    if run.plan.back.undo:
        undo_schema.rehearse(run)
    if run.plan.restores:
        from scripts.release import restore_data

        restore_data.make_safe(run)
    if run.migrated or fault(facts.live, facts.expected):
        built = scan_bundle(run, publish.build(run, facts.expected, send=True))
        publish.publish(run)
    older = run.plan.schema_goes_back  # the pages of the older code may need it
    publish.verify(run, facts.expected, pages=not older)
    if built:
        scan_served(run, built)
    _take_back(run)
    if older:
        publish.verify(run, facts.expected)
    with run.step("finish", "branch, ledger and lock in one push"):
        write_down(run, "done", moves_branch=facts.moves_branch)


def _bring_schema(run: Run) -> None:
    publish.probe(run, run.plan.facts.expected)
    if run.environment.guarded:
        from scripts.release.migrate import back_up

        back_up(run)
    migrate.rehearse(run)
    migrate.migrate(run)


def _take_back(run: Run) -> None:
    """What the older code needs: its schema, or the data of its time."""
    if run.plan.back.undo:
        undo_schema.undo(run, run.plan.back.undo)
    if run.plan.restores:
        from scripts.release import restore_data

        restore_data.restore(run)


def planned(plan: Plan) -> Outcome:
    """The plan itself is the answer."""
    name, data = plan.facts.environment.name, plan.document()
    if plan.refused:
        return Outcome("failed", plan.refused.why, plan.refused.hint, plan.refused.code, data)
    if plan.nothing:
        return Outcome.nothing(f"nothing to do: {plan.nothing}", **data)
    return Outcome.done(f"this is what would happen on {name}; nothing was changed", **data)


def refuse(plan: Plan) -> None:
    """Stop before the first change if a rule says no."""
    if plan.refused is None:
        return
    kind = Locked if plan.refused.code == Locked.code else Refused
    fault = kind(plan.refused.why, plan.refused.hint)
    fault.data = _unchanged(plan)
    raise fault


def confirm(desk: Desk, plan: Plan) -> None:
    """A guarded environment changes only when a person typed its name, or CI said `--yes`."""
    environment = plan.facts.environment
    if environment.guarded:
        require_consent(
            desk.progress,
            environment.name,
            yes=plan.facts.request.yes,
            unchanged=f"{environment.name} is guarded, and nothing was changed",
            data=_unchanged(plan),
        )


@contextmanager
def locked_run(run: Run) -> Iterator[Run]:
    """The bracket round every change: it was locked before, and the truth is in the ledger after."""
    try:
        yield run
    except BaseException as fault:
        if known := signals.as_desk_error(fault):
            raise settle(run, known) from None
        settle(run, Interrupted("a fault of the desk itself"))
        raise


def report(run: Run) -> Outcome:
    """The good ending, told to the team, with the next command."""
    messages.success(run)
    if run.plan.facts.rolls_back:
        return rolled_back(run)
    environment, following = run.environment, run.desk.settings.after(run.environment)
    hint = f"next: `invoke promote --to {following.name}`" if following else None
    return Outcome.done(
        f"{environment.name} {run.release} is live: {environment.url} answers with"
        f" `{run.plan.facts.wanted[:12]}` ({run.took})",
        hint,
        **run.document(),
    )


def rolled_back(run: Run) -> Outcome:
    """What was gone back to, what is bad now, and how to undo it."""
    facts, name = run.plan.facts, run.environment.name
    to = facts.target.release if facts.target else ""
    left = facts.previous
    undo = f"invoke rollback --env {name} --to {left.release} --allow-bad REASON" if left else ""
    bad = f"; `{left.commit[:12]}` ({left.release}) is marked bad" if left else ""
    return Outcome.done(
        f"{name} {run.release} is live: {run.environment.url} answers with `{facts.wanted[:12]}`"
        f" of {to} again ({run.took}){bad}; {name} is held{_schema_said(run)}",
        f"when mended: `invoke release-hold --env {name}`; to undo this rollback: `{undo}`",
        **run.document(),
    )


def _schema_said(run: Run) -> str:
    """What became of the schema, in the words of the plan."""
    said = [f"undone: {', '.join(f'`{file}`' for file in run.undone)}"] if run.undone else []
    if run.restored:
        said.append(
            f"the data are those of `{run.restored['backup']}`; {run.restored['lost']} rows are gone"
        )
        said += [f"back to them: {run.restored['way_back']}"]
    if run.plan.back.ahead:
        said.append(f"schema stays ahead: {', '.join(str(each) for each in run.plan.back.ahead)}")
    return "".join(f"\n  | {each}" for each in said)


def _unchanged(plan: Plan) -> dict[str, object]:
    """What the JSON document says when no run began."""
    facts = plan.facts
    last = facts.previous
    return {
        "environment": facts.environment.name,
        "release": last.release if last else None,
        "commit": facts.wanted,
        "live": facts.live.commit,
        "schema": facts.standing,
        "run": None,
        "steps": [],
    }
