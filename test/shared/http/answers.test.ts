import { get } from "node:http";
import { gunzipSync } from "node:zlib";
import { Hono } from "hono";
import { expect, test } from "vitest";
import type { Route } from "../../../shared/app/deps.ts";
import { GroundcrewError } from "../../../shared/errors.ts";
import { postJson } from "../../../shared/http/outgoing.ts";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";
import { type ScriptedStep, startScriptedServer } from "../../support/test-server.ts";

async function requestFailing(thrown: unknown) {
  const fail = () => {
    throw thrown;
  };
  const route: Route = { path: "/failing", access: "public", app: () => new Hono().get("/", fail) };
  const parts = { ticks: [], jobHandlers: [], ruleSets: () => [], requestKinds: {} };
  const runtime = await startTestRuntime({ manifest: { routes: [route], ...parts } });
  const response = await fetch(`${runtime.url}/failing`);
  return { status: response.status, body: await response.json(), lines: runtime.lines };
}

test("An error that is unexpected is returned without its message, which is logged with the same correlation id, and none with a secret", async () => {
  const { status, body, lines } = await requestFailing(new Error("the inner workings"));
  expect(status).toBe(500);
  expect(JSON.stringify(body)).not.toContain("inner workings");
  const line = lines.find((one) => one["message"] === "request failed unexpectedly");
  expect(line).toMatchObject({ level: "error", error: "the inner workings" });
  const message = expect.stringContaining(String(line?.["correlation"]));
  expect(body).toMatchObject({ error: { code: "internal", message } });

  const cause = new Error(RUNTIME_ADMIN_TOKEN);
  const secret = await requestFailing(new GroundcrewError("unavailable", `refused ${RUNTIME_ADMIN_TOKEN}`, { cause }));
  expect(secret.body).toEqual({ error: { code: "unavailable", message: "refused [secret]" } });
  expect(JSON.stringify(secret.lines)).not.toContain(RUNTIME_ADMIN_TOKEN);
});

test("An unknown path answers 404 in JSON, and a known path with an unsupported method 405 with the supported ones", async () => {
  const { url } = await startTestRuntime();
  const response = await fetch(`${url}/nothing`);
  const body = { error: { code: "not_found", message: "Not found." } };
  expect([response.status, await response.json()]).toEqual([404, body]);
  const other = await fetch(`${url}/health`, { method: "DELETE" });
  expect([other.status, other.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  expect(await other.json()).toMatchObject({ error: { code: "method_not_allowed" } });
});

/** Reads an answer as it is sent: `fetch` would decompress it. */
function readRaw(url: string, headers: Record<string, string>) {
  return new Promise<{ status: number | undefined; headers: Record<string, unknown>; body: Buffer }>((resolve) => {
    get(url, { headers }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) });
    });
  });
}

test("files of the page and its document are sent in gzip to whom it suits, files with an ETag of their own, and short answers as they are", async () => {
  const { url } = await startTestRuntime();
  const gzip = { "accept-encoding": "br, gzip;q=0.8" };
  const plain = await readRaw(`${url}/assets/page.js`, {});
  const packed = await readRaw(`${url}/assets/page.js`, gzip);
  expect(packed.headers).toMatchObject({ "content-encoding": "gzip", "content-length": String(packed.body.length) });
  expect(gunzipSync(packed.body).equals(plain.body)).toBe(true);
  expect(packed.body.length).toBeLessThan(plain.body.length / 2);
  expect([plain.headers["vary"], packed.headers["vary"]]).toEqual(["Accept-Encoding", "Accept-Encoding"]);
  expect(packed.headers["etag"]).not.toBe(plain.headers["etag"]);
  const known = { ...gzip, "if-none-match": String(packed.headers["etag"]) };
  expect((await readRaw(`${url}/assets/page.js`, known)).status).toBe(304);

  const page = await readRaw(url, { ...gzip, "accept-language": "fr" });
  expect(page.headers).toMatchObject({ "content-encoding": "gzip", vary: "Accept-Language, Accept-Encoding" });
  expect(gunzipSync(page.body).toString()).toMatch(/^<!doctype html>[\s\S]*<\/html>\s*$/);
  const { headers: bearer } = createBearerHeaders(RUNTIME_ADMIN_TOKEN);
  const notices = await readRaw(`${url}/api/notices`, { ...gzip, ...bearer });
  expect(JSON.parse(notices.body.toString())).toHaveProperty("notices");
  for (const taken of ["identity", "gzip;q=0", "gzip; q=0.0, br"])
    expect((await readRaw(url, { "accept-encoding": taken })).body.toString()).toMatch(/^<!doctype html>/);
});

async function postTo(step: ScriptedStep) {
  const server = await startScriptedServer(step);
  return { answer: await postJson({ fetch: globalThis.fetch }, server.url, { "x-a": "b" }, "hello"), server };
}

test("a post follows no redirect, and one whose connection broke may have arrived", async () => {
  const { answer, server } = await postTo({ status: 302, headers: { location: "/elsewhere" }, body: "" });
  expect(answer).toMatchObject({ ok: false, outcome: "answered 302" });
  expect(server.requests).toHaveLength(1);
  const broken = await postTo((_request, response) => void response.destroy());
  expect([broken.answer.ok, broken.answer.notSent]).toEqual([false, undefined]);
});

test("a Retry-After of whole seconds is returned, a day at most, and no other", async () => {
  const headers = { "7": 7_000, "99999999999": 86_400_000, "0": undefined, "1e400": undefined, soon: undefined };
  for (const [header, retryAfter] of Object.entries({ ...headers, "-1": undefined, ["9".repeat(400)]: 86_400_000 })) {
    const { answer } = await postTo({ status: 503, headers: { "retry-after": header }, body: "" });
    expect(answer.retryAfter, header).toBe(retryAfter);
  }
});

test("a post without a connection was certainly not sent, and its outcome does not contain the URL", async () => {
  const url = "https://hooks.example.com/secret-path";
  for (const code of ["ECONNREFUSED", "UND_ERR_CONNECT_TIMEOUT", "CERT_HAS_EXPIRED", "ERR_TLS_CERT_ALTNAME_INVALID"]) {
    const cause = Object.assign(new Error("no connection"), { code });
    const fetch = () => Promise.reject(new TypeError("fetch failed", { cause }));
    expect(await postJson({ fetch }, url, {}, "hello")).toEqual({ ok: false, outcome: code, notSent: true });
  }
  const outcome = "The operation was aborted due to timeout";
  const fetch = () => Promise.reject(new DOMException(outcome, "TimeoutError"));
  expect(await postJson({ fetch }, url, {}, "hello")).toEqual({ ok: false, outcome });
});
