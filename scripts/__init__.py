"""The release desk behind `tasks.py`. One room a noun; imports run downward in this list.

tasks/       what people type, a file a noun
app.py       wiring, and the one place that catches      console.py  every word to people
sandbox/     a whole world on one machine, for the demo, tests and drills
setup/       doctor, init, the desk's own checks
release/     deploy, promote, rollback, resume, hotfix, drill, freeze, status
branches/    alignment and back-merges
quality/     browser tests, load tests, proofs, approvals, gates
database/    migrations, backups, restore, refresh, postgres
replit/      the workspace over ssh, and Publish; the launcher and its driver
secrets/     what is a secret; check, scan, diff, push
github/      one client
notify/      events, chat formats, outbox, webhooks
state/       the kernel: refs, ledger, lock, run, the atomic push
config/      settings, the parser of `pipeline.toml`, env files
git/         one door to the git program                  http.py     one door to URLs
system/      the only door to the operating system
errors.py    one error family, free to all
"""

from pathlib import Path

VERSION = "1.0.0"  # the newest dated section of CHANGELOG.md; the commit says the rest
RELEASED = "2026-11-30"  # its date
DESK = Path(__file__).resolve().parent.parent  # the folder of `tasks.py`
IS_COPY = (DESK / "MANIFEST").is_file()  # in an app's repository, by `init --vendor`
