import { query } from "./database.js";
import { sendJson } from "./http.js";

export async function properties(request, response) {
  const rows = await query(
    "select id, name, city, price_cents, currency from public.properties where published order by city, name",
  );
  sendJson(response, 200, { properties: rows });
}
