import pg from "pg";

import { Refusal } from "./http.js";

const url = process.env.DATABASE_URL;
const pool = new pg.Pool({
  connectionString: url,
  max: 5,
  connectionTimeoutMillis: 2_000,
  query_timeout: 5_000,
  idleTimeoutMillis: 30_000,
});

// An idle connection that breaks is reported here; without a listener it would end the process.
pool.on("error", (fault) => console.error(`database connection lost: ${fault.message}`));

/** The rows. A broken constraint reaches the caller, who can explain it; anything else is a 503. */
export async function query(text, values) {
  try {
    if (!url) throw new Error("DATABASE_URL is not set");
    return (await pool.query(text, values)).rows;
  } catch (fault) {
    if (fault.code?.startsWith("23")) throw fault; // SQLSTATE class 23: integrity constraint violation
    console.error(`database: ${fault.message}`);
    throw new Refusal(503, "the database is not available");
  }
}
