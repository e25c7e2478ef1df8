// What the Node servers have in common: their arguments, the messages that they send, and who may connect.

import { createRequire } from "node:module";
import { parseArgs } from "node:util";

// The packages are installed in a cache (the working directory), not beside this file.
export const require = createRequire(`${process.cwd()}/`);

export const { values: options } = parseArgs({
  options: {
    port: { type: "string" },
    secret: { type: "string" },
    redis: { type: "string" },
    kafka: { type: "string" },
    topics: { type: "string" },
    group: { type: "string" },
    adapter: { type: "string", default: "classic" },
  },
});

let number = 0;

// The same message as every server's: 206 bytes as a packet.
export function makeMessage() {
  const s = number++;
  return {
    s,
    t: Number(process.hrtime.bigint()),
    id: `ord-${String(s).padStart(8, "0")}`,
    sym: "ACME-2026-Q4",
    side: "buy",
    px: 101.25,
    qty: 1500,
    filled: 700,
    status: "partially_filled",
    acct: "acc-00042",
    note: "desk-7 limit day order",
  };
}

// Socket.IO as its documentation sets it up: a Redis adapter (the classic one if none is named), and a token verified
// before a socket may connect. Returns the server, and the Redis client that the adapter publishes with.
export async function makeServer(http) {
  const { Server } = require("socket.io");
  const isRecovering = options.adapter === "streams";
  const io = new Server(http, { serveClient: false, ...(isRecovering && { connectionStateRecovery: {} }) });
  let publisher;
  if (options.redis) {
    const { createClient } = require("redis");
    const connected = async (client) => client.on("error", (error) => console.error(error)).connect();
    publisher = await connected(createClient({ url: options.redis }));
    if (isRecovering) {
      const { createAdapter } = require("@socket.io/redis-streams-adapter");
      io.adapter(createAdapter(publisher));
    } else {
      const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
      const create = options.adapter === "sharded" ? createShardedAdapter : createAdapter;
      io.adapter(create(publisher, await connected(publisher.duplicate())));
    }
  }
  if (options.secret) {
    const jwt = require("jsonwebtoken");
    io.use((socket, next) => {
      try {
        socket.data.user = jwt.verify(socket.handshake.auth.token, options.secret, { algorithms: ["HS256"] }).sub;
        next();
      } catch (error) {
        next(error);
      }
    });
  }
  return { io, publisher };
}
