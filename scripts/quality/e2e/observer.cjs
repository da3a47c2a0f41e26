// Loaded into each Node process of `[e2e] command`: notes in a file that the suite asked the environment. A suite that
// starts a server of its own, and tests that one, passes whatever is served.
"use strict";
const fs = require("node:fs");
const Module = require("node:module");
const net = require("node:net");

const ports = { "https:": 443, "http:": 80 };
const place = (url) => `${url.hostname}:${url.port || ports[url.protocol]}`;
const own = new Set(JSON.parse(process.env.E2E_OWN).map((url) => place(new URL(url))));
let noted = false;

function ask(where) {
  if (noted || !own.has(where)) return;
  noted = true;
  fs.writeFileSync(process.env.E2E_ASKED, "");
}

const after = (owner, name, then) => {
  const method = owner[name];
  if (typeof method !== "function") return;
  owner[name] = async function (...given) {
    const result = await method.apply(this, given);
    then(result);
    return result;
  };
};

const watchContext = (context) => context.on("request", (request) => ask(place(new URL(request.url()))));

let browsers = null;
function watchBrowser(browser) {
  if (browsers) return;
  browsers = Object.getPrototypeOf(browser);
  for (const name of ["newContext", "_newContextForReuse"]) after(browsers, name, watchContext);
}

let watched = false;
function watchPlaywright(library) {
  if (watched || !library?.chromium) return;
  watched = true;
  const types = Object.getPrototypeOf(library.chromium);
  for (const name of ["launch", "connect", "connectOverCDP"]) after(types, name, watchBrowser);
  after(types, "launchPersistentContext", watchContext);
}

const load = Module._load;
Module._load = function (request, ...more) {
  const loaded = load.call(this, request, ...more);
  if (/^playwright(-core)?$/.test(request)) watchPlaywright(loaded);
  return loaded;
};

// requests of Node itself: fetch, http, and Playwright's `request`
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...given) {
  const [first, host] = Array.isArray(given[0]) ? given[0] : given;
  const { host: named, port } = typeof first === "object" && first ? first : { host, port: first };
  ask(`${named}:${port}`);
  return connect.apply(this, given);
};
