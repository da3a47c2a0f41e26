"""The booking form: what is booked is kept, once, as it was typed; what can't be booked is refused."""

from __future__ import annotations

import re
import secrets
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Error, TimeoutError, expect  # noqa: A004 - its own

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response

    from tests.e2e.conftest import Api, Target, Traffic

GUEST = "E2E <i>journey</i> & Söhne"  # a name is a text, whatever is in it
NIGHTS = 2
FIRST, DAYS = date(2050, 1, 1), 18_000  # far in the future, and as far as the form takes
TRIES = 30  # to find free nights in an environment that is full of bookings
QUIET = 700  # ms in which a late exception shows
MANY = 200  # bookings, of which the page shows the first only
TAKEN = "the property is taken on these dates"
WEST = "Pacific/Honolulu"  # where it is still yesterday


def test_a_booking_is_made_and_kept(home: Page, target: Target, api: Api, traffic: Traffic) -> None:
    """It is confirmed without a late exception, listed, and its nights are gone for the next guest.

    The page lists the first bookings only: beyond those, the refusal alone tells that it is kept.
    """
    home.context.new_cdp_session(home).send("Emulation.setTimezoneOverride", {"timezoneId": WEST})
    property_id, arrival = book_free_nights(home, target, traffic)

    stay = f"{arrival} to {arrival + timedelta(NIGHTS)}"
    said = home.locator("#outcome")
    expect(said, "the booking is confirmed with other words or dates").to_have_text(
        f"Booked for {GUEST}, {stay} (pending)."
    )
    home.wait_for_load_state("networkidle")
    home.wait_for_timeout(QUIET)
    late = traffic.exceptions
    assert not late, f"the page's script failed after the click: {late[0]}"
    home.reload()
    expect(home.locator("#properties")).to_have_attribute("aria-busy", "false")
    listed = api.ask("GET", f"{target.url}/api/bookings").json()["bookings"]
    told = sorted({key for each in listed for key in each if "guest" in key or "mail" in key})
    assert not told, f"`/api/bookings` shows {', '.join(told)} to everybody"
    if (property_id, arrival.isoformat()) in [(each["property_id"], each["check_in"]) for each in listed]:
        row = home.locator(f"#stays li[data-property='{property_id}']", has_text=stay)
        expect(row, f"the page does not show the nights {stay} as taken").to_have_count(1)
    else:
        first = len(listed) >= MANY and max(each["check_in"] for each in listed) <= arrival.isoformat()
        assert first, f"the booking is not kept: {len(listed)} are listed, and not the one for {stay}"
    book(home, target, property_id, arrival)
    refused = home.locator("#outcome.problem")
    expect(refused, "the same nights were booked twice, or nothing was said").to_have_text(TAKEN)


def test_a_booking_of_booked_nights_is_refused(home: Page, target: Target, traffic: Traffic) -> None:
    """The second guest, who comes a day later, gets an error and no booking."""
    property_id, arrival = book_free_nights(home, target, traffic)
    book(home, target, property_id, arrival + timedelta(1))

    refused = home.locator("#outcome.problem")
    expect(refused, "overlapping nights were booked, or nothing was said").to_have_text(TAKEN)
    both = f"{arrival + timedelta(1)} to {arrival + timedelta(1 + NIGHTS)}"
    row = home.locator(f"#stays li[data-property='{property_id}']", has_text=both)
    expect(row, "a refused booking is listed").to_have_count(0)


def test_a_booking_that_ends_before_it_begins_is_refused(home: Page, target: Target) -> None:
    """The server says which field is wrong."""
    book(home, target, *some_nights(home), nights=-1)

    refused = home.locator("#outcome.problem")
    expect(refused, "a stay that ends before it begins was not refused by name").to_contain_text(
        "`check_out` must be after `check_in`"
    )


def test_a_double_click_books_once(home: Page, target: Target) -> None:
    """One request is sent, however quick the fingers are."""
    sent: list[Response] = []
    home.on("response", lambda answer: sent.append(answer) if answer.request.method == "POST" else None)
    fill_in(home, target, *some_nights(home))
    home.get_by_role("button", name="Book").dblclick()
    expect(home.locator("#outcome"), "nothing is said after the click").to_have_class(
        re.compile("done|problem")
    )
    home.wait_for_load_state("networkidle")

    assert len(sent) == 1, f"a double click sent {len(sent)} bookings"


def fill_in(page: Page, target: Target, property_id: str, arrival: date, *, nights: int = NIGHTS) -> None:
    """Fill in the form."""
    try:
        page.get_by_label("Property").select_option(property_id)
        page.get_by_label("Your name").fill(GUEST)
        page.get_by_label("Email").fill(f"{target.mark}@example.invalid")
        page.get_by_label("Check-in").fill(arrival.isoformat())
        page.get_by_label("Check-out").fill((arrival + timedelta(nights)).isoformat())
    except Error as fault:
        pytest.fail(f"the form can't be filled in: {' '.join(fault.message.split())[:200]}", pytrace=False)


def book(page: Page, target: Target, property_id: str, arrival: date, *, nights: int = NIGHTS) -> None:
    """Fill in the form and press the button."""
    fill_in(page, target, property_id, arrival, nights=nights)
    page.get_by_role("button", name="Book").click()


def book_free_nights(page: Page, target: Target, traffic: Traffic) -> tuple[str, date]:
    """Book nights that nobody has. The server alone knows them all, so a refusal means the next try."""
    outcome = page.locator("#outcome")
    for _ in range(TRIES):
        property_id, arrival = some_nights(page)
        try:
            with page.expect_response(lambda answer: answer.request.method == "POST"):
                book(page, target, property_id, arrival)
        except TimeoutError:
            pytest.fail(f"no booking was sent after the click: {traffic.told}", pytrace=False)
        expect(outcome, "nothing is said after a booking").to_have_class(re.compile("done|problem"))
        if outcome.inner_text() != TAKEN:
            break
    said = outcome.inner_text()
    assert "done" in (outcome.get_attribute("class") or ""), f"no booking is possible: {said}"
    return property_id, arrival


def some_nights(page: Page) -> tuple[str, date]:
    """A property, and a day far in the future."""
    ids = page.locator("#booking option").evaluate_all("options => options.map(option => option.value)")
    assert ids, "there is no property to book"
    return str(secrets.choice(ids)), FIRST + timedelta(secrets.randbelow(DAYS))
