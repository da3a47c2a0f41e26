"""The options of `demo`, `sandbox.up` and `sandbox.down`."""

from __future__ import annotations

from scripts.config.request import Request, option

DIR = "folder of the sandbox"
DRIVER = "how its environments are released: `workspace`, `launcher`, or `mixed` (production by workspace)"


class DemoRequest(Request):
    """`demo`: the whole story."""

    dir: str = option(DIR)
    driver: str = option(DRIVER)


class SandboxUpRequest(Request):
    """`sandbox.up`: make a world."""

    dir: str = option(DIR)
    app: str = option("your app's checkout: its last commit takes the place of the sample app")
    app_folder: str = option("the app's folder in that checkout, such as `apps/web`")
    driver: str = option(DRIVER)
    private: str = option("make these environments private, such as `staging`, behind an access token")
    seed: str = option("fill production with so much data, such as `100MB`")


class SandboxDownRequest(Request):
    """`sandbox.down`: end it."""

    dir: str = option(DIR)
