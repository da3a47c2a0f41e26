"""`env.*`: configuration and secrets, before and after they ship."""

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.options import ENV, JSON, PLAN, YES, desk


@task(help={"env": f"{ENV}; all that have values, if left out", "json": JSON})
def check(_c: Context, env: str = "", json: bool = False) -> None:
    """Refuse a configuration's mistakes before they ship: `invoke env.check --env staging`."""
    desk("secrets.check", env=env or None, json=json)


@task(
    help={
        "path": "folder of a built bundle, or the address of a site; with `--canary`, the app's checkout",
        "env": "environment whose bundle it must be; without it, secrets of all are looked for",
        "canary": "build once with marks in place of every secret, and look for the marks",
        "json": JSON,
    },
)
def scan(_c: Context, path: str, env: str = "", canary: bool = False, json: bool = False) -> None:
    """Does a bundle or a site carry a secret? `invoke env.scan dist --env staging`."""
    if path in ("-h", "--help"):  # Invoke takes the first word for the path, whatever it is
        from invoke.main import program

        program.run(["invoke", "--help", "env.scan"])
    desk("secrets.scan", what=path, env=env or None, canary=canary, json=json)


@task(help={"from_": ENV, "to": ENV, "json": JSON})
def diff(_c: Context, from_: str = "", to: str = "", json: bool = False) -> None:
    """What two environments have, by names and digests: `invoke env.diff --from staging --to prod`."""
    desk("secrets.diff", source=from_, target=to, json=json)


@task(help={"env": ENV, "plan": PLAN, "yes": YES, "json": JSON})
def push(_c: Context, env: str = "", plan: bool = False, yes: bool = False, json: bool = False) -> None:
    """Send what the Edge Functions need to their project: `invoke env.push --env staging --plan`."""
    desk("setup.push", env=env, plan=plan, yes=yes, json=json)


collection = Collection("env", check, diff, push, scan)
