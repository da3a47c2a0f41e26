import assert from "node:assert/strict";
import { test } from "node:test";

import { validBooking } from "../server/validation.js";

const good = {
  property_id: "a1000000-0000-4000-8000-000000000001",
  guest_name: "  Ada Lovelace ",
  guest_email: "ada@example.org",
  check_in: "2027-05-30",
  check_out: "2027-06-02",
};

test("a good booking comes back trimmed, without unknown fields", () => {
  assert.deepEqual(validBooking({ ...good, status: "confirmed" }), { ...good, guest_name: "Ada Lovelace" });
});

const bad = [
  ["property_id", "somewhere"],
  ["property_id", 7],
  ["guest_name", "   "],
  ["guest_name", "a\u0000b"],
  ["guest_name", "x".repeat(121)],
  ["guest_email", "ada at example.org"],
  ["check_in", "30/05/2027"],
  ["check_in", "2027-02-30"],
  ["check_out", "2027-13-01"],
  ["check_out", "2027-05-30"],
  ["check_out", undefined],
];

for (const [name, value] of bad) {
  test(`${name} = ${JSON.stringify(value)?.slice(0, 20)} is refused by its name`, () => {
    const refused = { status: 400, message: new RegExp(`\`${name}\``) };
    assert.throws(() => validBooking({ ...good, [name]: value }), refused);
  });
}

test("anything but an object is refused", () => {
  for (const input of [null, [], "booking", 3]) assert.throws(() => validBooking(input), { status: 400 });
});
