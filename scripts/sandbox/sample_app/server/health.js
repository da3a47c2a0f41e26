import { query } from "./database.js";
import { sendJson } from "./http.js";

export async function health(request, response) {
  await query("select 1");
  sendJson(response, 200, { status: "ok" });
}
