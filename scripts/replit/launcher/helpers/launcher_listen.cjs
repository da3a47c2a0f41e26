// Listens where the launcher says; without the launcher, as `server.listen` does:
//   listen(server, port, host, callback)          const listen = require("./launcher_listen.cjs")
// One process of the app may use it (no `cluster`), started by its own command (not through `npm`).
const http = require("node:http");
const net = require("node:net");

module.exports = function listen(server, ...where) {
  const { RELEASE_CONTROL: control, RELEASE_SOCKET: own, RELEASE_STATUS: status } = process.env;
  if (!control) return server.listen(...where);
  const answer = server.listeners("request");
  let fd = 3, next = "", held = null;

  function route(request, response) {
    if (request.url.startsWith("/-/release") && request.url.split("?")[0] === "/-/release") {
      return forward(status, request, response);
    }
    if (held) return held.push([request, response]);
    if (next) return forward(next, request, response);
    for (const handler of answer) handler.call(server, request, response);
  }
  function release() {
    const waiting = held ?? [];
    held = null;
    for (const pair of waiting) route(...pair);
  }
  const words = {
    accept: (done) => server.listen({ fd: fd++ }, () => { next = ""; release(); done(); }),
    hold: (done) => { held ??= []; net.Server.prototype.close.call(server); done(); }, // idle connections stay
    forward: (done, path) => { next = path; release(); done(); },
    close: (done) => { server.closeAllConnections?.(); done(); },
  };

  server.removeAllListeners("request").on("request", route);
  net.createServer((socket) => server.emit("connection", socket)).listen(own);
  const channel = new net.Socket({ fd: Number(control) });
  let text = "";
  channel.on("data", (data) => {
    const lines = (text += data).split("\n");
    text = lines.pop();
    for (const [word, path] of lines.map((line) => line.split(" "))) {
      words[word]?.(() => channel.write(`${word}\n`), path);
    }
  });
  channel.on("close", () => process.exit(1)); // the launcher is gone
  return server;
};

function forward(socketPath, request, response) {
  const { url: path, method, headers } = request;
  const onward = http.request({ socketPath, path, method, headers: { ...headers, connection: "close" } }, (answer) => {
    response.writeHead(answer.statusCode, { ...answer.headers, connection: "close" });
    answer.pipe(response);
  });
  onward.on("error", () => (response.headersSent ? response.destroy() : response.writeHead(503).end()));
  response.on("close", () => onward.destroy());
  request.pipe(onward);
}
