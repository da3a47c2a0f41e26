// What the link in a guest's message asks: from when on the door opens. A guest has no account.
import { json } from "../_shared/http.ts";

Deno.serve((request) => {
  if (request.method !== "GET") return json({ error: "only GET" }, 405);
  return json({ from: "15:00", until: "22:00" });
});
