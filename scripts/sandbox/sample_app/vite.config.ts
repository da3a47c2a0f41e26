import { defineConfig } from "vite";

const server = "http://127.0.0.1:5000";

export default defineConfig({
  // `npm run dev` serves the page; the API comes from `npm start` beside it.
  server: { proxy: { "/api": server, "/version.json": server } },
});
