"""What the build of a preview gets: the values of `.env.preview`, and never those of an environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scripts.config.desk import Desk
from scripts.config.preview_settings import FAMILY
from scripts.errors import DeskError, Refused
from scripts.preview.places import Place
from scripts.secrets import classify, load
from scripts.secrets.variables import is_local, parse_address, secrets_among

FILE = f".env.{FAMILY}"
DISTINCT = 12  # characters from which on a value is one environment's and no other's


def borrowed(place: Place) -> Place:
    """The place with the public variables that the first environment gives where it has none of its own.

    Raises:
        Refused: one of `[preview] borrow` is a secret.
    """
    desk, names = place.desk, place.desk.settings.preview.borrow
    first = next(iter(desk.settings))
    public, own = load.public_names(desk), place.values
    lent = {name: value for name in names if name not in own and (value := desk.values(first).get(name))}
    for name, value in lent.items():
        if public.prefix(name) is None or classify.is_secret(name, value, public.prefix(name)):
            raise Refused(
                f"`[preview] borrow` names `{name}`, which is a secret of {first.name}",
                f"give previews a value of their own in `{FILE}`",
            )
    return place.given(lent)


def require_harmless(place: Place) -> None:
    """Return if nothing that a preview gets is a secret, or the data, of an environment after the first.

    Raises:
        Refused: something is; its name is said, and not its value.
    """
    found = list(_foreign(place.desk, place.values))
    if found:
        listed = "".join(f"\n  | {each}" for each in found)
        raise Refused(
            f"a preview never gets what is another environment's:{listed}",
            f"give previews values of their own in `{place.desk.config_folder / FILE}`",
        )


def _foreign(desk: Desk, values: Mapping[str, str]) -> Iterator[str]:
    first, *others = desk.settings
    public, build = load.public_names(desk), desk.settings.app.build_variables
    lent, may = desk.values(first), {*desk.settings.secrets.shared, *_of_this_machine(values)}
    for environment in others:
        try:
            file = load.load_environment(desk, environment)
        except DeskError:  # they can't be read here, so they can't be given away either
            continue
        secrets = {each.value: each.name for each in secrets_among(file.variables, public) if each.value}
        for name, value in values.items():
            if value in secrets and not {name, secrets[value]} & may:
                yield f"`{name}` has the value of the secret `{secrets[value]}` of {environment.name}"
            elif name in build and len(value) >= DISTINCT and value == file.value(name) != lent.get(name):
                yield f"`{name}` has the value of {environment.name}"


def _of_this_machine(values: Mapping[str, str]) -> Iterator[str]:
    """The password of a server on loopback, which may serve several environments of a sandbox.

    No build gets it, and `databases` sees to it that no environment's database is used.
    """
    if is_local(parse_address(values.get("DATABASE_URL", ""))):
        yield "DATABASE_PASSWORD"
