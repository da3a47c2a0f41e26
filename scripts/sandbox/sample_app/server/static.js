import { readFile } from "node:fs/promises";
import { extname, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

import { Refusal } from "./http.js";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const assets = resolve(dist, "assets") + sep;

const types = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
};

export function asset(request, response) {
  const [path] = request.url.split("?", 1);
  return sendFile(response, decoded(path).slice(1));
}

/** Which commit is live: the build's stamp. A cached answer would tell of an older release. */
export function version(request, response) {
  return sendFile(response, "version.json", "no-store");
}

export async function sendFile(response, name, caching) {
  const path = resolve(dist, name);
  if (!path.startsWith(dist + sep)) throw new Refusal(404, "not found");
  const content = await readFile(path).catch(() => {
    throw new Refusal(404, "not found");
  });
  response.writeHead(200, {
    "content-type": types[extname(path)] ?? "application/octet-stream",
    "content-length": content.length,
    "cache-control": caching ?? cachingOf(path),
    "x-content-type-options": "nosniff",
  });
  response.end(content);
}

// Vite puts a hash of the content into the names below assets/: such a file never changes.
function cachingOf(path) {
  return path.startsWith(assets) ? "public, max-age=31536000, immutable" : "no-cache";
}

function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new Refusal(400, "the path is not valid");
  }
}
