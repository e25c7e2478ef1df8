// The stock JavaScript client, led by JSON lines on stdin; what it hears goes out as JSON lines on stdout.
//
// Run in the directory that holds node_modules: node client.mjs '{"url": ..., "options": {...}}'
//   in:  {"emit": name, "args": [...], "ack": number or absent}; {"drop": true}; {"connect": true}; the end of stdin is
//        the goodbye
//   out: {"kind": "connect" | "connect_error" | "event" | "ack" | "upgrade" | "disconnect", "name", "args", "at", ...}
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { io } = createRequire(`${process.cwd()}/`)("socket.io-client");
const { url, options } = JSON.parse(process.argv[2]);

function say(kind, name, args = [], more = {}) {
  const at = (performance.timeOrigin + performance.now()) / 1000;
  process.stdout.write(JSON.stringify({ kind, name, args, at, ...more }) + "\n");
}

const socket = io(url, { ...options, forceNew: true });

socket.io.on("open", () => socket.io.engine.once("upgrade", (transport) => say("upgrade", transport.name)));

socket.on("connect", () => {
  say("connect", socket.io.engine.transport.name, [], { sid: socket.id, recovered: socket.recovered ?? false });
});
// A refusal by the server has data; a failure to reach it at all has a description instead, and what was answered to a
// poll is in its context.
socket.on("connect_error", ({ message, data, description, context }) => {
  const answered = context?.responseText;
  say("connect_error", message, [data ?? String(description?.message ?? description ?? ""), ...(answered ? [answered] : [])]);
});
socket.on("disconnect", (reason) => say("disconnect", reason));
socket.onAny((name, ...args) => {
  const acknowledge = typeof args.at(-1) === "function" ? args.pop() : undefined;
  say("event", name, args);
  acknowledge?.(...args);
});

const commands = createInterface({ input: process.stdin });
commands.on("line", (line) => {
  const { emit, args, ack, drop, connect } = JSON.parse(line);
  if (drop) {
    // As when the network is gone: nothing is said, and the client comes back by itself, or when it is told to.
    socket.io.reconnection(drop.reconnects);
    const { transport } = socket.io.engine;
    if (transport.ws) transport.ws.terminate();
    else socket.io.engine.close();
  } else if (connect) {
    socket.io.reconnection(true);
    socket.connect();
  } else if (ack === undefined) socket.emit(emit, ...args);
  else socket.emit(emit, ...args, (...answer) => say("ack", emit, answer, { ack }));
});
// Also when the test run that leads it was killed.
commands.on("close", () => {
  socket.disconnect();
  // Some servers do not answer the last poll of a client that has said goodbye; that must not keep this process.
  setTimeout(() => process.exit(), 300).unref();
});
