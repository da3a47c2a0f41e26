"""`[monitor]`: defaults as in the shipped file, and every fault with its path."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from scripts.config.monitor_settings import BUILT_IN, Monitor
from scripts.config.parse import parse
from scripts.errors import ConfigError
from tests.support.desks import ROOT
from tests.support.tables import settings, table

SHIPPED = (ROOT / "env" / "pipeline.toml").read_text()


def test_the_defaults_are_those_of_the_shipped_file() -> None:
    """And the file has every key but the list of checks, which it explains."""
    shipped = tomllib.loads(SHIPPED)

    assert parse(shipped).monitor == Monitor()
    assert set(shipped["monitor"]) == {*Monitor._fields} - {"checks"}
    assert [name for name in BUILT_IN if f'"{name}"' not in SHIPPED] == []


def test_the_example_of_the_shipped_file_is_faultless() -> None:
    """Without its comment signs."""
    lines = SHIPPED.split("# [[monitor.checks]]\n")[1].split("\n\n")[0].splitlines()
    example = "\n".join(line.removeprefix("# ") for line in lines if not line.startswith("#  "))
    check = tomllib.loads(example)

    assert settings(monitor={"checks": [check]}).monitor.checks[0].min_rows == 1


@pytest.mark.parametrize(
    ("monitor", "fault"),
    [
        ({"intervall": 1}, "`monitor.intervall` is no key of this file: did you mean `monitor.interval`?"),
        ({"up": 0}, "`monitor.down` and `monitor.up` should be at least 1"),
        ({"connections": 80}, "`monitor.connections` should be a share, at most 1: `0.8`"),
        (
            {"off": ["pages"]},
            "`monitor.off` names `pages`, which is no built-in check: did you mean `page`?",
        ),
        ({"off": ["prod/tls"]}, "`monitor.off` names the environment `prod`, which is not in `chain`"),
        ({"checks": [{}]}, "`monitor.checks[0].name` is missing: it should be a string"),
        (
            {"checks": [{"name": "x", "min_row": 1}]},
            (
                "`monitor.checks[0].min_row` is no key of this file:"
                " did you mean `monitor.checks[0].min_rows`?"
            ),
        ),
        (
            {"checks": [{"name": "x", "kind": "ping"}]},
            "`monitor.checks[0].kind` should be `http` or `rest` or `function` or `whatsapp` or `sentry`",
        ),
        (
            {"checks": [{"name": "x", "environments": ["stagin"]}]},
            (
                "`monitor.checks[0].environments` names `stagin`, which is not in `chain`:"
                " did you mean `staging`?"
            ),
        ),
        (
            {"checks": [{"name": "x"}, {"name": "x"}]},
            "`monitor.checks[1].name` is the one of an earlier check: `x`",
        ),
        (
            {"checks": [{"name": "tls"}]},
            "`monitor.checks[0].name` should not be the one of a built-in check: `tls`",
        ),
        ({"checks": [{"name": "x", "path": "home"}]}, "`monitor.checks[0].path` should begin with `/`"),
        (
            {"checks": [{"name": "x", "path": "http://example.org"}]},
            '`monitor.checks[0].path` should begin with `/`, or with `kind = "http"` be an https address',
        ),
        (
            {"checks": [{"name": "x", "equals": "ok"}]},
            "`monitor.checks[0].equals` needs `json`: the way to the value",
        ),
    ],
)
def test_a_fault_is_named_with_its_path(monitor: dict[str, Any], fault: str) -> None:
    """Before anything is looked at."""
    with pytest.raises(ConfigError) as caught:
        parse(table(monitor=monitor))

    assert caught.value.message.split("\n  | ")[1:] == [fault]
