# pure
"""The rulesets that the team's strategy asks for, and how they differ from what GitHub has.

A ruleset of this desk is known by its name. It is never made weaker: rules that people added stay, more
approvals and more checks stay. Only who may bypass it is exactly as configured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from scripts.config.settings import Settings

PREFIX = "release desk: "
REVIEWED = {
    "dismiss_stale_reviews_on_push": True,
    "require_code_owner_review": False,
    "require_last_push_approval": False,
    "required_review_thread_resolution": False,
}
Document = Mapping[str, Any]


class Actor(NamedTuple):
    """Who may bypass a ruleset: GitHub's kind of actor, and its number."""

    kind: str
    number: int

    def __str__(self) -> str:
        """As `[github] bypass` has it."""
        return f"{self.kind}:{self.number}"

    def document(self) -> dict[str, Any]:
        """As GitHub has it."""
        return {"actor_id": self.number, "actor_type": self.kind, "bypass_mode": "always"}


def actor_of(text: str) -> Actor:
    """Read `Integration:123`."""
    kind, _, number = text.partition(":")
    return Actor(kind, int(number))


def wanted(settings: Settings, ledger: str, bypass: Sequence[Actor]) -> Iterator[Document]:
    """The rulesets of the chain's branches and of the ledger."""
    by_request = settings.app.land == "pull-request"
    for number, environment in enumerate(settings):
        approvals = environment.gates.approval
        rules = [{"type": "deletion"}, {"type": "non_fast_forward"}]
        if number:
            rules.append(_update())
        if by_request or not number:
            rules.append(_reviewed(approvals if number else max(1, approvals)))
            rules += _checked(settings.github.checks)
        yield _ruleset(environment.branch, rules, bypass)
    yield _ruleset(ledger, [{"type": "deletion"}, {"type": "non_fast_forward"}, _update()], bypass)


def _update() -> dict[str, Any]:
    """Only who may bypass the ruleset moves the branch: people merge nothing past the desk."""
    return {"type": "update", "parameters": {"update_allows_fetch_and_merge": False}}


def _reviewed(approvals: int) -> dict[str, Any]:
    return {
        "type": "pull_request",
        "parameters": {**REVIEWED, "required_approving_review_count": approvals},
    }


def _checked(names: Sequence[str]) -> Iterator[dict[str, Any]]:
    if names:
        checks = [{"context": name} for name in names]
        parameters = {"required_status_checks": checks, "strict_required_status_checks_policy": False}
        yield {"type": "required_status_checks", "parameters": parameters}


def _ruleset(branch: str, rules: Sequence[Document], bypass: Sequence[Actor]) -> Document:
    return {
        "name": f"{PREFIX}{branch}",
        "target": "branch",
        "enforcement": "active",
        "bypass_actors": [each.document() for each in bypass],
        "conditions": {"ref_name": {"include": [f"refs/heads/{branch}"], "exclude": []}},
        "rules": list(rules),
    }


def merged(asked: Document, there: Document | None) -> Document:
    """The ruleset that is asked for, with what people have made stricter in the one that is there."""
    if there is None:
        return asked
    known, found = _by_type(asked), _by_type(there)
    rules = [_stricter(rule, found.get(kind)) for kind, rule in known.items()]
    rules += [
        {key: rule[key] for key in ("type", "parameters") if key in rule}
        for kind, rule in found.items()
        if kind not in known
    ]
    return {**asked, "rules": rules}


def _stricter(rule: Document, there: Document | None) -> Document:
    parameters = dict(rule.get("parameters", {}))
    if there is None or not parameters:
        return rule
    before = there.get("parameters")
    found: Document = before if isinstance(before, Mapping) else {}
    for key, value in parameters.items():
        known = found.get(key)
        if isinstance(value, bool) and isinstance(known, bool) and key != "update_allows_fetch_and_merge":
            parameters[key] = value or known
        elif isinstance(value, int) and isinstance(known, int):
            parameters[key] = max(value, known)
        elif isinstance(value, list) and isinstance(known, list):
            names = {each["context"] for each in value}
            parameters[key] = [*value, *(each for each in known if each.get("context") not in names)]
    return {**rule, "parameters": {**found, **parameters}}


def differences(asked: Document, there: Document | None) -> Iterator[str]:
    """What would change on GitHub, line by line: `+` comes, `-` goes."""
    name = asked["name"]
    if there is None:
        yield f"+ ruleset `{name}`: {', '.join(_words(rule) for rule in asked['rules'])}"
        yield from (f"+ `{name}`: {each} may bypass it" for each in _bypass(asked))
        return
    if there.get("enforcement") != "active":
        yield f"+ `{name}` is in force (it is `{there.get('enforcement')}`)"
    before, after = _include(there), _include(asked)
    if before != after:
        yield f"+ `{name}` is about {', '.join(after)} (it is about {', '.join(before) or 'nothing'})"
    now, then = _by_type(there), _by_type(merged(asked, there))
    for kind, rule in then.items():
        if kind not in now:
            yield f"+ `{name}`: {_words(rule)}"
        elif _words(rule) != _words(now[kind]):
            yield f"- `{name}`: {_words(now[kind])}"
            yield f"+ `{name}`: {_words(rule)}"
    if "bypass_actors" in there:  # only who may change a ruleset is shown who may bypass it
        now_may, then_may = _bypass(there), _bypass(asked)
        yield from (f"- `{name}`: {each} may bypass it" for each in now_may if each not in then_may)
        yield from (f"+ `{name}`: {each} may bypass it" for each in then_may if each not in now_may)


def _words(rule: Document) -> str:
    """A rule for people: its type, and what it asks for."""
    parameters = rule.get("parameters")
    known: Document = parameters if isinstance(parameters, Mapping) else {}
    said = []
    for key, value in sorted(known.items()):
        if key == "required_status_checks" and isinstance(value, list):
            names = [f"`{each.get('context')}`" for each in value]
            said.append(f"checks {', '.join(names)}")
        elif value not in (False, 0, [], None):
            said.append(key if value is True else f"{key} {value}")
    return f"{rule.get('type')} ({'; '.join(said)})" if said else str(rule.get("type"))


def _by_type(ruleset: Document) -> dict[str, Document]:
    rules = ruleset.get("rules")
    listed = rules if isinstance(rules, list) else []
    return {str(rule.get("type")): rule for rule in listed if isinstance(rule, Mapping)}


def _bypass(ruleset: Document) -> list[str]:
    actors = ruleset.get("bypass_actors")
    listed = actors if isinstance(actors, list) else []
    return [
        f"{each.get('actor_type')}:{each.get('actor_id')}"
        + ("" if each.get("bypass_mode", "always") == "always" else f" ({each['bypass_mode']})")
        for each in listed
        if isinstance(each, Mapping)
    ]


def _include(ruleset: Document) -> list[str]:
    conditions = ruleset.get("conditions")
    names = conditions.get("ref_name") if isinstance(conditions, Mapping) else None
    included = names.get("include") if isinstance(names, Mapping) else None
    return [f"`{each}`" for each in included] if isinstance(included, list) else []
