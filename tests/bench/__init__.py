"""`invoke bench`: how quick the desk is beside what it stands on, measured side by side in one run.

    plan.py      what a bench is, its limit, and how it is asked for
    clock.py     seconds and CPU seconds of a program with all its children
    figures.py   medians, spreads, ratios, exponents
    turns.py     A, B, A, B ...
    report.py    the Markdown table, and the document
    apart.py     a session of its own, so that what was started is ended in any case
    run.py       the benches that were asked for, one after the other
    benches/     one file an idea
    parts/       what several of them stand on: worlds, histories, distance

Nothing is asserted about seconds: machines differ. A limit is a ratio, or so many seconds more than the
same work by hand.
"""
