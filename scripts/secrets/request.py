"""What people ask of configuration and secrets."""

from __future__ import annotations

from scripts.config.request import ENV, Request, env, option, plan, yes


class ConfigRequest(Request):
    """`config.show`: what counts, and which line says so."""

    env: str = env(f"{ENV}; all if left out")
    all: bool = option("also the settings that have their default", default=False)


class CheckRequest(Request):
    """`env.check`: the mistakes that people make with configuration and secrets."""

    env: str = env(f"{ENV}; all that have values, if left out")


class ScanRequest(Request):
    """`env.scan`: secrets in a bundle or a site."""

    path: str = option(
        "folder of a built bundle, or the address of a site; with `--canary`, the app's checkout",
        positional=True,
    )
    env: str = env("environment whose bundle it must be; without it, secrets of all are looked for")
    canary: bool = option(
        "build once with marks in place of every secret, and look for the marks", default=False
    )


class DiffRequest(Request):
    """`env.diff`: what one environment has and the other lacks."""

    from_: str = option(ENV, required=True)
    to: str = option(ENV, short="t", required=True)


class PushRequest(Request):
    """`env.push`: the variables of the Edge Functions."""

    closes = True

    env: str = env(required=True)
    plan: bool = plan()
    yes: bool = yes()
