"""The pages, as a visitor sees them in a browser."""

from __future__ import annotations

import re
import secrets
from datetime import date, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import TimeoutError, expect  # noqa: A004 - its own

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import Api, Target, Traffic

GUEST = "E2E journey"
NIGHTS = 2
FIRST, DAYS = date(2050, 1, 1), 18_000  # far in the future, and as far as the form takes
TRIES = 30  # to find free nights in an environment that is full of bookings
QUIET = 700  # ms in which a late exception shows
PHONE = 390, 844
SERIOUS = ("serious", "critical")
MANY = 200  # bookings, of which the page shows the first only
TAKEN = "the property is taken on these dates"


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


@pytest.mark.smoke
def test_each_property_has_its_price(page: Page, target: Target, api: Api) -> None:
    """As the database has it, and above 0."""
    url = f"{target.rest}/properties?select=id,price_cents&published=is.true"
    rows = api.ask("GET", url, headers={"apikey": target.anon_key}).json()
    open_home(page, target)

    assert rows
    for row in rows:
        shown = page.locator(f"#properties li[data-property='{row['id']}'] strong").inner_text()
        price = float(re.sub(r"[^0-9.]", "", shown) or 0)
        assert price > 0, f"a property costs {shown}"
        assert price == row["price_cents"] / 100, f"a property costs {shown}: not what the database has"


@pytest.mark.smoke
def test_a_phone_shows_the_form(page: Page, target: Target) -> None:
    """Each field and the button can be seen and pressed, and the page is not wider than the screen."""
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    open_home(page, target)

    for name in ("Property", "Your name", "Email", "Check-in", "Check-out"):
        expect(page.get_by_label(name)).to_be_visible()
    page.get_by_role("button", name="Book").click(trial=True)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE[0], f"the page is {wide} px wide on a phone of {PHONE[0]}"


@pytest.mark.smoke
def test_everybody_can_use_the_page(page: Page, target: Target) -> None:
    """axe-core finds nothing serious: names of fields and buttons, contrast, language."""
    open_home(page, target)
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")

    serious = [
        f"{each['id']}: {each['help']} ({each['nodes'][0]['html'][:80]})"
        for each in found
        if each["impact"] in SERIOUS
    ]
    assert not serious, "; ".join(serious)


def test_a_booking_is_made_and_kept(page: Page, target: Target, api: Api, traffic: Traffic) -> None:
    """It is confirmed without a late exception, listed, and its nights are gone for the next guest.

    The page lists the first bookings only: beyond those, the refusal alone tells that it is kept.
    """
    open_home(page, target)
    property_id, arrival = book_free_nights(page, target)

    stay = f"{arrival} to {arrival + timedelta(NIGHTS)}"
    expect(page.locator("#outcome")).to_have_text(f"Booked for {GUEST}, {stay} (pending).")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(QUIET)
    late = traffic.exceptions
    assert not late, f"the page's script failed after the click: {late[0]}"
    page.reload()
    expect(page.locator("#properties")).to_have_attribute("aria-busy", "false")
    listed = api.ask("GET", f"{target.url}/api/bookings").json()["bookings"]
    if (property_id, arrival.isoformat()) in [(each["property_id"], each["check_in"]) for each in listed]:
        row = page.locator(f"#stays li[data-property='{property_id}']", has_text=stay)
        expect(row).to_have_count(1)
    else:
        first = len(listed) >= MANY and max(each["check_in"] for each in listed) <= arrival.isoformat()
        assert first, f"{len(listed)} bookings are listed, and not the one for {stay}"
    book(page, target, property_id, arrival)
    expect(page.locator("#outcome.problem")).to_have_text(TAKEN)


def test_a_booking_of_booked_nights_is_refused(page: Page, target: Target) -> None:
    """The second guest, who comes a day later, gets an error and no booking."""
    open_home(page, target)
    property_id, arrival = book_free_nights(page, target)
    book(page, target, property_id, arrival + timedelta(1))

    expect(page.locator("#outcome.problem")).to_have_text(TAKEN)
    both = f"{arrival + timedelta(1)} to {arrival + timedelta(1 + NIGHTS)}"
    row = page.locator(f"#stays li[data-property='{property_id}']", has_text=both)
    expect(row).to_have_count(0)


def test_a_booking_that_ends_before_it_begins_is_refused(page: Page, target: Target) -> None:
    """The server says which field is wrong."""
    open_home(page, target)
    book(page, target, *some_nights(page), nights=-1)

    expect(page.locator("#outcome.problem")).to_contain_text("`check_out` must be after `check_in`")


def book(page: Page, target: Target, property_id: str, arrival: date, *, nights: int = NIGHTS) -> None:
    """Fill in the form and press the button."""
    page.get_by_label("Property").select_option(property_id)
    page.get_by_label("Your name").fill(GUEST)
    page.get_by_label("Email").fill(f"{target.mark}@example.invalid")
    page.get_by_label("Check-in").fill(arrival.isoformat())
    page.get_by_label("Check-out").fill((arrival + timedelta(nights)).isoformat())
    page.get_by_role("button", name="Book").click()


def book_free_nights(page: Page, target: Target) -> tuple[str, date]:
    """Book nights that nobody has. The server alone knows them all, so a refusal means the next try."""
    outcome = page.locator("#outcome")
    for _ in range(TRIES):
        property_id, arrival = some_nights(page)
        try:
            with page.expect_response(lambda answer: answer.request.method == "POST"):
                book(page, target, property_id, arrival)
        except TimeoutError as fault:
            pytest.fail(f"no booking was sent: {fault.message.splitlines()[0]}")
        expect(outcome).to_have_class(re.compile("done|problem"))
        if outcome.inner_text() != TAKEN:
            break
    expect(page.locator("#outcome.done")).to_be_visible()
    return property_id, arrival


def some_nights(page: Page) -> tuple[str, date]:
    """A property, and a day far in the future."""
    ids = page.locator("#booking option").evaluate_all("options => options.map(option => option.value)")
    assert ids, "there is no property to book"
    return str(secrets.choice(ids)), FIRST + timedelta(secrets.randbelow(DAYS))
