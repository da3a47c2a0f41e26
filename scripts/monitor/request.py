"""The options of `monitor.check` and `monitor.watch`."""

from __future__ import annotations

from scripts.config.request import ENV, Request, env, option


class MonitorCheckRequest(Request):
    """`monitor.check`: look once, or for some time."""

    env: str = env(f"{ENV}; all if left out")
    gate: str = option("pass only if all is good for that long: `10m`, `90s`, `1h`")
    notify: bool = option(
        "remember the looks and notify the team, as `monitor.watch` does: for a scheduled job",
        default=False,
    )


class MonitorWatchRequest(Request):
    """`monitor.watch`: look for ever."""

    env: str = env(f"{ENV}; all if left out")
