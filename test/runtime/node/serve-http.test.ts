import { once } from "node:events";
import { request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { Hono } from "hono";
import { expect, onTestFinished, test } from "vitest";
import { serveHttp } from "../../../runtime/node/serve-http.ts";
import { createLog } from "../../../shared/log.ts";

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
