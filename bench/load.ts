import { createHash, createHmac } from "node:crypto";
import { connect, type Socket } from "node:net";
import { z } from "zod";
import { serveParent } from "./child.ts";

/**
 * Sends signed webhooks over keep-alive connections, as fast as they are answered or at a fixed rate. It writes
 * prepared bytes to plain sockets, so that it uses less of the machine than the server it measures.
 */

const orderSchema = z.object({
  port: z.number(),
  /** Absent: the requests are not signed. */
  secret: z.string().optional(),
  /** A body with the placeholders `{{id}}`, `{{priority}}` and `{{time}}`. */
  template: z.string(),
  /** Ids of the work items, which the bodies name in turn. */
  items: z.array(z.string()).min(1),
  /** Number of the first body. Bodies with different numbers differ. */
  from: z.number(),
  count: z.number(),
  connections: z.number(),
  /** Requests per second; absent: each connection sends the next request after the answer to the last one. */
  rate: z.number().optional(),
});
type Order = z.infer<typeof orderSchema>;

const END_OF_HEAD = Buffer.from("\r\n\r\n");
const LENGTH = /content-length: (\d+)/i;

interface PreparedRequest {
  bytes: Buffer;
  hash: string;
}

interface SendResult {
  seconds: number;
  /** Milliseconds from the due time of a request until its answer, for requests answered with 200. */
  times: number[];
  /** SHA-256 of the bodies answered with 200. */
  kept: string[];
  refused: number;
  unanswered: number;
}

function prepareRequest(order: Order, number: number): PreparedRequest {
  const item = order.items[number % order.items.length] ?? "";
  const time = new Date(Date.UTC(2030, 0, 1) + number * 1000).toISOString().replace("Z", "000Z");
  const priority = Math.floor(number / order.items.length) % 2 === 0 ? "high" : "low";
  const body = order.template
    .replaceAll("{{id}}", item)
    .replaceAll("{{priority}}", priority)
    .replaceAll("{{time}}", time);
  const bytes = Buffer.from(body);
  const head = [
    "POST /webhooks/plane HTTP/1.1",
    `Host: 127.0.0.1:${order.port}`,
    "Content-Type: application/json",
    "User-Agent: Autopilot",
    `X-Plane-Delivery: ${crypto.randomUUID()}`,
    "X-Plane-Event: issue",
    ...(order.secret === undefined
      ? []
      : [`X-Plane-Signature: ${createHmac("sha256", order.secret).update(bytes).digest("hex")}`]),
    `Content-Length: ${bytes.length}`,
    "",
    "",
  ].join("\r\n");
  return { bytes: Buffer.concat([Buffer.from(head), bytes]), hash: createHash("sha256").update(bytes).digest("hex") };
}

async function sendOrder(order: Order): Promise<SendResult> {
  const requests = Array.from({ length: order.count }, (_, i) => prepareRequest(order, order.from + i));
  const result: SendResult = { seconds: 0, times: [], kept: [], refused: 0, unanswered: 0 };
  const sockets = await Promise.all(Array.from({ length: order.connections }, () => connectSocket(order.port)));
  const startedAt = performance.now();
  let next = 0;
  const getDueTime = (index: number) =>
    order.rate === undefined ? performance.now() : startedAt + (index * 1000) / order.rate;

  async function sendOnSocket(socket: Socket) {
    const readStatus = createAnswerReader(socket);
    for (let index = next++; index < requests.length; index = next++) {
      const request = requests[index];
      if (!request) return;
      const due = getDueTime(index);
      const msUntilDue = due - performance.now();
      if (msUntilDue > 0) await new Promise((resolve) => setTimeout(resolve, msUntilDue));
      socket.write(request.bytes);
      const status = await readStatus();
      if (status === undefined) {
        result.unanswered += 1;
        return;
      }
      if (status === 200) {
        result.times.push(performance.now() - due);
        result.kept.push(request.hash);
      } else result.refused += 1;
    }
  }

  await Promise.all(sockets.map(sendOnSocket));
  result.seconds = (performance.now() - startedAt) / 1000;
  for (const socket of sockets) socket.destroy();
  return result;
}

function connectSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("connect", () => resolve(socket));
    socket.once("error", reject);
  });
}

/**
 * Returns a function that resolves with the status of the next answer on this connection; undefined when it is broken.
 */
function createAnswerReader(socket: Socket): () => Promise<number | undefined> {
  let bytes: Buffer = Buffer.alloc(0);
  let resolveStatus: ((status: number | undefined) => void) | undefined;
  let isBroken = false;

  function parseAnswer() {
    const head = bytes.indexOf(END_OF_HEAD);
    if (head < 0) return;
    const text = bytes.toString("latin1", 0, head);
    const end = head + END_OF_HEAD.length + Number(LENGTH.exec(text)?.[1] ?? 0);
    if (bytes.length < end) return;
    bytes = bytes.subarray(end);
    const resolveNow = resolveStatus;
    resolveStatus = undefined;
    resolveNow?.(Number(text.slice(9, 12)));
  }

  socket.on("data", (chunk: Buffer) => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    parseAnswer();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    isBroken = true;
    resolveStatus?.(undefined);
  });
  return () =>
    new Promise((resolve) => {
      if (isBroken) resolve(undefined);
      else resolveStatus = resolve;
    });
}

serveParent({ send: (input) => sendOrder(orderSchema.parse(input)) });
