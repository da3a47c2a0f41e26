"""Every command in a block of the pages is run by a test, or is marked with why it can't be.

What a test runs is known by task and options. Those that are everybody's (`--plan`, `--yes` ...) don't
count: `tests/contract/test_docs.py` holds that a task has them. Replit, Supabase and GitHub are stand-ins.
"""

from __future__ import annotations

import ast
import re

from tests.contract.hints.collect import Command
from tests.contract.hints.table import ELSEWHERE, FOLLOWED
from tests.contract.test_docs import COMMAND, PAGES, blocks
from tests.support.desks import ROOT

EVERYBODYS = {"--json", "--yes", "--reason", "--plan", "--env"}
UNIT, INTEGRATION = "tests/unit", "tests/integration"
LOAD = f"{UNIT}/quality/load/test_plan.py"
BACKUPS = f"{UNIT}/database/backups/test_commands.py"
LEDGER = f"{UNIT}/release/test_ledger_check.py"
PREVIEW = f"{UNIT}/preview/test_up.py"
LOGS = f"{UNIT}/monitor/test_logs.py"
# beside what hints name, which `tests/contract/hints/table.py` has
PLAYED = {
    "approve": f"{UNIT}/quality/test_approve.py::test_approvals_are_counted_per_person",
    "backup --kind": f"{BACKUPS}::test_a_kind_that_only_the_desk_uses_is_refused",
    "backup.list --check": (f"{BACKUPS}::test_the_check_fails_and_notifies_if_the_newest_proof_is_too_old"),
    "check --no-tests": f"{UNIT}/setup/test_self_check.py::test_the_tests_can_be_chosen_or_left_out",
    "config.show": f"{UNIT}/secrets/test_config_show.py::test_one_environment_is_shown_alone",
    "history --stats": f"{UNIT}/release/test_dora.py::test_each_commit_has_its_lead_time_once",
    "init --app --create-branches": (
        f"{UNIT}/setup/test_init.py::test_branches_that_lack_are_made_when_somebody_agrees"
    ),
    "ledger.repair --event": f"{LEDGER}::test_an_event_that_is_wrong_is_taken_back",
    "load-test --processes --profile": f"{LOAD}::test_workers_are_here_or_elsewhere",
    "load-test --profile": f"{LOAD}::test_a_profile_is_played_as_it_is_written",
    "load-test --profile --seconds": f"{INTEGRATION}/test_tour.py::test_the_tour",
    "load-test --profile --users": f"{LOAD}::test_a_rate_makes_it_the_open_model",
    "load-test --workers-expected": f"{INTEGRATION}/test_load_test.py::test_workers_of_other_machines",
    "monitor.logs --follow": f"{LOGS}::test_what_comes_is_shown_once",
    "monitor.logs --grep --since": f"{LOGS}::test_the_pattern_sees_what_people_see",
    "monitor.logs --release": f"{LOGS}::test_the_time_of_a_release",
    "monitor.page --lang --out": (
        f"{UNIT}/monitor/test_page.py::test_it_is_written_whole_and_is_private_unless_it_is_asked_for"
    ),
    "open": f"{UNIT}/monitor/test_page.py::test_an_environment_is_opened_where_a_browser_is",
    "preview.up --branch --ttl": f"{PREVIEW}::test_what_is_up_already_is_renewed_and_not_built_again",
    "promote --run-missing --to": (
        f"{UNIT}/release/test_commands.py::test_missing_proofs_are_run_and_then_it_is_planned_again"
    ),
    "status --web": f"{UNIT}/monitor/test_page.py::test_status_opens_it",
    "unhold": f"{INTEGRATION}/test_tour.py::test_the_tour",
}
BY_HAND = {  # why no test runs it as it stands
    "demo": "it plays what `test_the_tour` types, and takes minutes",
    "sandbox.up --app --dir": "it installs somebody's app; `tests/unit/sandbox` has its parts",
    "test": "it would run this test",
    "check": "it would run this test",
    "bench": "it measures for minutes",
    "bench --only --runs": "it measures for minutes",
}


def essence(shape: str) -> str:
    """Without the options that every task may have."""
    return " ".join(word for word in shape.split() if word not in EVERYBODYS)


def typed() -> dict[str, set[str]]:
    """What the pages say to type, with the pages."""
    found: dict[str, set[str]] = {}
    for page in PAGES:
        for line in blocks(page.read_text()):
            for part in re.split(r" && | \|\| |; ", line):
                if match := COMMAND.match(part.strip()):
                    found.setdefault(essence(Command("", match[1]).shape), set()).add(page.name)
    return found


def test_every_command_of_the_pages_is_played_or_marked() -> None:
    """A new one needs a row; and a row needs its test, and a page."""
    hinted = {essence(kind) for kinds in FOLLOWED.values() for kind in kinds} | {*map(essence, ELSEWHERE)}
    pages = typed()
    rows = PLAYED.keys() | BY_HAND.keys()

    assert {k: v for k, v in pages.items() if k not in hinted | rows and not k.startswith("-")} == {}
    assert rows - pages.keys() == set()
    assert (rows & hinted) == set()


def test_each_row_names_a_test() -> None:
    """By file and function."""
    lost = []
    for test in {*PLAYED.values()}:
        file, name = test.split("::")
        tree = ast.parse((ROOT / file).read_text()) if (ROOT / file).is_file() else ast.parse("")
        if not any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body):
            lost.append(test)

    assert lost == []
