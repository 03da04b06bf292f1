import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { formatRequestHead } from "../support/raw-connection.ts";
import { startTestRuntime } from "../support/test-runtime.ts";
import { createWebhookHeaders } from "../support/webhook-signature.ts";
import { CREW, hasCaddy, OUTSIDE_CLIENT, startCaddy, VPN_CLIENT, WORK } from "./start-caddy.ts";
import { startUpstream } from "./upstreams.ts";

/** What Caddy adds before Groundcrew sees a request comes from 127.0.0.1. */
const BEHIND_CADDY = { TRUSTED_PROXIES: "127.0.0.1/32", PUBLIC_URL: `https://${CREW}` };

/** Requests that resemble a webhook. */
const REFUSED_REQUESTS = [
  ["GET", "/webhooks/plane"],
  ["PUT", "/webhooks/plane"],
  ["DELETE", "/webhooks/telegram"],
  ["POST", "/x/../webhooks/plane"],
  ["POST", "/webhooks/../webhooks/plane"],
  ["POST", "/webhooks/./plane"],
  ["POST", "/webhooks/%2e/plane"],
  ["POST", "/x/%2e%2e/webhooks/plane"],
  ["POST", "/webhooks/plane/"],
  ["POST", "/webhooks/plane/x"],
  ["POST", "/WEBHOOKS/plane"],
  ["POST", "/webhooks/plane%00"],
  ["POST", "/webhooks\\plane"],
  ["POST", "/webhooks"],
  ["POST", "/webhooks/github"],
  ["POST", "/webhooks/health"],
  ["DELETE", "/webhooks/health"],
  ["GET", "/webhooks/health/"],
  ["GET", "/webhooks/health/x"],
  ["GET", "/x/../webhooks/health"],
  ["GET", "/webhooks/%2e/health"],
] as const;

async function startWithGroundcrew(env: Record<string, string> = {}) {
  const runtime = await startTestRuntime({ env: { ...BEHIND_CADDY, ...env } });
  const caddy = await startCaddy({ GROUNDCREW_UPSTREAM: new URL(runtime.url).host, WEBHOOK_MAX_BYTES: "65536" });
  const countPending = async () => (await runtime.store.stats()).queues.inbox.pending;
  return { caddy, runtime, countPending };
}

const deliver = (body: string) => ({ method: "POST", body, headers: createWebhookHeaders(body) });

