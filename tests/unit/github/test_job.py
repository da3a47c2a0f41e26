"""What a GitHub job shows: nothing of it can be made to say something else."""

from __future__ import annotations

import pytest

from scripts.github.job import commands, fenced, job_page, summary


def test_findings_and_verdicts_are_annotations() -> None:
    """On their lines; text of others starts no command of its own, and ends no property."""
    row = {
        "file": "a,b.sql",
        "line": 3,
        "severity": "warning",
        "rule": "x: y",
        "message": "50%\n::error::no",
    }
    odd = {"file": "process environment", "line": None, "message": "not on a line"}

    assert commands({"annotations": [row], "findings": [odd]}) == [
        "::warning file=a%2Cb.sql,line=3,title=x%3A y::50%25%0A::error::no"
    ]
    assert commands({"annotations": "odd", "findings": [1]}) == []


def test_a_summary_has_ending_steps_and_plan() -> None:
    """What was planned, and what became of it."""
    steps = [{"name": "build", "seconds": 1.5, "ending": "done"}]
    document = {"ending": "failed", "message": "no answer", "hint": "look", "steps": steps}
    text = summary("Deploy staging", ["deploy `abc`", "  gate MISSING x"], document)

    assert text.startswith("### Deploy staging: failed\n\n```text\nno answer\nhint: look\n```\n")
    assert "| build | done | 1.5 |" in text
    assert "gate MISSING x" in text


def test_untrusted_text_ends_no_block() -> None:
    """A commit's subject may hold any number of backticks."""
    assert fenced(["a ```` b"]).splitlines()[0] == "`````text"


@pytest.mark.parametrize(
    ("variables", "page"),
    [
        (
            {
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": "acme/app",
                "GITHUB_RUN_ID": "7",
            },
            "https://github.com/acme/app/actions/runs/7",
        ),
        (
            {"CI_JOB_URL": "https://gitlab.example.org/acme/app/-/jobs/7"},
            "https://gitlab.example.org/acme/app/-/jobs/7",
        ),
        ({"CI_JOB_URL": "https://x/ <!channel>"}, ""),
        ({}, ""),
    ],
)
def test_the_page_of_the_job(variables: dict[str, str], page: str) -> None:
    assert job_page(variables) == page
