import { once } from "node:events";
import { request } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { expect, onTestFinished, test } from "vitest";
import { serveHttp } from "../../../runtime/node/serve-http.ts";
import { createLog } from "../../../shared/log.ts";
import { formatRequestHead, openConnection, type RawConnection } from "../../support/raw-connection.ts";

/** Timeout for a request in these tests, in real milliseconds. */
const REQUEST_TIMEOUT_MS = 400;

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
  const log = createLog({ level: "error", write: () => {}, clock: Date.now });
  const options = { streamPaths: ["/streams"], requestTimeout: REQUEST_TIMEOUT_MS };
  const served = await serveHttp({ app, host: "127.0.0.1", port: 0, log, ...options });
  onTestFinished(() => served.stop(0));
  const streamed = sendHalf(`${served.url}/streams?name=x`);
  const others = ["/other", "/streams/other"].map((path) => sendHalf(served.url + path).outcome);
  expect(await Promise.all(others)).toEqual(["ECONNRESET", "ECONNRESET"]);
  // It began before the others, so its time is over as well.
  streamed.finish();
  expect(await streamed.outcome).toBe(200);
});

test("a response has headers against caching and content sniffing, unless the app sets others", async () => {
  const app = new Hono()
    .get("/own", (c) => c.text("", 200, { "Cache-Control": "no-cache" }))
    .get("/", (c) => c.text(""));
  const log = createLog({ level: "error", write: () => {}, clock: Date.now });
  const served = await serveHttp({ app, host: "127.0.0.1", port: 0, log });
  onTestFinished(() => served.stop(0));
  const responses: unknown[] = [];
  for (const path of ["/", "/own", "/none", "/webhooks/plane"]) {
    const { status, headers } = await fetch(served.url + path);
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

test("a response is not sent when the app throws, synchronously or later", async () => {
  const lines: string[] = [];
  const log = createLog({ level: "error", write: (line) => lines.push(line), clock: Date.now });
  const app = {
    fetch(request: Request): Promise<Response> {
      if (request.url.endsWith("/later")) return Promise.reject(new Error("later"));
      throw new Error("at once");
    },
  };
  const served = await serveHttp({ app, host: "127.0.0.1", port: 0, log });
  onTestFinished(() => served.stop(0));
  for (const path of ["/now", "/later"]) await expect(fetch(served.url + path)).rejects.toThrow("fetch failed");
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ error: "at once" }, { error: "later" }]);
});

/** Serves at most three connections: paths below `/slow` are answered when the test says so. */
async function serveThreeConnections() {
  const answering = Promise.withResolvers<void>();
  let requests = 0;
  const app = new Hono()
    .use(async (_, next) => {
      requests += 1;
      await next();
    })
    .get("/slow", async (c) => {
      await answering.promise;
      return c.text("late");
    })
    .get("/", (c) => c.text("at once"))
    .put("/*", async (c) => c.text(await c.req.text()));
  const lines: string[] = [];
  const log = createLog({ level: "warn", write: (line) => lines.push(line), clock: Date.now });
  const limits = { maxConnections: 3, streamPaths: ["/streams"] };
  const served = await serveHttp({ app, host: "127.0.0.1", port: 0, log, ...limits });
  onTestFinished(() => served.stop(0));
  async function open(path?: string, headers: Record<string, string> = {}, method = "GET") {
    const raw = await openConnection(served.url);
    onTestFinished(() => void raw.socket.destroy());
    if (path !== undefined) raw.socket.write(formatRequestHead(method, path, headers));
    return raw;
  }
  const readAnswer = async ({ socket }: RawConnection) => String((await once(socket, "data"))[0]);
  /** Resolves when this many requests have reached the app. */
  const waitForRequests = (count: number) => expect.poll(() => requests).toBe(count);
  return { open, readAnswer, waitForRequests, lines, answer: answering.resolve };
}

test("a server at its limit of connections closes the connection whose last request is longest ago, not one in use", async () => {
  const { open, readAnswer, lines, answer } = await serveThreeConnections();
  const busy = await open("/slow");
  const older = await open("/");
  await readAnswer(older);
  const newer = await open("/");
  await readAnswer(newer);
  older.socket.write(formatRequestHead("GET", "/", {}));
  await readAnswer(older);
  const next = await open("/");
  expect(await readAnswer(next)).toContain("at once");
  await newer.ended;
  expect([busy.socket.closed, older.socket.closed]).toEqual([false, false]);
  answer();
  expect(await readAnswer(busy)).toContain("late");
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ message: "connection limit reached", limit: 3 }]);
});

test("a server at its limit of connections gives up a request that has not arrived, except an upload, before it refuses others", async () => {
  const { open, readAnswer, waitForRequests, answer } = await serveThreeConnections();
  const upload = await open("/streams", { "content-length": "2" }, "PUT");
  const busy = await open("/slow");
  const unfinished = await open("/other", { "content-length": "2" }, "PUT");
  await waitForRequests(3);
  expect(await readAnswer(await open("/"))).toContain("at once");
  expect(await unfinished.ended).toEqual({ text: "" });
  upload.socket.write("ab");
  expect(await readAnswer(upload)).toContain("ab");
  answer();
  expect(await readAnswer(busy)).toContain("late");
});

