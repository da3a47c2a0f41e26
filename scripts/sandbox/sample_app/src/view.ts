import type { Booking, Property, Stay } from "./api";

export function find<Kind extends HTMLElement>(selector: string): Kind {
  const found = document.querySelector<Kind>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

export function card(property: Property): HTMLLIElement {
  const item = document.createElement("li");
  item.dataset.property = property.id;
  item.append(line("h3", property.name), line("p", property.city), line("strong", price(property)));
  return item;
}

export function stay({ id, property_id, check_in, check_out }: Stay): HTMLLIElement {
  const item = document.createElement("li");
  Object.assign(item.dataset, { booking: id, property: property_id });
  item.textContent = `${check_in} to ${check_out}`;
  return item;
}

export function choice(property: Property): HTMLOptionElement {
  return new Option(`${property.name}, ${property.city}`, property.id);
}

export function sentence(booking: Booking): string {
  const { guest_name, check_in, check_out, status } = booking;
  return `Booked for ${guest_name}, ${check_in} to ${check_out} (${status}).`;
}

function price({ price_cents, currency }: Property): string {
  const amount = new Intl.NumberFormat("en", { style: "currency", currency, minimumFractionDigits: 0 });
  return `${amount.format(price_cents / 100)} a night`;
}

// Text only, never markup: names come from people.
function line(tag: string, text: string): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
