# pure
"""An event of the ledger as a row of `history`: what happened, in a few words."""

from __future__ import annotations

from scripts.state.ledger import Choice, Event, Ledger


def row(event: Event, subject: str, ledger: Ledger) -> dict[str, str]:
    """The event for people: `when`, `environment`, `release`, `what`, `ending` and `actor`.

    Args:
        subject: of its commit; "" where it is not known.
    """
    return {
        "at": event.at,
        "environment": event.environment,
        "release": event.release,
        "what": _what(event, subject),
        "ending": _ending(event, ledger),
        "actor": event.actor,
    }


def _what(event: Event, subject: str) -> str:
    commit = f" {event.commit[:8]}" if event.commit else ""
    detail = event.detail
    if event.kind == "rollback":
        return f"rollback to {detail.get('to') or event.commit[:8]}"
    if event.kind in {"release", "drill"}:
        named = f' "{subject}"' if subject and event.kind == "release" else ""
        task = str(detail.get("task") or ("drill" if event.kind == "drill" else "deploy"))
        return f"{task}{commit}{named}"
    about = detail.get("what") or detail.get("backup") or detail.get("reason") or detail.get("until") or ""
    return f"{event.kind} {about}".strip() + (commit if event.kind in {"proof", "approval"} else "")


def _ending(event: Event, ledger: Ledger) -> str:
    """How it ended; a drill that was caught, brought back and announced is `caught`, not `failed`."""
    if event.kind != "drill" or event.ending != "failed":
        return event.ending
    proofs = ledger.newest(Choice(kinds=("proof",), what="drill"))
    return "caught" if any(each.run == event.run for each in proofs) else "failed"
