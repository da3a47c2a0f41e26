"""The table: each kind of command (task and options) that a text names, and the test that follows it."""

from __future__ import annotations

from collections.abc import Callable

from tests.contract.hints import scenarios
from tests.contract.hints.typist import Typist

Scenario = Callable[[Typist], str]
FOLLOWED: dict[Scenario, set[str]] = {
    scenarios.nothing_there: {"deploy --env"},
    scenarios.two_behind: {"promote --to"},
    scenarios.failed_before: {"\0 --retry"},
    scenarios.rolled_back: {"release-hold --env", "\0 --allow-bad"},
    scenarios.rolled_back_before: {"deploy --allow-bad --env"},
    scenarios.frozen: {"unfreeze --env --reason"},
    scenarios.diverged: {"backmerge --all --plan"},
    scenarios.gates_missing: {"approve --commit --env", "test-e2e --env --suite", "\0 --run-missing"},
    scenarios.unit_tests_missing: {"test-app --sha --suite"},
    scenarios.integration_tests_missing: {"test-app --env --suite"},
    scenarios.drill_missing: {"drill --env"},
    scenarios.irreversible: {"\0 --accept-irreversible"},
    scenarios.overtaken: {"\0 --out-of-order"},
    scenarios.dead_run: {"resume --env"},
    scenarios.dead_backmerge: {"resume --env"},
    scenarios.never_tried: {"deploy --env"},
    scenarios.already_fixed: {"deploy --env"},
    scenarios.no_hotfix: {"promote --to"},
    scenarios.grey: {"promote --to"},
    scenarios.waits_for_a_fix: {"backmerge --all --plan"},
    scenarios.no_way_back: {"history"},
    scenarios.undone: {"rollback --allow-bad --env --to"},
    scenarios.earlier: {"deploy --env --sha"},
    scenarios.approved: {"promote --plan --to"},
    scenarios.noticed: {"release-hold --env --reason"},
    scenarios.unreadable_event: {"ledger.repair"},
    scenarios.unknown_event: {"ledger.check"},
}
# Where the same can never be done, and the hint says what can be instead.
INSTEAD = (scenarios.already_fixed, scenarios.no_hotfix, scenarios.no_way_back, scenarios.unknown_event)
INTEGRATION, UNIT, CONTRACT = "tests/integration", "tests/unit", "tests/contract"
DRIFT = f"{INTEGRATION}/test_drift.py::test_a_database_is_what_its_migrations_make"
CHECKED = f"{INTEGRATION}/test_leaks.py::test_a_faulty_configuration_is_refused_before_anything_changes"
UPGRADED = f"{UNIT}/setup/test_vendor.py::test_an_upgrade_brings_what_is_new_and_removes_what_is_gone"
STATUS = f"{UNIT}/release/test_status.py"
WATCH = f"{UNIT}/monitor/test_commands.py"
PREVIEW = f"{UNIT}/preview/test"
SIGN_IN = f"{UNIT}/replit/test_sign_in.py"
# What needs more than fakes, each with the test that runs it.
ELSEWHERE = {
    "\0": f"{CONTRACT}/test_endings.py::test_what_invoke_would_ignore_is_refused",
    "\0 --accept-partial-proof": (
        f"{UNIT}/release/test_schema_rules.py::test_a_proof_that_will_be_partial_is_told_in_the_plan_and_needs_a_yes"
    ),
    "\0 --branch": f"{UNIT}/release/test_hotfix.py::test_a_fix_goes_live_and_comes_back",
    "\0 --plan --with-data": f"{INTEGRATION}/test_with_data.py::test_what_a_rollback_loses_is_what_it_said",
    "\0 --scope": f"{INTEGRATION}/test_with_data.py::test_what_a_rollback_loses_is_what_it_said",
    "\0 --with-data": f"{INTEGRATION}/test_with_data.py::test_what_a_rollback_loses_is_what_it_said",
    "backmerge --from --to --yes": f"{INTEGRATION}/test_backmerge.py::test_a_conflict_is_for_a_person",
    "backup --env": f"{INTEGRATION}/test_backup.py::test_a_backup_is_taken_proven_and_shown",
    "backup.list": f"{INTEGRATION}/test_recovery.py::test_the_bucket_is_lost",
    "backup.list --deep --env": f"{INTEGRATION}/test_recovery.py::test_the_bucket_is_lost",
    "backup.list --env": f"{INTEGRATION}/test_recovery.py::test_the_bucket_is_lost",
    "backup.verify --accept-shrink --env": (
        f"{INTEGRATION}/test_backup.py::test_a_backup_of_what_shrank_waits_for_a_person"
    ),
    "backup.verify --env": f"{INTEGRATION}/test_recovery.py::test_a_key_is_lost",
    "backup.verify --env --repair": (
        f"{UNIT}/database/backups/test_repair.py::test_a_bad_copy_is_replaced_by_a_good_one"
    ),
    "\0 --plan": f"{INTEGRATION}/test_adopt.py::test_a_database_made_by_hand_is_adopted",
    "config.show --all": (
        f"{UNIT}/secrets/test_config_show.py::test_defaults_are_shown_where_they_are_asked_for"
    ),
    "db.adopt --also --env": (
        f"{UNIT}/database/adopt/test_command.py"
        "::test_a_person_is_asked_of_what_can_not_be_told_and_may_say_it_beforehand"
    ),
    "bench --limits": f"{UNIT}/bench/test_run.py::test_the_benches_are_listed",
    "db.adopt --baseline --env": f"{INTEGRATION}/test_adopt.py::test_a_baseline_makes_what_stands",
    "db.adopt --env": f"{INTEGRATION}/test_adopt.py::test_a_database_made_by_hand_is_adopted",
    "db.adopt --env --plan": f"{INTEGRATION}/test_adopt.py::test_a_database_made_by_hand_is_adopted",
    "db.drift --against --from": DRIFT,
    "db.drop-aside --env": f"{INTEGRATION}/test_with_data.py::test_what_a_rollback_loses_is_what_it_said",
    "db.drop-aside --env --plan": (
        f"{INTEGRATION}/test_with_data.py::test_what_a_rollback_loses_is_what_it_said"
    ),
    "db.refresh --to": f"{INTEGRATION}/test_refresh.py::test_nothing_personal_arrives",
    "db.rehearse --env": f"{INTEGRATION}/test_schema_back.py::test_rehearsal_finds_the_wrong_script",
    "db.restore --env": f"{INTEGRATION}/test_with_data.py::test_a_restore_that_dies_is_settled",
    "db.restore --env --from-aside": (
        f"{INTEGRATION}/test_with_data.py::test_the_numbers_are_those_of_the_writers"
    ),
    "db.restore --env --plan": f"{INTEGRATION}/test_recovery.py::test_the_bucket_is_lost",
    "db.status": DRIFT,
    "db.status --env": DRIFT,
    "deploy --env --plan": f"{STATUS}::test_a_workspace_that_would_be_refused_is_told_before",
    "init --launcher": (
        f"{UNIT}/setup/test_init.py::test_the_launcher_is_shown_first_and_written_after_a_yes"
    ),
    "doctor": f"{INTEGRATION}/test_doctor.py::test_a_fresh_world_is_healthy",
    "env.check": CHECKED,
    "env.check --env": CHECKED,
    "env.diff --from --to": f"{UNIT}/secrets/test_diff.py::test_differences_are_expected_and_mistakes_fail",
    "env.scan": f"{UNIT}/secrets/test_scan_command.py::test_a_clean_bundle_is_done",
    "history --env": f"{STATUS}::test_the_history_is_oldest_first",
    "hotfix --branch": f"{UNIT}/release/test_hotfix.py::test_a_fix_goes_live_and_comes_back",
    "init --app": f"{CONTRACT}/test_init.py::test_the_copied_desk_works_there",
    "init --app --vendor": f"{CONTRACT}/test_init.py::test_the_copied_desk_works_there",
    "init --create-branches": (
        f"{UNIT}/setup/test_init.py::test_branches_that_lack_are_made_when_somebody_agrees"
    ),
    "ledger.accept --keep": (
        f"{UNIT}/release/test_ledger_accept.py::test_a_decision_counts_for_every_clone_and_loses_nothing"
    ),
    "ledger.accept --plan": (
        f"{UNIT}/release/test_ledger_accept.py::test_a_rewrite_during_a_release_leaves_it_to_a_person_and_to_resume"
    ),
    "lock.show": (
        f"{INTEGRATION}/test_back.py::test_owner_that_lives_is_not_resumed_but_can_be_stolen_from"
    ),
    "lock.steal --env --reason": (
        f"{INTEGRATION}/test_back.py::test_owner_that_lives_is_not_resumed_but_can_be_stolen_from"
    ),
    "github.protect --plan": f"{UNIT}/setup/test_protect.py::test_a_drift_is_told_by_the_doctor",
    "monitor.check": f"{WATCH}::test_a_second_watch_is_refused",
    "monitor.check --env": f"{WATCH}::test_what_is_bad_twice_fails",
    "monitor.check --gate": f"{WATCH}::test_a_gate_needs_all_that_time",
    "monitor.logs --grep": f"{UNIT}/monitor/test_logs.py::test_the_pattern_sees_what_people_see",
    "monitor.logs --json": f"{UNIT}/monitor/test_logs.py::test_one_document",
    "monitor.logs --follow --ship": f"{UNIT}/monitor/test_shipping.py::test_it_goes_on_after_a_restart",
    "monitor.logs --since": f"{UNIT}/monitor/test_logs.py::test_older_lines_need_more_time",
    "monitor.page --lang": f"{UNIT}/monitor/test_page.py::test_both_languages_say_everything",
    "monitor.watch --metrics": f"{UNIT}/monitor/test_metrics.py::test_the_watch_serves_what_it_saw",
    "monitor.watch": f"{WATCH}::test_a_watch_ends_well_with_a_signal",
    "replit.login": f"{SIGN_IN}::test_a_file_that_is_no_sign_in_is_refused",
    "replit.login --env": f"{SIGN_IN}::test_a_sign_in_publishes_is_renewed_and_ends",
    "replit.login --export": f"{SIGN_IN}::test_a_token_goes_to_ci",
    "replit.login --export --github": f"{SIGN_IN}::test_a_token_goes_to_ci",
    "preview.down --branch": f"{PREVIEW}_sweep.py::test_down_ends_one_also_of_a_deleted_branch",
    "preview.down --branch --wait": (
        f"{PREVIEW}_sweep.py::test_down_does_not_stop_a_run_that_may_be_alive"
    ),
    "preview.list": f"{PREVIEW}_sweep.py::test_the_list_says_what_is_wrong",
    "preview.sweep": f"{PREVIEW}_sweep.py::test_what_is_over_leaves_nothing",
    "preview.up --branch": f"{PREVIEW}_up.py::test_a_branch_is_up_when_its_url_answers_with_its_commit",
    "preview.up --branch --wait": f"{PREVIEW}_up.py::test_a_dead_run_is_taken_over_by_who_waits",
    "rollback --env": f"{INTEGRATION}/test_back.py::test_rollback_brings_the_last_good_release_back",
    "rollback --env --plan": f"{STATUS}::test_a_workspace_that_would_be_refused_is_told_before",
    "rollback --env --to": f"{INTEGRATION}/test_back.py::test_rollback_knows_only_good_releases",
    "rollback --env --with-data": (
        f"{INTEGRATION}/test_with_data.py::test_what_a_rollback_loses_is_what_it_said"
    ),
    "sandbox.down": f"{INTEGRATION}/test_sandbox_world.py::test_down_leaves_no_process_and_no_file",
    "sandbox.up": f"{INTEGRATION}/test_sandbox_world.py::test_up_twice_changes_nothing",
    "sandbox.up --seed": f"{INTEGRATION}/test_with_data.py::test_the_numbers_are_those_of_the_writers",
    "github.workflows": (
        f"{UNIT}/setup/workflows/test_command.py::test_what_is_shown_is_written_after_a_yes"
    ),
    "test-e2e --env": f"{INTEGRATION}/test_e2e.py::test_all_journeys_pass_on_a_good_release",
    "upgrade": UPGRADED,
    "upgrade --app": UPGRADED,
    "upgrade --from": UPGRADED,
    "status": f"{CONTRACT}/test_endings.py::test_the_status_has_its_contract",
}
