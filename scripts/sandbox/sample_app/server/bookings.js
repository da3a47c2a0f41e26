import { query } from "./database.js";
import { parseJson, readBody, Refusal, sendJson } from "./http.js";
import { validBooking } from "./validation.js";

const exclusionViolation = "23P01";

/** The taken nights, for everyone to read: so without the guests. */
export async function bookings(request, response) {
  const rows = await query(`
    select id, property_id, check_in::text, check_out::text, status
    from public.bookings
    where status <> 'cancelled'
    order by check_in, id
    limit 500`);
  sendJson(response, 200, { bookings: rows });
}

export async function createBooking(request, response) {
  const booking = validBooking(parseJson(await readBody(request)));
  const [created] = await insert(booking);
  if (!created) throw new Refusal(400, "`property_id` is not a known property");
  sendJson(response, 201, { booking: created });
}

// The database decides about overlaps (see the trigger in the first migration): two requests may come at once.
async function insert({ property_id, guest_name, guest_email, check_in, check_out }) {
  try {
    return await query(
      `insert into public.bookings (property_id, guest_name, guest_email, check_in, check_out)
       select id, $2, $3, $4::date, $5::date from public.properties where id = $1 and published
       returning id, property_id, guest_name, guest_email, check_in::text, check_out::text, status`,
      [property_id, guest_name, guest_email, check_in, check_out],
    );
  } catch (fault) {
    if (fault.code === exclusionViolation) throw new Refusal(409, "the property is taken on these dates");
    throw fault;
  }
}
