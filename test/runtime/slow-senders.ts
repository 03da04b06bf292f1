import { formatWebhookHead, openConnection } from "../support/raw-connection.ts";
import { createWebhookHeaders } from "../support/webhook-signature.ts";

/**
 * Runs as a separate process: opens `count` connections to a URL and sends an endless request byte by byte on each.
 * Prints `ready` when all are open, and at the end the number of bytes received.
 */
const [url = "", count = "0", part = "body"] = process.argv.slice(2);
const requestStart = {
  body: formatWebhookHead({ ...createWebhookHeaders("{}"), "content-length": "4000" }),
  head: "POST /webhooks/plane HTTP/1.1\r\nHost: x\r\nX-A: ",
}[part];

const connections = await Promise.all(Array.from({ length: Number(count) }, () => openConnection(url)));
for (const { socket } of connections) socket.write(requestStart ?? "");
process.stdout.write("ready\n");
const timer = setInterval(() => {
  for (const { socket } of connections) if (socket.writable) socket.write("x");
}, 500);
const answers = await Promise.all(connections.map((raw) => raw.ended));
clearInterval(timer);
process.stdout.write(`ended ${answers.reduce((sum, answer) => sum + answer.text.length, 0)}\n`);
