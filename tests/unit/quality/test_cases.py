"""What people read of a run of tests."""

from __future__ import annotations

from scripts.quality.cases import LONGEST, Case, document

CASES = [
    Case("test_a::one", "passed", 0.5),
    Case("test_a::two", "failed", 1.0, "\n  no button\nmore"),
    Case("test_b.TestIt::three", "error", 0.1),
    Case("test_b.TestIt::four", "skipped", 0.0, "not here"),
    Case("five", "void", 3.0, "it checked nothing"),
]


def test_each_file_has_its_counts() -> None:
    """In the order of the report; an error is a failure; a test without a file has `-`."""
    found = [[*each.values()] for each in document(CASES)["suites"]]

    assert found == [
        ["test_a", 2, 1, 1, 0, 0, 1.5],
        ["test_b.TestIt", 2, 0, 1, 1, 0, 0.1],
        ["-", 1, 0, 0, 0, 1, 3.0],
    ]


def test_what_failed_has_the_first_line_of_its_reason() -> None:
    """Its ending where it gave none; never endless."""
    long = Case("t::long", "failed", 0.0, "x" * 1000)
    failures = document([*CASES, long])["failures"]

    assert [(each["test"], each["reason"]) for each in failures[:2]] == [
        ("test_a::two", "no button"),
        ("test_b.TestIt::three", "error"),
    ]
    assert failures[2]["reason"] == "x" * LONGEST


def test_the_slowest_come_first() -> None:
    """Three of them."""
    assert [each["test"] for each in document(CASES)["slowest"]] == ["five", "test_a::two", "test_a::one"]
