"""When a request to GitHub is sent again: which answers, after how long, and which never."""

from __future__ import annotations

import pytest
from requests.structures import CaseInsensitiveDict

from scripts.github.retry import after_fault, after_limit, named

NOW = 1_700_000_000.0
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"  # the same moment
LATER = "Tue, 14 Nov 2023 22:13:50 GMT"
SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}


@pytest.mark.parametrize(
    ("status", "headers", "said", "tries", "seconds"),
    [
        (429, {"Retry-After": "7"}, None, 0, 7),
        (403, {"retry-after": "7"}, SECONDARY, 3, 7),
        (403, {"retry-after": LATER, "date": DATE}, SECONDARY, 0, 30),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 20)}, {}, 0, 21),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) - 20)}, {}, 0, 1),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, {}, 0, None),
        (403, {}, SECONDARY, 0, 60),
        (403, {}, SECONDARY, 2, 240),
        (429, {}, None, 0, 60),
        (403, {"x-ratelimit-remaining": "4999"}, {"message": "Resource not accessible"}, 0, None),
        (403, {}, ["odd"], 0, None),
        (401, {"retry-after": "7"}, SECONDARY, 0, None),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9999999999"}, {}, 0, None),
    ],
)
def test_a_limit_is_waited_for(
    status: int, headers: dict[str, str], said: object, tries: int, seconds: float | None
) -> None:
    """A right that is missing is no limit."""
    assert after_limit(status, CaseInsensitiveDict(headers), said, tries, NOW) == seconds


def test_the_clock_of_the_server_counts() -> None:
    """Our own may be an hour off."""
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 20), "date": DATE}

    assert after_limit(403, CaseInsensitiveDict(headers), None, 0, NOW - 3600) == 21


def test_what_can_be_done_twice_is_sent_again() -> None:
    """A POST is not: what it creates may be there."""
    assert [after_fault("GET", tries) for tries in range(6)] == [1.0, 2.0, 4.0, 8.0, None, None]
    assert after_fault("PUT", 0) == after_fault("DELETE", 0) == 1.0
    assert after_fault("POST", 0) is None


@pytest.mark.parametrize("value", ["", "soon", "-3", "1.5", "٣"])
def test_a_header_that_names_no_time_names_none(value: str) -> None:
    """It is somebody else's text."""
    assert named(CaseInsensitiveDict({"retry-after": value}), NOW) is None
