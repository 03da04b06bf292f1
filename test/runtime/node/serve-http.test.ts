import { once } from "node:events";
import { request } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { expect, onTestFinished, test } from "vitest";
import { serveHttp } from "../../../runtime/node/serve-http.ts";
import { createLog } from "../../../shared/log.ts";
import { formatRequestHead, openConnection } from "../../support/raw-connection.ts";

/** Timeout for a request and for sending in these tests, in real milliseconds. */
const TIMEOUT_MS = 400;

/** Serves an app until the end of the test. */
async function serve(
  app: Parameters<typeof serveHttp>[0]["app"],
  options: Partial<Parameters<typeof serveHttp>[0]> = {},
) {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({ level: "warn", write: (line) => lines.push(JSON.parse(line)), clock: Date.now });
  const served = await serveHttp({ app, host: "127.0.0.1", port: 0, log, ...options });
  onTestFinished(() => served.stop(0));
  return { url: served.url, lines };
}

/** Begins a request of two bytes and sends the first; `outcome` is the response's status or the error's code. */
function sendHalf(url: string) {
  const sending = request(url, { method: "PUT", headers: { "content-length": 2 } });
  const outcome: Promise<number | string> = Promise.race([
    once(sending, "response").then(([response]) => response.statusCode),
    once(sending, "error").then(([error]) => error.code),
  ]).catch((error) => error.code);
  sending.write("x");
  return { outcome, finish: () => sending.end("y") };
}

test("a request that arrives more slowly than the timeout is answered on stream paths and gets no response elsewhere", async () => {
  const app = new Hono().put("/*", async (c) => c.text(await c.req.text()));
  const { url } = await serve(app, { streamPaths: ["/streams"], requestTimeout: TIMEOUT_MS });
  const streamed = sendHalf(`${url}/streams?name=x`);
  const others = ["/other", "/streams/other"].map((path) => sendHalf(url + path).outcome);
  expect(await Promise.all(others)).toEqual(["ECONNRESET", "ECONNRESET"]);
  // It began before the others, so its time is over as well.
  streamed.finish();
  expect(await streamed.outcome).toBe(200);
});

test("a response has headers against caching and content sniffing, unless the app sets others", async () => {
  const app = new Hono()
    .get("/own", (c) => c.text("", 200, { "Cache-Control": "no-cache" }))
    .get("/", (c) => c.text(""));
  const { url } = await serve(app);
  const responses: unknown[] = [];
  for (const path of ["/", "/own", "/none", "/webhooks/plane"]) {
    const { status, headers } = await fetch(url + path);
    responses.push([status, headers.get("x-content-type-options"), headers.get("cache-control")]);
  }
  expect(responses).toEqual([
    [200, "nosniff", "no-store"],
    [200, "nosniff", "no-cache"],
    [404, "nosniff", "no-store"],
    // For a program.
    [404, null, null],
  ]);
});

/** More than the buffers of the system take. */
const LARGE_ANSWER = "x".repeat(32 * 1024 * 1024);

/** Serves a large answer, a stream that begins when the test says so, and numbers; `paths` has the handled requests. */
async function serveLargeAnswers(sendTimeout = TIMEOUT_MS) {
  const paths: string[] = [];
  const started = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const app = new Hono<{ Bindings: HttpBindings }>()
    .use(async (c, next) => {
      paths.push(c.req.path);
      c.env.outgoing.once("close", closed.resolve);
      await next();
    })
    .get("/large", (c) => c.text(LARGE_ANSWER))
    .get("/stream/:rest", (c) => {
      const start = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
        controller.enqueue(new TextEncoder().encode("begin"));
        await started.promise;
        controller.enqueue(new TextEncoder().encode(c.req.param("rest") === "large" ? LARGE_ANSWER : "end"));
        controller.close();
      };
      return c.body(new ReadableStream<Uint8Array>({ start }));
    })
    .post("/echo", async (c) => c.text(`echo ${await c.req.text()}.`))
    .get("/number/:number", (c) => c.text(`number ${c.req.param("number")}.`));
  const { url, lines } = await serve(app, { sendTimeout });
  const raw = await openConnection(url);
  onTestFinished(() => void raw.socket.destroy());
  const get = (path: string) => raw.socket.write(formatRequestHead("GET", path, {}));
  /** Resolves when a connection without a request, opened now, has been idle for the timeout. */
  const waitForTimeout = async () => void (await (await openConnection(url)).ended);
  return { raw, get, paths, lines, start: started.resolve, closed: closed.promise, waitForTimeout, url };
}

test("requests that a client sends before the answers are answered one after the other, each when the answer before it was taken", async () => {
  const { raw, get, paths, url } = await serveLargeAnswers(60_000);
  let received = "";
  raw.socket.on("data", (data) => {
    received = (received + data).slice(-1_000);
  });
  const head = formatRequestHead("POST", "/echo", { "content-length": "3" });
  const heads = [1, 2, 3, 4].map((number) => formatRequestHead("GET", `/number/${number}`, {}));
  raw.socket.write(`${heads.slice(0, 2).join("")}${head}abc${heads.slice(2).join("")}`);
  await expect.poll(() => received).toContain("number 4.");
  const answers = ["number 1.", "number 2.", "echo abc.", "number 3.", "number 4."];
  expect(received.match(/(number \d|echo \w+)\./g)).toEqual(answers);
  paths.length = 0;
  raw.socket.pause();
  raw.socket.write(formatRequestHead("GET", "/large", {}) + heads[0]);
  await expect.poll(() => paths).toEqual(["/large"]);
  for (let number = 2; number < 1_000; number += 1) get(`/number/${number}`);
  // What the server received before this is handled, if it is handled at all.
  await (await fetch(`${url}/number/0`)).text();
  expect(paths).toEqual(["/large", "/number/0"]);
});

test("a stream that has nothing to send stays open for longer than the timeout for sending; a client that then reads nothing is closed", async () => {
  const { raw, get, start, closed, waitForTimeout } = await serveLargeAnswers();
  get("/stream/large");
  const [data] = await once(raw.socket, "data");
  expect(String(data)).toContain("begin");
  raw.socket.pause();
  await waitForTimeout();
  start();
  await closed;
  raw.socket.resume();
  expect((await raw.ended).text.length).toBeLessThan(LARGE_ANSWER.length);
});
