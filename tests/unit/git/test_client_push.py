"""A push that met another one is tried again; one that was refused is not."""

from __future__ import annotations

import pytest

from scripts.errors import CommandFailed
from scripts.git.client import RETRY_DELAYS, retry_delay

MET = "\n  | error: cannot lock ref 'refs/x': Unable to create '/o.git/refs/x.lock': File exists."


def test_two_at_the_same_moment_are_no_refusal() -> None:
    assert list(RETRY_DELAYS) == [retry_delay(MET, "origin", tried) for tried in range(len(RETRY_DELAYS))]


@pytest.mark.parametrize(("why", "tried"), [("\n  | protected branch", 0), (MET, len(RETRY_DELAYS))])
def test_a_refusal_is_said_in_the_remotes_words(why: str, tried: int) -> None:
    with pytest.raises(CommandFailed, match="was refused") as caught:
        retry_delay(why, "origin", tried)
    assert why in caught.value.message
