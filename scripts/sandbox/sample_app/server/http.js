const bodyLimit = 64 * 1024;

/** An answer that is not a success: the status, and a message that the caller may read. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function sendJson(response, status, document) {
  const headers = { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" };
  response.writeHead(status, headers).end(JSON.stringify(document));
}

export function queryOf(request) {
  return new URLSearchParams(request.url.split("?")[1]);
}

// A body that is too large is read to its end, but not kept: a sender that is cut off would never read the 413.
export async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= bodyLimit) chunks.push(chunk);
  }
  if (size > bodyLimit) throw new Refusal(413, "the body is too large");
  return Buffer.concat(chunks);
}

export function parseJson(body) {
  try {
    return JSON.parse(body);
  } catch {
    throw new Refusal(400, "the body is not JSON");
  }
}
