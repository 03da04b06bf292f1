import { once } from "node:events";
import { request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { Hono } from "hono";
import { expect, onTestFinished, test } from "vitest";
import { serveHttp } from "../../../runtime/node/serve-http.ts";
import { createLog } from "../../../shared/log.ts";
import { formatRequestHead, openConnection, type RawConnection } from "../../support/raw-connection.ts";

/** Timeout for a request in these tests, in real milliseconds. */
const REQUEST_TIMEOUT_MS = 400;

/** Sends a body that takes more than twice the timeout to arrive; returns the response's status or the error's code. */
async function sendSlowly(url: string): Promise<number | string> {
  const sending = request(url, { method: "PUT", headers: { "content-length": 10 } });
  const outcome = Promise.race([
    once(sending, "response").then(([response]) => response.statusCode),
    once(sending, "error").then(([error]) => error.code),
  ]).catch((error) => error.code);
  for (let i = 0; i < 10; i += 1) {
    sending.write("x");
    await wait(REQUEST_TIMEOUT_MS / 4);
  }
  sending.end();
  return outcome;
}

test("a request that arrives more slowly than the timeout is answered on stream paths and gets no response elsewhere", async () => {
  const app = new Hono().put("/*", async (c) => c.text(await c.req.text()));
  const log = createLog({ level: "error", write: () => {}, clock: Date.now });
  const served = await serveHttp({
    app,
    host: "127.0.0.1",
    port: 0,
    log,
    streamPaths: ["/streams"],
    requestTimeout: REQUEST_TIMEOUT_MS,
  });
  onTestFinished(() => served.stop(0));
  const paths = ["/streams?name=x", "/other", "/streams/other"];
  const [streamed, ...others] = await Promise.all(paths.map((path) => sendSlowly(served.url + path)));
  expect(streamed).toBe(200);
  expect(others).toEqual(["ECONNRESET", "ECONNRESET"]);
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
