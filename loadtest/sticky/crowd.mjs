// Many stock JavaScript clients in one process, each as an application of docs/clients.md: it asks to be recovered, and
// subscribes again only when it was not.
//
// Run in the directory that holds node_modules: node crowd.mjs '[{"id": ..., "url": ..., "token": ..., "transports": [...]}]'
//   in:  the end of stdin is the goodbye
//   out: a line for each thing that happens: [id, kind, detail], the latter a number, a text or null
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";

const { io } = createRequire(`${process.cwd()}/`)("socket.io-client");
const clients = JSON.parse(readFileSync(process.argv[2], "utf8"));
const say = (...line) => process.stdout.write(JSON.stringify(line) + "\n");

const sockets = clients.map(({ id, url, token, transports }) => {
  const socket = io(url, {
    transports,
    auth: { token, recovery: true },
    forceNew: true,
    // Keeps cookies, as browsers do for their own site; on Node that must be asked for.
    withCredentials: true,
    reconnectionDelayMax: 2_000,
  });
  socket.on("connect", () => {
    say(id, "connect", socket.recovered ? "recovered" : "anew");
    if (socket.recovered) say(id, "listening", null);
    else socket.emit("subscribe:orders", {}, ({ ok }) => say(id, ok ? "listening" : "refused", null));
  });
  socket.on("connect_error", ({ message }) => say(id, "failed", message));
  socket.on("disconnect", (reason) => say(id, "disconnect", reason));
  socket.io.on("open", () => socket.io.engine.once("upgrade", () => say(id, "upgrade", null)));
  socket.on("order:updated", ({ orderId }) => say(id, "order", Number(orderId)));
  return socket;
});

createInterface({ input: process.stdin }).on("close", () => {
  for (const socket of sockets) socket.disconnect();
  setTimeout(() => process.exit(), 300).unref();
});