describe.skipIf(!hasCaddy())("Webhooks through Caddy", () => {
  test("NOTIF-01 a signed webhook reaches Groundcrew from anywhere, on both hosts, also with doubled slashes", async () => {
    const { caddy, countPending } = await startWithGroundcrew();
    const addresses = [CREW, WORK].flatMap((host) =>
      ["/webhooks/plane", "//webhooks/plane", "/webhooks//plane"].map((path) => ({ host, path })),
    );
    for (const [i, address] of addresses.entries())
      expect(await caddy.send({ ...address, ...deliver(`{"n":${i}}`) })).toMatchObject({ status: 200 });
    expect(await countPending()).toBe(addresses.length);
  });

  test("the path of Telegram's webhook is public as well, and Groundcrew itself checks its secret", async () => {
    const groundcrew = await startUpstream("groundcrew");
    const caddy = await startCaddy({ GROUNDCREW_UPSTREAM: groundcrew.address });
    expect(await caddy.send({ host: CREW, path: "/webhooks/telegram", method: "POST", body: "{}" })).toMatchObject({
      body: "groundcrew",
    });
    expect(groundcrew.requests).toMatchObject([{ url: "/webhooks/telegram", body: "{}" }]);
  });

  test("MONITOR-01 the health of Groundcrew is public: ok, not ok with 503, and 502 while it is down", async () => {
    const { caddy, runtime } = await startWithGroundcrew();
    const ask = async (host: string, path = "/webhooks/health", method = "GET") => {
      const answer = await caddy.send({ host, path, method });
      return answer && [answer.status, answer.body];
    };
    expect(await ask(CREW)).toEqual([503, "not ok"]);
    runtime.deps.health.recordSuccess("plane");
    await expect.poll(() => ask(CREW), { timeout: 5_000, interval: 100 }).toEqual([200, "ok"]);
    expect(await ask(WORK, "//webhooks//health")).toEqual([200, "ok"]);
    expect(await ask(CREW, "/webhooks/health", "HEAD")).toEqual([200, ""]);
    expect((await caddy.send({ host: CREW, path: "/health" }))?.status).toBe(403);
    await runtime.stop();
    expect((await ask(CREW))?.[0]).toBe(502);
  });

  test("other paths and methods are refused from outside, and never reach Groundcrew as a webhook from inside", async () => {
    const groundcrew = await startUpstream("groundcrew");
    const web = await startUpstream("web");
    const caddy = await startCaddy({ GROUNDCREW_UPSTREAM: groundcrew.address, PLANE_WEB_UPSTREAM: web.address });
    for (const host of [CREW, WORK]) {
      for (const [method, path] of REFUSED_REQUESTS) {
        const answer = await caddy.send({ host, path, method });
        expect(answer?.status ?? 400, `${method} ${host}${path}`).toBeGreaterThanOrEqual(400);
        expect([...groundcrew.requests, ...web.requests]).toEqual([]);
        await caddy.send({ host, path, method, from: VPN_CLIENT });
        const arrived = groundcrew.requests.splice(0).map(({ url }) => url);
        expect(arrived, `${method} ${host}${path}`).not.toContain("/webhooks/plane");
        expect(arrived, `${method} ${host}${path}`).not.toContain("/webhooks/telegram");
        expect(arrived, `${method} ${host}${path}`).not.toContain("/webhooks/health");
        web.requests.splice(0);
      }
    }
  });

  test("a webhook that Groundcrew cannot take is never answered: its connection breaks, so that Plane repeats it", async () => {
    const groundcrew = await startUpstream("groundcrew", (_, response) => void response.writeHead(503).end("busy"));
    const caddy = await startCaddy({ GROUNDCREW_UPSTREAM: groundcrew.address });
    const webhook = { host: CREW, path: "/webhooks/plane", ...deliver('{"n":1}') };
    expect(await caddy.send(webhook)).toBeUndefined();
    expect(groundcrew.requests).toHaveLength(1);
    await groundcrew.stop();
    expect(await caddy.send(webhook)).toBeUndefined();
    expect(await caddy.send({ ...webhook, path: "//webhooks/plane" })).toBeUndefined();
    expect(await caddy.send({ host: CREW, path: "/", from: VPN_CLIENT })).toMatchObject({ status: 502 });
  });

  test.each([
    ["before the response", (socket: { destroy(): void }) => socket.destroy()],
    [
      "within the headers",
      (socket: { destroy(): void; write(text: string, done: () => void): void }) =>
        socket.write("HTTP/1.1 200 OK\r\nContent-Le", () => socket.destroy()),
    ],
    [
      "within the body",
      (socket: { destroy(): void; write(text: string, done: () => void): void }) =>
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", () => socket.destroy()),
    ],
  ])("an upstream that is gone %s leaves no complete answer", async (_when, breakOff) => {
    const groundcrew = await startUpstream("groundcrew", ({ socket }) => breakOff(socket));
    const caddy = await startCaddy({ GROUNDCREW_UPSTREAM: groundcrew.address });
    expect(await caddy.send({ host: CREW, path: "/webhooks/plane", ...deliver("{}") })).toBeUndefined();
  });

  test("a body over the limit is refused with 413, announced or not, and is not stored", async () => {
    const { caddy, countPending } = await startWithGroundcrew();
    const body = JSON.stringify({ text: "x".repeat(100_000) });
    const webhook = { host: CREW, path: "/webhooks/plane", ...deliver(body) };
    expect((await caddy.send(webhook))?.status ?? 413).toBe(413);
    const chunked = { ...webhook, headers: { ...webhook.headers, "transfer-encoding": "chunked" } };
    expect((await caddy.send(chunked))?.status ?? 413).toBe(413);
    expect(await countPending()).toBe(0);
  });

  test("a body that stalls until Groundcrew gives it up is never acknowledged, also when the rest arrives", async () => {
    // Groundcrew ends such a request after 20 s; this server does so with the first byte of the body.
    const givenUp = Promise.withResolvers<void>();
    const server = createServer((socket) => {
      let request = "";
      socket.on("data", (data) => {
        request += data.toString("latin1");
        if (request.endsWith("{")) socket.destroy();
      });
      socket.on("close", () => givenUp.resolve());
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const caddy = await startCaddy({ GROUNDCREW_UPSTREAM: `127.0.0.1:${(server.address() as AddressInfo).port}` });
    const socket = await caddy.open(CREW, OUTSIDE_CLIENT);
    let received = "";
    socket.on("data", (data: Buffer) => {
      received += data;
    });
    const headers = { ...createWebhookHeaders("{}"), host: CREW, "content-length": "2" };
    socket.write(`${formatRequestHead("POST", "/webhooks/plane", headers)}{`);
    await givenUp.promise;
    socket.write("}");
    await once(socket, "close");
    expect(received).toBe("");
  });

  test("Groundcrew limits each source behind Caddy by its real address, whatever X-Forwarded-For claims", async () => {
    const { caddy, countPending } = await startWithGroundcrew();
    const forge = (i: number) => ({
      host: CREW,
      path: "/webhooks/plane",
      method: "POST",
      body: `{"n":${i}}`,
      headers: { ...createWebhookHeaders("another body"), "x-forwarded-for": `192.0.2.${i}` },
    });
    const statuses = new Set<number | undefined>();
    for (let i = 0; i < 130; i += 1) statuses.add((await caddy.send(forge(i)))?.status);
    expect([...statuses].sort()).toEqual([401, 429]);
    expect(await caddy.send({ ...forge(1), from: "127.0.3.3" })).toMatchObject({ status: 401 });
    expect(await caddy.send({ host: CREW, path: "/webhooks/plane", ...deliver('{"real":1}') })).toMatchObject({
      status: 200,
    });
    expect(await countPending()).toBe(1);
  });
});
