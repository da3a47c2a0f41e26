"""The tasks as Invoke's parser gets them: made when something asks for their options."""

from __future__ import annotations

import copy
import logging
from typing import Any

import pytest
from invoke.collection import Collection
from invoke.exceptions import ParseError
from invoke.parser import Parser
from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext
from invoke.tasks import Task

from scripts.tasks.contexts import by_name, make_late

ASKED: list[str] = []


class Asked(Task[Any]):
    """A task that tells when its options are asked for."""

    def __init__(self, name: str, **names: Any) -> None:
        super().__init__(lambda _context: None, name=name, **names)

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        ASKED.append(self.name)
        return [
            Argument(names=("file",), positional=True),
            Argument(names=("env", "e"), help="where"),
            Argument(names=("asks",), kind=bool, default=True),
            Argument(names=("from",), attr_name="from_"),
        ]


@pytest.fixture
def collection() -> Collection:
    """Two tasks, and one in a collection that it is the default of."""
    ASKED.clear()
    take = Asked("take", default=True, aliases=("make",))
    return Collection(Asked("first"), Asked("second", aliases=("other",)), Collection("backup", take))


def facts(context: ParserContext) -> object:
    """All that a parser could ask it."""
    return (
        context.name, [*context.aliases], {**context.args}, context.args.aliases, {**context.flags},
        context.flags.aliases, context.positional_args, context.inverse_flags, context.flag_names(),
    )  # fmt: skip


def test_a_context_is_what_invoke_makes(collection: Collection) -> None:
    """Names, aliases and options, in the same order."""
    plain = [repr(facts(each)) for each in collection.to_contexts()]
    make_late(collection)

    assert [repr(facts(each)) for each in collection.to_contexts(ignore_unknown_help=None)] == plain


def test_options_are_made_for_the_task_on_the_line_alone(
    collection: Collection, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where Invoke's messages for debugging are shown, which name all contexts."""
    make_late(collection)
    with caplog.at_level(logging.DEBUG, "invoke"):
        (_, read) = Parser(collection.to_contexts(), initial=ParserContext()).parse_argv(
            ["other", "--env", "dev", "--no-asks", "here"]
        )

    assert read.as_kwargs == {"file": "here", "env": "dev", "asks": False, "from_": None}
    assert {*ASKED} == {"second"}
    assert {*by_name(collection)} == {"first", "second", "other", "backup.take", "backup.make", "backup"}


def test_a_line_that_is_read_leaves_no_value_behind(collection: Collection) -> None:
    """The next parser begins with none, also where the options were made before."""
    make_late(collection)
    assert "--env" in by_name(collection)["first"].flags
    parser = Parser(collection.to_contexts(), initial=ParserContext())
    parser.parse_argv(["first", "here", "--env", "dev"])

    assert by_name(collection)["first"].args["env"].value is None
    with pytest.raises(ParseError, match="did not receive required positional arguments: 'file'"):
        parser.parse_argv(["first"])


def test_a_copy_of_a_context_that_was_read_keeps_its_values(collection: Collection) -> None:
    """And what is changed in one does not change the other."""
    make_late(collection)
    context = by_name(collection)["first"]
    context.args["env"].value = "dev"
    copied = copy.deepcopy(context)
    context.args["env"].value = "prod"

    assert (copied.args["env"].value, copied.flags["-e"].value) == ("dev", "dev")
    assert repr(copied) == "<task 'first'>"
    with pytest.raises(AttributeError):
        _ = context.nothing  # type: ignore[attr-defined]
