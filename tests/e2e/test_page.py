"""The page, as a visitor meets it in a browser."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import Api, Seen, Target

GUEST = "E2E journey"
NIGHTS = 2


def opened(page: Page, target: Target) -> None:
    """The front page, with its properties there."""
    page.goto(target.url + "/")
    expect(page.locator("#properties")).to_have_attribute("aria-busy", "false")


@pytest.mark.smoke
def test_home_shows_the_properties_of_the_database(page: Page, target: Target, api: Api) -> None:
    """Each property that PostgREST gives a visitor is on the page, by its name."""
    asked = f"{target.rest}/properties?select=name&published=is.true"
    names = [row["name"] for row in api.ask("GET", asked, headers={"apikey": target.anon_key}).json()]
    opened(page, target)

    expect(page.locator("#properties-error")).to_be_hidden()
    expect(page.locator("#properties li")).not_to_have_count(0)
    assert sorted(names) == sorted(page.locator("#properties li h3").all_inner_texts())


@pytest.mark.smoke
def test_the_page_names_its_commit_and_environment(page: Page, target: Target) -> None:
    """The footer, and the Supabase project that the bundle was built for."""
    opened(page, target)

    expect(page.locator("#commit")).to_have_text(target.commit[:7])
    expect(page.locator("#environment")).to_have_text(target.environment)
    expect(page.locator("html")).to_have_attribute("data-supabase-url", target.supabase_url)


@pytest.mark.smoke
def test_the_console_stays_silent(page: Page, target: Target, seen: Seen) -> None:
    """No error in the console, no exception, no request that fails."""
    opened(page, target)
    page.wait_for_load_state("networkidle")

    assert seen.problems == []


@pytest.mark.smoke
def test_no_request_goes_to_another_environment(page: Page, target: Target, seen: Seen) -> None:
    """Neither to its app nor to its Supabase project."""
    opened(page, target)
    page.wait_for_load_state("networkidle")

    assert seen.foreign(target) == []
    assert any(each.startswith(f"{target.rest}/") for each in seen.requests), "Supabase was never asked"


def test_a_booking_is_made_and_seen(page: Page, target: Target, api: Api) -> None:
    """It is confirmed on the page, stands among the taken nights, and is there after a reload."""
    opened(page, target)
    property_id, arrival = free_nights(page, target, api)
    book(page, property_id, arrival)

    stay = f"{arrival} to {arrival + timedelta(NIGHTS)}"
    expect(page.locator("#outcome")).to_have_text(f"Booked for {GUEST}, {stay} (pending).")
    row = page.locator(f"#stays li[data-property='{property_id}']", has_text=stay)
    expect(row).to_have_count(1)
    page.reload()
    expect(row).to_have_count(1)


def test_a_booking_of_taken_nights_is_refused(page: Page, target: Target, api: Api) -> None:
    """The second guest is told, and gets nothing."""
    opened(page, target)
    property_id, arrival = free_nights(page, target, api)
    book(page, property_id, arrival)
    expect(page.locator("#outcome.done")).to_be_visible()
    book(page, property_id, arrival + timedelta(1))

    expect(page.locator("#outcome.problem")).to_have_text("the property is taken on these dates")
    both = f"{arrival + timedelta(1)} to {arrival + timedelta(1 + NIGHTS)}"
    expect(page.locator("#stays li", has_text=both)).to_have_count(0)


def test_a_booking_that_ends_before_it_begins_is_refused(page: Page, target: Target, api: Api) -> None:
    """The server says which field is wrong."""
    opened(page, target)
    property_id, arrival = free_nights(page, target, api)
    book(page, property_id, arrival, nights=-1)

    expect(page.locator("#outcome.problem")).to_contain_text("`check_out` must be after `check_in`")


def book(page: Page, property_id: str, arrival: date, *, nights: int = NIGHTS) -> None:
    """Fill the form in, and press the button."""
    page.get_by_label("Property").select_option(property_id)
    page.get_by_label("Your name").fill(GUEST)
    page.get_by_label("Email").fill("e2e@example.org")
    page.get_by_label("Check-in").fill(arrival.isoformat())
    page.get_by_label("Check-out").fill((arrival + timedelta(nights)).isoformat())
    page.get_by_role("button", name="Book").click()


def free_nights(page: Page, target: Target, api: Api) -> tuple[str, date]:
    """A property, and nights far ahead that nobody has taken."""
    ids = page.locator("#booking option").evaluate_all("options => options.map(each => each.value)")
    assert ids, "there is no property to book"
    chosen = str(secrets.choice(ids))
    stays = api.ask("GET", f"{target.url}/api/bookings").json()["bookings"]
    taken = {each["check_in"] for each in stays if each["property_id"] == chosen}
    while True:
        arrival = date(2050, 1, 1) + timedelta(secrets.randbelow(18_000))
        near = {(arrival + timedelta(days)).isoformat() for days in range(-4, 5)}
        if not near & taken:
            return chosen, arrival
