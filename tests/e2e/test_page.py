"""The pages, as a visitor sees them in a browser."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import Api, Target, Traffic

GUEST = "E2E journey"
NIGHTS = 2


def open_home(page: Page, target: Target) -> None:
    """Open the front page and wait for its properties."""
    page.goto(target.url + "/")
    expect(page.locator("#properties")).to_have_attribute("aria-busy", "false")


@pytest.mark.smoke
def test_home_shows_the_properties_of_the_database(page: Page, target: Target, api: Api) -> None:
    """Each property that PostgREST gives a visitor is on the page, by name."""
    url = f"{target.rest}/properties?select=name&published=is.true"
    names = [row["name"] for row in api.ask("GET", url, headers={"apikey": target.anon_key}).json()]
    open_home(page, target)

    expect(page.locator("#properties-error")).to_be_hidden()
    expect(page.locator("#properties li")).not_to_have_count(0)
    assert sorted(names) == sorted(page.locator("#properties li h3").all_inner_texts())


@pytest.mark.smoke
def test_the_page_names_its_commit_and_environment(page: Page, target: Target) -> None:
    """In its footer, with the Supabase project that the bundle was built for."""
    open_home(page, target)

    expect(page.locator("#commit")).to_have_text(target.commit[:7])
    expect(page.locator("#environment")).to_have_text(target.environment)
    expect(page.locator("html")).to_have_attribute("data-supabase-url", target.supabase_url)


@pytest.mark.smoke
def test_there_are_no_errors_in_the_console(page: Page, target: Target, traffic: Traffic) -> None:
    """No console error, no exception, no failed request."""
    open_home(page, target)
    page.wait_for_load_state("networkidle")

    assert traffic.problems == []


@pytest.mark.smoke
def test_no_request_goes_to_another_environment(page: Page, target: Target, traffic: Traffic) -> None:
    """Neither to another app nor to another Supabase project."""
    open_home(page, target)
    page.wait_for_load_state("networkidle")

    assert traffic.foreign(target) == []
    assert any(url.startswith(f"{target.rest}/") for url in traffic.requests), "Supabase got no request"


def test_a_booking_is_made_and_seen(page: Page, target: Target, api: Api) -> None:
    """It is confirmed on the page, listed among the booked nights, and still there after a reload."""
    open_home(page, target)
    property_id, arrival = free_nights(page, target, api)
    book(page, property_id, arrival)

    stay = f"{arrival} to {arrival + timedelta(NIGHTS)}"
    expect(page.locator("#outcome")).to_have_text(f"Booked for {GUEST}, {stay} (pending).")
    row = page.locator(f"#stays li[data-property='{property_id}']", has_text=stay)
    expect(row).to_have_count(1)
    page.reload()
    expect(row).to_have_count(1)


def test_a_booking_of_booked_nights_is_refused(page: Page, target: Target, api: Api) -> None:
    """The second guest gets an error and no booking."""
    open_home(page, target)
    property_id, arrival = free_nights(page, target, api)
    book(page, property_id, arrival)
    expect(page.locator("#outcome.done")).to_be_visible()
    book(page, property_id, arrival + timedelta(1))

    expect(page.locator("#outcome.problem")).to_have_text("the property is taken on these dates")
    both = f"{arrival + timedelta(1)} to {arrival + timedelta(1 + NIGHTS)}"
    expect(page.locator("#stays li", has_text=both)).to_have_count(0)


def test_a_booking_that_ends_before_it_begins_is_refused(page: Page, target: Target, api: Api) -> None:
    """The server says which field is wrong."""
    open_home(page, target)
    property_id, arrival = free_nights(page, target, api)
    book(page, property_id, arrival, nights=-1)

    expect(page.locator("#outcome.problem")).to_contain_text("`check_out` must be after `check_in`")


def book(page: Page, property_id: str, arrival: date, *, nights: int = NIGHTS) -> None:
    """Fill in the form and press the button."""
    page.get_by_label("Property").select_option(property_id)
    page.get_by_label("Your name").fill(GUEST)
    page.get_by_label("Email").fill("e2e@example.org")
    page.get_by_label("Check-in").fill(arrival.isoformat())
    page.get_by_label("Check-out").fill((arrival + timedelta(nights)).isoformat())
    page.get_by_role("button", name="Book").click()


def free_nights(page: Page, target: Target, api: Api) -> tuple[str, date]:
    """A property, and free nights far in the future."""
    ids = page.locator("#booking option").evaluate_all("options => options.map(option => option.value)")
    assert ids, "there is no property to book"
    property_id = str(secrets.choice(ids))
    stays = api.ask("GET", f"{target.url}/api/bookings").json()["bookings"]
    booked = {stay["check_in"] for stay in stays if stay["property_id"] == property_id}
    while True:
        arrival = date(2050, 1, 1) + timedelta(secrets.randbelow(18_000))
        near = {(arrival + timedelta(days)).isoformat() for days in range(-4, 5)}
        if not near & booked:
            return property_id, arrival
