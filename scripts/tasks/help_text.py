"""The text of `invoke TASK --help`: how it is called, what it does, an example, its options in groups."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from functools import partial

from scripts.config.request import Option
from scripts.language import translate

WIDEST = 100  # columns: longer lines are hard to read
FLAGS = 28  # columns of an option's names; longer ones get a line of their own
REASONS = ("reason", "allow_bad")  # words that say why, not what
OUTPUT = ("json", "quiet", "verbose", "limit")
whole_words = partial(textwrap.wrap, break_long_words=False, break_on_hyphens=False)
TITLES = ("What", "How", "Output")
KINDS = {str: "TEXT", int: "NUMBER", float: "NUMBER"}


def help_text(name: str, about: str, options: Iterable[Option], columns: int) -> Iterator[str]:
    """The lines, none wider than `columns` where words allow it.

    Args:
        name: of the task, as it is typed.
        about: its docstring: a sentence, a colon and an example in backticks.
    """
    columns, known = min(columns, WIDEST), list(options)
    sentence, _, example = " ".join(about.split()).partition(": `")
    yield from whole_words(_usage(name, known), columns, subsequent_indent="       ")
    yield ""
    yield from whole_words(f"{translate(sentence.rstrip('.'))}.", columns)
    if example:
        yield translate(f"Example: `{example.rstrip('.')}")
    for title in TITLES:
        those = [option for option in known if _group(option) == title]
        if those:
            yield f"\n{translate(title)}"
        for option in sorted(those, key=lambda each: not each.required):
            yield from _lines(option, columns)


def _usage(name: str, options: Iterable[Option]) -> str:
    needed = [
        metavar(option) if option.positional else f"{option.dashed} {metavar(option)}"
        for option in sorted(options, key=lambda each: not each.positional)
        if option.required
    ]
    return " ".join([f"{translate('Usage:')} invoke", name, *needed, translate("[options]")])


def _group(option: Option) -> str:
    if option.name in OUTPUT:
        return "Output"
    is_what = isinstance(option.default, str) and option.name not in REASONS
    return "What" if is_what else "How"


def metavar(option: Option) -> str:
    """What stands for its value: ENV, TEXT or NUMBER."""
    if option.positional:
        return option.flag.upper()
    return "ENV" if option.help.startswith("environment") else translate(KINDS[type(option.default)])


def _lines(option: Option, columns: int) -> Iterator[str]:
    names = f"  {_names(option)}"
    text = " ".join(filter(None, [translate(option.help), _remark(option)]))
    wrapped = whole_words(text, max(columns - FLAGS - 2, 20))
    if len(names) > FLAGS:
        yield names
        names = ""
    for number, line in enumerate(wrapped):
        yield f"{'' if number else names:<{FLAGS}}  {line}"


def _names(option: Option) -> str:
    if option.positional:
        return metavar(option)
    short = f"-{option.short}, " if option.short else "    "
    if isinstance(option.default, bool):
        return f"{short}--[no-]{option.flag}" if option.default else f"{short}{option.dashed}"
    return f"{short}{option.dashed} {metavar(option)}"


def _remark(option: Option) -> str:
    if option.required:
        return translate("(required)")
    if option.default is True:
        return translate("(default: on)")
    return translate(f"(default: {option.default})") if option.default else ""
