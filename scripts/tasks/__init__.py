"""The rest of the counter: tasks by noun. Nothing heavy is imported here."""

import os
import sys

# Invoke stores no bytecode unless it is asked to: each call would compile the whole desk again, for 0.3 s.
# Here Python's own setting counts. Others can't change what is stored, whatever the umask.
os.umask(os.umask(0o022) | 0o022)
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from scripts.tasks import interpreter  # noqa: E402 - its bytecode counts as well

interpreter.check()
