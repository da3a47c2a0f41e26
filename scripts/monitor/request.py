"""The options of `monitor.check`, `monitor.watch`, `monitor.logs` and `monitor.page`."""

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
    metrics: str = option("serve the figures for Prometheus at this port, `9464` or `HOST:PORT`")


class MonitorLogsRequest(Request):
    """`monitor.logs`: what was said, as one stream."""

    env: str = env(f"{ENV}; all if left out")
    since: str = option("how far back: `30m`, `12h`, `7d` at most; an hour if left out")
    grep: str = option("only what this regular expression finds, in any case")
    release: str = option("only what was said while this release was live, such as `v41`")
    follow: bool = option("go on with what comes, until Ctrl-C", default=False)
    ship: bool = option("send them to `LOGS_PUSH_URL`, in Loki's or OTLP's form, instead", default=False)


class OpenRequest(Request):
    """`open`: an environment in the browser."""

    env: str = env(required=True)


class MonitorPageRequest(Request):
    """`monitor.page`: all there is to know as one HTML file."""

    out: str = option("the folder for `index.html`; the desk's own if left out")
    lang: str = option("the page's language: `en` or `fr`; by `AIRHOST_LANG` or the locale if left out")
