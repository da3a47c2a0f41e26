import { Refusal } from "./http.js";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const email = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
const date = /^20\d{2}-\d{2}-\d{2}$/;
const control = /\p{Cc}/u; // PostgreSQL refuses U+0000 in a text

/** The fields of a booking, checked and trimmed. The first fault is the one that is told. */
export function validBooking(input) {
  const field = (name) => (typeof input?.[name] === "string" ? input[name].trim() : "");
  const booking = {
    property_id: field("property_id"),
    guest_name: field("guest_name"),
    guest_email: field("guest_email"),
    check_in: field("check_in"),
    check_out: field("check_out"),
  };
  demand(uuid.test(booking.property_id), "`property_id` is not a known property");
  demand(isText(booking.guest_name, 120), "`guest_name` must be a name of at most 120 characters");
  demand(isText(booking.guest_email, 254) && email.test(booking.guest_email), "`guest_email` is not an email address");
  demand(isDate(booking.check_in), "`check_in` must be a date, as 2027-05-31");
  demand(isDate(booking.check_out), "`check_out` must be a date, as 2027-05-31");
  demand(booking.check_in < booking.check_out, "`check_out` must be after `check_in`");
  return booking;
}

function isText(text, limit) {
  return text.length > 0 && text.length <= limit && !control.test(text);
}

// JavaScript takes 2027-02-30 for the 2nd of March; a real day comes back as it was written.
function isDate(text) {
  return date.test(text) && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text);
}

function demand(condition, message) {
  if (!condition) throw new Refusal(400, message);
}
