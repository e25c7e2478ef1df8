// From Kafka to one-user rooms as its users write it: kafkajs, socket.io and its Redis adapter in one process.
//
//   node kafka.mjs --port PORT --secret SECRET --redis URL --kafka HOST:PORT --topic TOPIC --group GROUP

import { createServer } from "node:http";
import { makeServer, options, require } from "./conversation.mjs";

const BACKLOG = 4096;
// Nothing holds Kafka back while publications pile up: as most write it, the process dies on a backlog, with a timeout of
// its Redis client. So it waits until Redis has taken all but the last hundred records' publications.
const RECORDS_PER_PAUSE = 50;

const http = createServer();
const { io, publisher } = await makeServer(http);
let records = 0;
let lastPause;

io.on("connection", (socket) => {
  socket.join(`user:${socket.data.user}`);
  socket.on("subscribe:orders", (_, done) => {
    socket.join(`orders:${socket.data.user}`);
    done({ ok: true });
  });
});

const { Kafka, logLevel } = require("kafkajs");
const kafka = new Kafka({ clientId: "bench", brokers: [options.kafka], logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId: options.group });
await consumer.connect();
await consumer.subscribe({ topic: options.topic, fromBeginning: true });
const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
await consumer.run({ eachMessage: async ({ message }) => tell(JSON.parse(message.value.toString())) });
await joined;
http.listen(Number(options.port), "127.0.0.1", BACKLOG);

async function tell(order) {
  const timestamp = new Date().toISOString();
  const sentence = `Order ${order.orderId} is on its way. Tracking number: ${order.trackingNumber}.`;
  const told = { ...order, message: sentence, priority: "high", timestamp };
  io.to(`orders:${order.buyerId}`).emit("order:updated", told);
  io.to(`user:${order.buyerId}`).emit("notification", {
    title: "Order update",
    message: sentence,
    priority: "high",
    timestamp,
    type: "order.updated",
    orderId: order.orderId,
  });
  io.to("admin:dashboard").emit("admin:order:updated", told);
  if (++records % RECORDS_PER_PAUSE === 0) {
    await lastPause;
    lastPause = publisher.ping();
  }
}
