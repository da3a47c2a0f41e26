"""WHOM WE TALK TO: one tool a file; command builders above, client below; plain values out."""
