"""`load-test` on the sample app with its real database: what it wrote is gone afterwards."""

from __future__ import annotations

from tests.integration.desk import Desk
from tests.support import skips


@skips.LONG
def test_the_sample_app_bears_it_and_keeps_nothing(desk: Desk) -> None:
    """Bookings and messages were made through the app, the verdict is in the ledger, no row is left."""
    assert 0 == desk("deploy", "--env", "dev").code

    call = desk("load-test", "--env", "dev", "--rate", "40", "--seconds", "5")

    assert call.document["verdict"] in ("passed", "failed", "inconclusive"), call.err
    endpoints = call.document["endpoints"]
    assert min(endpoints[name]["requests"] for name in ("book", "whatsapp", "home", "properties")) > 0
    assert [] == call.document["errors"]
    assert [] == call.document["left"]
    bookings = "select count(*) from public.bookings where guest_email like 'load-%'"
    messages = "select count(*) from public.messages where whatsapp_id like 'wamid.load-%'"
    assert [(0,)] == desk.sql("development", bookings)
    assert [(0,)] == desk.sql("development", messages)
