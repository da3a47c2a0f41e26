"""`env.push`: what is sent, what is refused, and that what arrived is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from scripts.config.desk import Desk
from scripts.errors import CommandFailed, Declined, Refused
from scripts.secrets.push import push
from scripts.secrets.request import PushRequest
from scripts.secrets.variables import digest
from scripts.system.secret import MASK, redact
from tests.fakes.world import Notes
from tests.support.fake_desk import fake_desk
from tests.support.supabase import PROJECT, TOKEN, Project, standing_in
from tests.support.tables import settings

VALUES = {"OPENAI_API_KEY": "value-of-openai", "WHATSAPP_VERIFY_TOKEN": "value-of-whatsapp"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A stand-in for API and CLI."""
    monkeypatch.delenv("SUPABASE_PROFILE", raising=False)
    with standing_in(tmp_path / "supabase") as running:
        yield running


def desk_of(
    project: Project,
    values: Mapping[str, str] | None = None,
    *,
    yes: bool = False,
    names: Sequence[str] = tuple(VALUES),
) -> Desk:
    """A desk with these values in staging and production; "" takes one out."""
    all_values = {
        "VITE_SUPABASE_URL": f"https://{PROJECT}.supabase.co",
        "SUPABASE_ACCESS_TOKEN": TOKEN,
        **VALUES,
        **(values or {}),
    }
    chosen = settings(
        supabase__secrets=list(names),
        supabase__cli=str(project.cli),
        secrets__supabase_api=project.url,
    )
    return fake_desk(
        project.folder,
        values=dict.fromkeys(("staging", "production"), all_values),
        settings=chosen,
        progress=Notes(types="production" if yes else ""),
    )


def notes(desk: Desk) -> list[str]:
    """What was said on the way."""
    assert isinstance(desk.progress, Notes)
    return desk.progress.lines


def test_what_the_project_lacks_is_sent_and_read_back(project: Project) -> None:
    """What it has already is left alone."""
    project.keep([{"name": "OPENAI_API_KEY", "value": digest(VALUES["OPENAI_API_KEY"])}])
    desk = desk_of(project)

    outcome = push(desk, PushRequest(env="staging"))

    assert (outcome.ending, outcome.data) == ("done", {"sent": ["WHATSAPP_VERIFY_TOKEN"]})
    assert notes(desk) == ["same     OPENAI_API_KEY", "new      WHATSAPP_VERIFY_TOKEN"]
    assert "OPENAI_API_KEY" not in str(project.call)


def test_the_second_time_there_is_nothing_to_do(project: Project) -> None:
    """By digest, not by name."""
    desk = desk_of(project)
    push(desk, PushRequest(env="staging"))

    assert push(desk, PushRequest(env="staging")).ending == "nothing"
    changed = desk_of(project, {"OPENAI_API_KEY": "another-value"})
    assert push(changed, PushRequest(env="staging", plan=True)).data == {"sent": ["OPENAI_API_KEY"]}
    assert notes(changed)[0] == "changed  OPENAI_API_KEY"


def test_a_plan_sends_nothing(project: Project) -> None:
    """It shows the names."""
    outcome = push(desk_of(project), PushRequest(env="production", plan=True))

    assert (outcome.ending, outcome.data["sent"]) == ("done", sorted(VALUES))
    assert project.call is None


def test_a_guarded_environment_asks_first(project: Project) -> None:
    """`--yes`, or a person who types its name."""
    with pytest.raises(Declined):
        push(desk_of(project), PushRequest(env="production"))
    assert project.call is None

    assert push(desk_of(project, yes=True), PushRequest(env="production")).ending == "done"
    assert push(desk_of(project), PushRequest(env="production", yes=True)).ending == "nothing"


def test_what_did_not_arrive_is_a_failure(project: Project) -> None:
    """The CLI's exit code proves nothing."""
    project.behave("deaf")

    with pytest.raises(CommandFailed, match="`OPENAI_API_KEY`, `WHATSAPP_VERIFY_TOKEN` did not arrive"):
        push(desk_of(project), PushRequest(env="staging"))


def test_after_a_failure_it_is_said_what_arrived(project: Project) -> None:
    """All, some, nothing, or nobody knows."""
    project.behave("failing")
    with pytest.raises(CommandFailed, match="no such project\nnothing of it arrived"):
        push(desk_of(project), PushRequest(env="staging"))
    (project.folder / "failing").unlink()
    project.behave("halting")
    there = "the connection broke off\n`OPENAI_API_KEY` arrived; `WHATSAPP_VERIFY_TOKEN` did not"
    with pytest.raises(CommandFailed, match=there):
        push(desk_of(project), PushRequest(env="staging"))


@pytest.mark.parametrize("value", ["a\nb", "it's $5"])
def test_a_value_that_can_not_be_sent_is_refused_in_the_plan(project: Project, value: str) -> None:
    """A plan that fails when it is carried out is none."""
    desk = desk_of(project, {"OPENAI_API_KEY": value})

    with pytest.raises(Refused, match="the value of `OPENAI_API_KEY` h"):
        push(desk, PushRequest(env="staging", plan=True))


@pytest.mark.parametrize(
    ("names", "values", "message"),
    [
        ((), {}, "no variable is named"),
        (("SUPABASE_URL", "VITE_A", "lower"), {}, "can't be given `SUPABASE_URL`, `VITE_A`, `lower`"),
        (tuple(VALUES), {"OPENAI_API_KEY": ""}, "has no value for `OPENAI_API_KEY`"),
        (tuple(VALUES), {"VITE_SUPABASE_URL": "http://127.0.0.1:54321"}, "names a hosted project"),
        (tuple(VALUES), {"SUPABASE_ACCESS_TOKEN": ""}, "is missing, or is none"),
        (tuple(VALUES), {"SUPABASE_ACCESS_TOKEN": "eyJ.no.token"}, "is missing, or is none"),
    ],
)
def test_what_is_missing_is_refused_before_anything_is_asked(
    project: Project, names: tuple[str, ...], values: dict[str, str], message: str
) -> None:
    """Each with what to do."""
    with pytest.raises(Refused, match=message) as caught:
        push(desk_of(project, values, names=names), PushRequest(env="staging"))

    assert caught.value.hint
    assert project.call is None


def test_a_missing_cli_is_refused_in_the_plan(project: Project) -> None:
    """Not when half of the work is done."""
    project.cli.unlink()

    with pytest.raises(Refused, match="there is no Supabase CLI"):
        push(desk_of(project), PushRequest(env="staging", plan=True))


def test_the_values_are_masked_whatever_their_names_say(project: Project) -> None:
    """They are sent to a host that may quote them."""
    push(
        desk_of(project, {"GREETING": "hello-from-the-host"}, names=["GREETING"]),
        PushRequest(env="staging"),
    )

    assert redact("hello-from-the-host") == MASK
