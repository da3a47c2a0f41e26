import assert from "node:assert/strict";
import { test } from "node:test";

import { serve } from "./serve.js";

test("without a database the server stays up and says so", async (context) => {
  const ask = await serve(context);
  for (const path of ["/health", "/api/properties", "/api/bookings"]) {
    const answer = await ask(path);
    assert.equal(answer.status, 503);
    assert.deepEqual(await answer.json(), { error: "the database is not available" });
  }
});

test("nothing outside dist/ is served", async (context) => {
  const ask = await serve(context);
  for (const path of ["/..%2fpackage.json", "/assets/..%2f..%2fpackage.json", "/%00", "/nowhere", "/assets"]) {
    assert.equal((await ask(path)).status, 404, path);
  }
  assert.equal((await ask("/%E0%A4%A")).status, 400);
});

test("wrong methods and bodies are refused", async (context) => {
  const ask = await serve(context);
  assert.equal((await ask("/api/properties", { method: "DELETE" })).status, 405);
  assert.equal((await ask("/api/bookings", { method: "POST", body: "{" })).status, 400);
  assert.equal((await ask("/api/bookings", { method: "POST", body: " ".repeat(70_000) })).status, 413);
});
