import { createServer } from "node:http";

import { route } from "./routes.js";

const port = Number(process.env.PORT ?? 5000);
const host = process.env.HOST ?? "0.0.0.0"; // Replit reaches the app from outside its machine

const server = createServer(route);
server.listen(port, host, () => console.log(`listening on http://${host}:${server.address().port}`));

// Requests under way get a moment to finish; the host kills what is still there soon after.
function stop() {
  server.close(() => process.exit(0));
  setTimeout(() => process.exit(0), 800).unref();
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
