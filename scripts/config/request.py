# pure
"""Requests: what a task is asked to do. An option is declared once, as a field with help and default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, dataclass, field
from typing import Any, ClassVar, NamedTuple, Self, dataclass_transform

LAST = "*last*"  # instead of a name: the last environment of the chain, whatever it is called
ENV = "environment: development, staging or production (or its alias)"


class Option(NamedTuple):
    """A field of a request as an option of the command line.

    Args:
        name: of the field.
        short: one letter, or "". Only `-e -t -p -y -j -n` exist, for
            `--env --to --plan --yes --json --limit`.
        positional: typed without its flag; always required.
        required: the task can't do without it, whatever else is given.
    """

    name: str
    default: Any
    help: str
    short: str
    positional: bool
    required: bool

    @property
    def flag(self) -> str:
        """As it is typed after `--`: `from` for the field `from_`, `run-missing` for `run_missing`."""
        return self.name.strip("_").replace("_", "-")

    @property
    def dashed(self) -> str:
        """As it is typed: `--from`, and `-k` for a flag of one letter."""
        return f"{'--' if len(self.flag) > 1 else '-'}{self.flag}"


def option(
    help: str,  # noqa: A002
    *,
    default: Any = "",
    short: str = "",
    positional: bool = False,
    required: bool = False,
) -> Any:
    """A field that is an option of the task; its type is the type of its default."""
    told = {"help": help, "short": short, "positional": positional, "required": required or positional}
    return field(default=default, metadata=told)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Request:
    """What a task is asked to do: each subclass is a frozen dataclass, and its `option` fields are options.

    A class becomes a dataclass when its first request is made: `--list` needs the options of all tasks and
    makes no request, so it saves 10 ms.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    closes: ClassVar[bool] = False  # its end says what is live, and whether the lock is free
    needs_network: ClassVar[bool] = True  # refused where certificates or proxies of this machine don't work
    begins_with_refs: ClassVar[bool] = False  # its first question is for the remote's refs: asked at once
    goes_on_asking: ClassVar[bool] = False  # others follow that one

    json: bool = option("one JSON document on stdout; people read stderr", default=False, short="j")
    quiet: bool = option("no progress: results, warnings and errors alone", default=False)
    verbose: bool = option("each program as it is started, and its seconds", default=False)

    def __new__(cls, **_values: object) -> Self:
        """Make the dataclasses, from the base down."""
        for kind in reversed(cls.__mro__[:-1]):
            if "__dataclass_fields__" not in vars(kind):
                dataclass(frozen=True, kw_only=True, eq=False, repr=False)(kind)
        return super().__new__(cls)

    @property
    def about(self) -> str:
        """The environment that the run is about, as it was typed; "" for none or all."""
        return str(getattr(self, "env", "") or getattr(self, "to", ""))

    @property
    def lacking(self) -> tuple[str, ...]:
        """The required options that were not given, as they are typed."""
        return tuple(
            each.flag.upper() if each.positional else f"--{each.flag}"
            for each in self.options()
            if each.required and not str(getattr(self, each.name)).strip()
        )

    @classmethod
    def options(cls) -> Iterator[Option]:
        """The fields that are options. A subclass withdraws an inherited option with a plain value."""
        declared: dict[str, Any] = {}
        for kind in reversed(cls.__mro__):
            made = vars(kind).get("__dataclass_fields__", {})
            declared |= {
                name: made.get(name, vars(kind).get(name)) for name in vars(kind).get("__annotations__", ())
            }
        for name, value in declared.items():
            if isinstance(value, Field) and "help" in value.metadata:
                yield Option(name, value.default, **value.metadata)


def env(help: str = ENV, *, default: str = "", required: bool = False) -> Any:  # noqa: A002
    """`--env`: the environment that a task works on."""
    return option(help, default=default, short="e", required=required)


def plan(help: str = "show what would happen, and stop") -> Any:  # noqa: A002
    """`--plan`, for every task that changes something."""
    return option(help, default=False, short="p")


def yes(help: str = "skip the confirmation, as for CI") -> Any:  # noqa: A002
    """`--yes`, for every task that asks before it changes something."""
    return option(help, default=False, short="y")


def wait() -> Any:
    """`--wait`, for every task that takes a lock."""
    return option("wait for a lock that somebody else holds", default=False)


def reason(help: str = "why; it goes to the ledger", *, required: bool = False) -> Any:  # noqa: A002
    """`--reason`, for every task whose reason goes to the ledger."""
    return option(help, required=required)
