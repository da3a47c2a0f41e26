"""A request declares its options once, and is frozen."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, is_dataclass

import pytest

from scripts.config.request import Option, Request, env, option

SHARED = ("json", "quiet", "verbose")  # of every request


class BaseRequest(Request):
    """A request with an option of each kind."""

    env: str = env()
    from_: str = option("where from")
    run_missing: bool = option("run what is missing", default=False)
    limit: int = option("how many", default=7)
    target: str = option("what", positional=True)
    resumes: str = ""


class NarrowRequest(BaseRequest):
    """A request that withdraws an option and changes another one's default."""

    env: str = ""
    limit: int = option("how many", default=9)


def by_name(request: type[Request]) -> dict[str, Option]:
    """The options of a request."""
    return {each.name: each for each in request.options()}


def test_options_are_the_fields_with_help() -> None:
    """The inherited ones come first; a field without help is not offered."""
    assert list(by_name(BaseRequest)) == [*SHARED, "env", "from_", "run_missing", "limit", "target"]


def test_a_flag_is_the_name_as_it_is_typed() -> None:
    """`from` is a word of Python and gets an underscore as a field; `_` is typed as `-`."""
    flags = [each.flag for each in BaseRequest.options()]

    assert flags == [*SHARED, "env", "from", "run-missing", "limit", "target"]


def test_a_subclass_withdraws_an_option_with_a_plain_value() -> None:
    """The field stays, the option goes."""
    assert "env" not in by_name(NarrowRequest)
    assert NarrowRequest(target="x").env == ""


def test_a_subclass_can_change_a_default() -> None:
    """The newest declaration counts, for the option and for the field."""
    assert by_name(NarrowRequest)["limit"].default == 9
    assert NarrowRequest(target="x").limit == 9
    assert BaseRequest(target="x").limit == 7


def test_options_are_the_same_before_and_after_a_request_was_made() -> None:
    """The first request makes the dataclass; the options don't change by it."""

    class FreshRequest(NarrowRequest):
        wait: bool = option("wait", default=False)

    before = list(FreshRequest.options())
    made = FreshRequest(wait=True)

    assert is_dataclass(made)
    assert list(FreshRequest.options()) == before
    assert (made.wait, made.limit, made.json) == (True, 9, False)


def test_a_request_is_frozen() -> None:
    """A workflow can't change what was asked."""
    request = BaseRequest(env="staging")

    with pytest.raises(FrozenInstanceError):
        request.env = "production"  # type: ignore[misc]


def test_an_unknown_field_is_an_error() -> None:
    """A request takes its own fields only, by keyword."""
    with pytest.raises(TypeError, match="nonsense"):
        BaseRequest(nonsense=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("values", "about"), [({"env": "staging"}, "staging"), ({"env": ""}, ""), ({}, "")], ids=str
)
def test_a_request_is_about_its_environment(values: dict[str, str], about: str) -> None:
    """As it was typed; nothing where none was named."""
    assert BaseRequest(**values).about == about  # type: ignore[arg-type]


def test_a_request_is_about_the_target_when_it_has_no_environment() -> None:
    """`--to` of a promotion."""

    class ToRequest(Request):
        to: str = option("where to")

    assert ToRequest(to="production").about == "production"
