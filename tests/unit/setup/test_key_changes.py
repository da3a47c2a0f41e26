"""What an upgrade says of `pipeline.toml`: keys that are new or gone, and defaults that moved."""

from __future__ import annotations

from scripts.setup.key_changes import key_changes, keys
from tests.support.desks import ROOT

SHIPPED = (ROOT / "env" / "pipeline.toml").read_text()


def test_every_key_of_the_shipped_file_is_known() -> None:
    """Those that are shown commented out as well; the environments share theirs."""
    found = keys(SHIPPED)

    assert found["lock.ttl"] == "90"
    assert found["environment.<name>.branch"] == '"develop"'
    assert {"secrets.allow.until", "monitor.checks.min_rows", "preview.slots.one.build"} <= found.keys()
    assert {"load.profiles.stress.stages", "load.thresholds.p95", "chain"} <= found.keys()
    assert key_changes(SHIPPED, SHIPPED, SHIPPED) == []


def test_what_moved_is_said_with_its_values() -> None:
    """And whether the team's own file sets it, by a long list at most its beginning."""
    after = SHIPPED.replace("ttl = 90", "ttl = 120").replace("heartbeat = 20\n", "beat = 20\n")
    after = after.replace('public_prefixes = [\n  "VITE_",', 'public_prefixes = [\n  "V_",')
    changes = key_changes(SHIPPED, after, "[lock]\nttl = 60\nheartbeat = 10\n")

    assert [str(each) for each in changes] == [
        "new      lock.beat = 20",
        "gone     lock.heartbeat (yours sets it: take it out)",
        "changed  lock.ttl: 90 -> 120 (yours sets it: it stays)",
        (
            'changed  secrets.public_prefixes: ["VITE_", "NEXT_PUBLIC_", "PUBLIC_", ... ->'
            ' ["V_", "NEXT_PUBLIC_", "PUBLIC_", "R ...'
        ),
    ]


def test_a_text_that_is_no_toml_has_no_keys() -> None:
    """An example that would make it unreadable is left out alone."""
    assert keys("x =") == {}
    assert keys("a = 1\n# a = 2\n") == {"a": "1"}
