import { once } from "node:events";
import { createServer } from "node:http";

delete process.env.DATABASE_URL; // the tests must never reach a real one
const { route } = await import("../server/routes.js");

/** Serves the app on a free port until the test ends; returns a fetch for its paths. */
export async function serve(context) {
  const server = createServer(route).listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  return (path, request) => fetch(`http://127.0.0.1:${server.address().port}${path}`, request);
}
