import { sendFile } from "./static.js";

/** The front page. */
export function home(request, response) {
  return sendFile(response, "index.html");
}
