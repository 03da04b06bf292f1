import { once } from "node:events";
import { request } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { startProductProcess } from "../support/product-process.ts";
import { formatRequestHead, formatWebhookHead, openConnection } from "../support/raw-connection.ts";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN } from "../support/test-runtime.ts";
import { createWebhookHeaders } from "../support/webhook-signature.ts";

const OPEN_FILES = 64;

/** The address from which a sender connects, and the one for which it forwards. */
type Sender = { localAddress?: string; forwardedFor?: string };

/** Posts a signed webhook on a connection of its own, as Plane does; returns the status or the error's code. */
async function postOnNewConnection(url: string, id: number, sender: Sender = {}): Promise<number | string> {
  const body = JSON.stringify({ event: "issue", action: "updated", data: { id: `item-${id}` } });
  const forwarded = omitUndefined({ "x-forwarded-for": sender.forwardedFor });
  const headers = { ...createWebhookHeaders(body), ...forwarded, "content-length": body.length };
  const { localAddress } = sender;
  const target = { method: "POST", headers, agent: false, ...omitUndefined({ localAddress }) } as const;
  const posting = request(`${url}/webhooks/plane`, target);
  posting.end(body);
  return Promise.race([
    once(posting, "response").then(([response]) => response.resume().statusCode),
    once(posting, "error").then(([error]) => error.code),
  ]).catch((error) => error.code);
}

/** Opens a stream of events, which stays open; returns the beginning of the answer, or "" when there is none. */
async function openStream(url: string, { localAddress, forwardedFor }: Sender = {}) {
  const raw = await openConnection(url, localAddress);
  onTestFinished(() => void raw.socket.destroy());
  const { headers } = createBearerHeaders(RUNTIME_ADMIN_TOKEN);
  const forwarded = omitUndefined({ "x-forwarded-for": forwardedFor });
  raw.socket.write(formatRequestHead("GET", "/api/events", { ...headers, ...forwarded, accept: "text/event-stream" }));
  const answer = await Promise.race([
    once(raw.socket, "data").then(([data]) => String(data)),
    raw.ended.then(() => ""),
  ]);
  return { raw, answer };
}

test("With a limit of 64 open files, webhooks arrive while 120 connections are open that send nothing, or never finish their request", {
  timeout: 60_000,
}, async () => {
  const { url } = await startProductProcess({ openFiles: OPEN_FILES });
  const { raw, answer } = await openStream(url);
  expect(answer).toContain("200 OK");
  const head = formatWebhookHead({ ...createWebhookHeaders("{}"), "content-length": "9000" });
  for (const sent of ["", `${head}{`]) {
    for (let i = 0; i < 120; i += 1) {
      const { socket } = await openConnection(url);
      onTestFinished(() => void socket.destroy());
      if (sent !== "") socket.write(sent);
    }
    for (let id = 0; id < 20; id += 1) expect(await postOnNewConnection(url, id)).toBe(200);
  }
  expect(raw.socket.closed).toBe(false);
});

/** Limit per address where 24 connections may be open: half of them. */
const PER_ADDRESS = 12;

test("An address may have half of all connections open, and those in use stay; of a trusted proxy the requests that it forwards for one address count", {
  timeout: 60_000,
}, async () => {
  const proxy = { localAddress: "127.0.0.2" };
  const env = { TRUSTED_PROXIES: proxy.localAddress };
  const { url } = await startProductProcess({ openFiles: OPEN_FILES, env });
  const openStreams = async (sender: Sender) => {
    const streams = await Promise.all(Array.from({ length: PER_ADDRESS }, () => openStream(url, sender)));
    expect(streams.map(({ answer }) => answer.slice(0, 15))).toEqual(Array(PER_ADDRESS).fill("HTTP/1.1 200 OK"));
    return streams.map(({ raw }) => raw.socket);
  };
  const direct = await openStreams({});
  expect(await postOnNewConnection(url, 1)).toBe("ECONNRESET");
  expect(await postOnNewConnection(url, 2, { localAddress: "127.0.0.3" })).toBe(200);
  expect(direct.some(({ closed }) => closed)).toBe(false);
  for (const socket of direct) socket.destroy();

  const client = { ...proxy, forwardedFor: "203.0.113.7" };
  const forwarded = await openStreams(client);
  const refused = await openStream(url, { ...proxy, forwardedFor: "198.51.100.1, 203.0.113.7" });
  expect(refused.answer).toMatch(/^HTTP\/1.1 429 .*retry-after: 1\r\n.*"code":"rate_limited"/is);
  const other = { ...proxy, forwardedFor: "203.0.113.8" };
  expect(await postOnNewConnection(url, 3, other)).toBe(200);
  expect((await openStream(url, other)).answer).toContain("200 OK");
  // Plane would take any answer for an acknowledgement.
  expect(await postOnNewConnection(url, 4, client)).toBe("ECONNRESET");
  forwarded[0]?.destroy();
  await expect.poll(() => postOnNewConnection(url, 5, client)).toBe(200);
});
