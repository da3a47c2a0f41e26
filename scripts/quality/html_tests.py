"""The HTML report of a run of tests: the verdict, each file, what failed and its traces, the slowest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from scripts.quality import cases as listing
from scripts.quality import html
from scripts.quality.cases import BAD, Case
from scripts.quality.verdict import Verdict

SUITE_COUNTS = ("tests", "passed", "failed", "skipped")
VOID = "void"  # a test that passed; the desk says why it counts for nothing
HEADS = ("suite", *SUITE_COUNTS, "time", "test", "ending")


def page(
    verdict: Verdict, facts: Sequence[tuple[str, str]], files: Mapping[str, Sequence[str]], said: str = ""
) -> str:
    """The HTML report.

    Args:
        facts: label and value, such as the commit and the URL.
        files: by test, the paths of its trace and screenshots, relative to the page.
        said: whether the run counts for a promotion.
    """
    shown = listing.document(verdict.cases)
    where = ", ".join(value for label, value in facts if label in ("environment", "at"))
    suites = [
        (each["suite"], *(str(each[name]) for name in SUITE_COUNTS), f"{each['seconds']:.1f} s")
        for each in shown["suites"]
    ]
    slowest = [(each["test"], f"{each['seconds']:.1f} s") for each in shown["slowest"]]
    rows = "".join(_row(case, files.get(case.name, ())) for case in sorted(verdict.cases, key=_gravest))
    test, ending = map(html.said, ("test", "ending"))
    cases = f"<table><tr><th scope=col>{test}<th scope=col>{ending}<th scope=col>s{rows}</table>"
    return html.page(
        "Browser tests",
        verdict.name,
        html.bullets(verdict.reasons) + html.paragraph(said) + html.paragraph(where, "soft"),
        html.section(
            "Suites", html.table(suites, ("suite", *SUITE_COUNTS, "time"), "Suites") if suites else ""
        ),
        html.section("Slowest", html.table(slowest) if slowest else ""),
        html.section("Tests", cases if rows else ""),
        html.section("About this run", html.facts(facts)),
    )


def _gravest(case: Case) -> bool:
    return case.ending not in BAD


def _row(case: Case, files: Iterable[str]) -> str:
    links = " ".join(f'<a href="{escape(file)}">{escape(file.rpartition("/")[2])}</a>' for file in files)
    message = html.said(case.message) if case.ending == VOID else case.message  # others wrote the rest
    why = f"<pre>{escape(message)}</pre>" if message else ""
    name, ending, seconds = escape(case.name), case.ending, html.figure(f"{case.seconds:.1f}")
    told = html.said(ending)
    return f"<tr><th scope=row>{name}{why}{links}<td class={ending}>{told}<td class=n>{seconds}"
