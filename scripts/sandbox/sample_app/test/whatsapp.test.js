import assert from "node:assert/strict";
import { test } from "node:test";

import { messagesIn } from "../server/whatsapp.js";
import { serve } from "./serve.js";

const handshake = "/webhook/whatsapp?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=";

test("the handshake echoes the challenge to whoever knows the token", async (context) => {
  process.env.WHATSAPP_VERIFY_TOKEN = "known to Meta";
  const ask = await serve(context);

  const right = await ask(`${handshake}known%20to%20Meta`);
  assert.deepEqual([right.status, await right.text()], [200, "1158201444"]);
  for (const wrong of ["", "guess", "known%20to%20meta"]) assert.equal((await ask(handshake + wrong)).status, 403);
});

test("without a token of ours nobody passes the handshake", async (context) => {
  delete process.env.WHATSAPP_VERIFY_TOKEN;
  const ask = await serve(context);
  assert.equal((await ask(handshake)).status, 403);
});

test("a delivery without a valid signature is refused when there is an app secret", async (context) => {
  process.env.WHATSAPP_APP_SECRET = "shared with Meta";
  context.after(() => delete process.env.WHATSAPP_APP_SECRET);
  const ask = await serve(context);
  const forged = { method: "POST", body: "{}", headers: { "x-hub-signature-256": "sha256=00" } };
  assert.equal((await ask("/webhook/whatsapp", forged)).status, 401);
});

test("text messages are taken out of a delivery, the rest is left", () => {
  const messages = [
    { type: "text", id: "wamid.1", from: "33600000000", text: { body: "Is there parking?\0" } },
    { type: "image", id: "wamid.2", from: "33600000000" },
  ];
  const delivery = { entry: [{ changes: [{ value: { messages } }, { value: { statuses: [{}] } }] }, null] };
  assert.deepEqual(messagesIn(delivery), [{ id: "wamid.1", sender: "33600000000", body: "Is there parking?" }]);
  for (const odd of [null, {}, { entry: "x" }]) assert.deepEqual(messagesIn(odd), []);
});
