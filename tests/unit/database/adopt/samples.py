"""Files, and what each of them does to a scratch database, made up."""

from __future__ import annotations

from scripts.database.adopt.judge import Step
from scripts.database.migrations.files import Migration

T, N, P = ("table t", "table"), ("table t", "column n"), ("table t", "policy p")
GRANT = ("table t", "grant to anon")
INIT = Migration("1", "1_init.sql", "create table t (id int)")
NOTE = Migration("2", "2_note.sql", "alter table t add n text")
WIDER = Migration("3", "3_wider.sql", "alter table t alter n type varchar(9)")
SEED = Migration("4", "4_seed.sql", "insert into t values (1)")
STEPS = (
    Step(INIT, {T: (None, "table r"), GRANT: (None, "grant to anon: SELECT")}, grants=False),
    Step(NOTE, {N: (None, "column n text"), P: (None, "policy p true")}),
    Step(WIDER, {N: ("column n text", "column n varchar(9)")}),
    Step(SEED, rows=("inserts into t",)),
)
TABLE = {"table t": {"table": "table r"}}
NOTED = {"table t": {"table": "table r", "column n": "column n text", "policy p": "policy p true"}}
WIDE = {"table t": {**NOTED["table t"], "column n": "column n varchar(9)"}}
