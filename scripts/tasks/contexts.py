"""The tasks as Invoke's parser wants them, each made when something asks for its options.

A line names one task of sixty; Invoke makes the options of all, and copies and prints them several times.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext

MADE = ("args", "positional_args", "flags", "inverse_flags")


class LateContext(ParserContext):
    """A task for Invoke's parser.

    Args:
        options: makes its arguments.
    """

    def __init__(self, name: str, aliases: Iterable[str], options: Callable[[], list[Argument]]) -> None:
        self.name, self.aliases, self._options = name, aliases, options

    def __getattr__(self, name: str) -> Any:
        """What is asked for first makes all of them."""
        if name not in MADE:
            raise AttributeError(name)
        super().__init__(self.name, self.aliases, self._options())
        return vars(self)[name]

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        """With arguments of its own, and the values that they were given."""
        made = type(self)(str(self.name), self.aliases, self._options)
        if "args" in vars(self):
            ParserContext.__init__(made, self.name, self.aliases, map(copy.copy, self.args.values()))
        return made

    def __repr__(self) -> str:
        """Its name: Invoke words its messages for debugging also where nobody reads them."""
        return f"<task {self.name!r}>"


def make_late(collection: Any) -> None:
    """Have the collection give such contexts; they are made once."""
    made = [
        LateContext(name, aliases, partial(_options, collection, name))
        for name, aliases in collection.task_names.items()
    ]
    vars(collection)["to_contexts"] = lambda **_keywords: made


def _options(collection: Any, name: str) -> list[Argument]:
    return list(collection[name].get_arguments())


def by_name(collection: Any) -> dict[str, ParserContext]:
    """Each task under its name and its aliases."""
    return {str(name): each for each in collection.to_contexts() for name in (each.name, *each.aliases)}
