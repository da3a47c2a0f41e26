"""A secret shows its mask, whatever is done to it."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scripts.system.secret import (
    MASK,
    SHORTEST,
    Redactor,
    Secret,
    masked_by,
    redact,
    redacted,
    remember,
    unannounced,
    would_mask,
)

VALUE = "s3cret-v4lue"


@dataclass
class Holder:
    """Something with a secret inside."""

    token: Secret


SHOWN: dict[str, Callable[[Secret], str]] = {
    "repr": repr,
    "str": str,
    "format": lambda secret: f"{secret} {secret!r} {secret!s}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - this is what is tested
    "str.format": lambda secret: "{} {!r}".format(secret, secret),  # noqa: UP032 - as above
    "in a list": lambda secret: str([secret]),
    "in a dataclass": lambda secret: repr(Holder(secret)),
    "in an error": lambda secret: str(ValueError(secret)),
    "json with a default": lambda secret: json.dumps({"token": secret}, default=str),
}


@pytest.mark.parametrize("how", SHOWN)
def test_showing_it_shows_the_mask(how: str) -> None:
    """Every way to make text of a secret gives the mask."""
    text = SHOWN[how](Secret(VALUE))

    assert MASK in text
    assert VALUE not in text


def test_logging_it_shows_the_mask() -> None:
    """A log line holds the mask."""
    stream = io.StringIO()
    logger = logging.Logger("test")  # noqa: LOG001 - one of its own, so that no other test sees it
    logger.addHandler(logging.StreamHandler(stream))

    logger.error("token %s and %r", Secret(VALUE), Secret(VALUE))

    assert f"token {MASK} and {MASK}\n" == stream.getvalue()


REFUSED: dict[str, Callable[[Secret], object]] = {
    "json": lambda secret: json.dumps({"token": secret}),
    "pickle": pickle.dumps,
    "oldest pickle": lambda secret: pickle.dumps(secret, 0),
    "copy": copy.copy,
    "deepcopy": lambda secret: copy.deepcopy([secret]),
    "vars": vars,
    "concatenation": lambda secret: "token " + secret,  # type: ignore[operator]
    "join": lambda secret: " ".join([secret]),  # type: ignore[list-item]  # noqa: FLY002
    "bytes": bytes,  # type: ignore[dict-item]
    "format with a width": lambda secret: f"{secret:>20}",
    "iteration": list,  # type: ignore[dict-item]
}


@pytest.mark.parametrize("how", REFUSED)
def test_what_would_carry_it_away_is_refused(how: str) -> None:
    """A secret is no text: it can't be serialised, copied or joined, and the refusal does not tell it."""
    with pytest.raises(TypeError) as caught:
        REFUSED[how](Secret(VALUE))

    assert VALUE not in str(caught.value)


def test_reveal_gives_the_value() -> None:
    """One method, easy to search for, gives the value."""
    assert Secret(VALUE).reveal() == VALUE


def test_equal_secrets_are_equal_and_no_text_is() -> None:
    """Secrets compare with secrets only."""
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret("other-value")
    assert Secret(VALUE) != VALUE
    assert len({Secret(VALUE), Secret(VALUE)}) == 1


def test_an_empty_secret_is_no_secret() -> None:
    """`if token:` means what it says."""
    assert not Secret("")
    assert Secret("x")


def test_text_that_holds_a_known_secret_is_masked() -> None:
    """What leaks anyway is masked, in the form of an address as well."""
    Secret("p@ss/w:rd")

    assert f"as {MASK}, in a url {MASK}." == redact("as p@ss/w:rd, in a url p%40ss%2Fw%3Ard.")


def test_the_longest_is_masked_first() -> None:
    """A secret that begins with another one leaves no rest."""
    remember("abcdef")
    remember("abcdef-and-more")

    assert f"{MASK} {MASK}" == redact("abcdef-and-more abcdef")


def test_short_values_are_left_alone() -> None:
    """A value that occurs by chance does not garble every text."""
    remember("a" * (SHORTEST - 1))

    assert redact("aaaaaa bbb") == "aaaaaa bbb"


# a secret of asterisks alone can't be told from the mask
WITHOUT_MASK = st.characters(exclude_characters="*", exclude_categories=["Cs"])


@given(st.text(WITHOUT_MASK, min_size=SHORTEST), st.text(), st.text())
def test_no_known_secret_survives(secret: str, before: str, after: str) -> None:
    """Whatever stands round it, a known secret is not in the redacted text."""
    assume(len(secret.strip()) >= SHORTEST)
    remember(secret)

    assert secret not in redact(before + secret + after)


def test_a_value_is_announced_once() -> None:
    """A CI system hears of each value, and of each line of one, exactly once; never of a short one."""
    remember("first-value\nand its second line")
    remember("tiny")

    assert unannounced() == ["and its second line", "first-value", "first-value\nand its second line"]
    remember("first-value")
    assert unannounced() == []


def test_a_document_is_redacted_in_depth() -> None:
    """Every text in it, whatever holds it; numbers and keys stay, other objects become text."""
    remember(VALUE)

    document = {"a": [f"x {VALUE}", 1, None, True], VALUE: {"b": (VALUE,)}, "c": Holder(Secret(VALUE))}

    assert redacted(document) == {
        "a": [f"x {MASK}", 1, None, True],
        VALUE: {"b": [MASK]},
        "c": f"Holder(token={MASK})",
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("commit", "0a1b2c3d4e" * 4),
        ("bad", "0a1b2c3d4e" * 4),
        ("schema", "20300105090000"),
        ("versions", ["20300105090000"]),
        ("release", "v1234567"),
        ("kind", "rollback"),
        ("ending", "failed"),
        ("task", "db.restore"),
    ],
)
def test_what_documents_are_keyed_by_is_never_masked(key: str, value: str | list[str]) -> None:
    """A password `rollback`, or a cache's key that is the commit, makes no event that belongs to nobody."""
    text = value if isinstance(value, str) else value[0]
    remember(text)
    remember(text[1:8])

    assert redacted({"a": [{key: value}]}) == {"a": [{key: value}]}
    assert redacted({"said": text}) != {"said": text}


def test_under_such_a_key_only_the_desks_own_forms_are_kept() -> None:
    """Anything else there was written by somebody else."""
    remember(VALUE)

    assert redacted({"commit": f"x {VALUE}", "kind": [VALUE, {"a": VALUE}]}) == {
        "commit": f"x {MASK}",
        "kind": [MASK, {"a": MASK}],
    }


def test_the_owner_of_a_mask_is_known() -> None:
    """A run that it would garble is refused by the name of the variable."""
    remember("0a1b2c3d", "`CACHE_KEY` of the process environment")
    remember(VALUE)

    assert masked_by("ff0a1b2c3dff") == "`CACHE_KEY` of the process environment"
    assert (masked_by(f"x{VALUE}"), masked_by("nothing")) == ("a secret", None)
    assert would_mask("abcdef", "x-fedcba-x")
    assert not would_mask("abcde", "abcde")


def test_a_secret_cut_in_two_pieces_is_masked() -> None:
    """What may be its start is held back; other text is shown at once."""
    remember(VALUE)
    redactor = Redactor()

    assert [redactor.feed("it is s3cr"), redactor.feed("et-v4lue."), redactor.close()] == [
        "it is ",
        f"{MASK}.",
        "",
    ]


def test_a_start_that_is_no_secret_is_shown_at_the_end() -> None:
    """Nothing of a text is lost."""
    remember(VALUE)
    redactor = Redactor()

    assert redactor.feed("it is s3cr") + redactor.close() == "it is s3cr"
