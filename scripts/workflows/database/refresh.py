"""`db.refresh`: an environment's data become a masked copy of production's, swapped in at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from scripts.adapters.database import aside, bare, masked
from scripts.adapters.database.content import ASIDE
from scripts.adapters.database.database_url import Database
from scripts.adapters.database.session import session
from scripts.domain.database import backups, masking, masking_sql, platform
from scripts.domain.database.manifest import Manifest
from scripts.domain.database.masking import Column
from scripts.domain.database.migrations import Migration
from scripts.domain.outcome import Outcome
from scripts.domain.release.ledger import Event
from scripts.domain.settings import Environment
from scripts.errors import Declined, DeskError, Refused, ReleaseFailed
from scripts.shell import temporary
from scripts.workflows.database import masked_archive, refresh_rules, replacing
from scripts.workflows.database.at_hand import fetched, safety_backup
from scripts.workflows.database.client import database_of
from scripts.workflows.database.refresh_rules import Wanted
from scripts.workflows.database.restored import restored
from scripts.workflows.database.standing import standing
from scripts.workflows.release.observe import observe_remote
from scripts.workflows.run.errand import Errand, errand
from scripts.workflows.run.patience import patiently
from scripts.workflows.toolbox import Toolbox

TASK = "db.refresh"


def run(
    tools: Toolbox, *, to: str, from_: str | None, reason: str, plan: bool, yes: bool, wait: bool
) -> Outcome:
    """Check the rules, ask, copy, mask, prove, and swap."""
    target = tools.settings.environment(to)
    source = tools.settings.environment(from_ or tools.settings.chain[-1])
    if target.guarded or target is source:
        raise Refused(
            f"{target.name} is {'guarded' if target.guarded else 'the source itself'}: its data stay",
            f"invoke db.refresh --to {tools.settings.chain[0]}",
        )
    wanted = refresh_rules.wanted(tools, source, target)
    columns = refresh_rules.columns(database_of(tools, source))
    refresh_rules.refuse(wanted.rules, columns)
    touched = masking.masked(wanted.rules, columns)
    tools.progress.note(f"{len(touched)} columns of {source.name} are masked, {len(columns)} are known")
    if plan:
        return Outcome.done(
            f"the rules fit {source.name}; nothing was changed", **_document(wanted, touched, backup=None)
        )
    if not yes and not tools.progress.confirm(target.name):
        raise Declined(
            "nobody confirmed: nothing was changed", "type the environment's name, or say `--yes`"
        )
    return patiently(tools, lambda: _refresh(tools, wanted, reason), wait=wait)


def _refresh(tools: Toolbox, wanted: Wanted, reason: str) -> Outcome:
    ledger = observe_remote(tools).ledger
    proven = [each.id for each in backups.known(ledger, wanted.source.name).values() if each.proven]
    backup = proven[-1] if proven else safety_backup(tools, wanted.source)
    with errand(tools, wanted.target, TASK, about=backup, reason=reason) as work:
        pending = _ahead(tools, wanted.target)
        with _copy(work, wanted, backup) as (copy, manifest):
            touched, known = _mask(work, wanted, copy)
            _migrate(work, copy, pending)
            _prove(work, wanted, copy, known)
            event = _swap(work, wanted, copy, manifest)
    tidy(tools, wanted.target)
    tools.progress.note(f"schema {event.detail['schema'] or 'none'}, {event.detail['rows']} rows")
    return Outcome.done(
        f"{wanted.target.name} has a masked copy of {wanted.source.name} (`{backup}`)",
        **_document(wanted, touched, backup=backup),
        run=event.run,
        schema=event.detail["schema"],
        steps=event.detail["steps"],
    )


def _ahead(tools: Toolbox, target: Environment) -> tuple[Migration, ...]:
    """What stands in the target, by the commit that is live there.

    Raises:
        Refused: the two disagree: nobody could say what it should be afterwards.
    """
    there = standing(tools, observe_remote(tools), target)
    if there.comparison.missing or there.comparison.edited or there.comparison.doubled:
        raise Refused(
            f"{target.name} and its migrations disagree:{refresh_rules.listed(there.problems)}",
            "`invoke db.status` says more; mend that first",
        )
    applied = {row.version for row in there.applied}
    return tuple(each for each in there.committed if each.version in applied)


@contextmanager
def _copy(work: Errand, wanted: Wanted, backup: str) -> Iterator[tuple[Database, Manifest]]:
    """The backup, restored on a scratch server; gone at the end, whatever happens."""
    tools = work.tools
    ledger = observe_remote(tools).ledger
    with fetched(tools, wanted.source, backup, ledger) as (folder, manifest):
        if manifest.policy is not None:
            raise Refused(f"`{backup}` is a masked one already")
        work.tools.progress.note(f"restoring `{backup}` of {manifest.started} beside")
        with restored(tools, wanted.target, folder, manifest) as copy:
            yield copy, manifest


def _mask(work: Errand, wanted: Wanted, copy: Database) -> tuple[tuple[Column, ...], list[bytes]]:
    columns = refresh_rules.columns(copy)
    refresh_rules.refuse(wanted.rules, columns)
    touched = masking.masked(wanted.rules, columns)
    rules = wanted.rules
    with work.step("mask", f"{len(touched)} columns, accounts become test users"):
        known = masked.canaries(copy, [(each.table, each.name, each.kind) for each in touched])
        known += [each.encode() for each in rules.canaries]
        orders = [*masking_sql.drops(rules), *masking_sql.statements(rules, columns)]
        orders += masking_sql.people(masked.account_columns(copy), rules)
        masked.mask(copy, wanted.key, masking_sql.FUNCTIONS, orders, platform.SCHEMAS)
    return touched, known


def _prove(work: Errand, wanted: Wanted, copy: Database, known: list[bytes]) -> None:
    """No address outside the test domain, and no known value, anywhere in the copy.

    Raises:
        ReleaseFailed: there is; the column is named, the value never.
    """
    with work.step("search", f"{len(known)} known values, and any address"):
        found = list(masked.leaks(copy, wanted.rules.domain, known, platform.SCHEMAS))
        if found:
            raise ReleaseFailed(
                "the masked copy still holds what it must not; nothing was changed:"
                f"{refresh_rules.listed(found)}",
                f"mask that column in `{refresh_rules.FILE}` (`keep` is not enough)",
            )


def _migrate(work: Errand, copy: Database, wanted: tuple[Migration, ...]) -> None:
    """What the target was ahead of the source is replayed on the copy, so that it ends as it was."""
    with work.step("migrate", "what the target was ahead, on the copy"):
        masked_archive.migrate(work.tools, copy, wanted)


def _swap(work: Errand, wanted: Wanted, copy: Database, manifest: Manifest) -> Event:
    tools, target = work.tools, wanted.target
    orders = masking_sql.people(masked.account_columns(database_of(tools, target)), wanted.rules)
    ids = masked.account_ids(copy) if orders else []

    def accounts(connection: Any) -> None:
        masked.mask_accounts(connection, wanted.key, masking_sql.FUNCTIONS, orders, ids)

    with temporary.folder() as folder:
        with work.step("dump", "the masked copy"):
            document = replace(
                masked_archive.taken(tools, target, copy, folder, manifest), policy=wanted.digest
            )
            held = replacing.source(tools, folder, document, bare.major(database_of(tools, target)))
        plan = masked_archive.everything(document)
        replacing.replace(tools, target, held, plan, mark=work.id, step=work.step, also=accounts)
        with work.afterwards("analyze", "statistics of the new tables", left=replacing.STATISTICS):
            replacing.analyze(tools, target, held)
    rows = sum(document.rows.values())
    known = {"backup": document.id, "policy": wanted.digest, "schema": document.newest, "rows": rows}
    return work.finish(
        "refresh", "done", source=wanted.source.name, reason=work.holding.lock.reason, **known
    )


def tidy(tools: Toolbox, target: Environment) -> None:
    """Drop what stood before each refresh that the ledger has: of this run, and of those that died here.

    Not before it is in the ledger: until then, the schemas aside tell an heir that the run arrived.
    """
    try:
        of_refreshes = [each for each in observe_remote(tools).ledger.events if each.kind == "refresh"]
        runs = {str(each.detail.get("of_run") or each.run) for each in of_refreshes}
        replacing.when_there(tools, lambda: _drop(database_of(tools, target), runs))
    except DeskError as fault:
        tools.progress.note(
            f"warning: it stands aside still: {fault.message}\n"
            f"  | the next refresh drops it, or `invoke db.drop-aside --env {target.name}`"
        )


def _drop(database: Database, runs: set[str]) -> None:
    with session(database) as connection:
        marks = tuple(f"{ASIDE}{run}_" for run in runs)
        aside.drop(connection, [name for name, _, _ in aside.asides(connection) if name.startswith(marks)])


def _document(wanted: Wanted, touched: tuple[Column, ...], *, backup: str | None) -> dict[str, Any]:
    return {
        "environment": wanted.target.name,
        "source": wanted.source.name,
        "backup": backup,
        "masked": {each.path: wanted.rules.of(each) for each in touched},
        "policy": wanted.digest,
    }
