"""Look at the Edge Functions of a commit and of an environment's project, side by side."""

from __future__ import annotations

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.edge_functions.changes import FunctionFacts
from scripts.database.edge_functions.deployed import functions_of
from scripts.database.edge_functions.record import recorded, recorded_at
from scripts.database.edge_functions.sources import Sources, sources_of
from scripts.errors import CommandFailed, Refused
from scripts.secrets.project import ref_of
from scripts.state.ledger import Event, Ledger


def function_facts(
    desk: Desk, environment: Environment, commit: str, ledger: Ledger, back_to: Event | None = None
) -> FunctionFacts:
    """What is there; the project is asked only for a commit that has functions.

    Args:
        back_to: the release that is gone back to.

    Raises:
        CommandFailed: the commit can't be read.
    """
    if not desk.settings.supabase.functions:
        return FunctionFacts()
    try:
        sources = sources_of(desk, commit, ref_of(desk.values(environment)))
    except Refused as fault:
        return FunctionFacts(Sources(faults=(f"the Edge Functions can't be read: {fault.message}",)))
    records = recorded(ledger, environment.name)
    before = recorded_at(ledger, back_to) if back_to else None
    if not sources.functions:
        return FunctionFacts(sources, None, records, before)
    try:
        deployed = functions_of(desk, environment).listed()
    except (Refused, CommandFailed) as fault:
        first = fault.message.splitlines()[0]
        return FunctionFacts(sources, None, records, before, first, fault.hint or "")
    return FunctionFacts(sources, deployed, records, before)


def function_problems(
    desk: Desk, environment: Environment, release: Event, ledger: Ledger
) -> tuple[str, ...]:
    """Where the project does not run the functions of a release, in words."""
    try:
        return function_facts(desk, environment, release.commit, ledger, release).problems()
    except (Refused, CommandFailed):  # the commit is not in this clone (a rewritten branch)
        return ()
