"""Each measured value becomes a finding with the right state."""

from __future__ import annotations

import pytest

from scripts.setup import health
from scripts.setup.health import Finding

CASES: dict[str, tuple[Finding, str, str]] = {
    "new desk": (health.desk_age("1.0.0", "2026-11-30", "2027-11-29T00:00:00+00:00", "x"), "ok", "1.0.0"),
    "old desk": (
        health.desk_age("1.0.0", "2026-11-30", "2028-01-05T00:00:00+00:00", "x"),
        "warning",
        "13 months old",
    ),
    "no program": (health.program("git", None, (2, 38), "install it"), "error", "not installed"),
    "old program": (health.program("git", (2, 30, 1), (2, 38), "x"), "error", "2.30.1 is older than 2.38"),
    "new program": (health.program("git", (2, 39, 5), (2, 38), "x"), "ok", "git 2.39.5"),
    "clock": (health.clock_skew("x", 2.0), "ok", "within 30 s"),
    "clock ahead": (health.clock_skew("x", -31.0), "warning", "31 s ahead of"),
    "clock behind": (health.clock_skew("x", 301.0), "error", "301 s behind"),
    "no pin": (health.supabase_cli(None, "3.1.0", "npm install supabase"), "error", "names no `supabase`"),
    "a range": (
        health.supabase_cli("^3.1.0", "3.1.0", "npm install supabase"),
        "warning",
        "no exact version",
    ),
    "not installed": (health.supabase_cli("3.1.0", None, "npm install supabase"), "error", "not installed"),
    "another one": (
        health.supabase_cli("3.1.0", "3.0.0", "npm install supabase"),
        "error",
        "3.0.0 is installed, 3.1.0 is pinned",
    ),
    "too old": (
        health.supabase_cli("2.122.1", "2.122.1", "npm install supabase"),
        "error",
        "goes ahead where it should ask first",
    ),
    "pinned": (health.supabase_cli("3.1.0", "3.1.0", "npm install supabase"), "ok", "as pinned"),
    "no pg_dump": (health.pg_client(17, ()), "warning", "no `pg_dump`"),
    "old pg_dump": (health.pg_client(17, (15,)), "error", "15 can't dump PostgreSQL 17"),
    "newer pg_dump": (health.pg_client(17, (15, 18)), "ok", "18 for PostgreSQL 17"),
    "loopback": (health.tls("127.0.0.1", "disable", None), "ok", "not encrypted, on this machine"),
    "in clear": (health.tls("db.x", "prefer", None), "error", "no TLS now"),
    "by chance": (health.tls("db.x", "prefer", "TLSv1.3"), "error", "may send the password in clear"),
    "unproven": (health.tls("db.x", "require", "TLSv1.3"), "warning", "does not verify the server"),
    "proven": (health.tls("db.x", "verify-full", "TLSv1.3"), "ok", "is verified"),
    "open file": (health.file_mode("f", 0o644), "error", "0644"),
    "group file": (health.file_mode("f", 0o640), "error", "0640"),
    "own file": (health.file_mode("f", 0o600), "ok", "only its owner"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_answer_has_its_state(case: str) -> None:
    """A finding that is not ok has a hint."""
    finding, state, text = CASES[case]

    assert finding.state == state
    assert text in finding.message
    assert (finding.hint is None) == (state == "ok")


def test_findings_are_counted() -> None:
    """Every state has a number."""
    findings = [health.ok("a", "b"), health.error("a", "b", "c"), health.error("a", "b", "c")]

    assert health.count_by_state(findings) == {"ok": 1, "warning": 0, "error": 2}
