// From Kafka to rooms as its users write it: kafkajs, socket.io and a Redis adapter in one process.
//
//   node kafka.mjs --port PORT --secret SECRET --redis URL [--kafka HOST:PORT --topics TOPIC,TOPIC --group GROUP]
//                  [--adapter classic|sharded|streams]
//
// Without --kafka it is a pod that others feed. On the Redis Streams adapter it has connection state recovery: with the
// other two, which use Pub/Sub, there is none.

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
  socket.on("subscribe:inventory", (_, done) => {
    socket.join("inventory:updates");
    done({ ok: true });
  });
});

const consumer = options.kafka ? await consume() : undefined;
http.listen(Number(options.port), "127.0.0.1", BACKLOG);

// Leave the group, let sockets go, and let Redis have what was said to it.
process.once("SIGTERM", async () => {
  await consumer?.disconnect();
  await io.close();
  await publisher.close();
  process.exit(0);
});

async function consume() {
  const { Kafka, logLevel } = require("kafkajs");
  const kafka = new Kafka({ clientId: "bench", brokers: [options.kafka], logLevel: logLevel.ERROR });
  const consumer = kafka.consumer({ groupId: options.group });
  await consumer.connect();
  await consumer.subscribe({ topics: options.topics.split(","), fromBeginning: true });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({ eachMessage: async ({ message }) => tell(JSON.parse(message.value.toString())) });
  await joined;
  return consumer;
}

async function tell(fact) {
  if (fact.orderId) tellOrder(fact);
  else tellInventory(fact);
  if (++records % RECORDS_PER_PAUSE === 0) {
    await lastPause;
    lastPause = publisher.ping();
  }
}

function tellOrder(order) {
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
}

function tellInventory(inventory) {
  const told = { ...inventory, timestamp: new Date().toISOString() };
  io.to(["inventory:updates", `product:${inventory.productId}`]).emit("inventory:updated", told);
  io.to("admin:dashboard").emit("admin:inventory:updated", told);
}
