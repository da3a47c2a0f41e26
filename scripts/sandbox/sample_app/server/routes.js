import { bookings, createBooking } from "./bookings.js";
import { health } from "./health.js";
import { home } from "./home.js";
import { Refusal, sendJson } from "./http.js";
import { properties } from "./properties.js";
import { asset, version } from "./static.js";
import { handshake, receive } from "./whatsapp.js";

const routes = {
  "/": { GET: home },
  "/health": { GET: health },
  "/version.json": { GET: version },
  "/api/properties": { GET: properties },
  "/api/bookings": { GET: bookings, POST: createBooking },
  "/webhook/whatsapp": { GET: handshake, POST: receive },
};

export async function route(request, response) {
  try {
    await handlerOf(request)(request, response);
  } catch (fault) {
    answerFault(response, fault);
  }
}

function handlerOf(request) {
  const [path] = request.url.split("?", 1);
  const methods = Object.hasOwn(routes, path) ? routes[path] : { GET: asset };
  const method = request.method === "HEAD" ? "GET" : request.method; // node leaves the body out
  if (!Object.hasOwn(methods, method)) throw new Refusal(405, `${request.method} is not allowed here`);
  return methods[method];
}

function answerFault(response, fault) {
  if (!(fault instanceof Refusal)) console.error(fault);
  if (response.headersSent) return response.destroy();
  const { status, message } = fault instanceof Refusal ? fault : { status: 500, message: "internal error" };
  sendJson(response, status, { error: message });
}
