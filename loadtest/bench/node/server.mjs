// Node's socket.io, as its users write it.
//
//   node server.mjs --port PORT [--secret SECRET] [--redis URL]

import { createServer } from "node:http";
import { makeMessage, makeServer, options } from "./conversation.mjs";

const BACKLOG = 4096;

const http = createServer();
const { io } = await makeServer(http);

io.on("connection", (socket) => {
  socket.on("join", (room, done) => {
    socket.join(room);
    done();
  });
  socket.on("leave", (room, done) => {
    socket.leave(room);
    done();
  });
  socket.on("echo", (done) => done());
  socket.on("count", (done) => done(io.engine.clientsCount));
  socket.on("go", go);
});

// Emits `messages` messages, `per_tick` in each turn of the event loop; or, with `every_ms`, that often by the clock.
function go({ messages, per_tick: perTick, every_ms: everyMs, room }) {
  let sent = 0;
  const turn = () => {
    for (let i = 0; i < perTick && sent < messages; i++, sent++) io.to(room).emit("u", makeMessage());
    if (sent >= messages) clearInterval(timer);
    else if (!everyMs) setImmediate(turn);
  };
  const timer = everyMs ? setInterval(turn, everyMs) : undefined;
  if (!everyMs) turn();
}

http.listen(Number(options.port), "127.0.0.1", BACKLOG);
