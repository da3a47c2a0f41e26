"""The front page, as a visitor sees it in a browser."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import Api, Target, Traffic

PHONE = 390, 844
SERIOUS = ("serious", "critical")
# what a person never reads where the texts are there: values that are none, and keys of a translation
NO_TEXT = re.compile(
    r"\bundefined\b|\bNaN\b|\[object \w+\]|Invalid Date|\{\{|\$\{|^[a-z]+([._][a-z]+)+$", re.MULTILINE
)


def published(target: Target, api: Api, *columns: str) -> list[dict[str, object]]:
    """The properties that PostgREST gives a visitor."""
    url = f"{target.rest}/properties?select={','.join(columns)}&published=is.true"
    rows: list[dict[str, object]] = api.ask("GET", url, headers={"apikey": target.anon_key}).json()
    assert rows, "row level security hides all properties, or there are none"
    return rows


@pytest.mark.smoke
def test_home_shows_the_properties_of_the_database(
    home: Page, target: Target, api: Api, traffic: Traffic
) -> None:
    """Each property that PostgREST gives a visitor is on the page, by name."""
    names = sorted(str(row["name"]) for row in published(target, api, "name"))
    fault = home.locator("#properties-error")
    said = f"the page shows no properties: {fault.inner_text()}: {traffic.told}"

    assert not fault.is_visible(), said
    shown = sorted(home.locator("#properties li h3").all_inner_texts())
    assert shown == names, f"the page shows {shown}, the database has {names}"


@pytest.mark.smoke
def test_the_page_names_its_commit_and_environment(home: Page, target: Target) -> None:
    """In its footer, with the Supabase project that the bundle was built for."""
    said = "the page is of another"
    expect(home.locator("#commit"), f"{said} commit").to_have_text(target.commit[:7])
    expect(home.locator("#environment"), f"{said} environment").to_have_text(target.environment)
    project = home.locator("html")
    expect(project, f"{said} Supabase project").to_have_attribute("data-supabase-url", target.supabase_url)


@pytest.mark.smoke
def test_there_are_no_errors_in_the_console(home: Page, target: Target, traffic: Traffic) -> None:
    """No console error, no exception, no failed request; and the visitor stays where he went."""
    home.wait_for_load_state("networkidle")

    assert home.url == f"{target.url}/", f"the front page went to {home.url}"
    assert not traffic.problems, f"the front page has problems: {traffic.told}"


@pytest.mark.smoke
def test_no_request_goes_to_another_environment(home: Page, target: Target, traffic: Traffic) -> None:
    """Neither to another app nor to another Supabase project."""
    home.wait_for_load_state("networkidle")
    foreign = traffic.foreign(target)

    assert not foreign, f"the page asks another environment: {foreign[0]}"
    assert any(url.startswith(f"{target.rest}/") for url in traffic.requests), "Supabase got no request"


@pytest.mark.smoke
def test_each_property_has_its_price(home: Page, target: Target, api: Api) -> None:
    """As the database has it, in its currency, and above 0."""
    for row in published(target, api, "id", "price_cents", "currency"):
        card = home.locator(f"#properties li[data-property='{row['id']}'] strong")
        expect(card, "a property has no price").to_be_visible()
        shown = card.inner_text()
        price = float(re.sub(r"[^0-9.]", "", shown) or 0)
        wanted = float(str(row["price_cents"])) / 100
        symbol = home.evaluate(
            "code => new Intl.NumberFormat('en', {style: 'currency', currency: code})"
            ".formatToParts(0).find(part => part.type === 'currency').value",
            row["currency"],
        )
        assert price > 0, f"a property costs {shown}"
        assert price == wanted, f"a property costs {shown}: the database has {wanted:g}"
        assert symbol in shown, f"a property costs {shown}: the database has {row['currency']}"


@pytest.mark.smoke
def test_all_texts_are_there(home: Page, traffic: Traffic) -> None:
    """No key of a translation, no value that is none, no heading, button or label without a text."""
    lines = home.locator("body").inner_text()
    found = NO_TEXT.search(lines)
    empty = home.locator("h1:empty, h2:empty, h3:empty, button:empty, label:empty, option:empty").count()

    assert not found, f"a text is missing on the page: `{found.group(0)}`"
    assert not empty, f"{empty} headings, buttons or labels are empty"
    assert len(lines) > 100, f"the page is all but empty: {lines!r}: {traffic.told}"


@pytest.mark.smoke
def test_a_phone_shows_the_form(home: Page) -> None:
    """Each field and the button can be seen and pressed, and the page is not wider than the screen."""
    home.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})

    for name in ("Property", "Your name", "Email", "Check-in", "Check-out"):
        expect(home.get_by_label(name), f"a phone does not show the field `{name}`").to_be_visible()
    button = home.get_by_role("button", name="Book")
    expect(button, "a phone does not show the button `Book`").to_be_visible()
    button.click(trial=True)
    wide = home.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE[0], f"the page is {wide} px wide on a phone of {PHONE[0]}"


@pytest.mark.smoke
def test_everybody_can_use_the_page(home: Page) -> None:
    """axe-core finds nothing serious: names of fields and buttons, contrast, language."""
    home.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = home.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")

    serious = [
        f"{each['id']}: {each['help']} ({each['nodes'][0]['html'][:80]})"
        for each in found
        if each["impact"] in SERIOUS
    ]
    assert not serious, "; ".join(serious)