test("a server at its limit of connections refuses a new one while all others are in use", async () => {
  const { open, readAnswer, waitForRequests, answer } = await serveThreeConnections();
  const busy = [await open("/slow"), await open("/slow"), await open("/slow")];
  await waitForRequests(3);
  const refused = await open("/").catch(() => undefined);
  expect(await refused?.ended).toEqual(refused && { text: "" });
  answer();
  for (const raw of busy) expect(await readAnswer(raw)).toContain("late");
});

/** Timeout for sending in these tests, in real milliseconds. */
const SEND_TIMEOUT_MS = 400;
/** More than the buffers of the system take. */
const LARGE_ANSWER = "x".repeat(32 * 1024 * 1024);

/** Serves a large answer, a stream that begins when the test says so, and numbers; `paths` has the handled requests. */
async function serveLargeAnswers(sendTimeout = SEND_TIMEOUT_MS) {
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
  const lines: string[] = [];
  const log = createLog({ level: "warn", write: (line) => lines.push(line), clock: Date.now });
  const served = await serveHttp({ app, host: "127.0.0.1", port: 0, log, sendTimeout });
  onTestFinished(() => served.stop(0));
  const raw = await openConnection(served.url);
  onTestFinished(() => void raw.socket.destroy());
  const request = (path: string) => raw.socket.write(formatRequestHead("GET", path, {}));
  /** Resolves when a connection without a request, opened now, has been idle for the timeout. */
  const waitForTimeout = async () => void (await (await openConnection(served.url)).ended);
  return {
    raw,
    request,
    paths,
    lines,
    start: started.resolve,
    closed: closed.promise,
    waitForTimeout,
    url: served.url,
  };
}

test("requests that a client sends before the answers are answered one after the other, and the connection stays open", async () => {
  const { raw, request } = await serveLargeAnswers();
  let received = "";
  raw.socket.on("data", (data) => {
    received += data;
  });
  for (const round of [1, 2]) {
    received = "";
    const head = formatRequestHead("POST", "/echo", { "content-length": "3" });
    const heads = [1, 2, 3, 4].map((number) => formatRequestHead("GET", `/number/${number}`, {}));
    raw.socket.write(`${heads.slice(0, 2).join("")}${head}abc${heads.slice(2).join("")}`);
    await expect.poll(() => received).toContain("number 4.");
    const answers = received.match(/(number \d|echo \w+)\./g);
    expect([round, answers]).toEqual([round, ["number 1.", "number 2.", "echo abc.", "number 3.", "number 4."]]);
  }
  request("/number/5");
  await expect.poll(() => received).toContain("number 5.");
});

test("a request is handled when the answer before it has been taken, not earlier", async () => {
  const { raw, request, paths, url } = await serveLargeAnswers(60_000);
  raw.socket.pause();
  raw.socket.write(formatRequestHead("GET", "/large", {}) + formatRequestHead("GET", "/number/1", {}));
  await expect.poll(() => paths).toEqual(["/large"]);
  for (let number = 2; number < 1_000; number += 1) request(`/number/${number}`);
  // What the server received before this is handled, if it is handled at all.
  await (await fetch(`${url}/number/0`)).text();
  expect(paths).toEqual(["/large", "/number/0"]);
  raw.socket.destroy();
});

test("a connection on which more than 32 requests wait for the answers before them is closed", async () => {
  const { raw, paths, lines } = await serveLargeAnswers();
  raw.socket.write(
    formatRequestHead("GET", "/stream/small", {}) + formatRequestHead("GET", "/number/1", {}).repeat(33),
  );
  await raw.ended;
  expect(paths).toEqual(["/stream/small"]);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { message: "too many requests at once on a connection", address: "127.0.0.1", limit: 32 },
  ]);
});

test.each(["/large", "/stream/large"])(
  "the connection of a client that reads nothing of %s is closed",
  async (path) => {
    const { raw, request, start, closed, waitForTimeout } = await serveLargeAnswers();
    request(path);
    await once(raw.socket, "data");
    raw.socket.pause();
    // The stream is idle for longer than the timeout before its client stops reading.
    if (path === "/stream/large") await waitForTimeout();
    start();
    await closed;
    raw.socket.resume();
    expect((await raw.ended).text.length).toBeLessThan(LARGE_ANSWER.length);
  },
);

test("a stream that has nothing to send stays open for longer than the timeout for sending", async () => {
  const { raw, request, start, waitForTimeout } = await serveLargeAnswers();
  let received = "";
  raw.socket.on("data", (data) => {
    received += data;
  });
  request("/stream/small");
  await expect.poll(() => received).toContain("begin");
  await waitForTimeout();
  start();
  await expect.poll(() => received).toContain("end\r\n0\r\n");
});
