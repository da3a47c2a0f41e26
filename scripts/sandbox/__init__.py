"""A whole world on one machine: git origin, three databases, three Replit-like hosts, the app.

Everything lives below one folder and on loopback; `world.up` makes it, `world.down` removes it.
The hosts are STAND-INS: what they prove and what they cannot is said in `host.py`.
"""
