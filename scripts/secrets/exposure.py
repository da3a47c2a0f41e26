# pure
"""The two rules of `env.check` on what a build may publish: secret names, and secret values."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.secrets import classify, formats
from scripts.secrets.finding import Finding
from scripts.secrets.variables import Case, Variable, address


def public_names(case: Case) -> Iterator[Finding]:
    """ENV006: a bundler may inline every variable with a public prefix, referenced or not."""
    for each in case.written.values.values():
        prefix = case.public.prefix(each.name)
        if prefix is None or not _named_secret(case, each, prefix):
            continue
        yield case.found("ENV006", each, f"`{each.name}` is a secret under a public name: {_why(prefix)}",
                         _way_out(each.name, prefix))  # fmt: skip


def _named_secret(case: Case, variable: Variable, prefix: str) -> bool:
    if case.written.kind == "example" or not variable.value:
        return classify.is_secret_name(variable.name, prefix)
    if classify.SWITCH.fullmatch(variable.value):
        return False
    strong = classify.is_strong_name(variable.name, prefix)
    weak = classify.is_secret_name(variable.name, prefix) and not classify.is_public_form(variable.value)
    return strong or weak


def _why(prefix: str) -> str:
    if not prefix:
        return "`app.build_variables` hands it to the build"
    return f"the build may put every `{prefix}` variable into the page, also one that no line refers to"


def _way_out(name: str, prefix: str) -> str:
    """Rename, set it where the server reads it, rotate: the old value counts as leaked."""
    bare = name.removeprefix(prefix)
    if not prefix:
        return f"take `{name}` out of `app.build_variables`, and rotate it: it may have been published"
    if bare.upper().startswith("SUPABASE_"):
        return (
            f"rename it to `{bare}` and use it on the server alone: Edge Functions have it unasked"
            " (`supabase secrets set` skips names that begin with `SUPABASE_`); then rotate the key in"
            " the Supabase dashboard, as one that has leaked"
        )
    return (
        f"rename it to `{bare}`, give it to the server alone: `supabase secrets set --env-file FILE` with a"
        f" FILE (mode 0600) that holds `{bare}`, let the browser call an Edge Function, then rotate the key"
        " at its vendor, as one that has leaked"
    )


def public_values(case: Case) -> Iterator[Finding]:
    """ENV007: by its form, or because another variable says that this value is secret."""
    known = {each.value: each for place in (case.place, *case.others)
             for each in case.public.secrets(place.written.values.values())
             if case.public.prefix(each.name) is None and len(each.value) >= 6}  # fmt: skip
    for each, prefix in case.public_variables():
        if _named_secret(case, each, prefix):
            continue  # said already, by its name
        what = formats.secret_form(each.value)
        if what is None and each.value in known and not classify.is_public_form(each.value):
            what = f"the value of `{known[each.value].name}`"
        if what is None and _has_password(each.value):
            what = "an address with a password"
        if what:
            hint = "put the public key there (the role `anon`, or `sb_publishable_`)" if "role" in what \
                or "Supabase" in what else _way_out(each.name, prefix)  # fmt: skip
            yield case.found(
                "ENV007",
                each,
                f"`{each.name}` is public and holds {what}",
                f"{hint}; rotate the leaked one",
            )


def _has_password(value: str) -> bool:
    parts = address(value)
    return bool(parts and parts.password)
