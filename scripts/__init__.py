"""The release desk behind `tasks.py`: rooms that answer questions.

    app.py       wiring, and the one place that catches
    console.py   every word to people (stderr), tables, --json (stdout)
    workflows/   WHAT HAPPENS, in order: one file a task
    sandbox/     a whole world on one machine, for demo, tests and drills
    domain/      WHAT IS TRUE: pure (no I/O, no clock, no environment)
    adapters/    WHOM WE TALK TO: one tool a file
    shell/       THE ONLY DOOR to the operating system
    errors.py    one error family, free to all

Imports run one way, downward in that list; `tests/architecture` holds it. A room with many files has wings
by noun (release, line, run, database, notices, quality), the same in each room.
"""

from pathlib import Path

DESK = Path(__file__).resolve().parent.parent  # the folder of `tasks.py`
