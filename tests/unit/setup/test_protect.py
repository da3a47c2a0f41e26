"""`github.protect`: what is asked of GitHub, shown, applied, read again; and nothing made weaker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from scripts.config.settings import Gates
from scripts.errors import CommandFailed, Declined
from scripts.release.commands import deploy, promote
from scripts.release.request import DeployRequest, PromoteRequest
from scripts.setup import remote_checks
from scripts.setup.protect import protect
from scripts.setup.request import ProtectRequest
from tests.fakes.github import github_of
from tests.fakes.world import Notes, World, ending
from tests.support.github_stand_in import StandIn

YES = ProtectRequest(yes=True)


@pytest.fixture
def hub(world: World, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """GitHub without a rule; promotions go by pull request, and production asks for an approval."""
    github = world.settings.github._replace(checks=("check",))
    app = world.settings.app._replace(land="pull-request")
    production = world.settings.environments["production"]._replace(gates=Gates(approval=2))
    environments = {**world.settings.environments, "production": production}
    world.settings = replace(world.settings, github=github, app=app, environments=environments)
    return github_of(world, monkeypatch)


def rules_of(hub: StandIn, branch: str) -> dict[str, Any]:
    """The rules of the desk's ruleset for a branch, by type."""
    found = next(each for each in hub.rulesets.values() if each["name"] == f"release desk: {branch}")
    return {rule["type"]: rule.get("parameters", {}) for rule in found["rules"]}


def test_the_rules_are_shown_applied_and_read_again(world: World, hub: StandIn) -> None:
    """The second time there is nothing to do."""
    notes = Notes()
    plan = protect(world.desk(progress=notes), ProtectRequest(plan=True))
    assert (plan.ending, hub.rulesets) == ("done", {})
    assert "+ ruleset `release desk: deploy-ledger`: deletion, non_fast_forward, update" in notes.lines
    assert "+ `release desk: main`: User:7 may bypass it" in notes.lines
    assert type(ending(lambda: protect(world.desk(), ProtectRequest()))) is Declined
    assert hub.rulesets == {}

    assert protect(world.desk(), YES).ending == "done"
    assert protect(world.desk(), YES).ending == "nothing"
    assert len(hub.rulesets) == 4
    assert set(rules_of(hub, "develop")) == {
        *("deletion", "non_fast_forward", "pull_request", "required_status_checks"),
    }
    main = rules_of(hub, "main")
    assert {"update", "deletion", "non_fast_forward"} < main.keys()
    assert main["pull_request"]["required_approving_review_count"] == 2
    assert main["required_status_checks"]["required_status_checks"] == [{"context": "check"}]
    assert set(rules_of(hub, "deploy-ledger")) == {"deletion", "non_fast_forward", "update"}


def test_the_desk_releases_under_its_own_rules(world: World, hub: StandIn) -> None:
    """Its account bypasses them, and waits for what they ask of people."""
    deploy(world.desk(), DeployRequest(env="development"))
    promote(world.desk(), PromoteRequest(to="staging"))
    protect(world.desk(), YES)
    hub.bypass = "always"
    commit = world.commit("develop", {"a": "1"}, "feature")
    hub.check("check", commit)
    deploy(world.desk(), DeployRequest(env="development"))

    assert promote(world.desk(), PromoteRequest(to="staging")).ending == "done"
    assert world.head("staging") == commit
    assert hub.pull(1)["merged"]


def test_nothing_is_made_weaker(world: World, hub: StandIn) -> None:
    """What people added stays; who may bypass it is exactly as configured."""
    protect(world.desk(), YES)
    main = next(each for each in hub.rulesets.values() if each["name"] == "release desk: main")
    people = {"actor_id": 3, "actor_type": "Team", "bypass_mode": "always"}
    main["bypass_actors"].append(people)
    main["rules"] = [
        {"type": "required_signatures"},
        {"type": "pull_request", "parameters": {"required_approving_review_count": 5}},
    ]
    notes = Notes()
    protect(world.desk(progress=notes), YES)

    assert "- `release desk: main`: Team:3 may bypass it" in notes.lines
    found = rules_of(hub, "main")
    assert found["pull_request"]["required_approving_review_count"] == 5
    assert {"required_signatures", "deletion", "update"} < found.keys()
    assert people not in main["bypass_actors"]


def test_accounts_may_be_named(world: World, hub: StandIn) -> None:
    """Where the token is no person's."""
    hub.faults["GET /user"] = [(403, {"message": "Resource not accessible by integration"}, {})]
    fault = ending(lambda: protect(world.desk(), YES))
    assert "`[github] bypass`" in str(fault.hint)

    github = world.settings.github._replace(bypass=("Integration:15368",))
    protect(world.desk(settings=replace(world.settings, github=github)), YES)
    assert hub.rulesets[1]["bypass_actors"] == [
        {"actor_id": 15368, "actor_type": "Integration", "bypass_mode": "always"}
    ]


@pytest.mark.parametrize("where", ["GET /rulesets", "POST /rulesets"])
def test_a_plan_of_githubs_without_rulesets_is_named(world: World, hub: StandIn, where: str) -> None:
    """In its own words."""
    hub.faults[where] = [(403, {"message": "Upgrade to GitHub Pro"}, {})]
    fault = ending(lambda: protect(world.desk(), YES))

    assert type(fault) is CommandFailed
    assert "(403: Upgrade to GitHub Pro)" in fault.message
    assert "Administration: write" in str(fault.hint)


def test_a_github_that_keeps_another_rule_is_found_out(world: World, hub: StandIn) -> None:
    """What it answers is not believed: it is read again."""
    hub.after["POST /rulesets"] = lambda: hub.rulesets[1].update(enforcement="disabled")
    fault = ending(lambda: protect(world.desk(), YES))

    assert "`release desk: develop` is in force (it is `disabled`)" in fault.message


def test_a_drift_is_told_by_the_doctor(world: World, hub: StandIn) -> None:
    """And its hint shows the same."""
    check = remote_checks._check_rulesets
    assert [each.state for each in check(world.desk(), hub.hub)] == ["ok"]
    protect(world.desk(), YES)
    assert [(each.state, each.message) for each in check(world.desk(), hub.hub)] == [
        ("ok", "as configured")
    ]
    hub.rulesets[2]["rules"] = hub.rulesets[2]["rules"][1:]
    found = list(check(world.desk(), hub.hub))

    assert [each.message for each in found] == ["not as configured: + `release desk: staging`: deletion"]
    assert found[0].hint == "`invoke github.protect --plan`"
    plan = protect(world.desk(), ProtectRequest(plan=True))
    assert cast("list[str]", plan.data["differences"]) == ["+ `release desk: staging`: deletion"]
    del hub.rulesets[2]["bypass_actors"]  # which a token that may only read is not shown
    assert len(list(check(world.desk(), hub.hub))) == 1
