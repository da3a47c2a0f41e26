import { createHmac, timingSafeEqual } from "node:crypto";

import { query } from "./database.js";
import { parseJson, queryOf, readBody, Refusal, sendJson } from "./http.js";

/** Meta asks once, when the webhook is registered, whether this address is ours. */
export function handshake(request, response) {
  const asked = queryOf(request);
  const ours = process.env.WHATSAPP_VERIFY_TOKEN;
  const known = asked.get("hub.mode") === "subscribe" && ours && same(asked.get("hub.verify_token") ?? "", ours);
  if (!known) throw new Refusal(403, "the verify token does not match");
  response.writeHead(200, { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" });
  response.end(asked.get("hub.challenge") ?? "");
}

export async function receive(request, response) {
  const body = await readBody(request);
  checkSignature(body, request.headers["x-hub-signature-256"]);
  const messages = messagesIn(parseJson(body));
  for (const message of messages) await store(message);
  sendJson(response, 200, { received: messages.length });
}

/** The text messages of a delivery, which may hold none: receipts come the same way. */
export function messagesIn(delivery) {
  const changes = list(delivery?.entry).flatMap((entry) => list(entry?.changes));
  const messages = changes.flatMap((change) => list(change?.value?.messages));
  return messages
    .filter((message) => message?.type === "text" && message.id && message.from)
    .map(({ id, from, text }) => ({ id: clean(id), sender: clean(from), body: clean(text?.body) }));
}

// Meta sends a message again until it reads a 200, so a known id is no fault.
function store({ id, sender, body }) {
  return query(
    "insert into public.messages (whatsapp_id, sender, body) values ($1, $2, $3) on conflict (whatsapp_id) do nothing",
    [id, sender, body],
  );
}

// Meta signs every delivery with the app's secret; without one (a laptop, a test) there is nothing to check against.
function checkSignature(body, signature = "") {
  const secret = process.env.WHATSAPP_APP_SECRET;
  if (!secret) return;
  const expected = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  if (!same(signature, expected)) throw new Refusal(401, "the signature does not match");
}

function same(one, other) {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function list(value) {
  return Array.isArray(value) ? value : [];
}

function clean(text) {
  return String(text ?? "").replaceAll("\0", "");
}
