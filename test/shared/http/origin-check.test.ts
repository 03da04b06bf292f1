import { expect, test } from "vitest";
import { formatRequestHead, openConnection } from "../../support/raw-connection.ts";
import {
  createBearerHeaders,
  RUNTIME_ADMIN_TOKEN,
  RUNTIME_TICK_TOKEN,
  startTestRuntime,
} from "../../support/test-runtime.ts";

/** Sends a request with headers that fetch refuses to send. */
async function sendRawRequest(url: string, path: string, headers: Record<string, string>, method = "GET") {
  const raw = await openConnection(url);
  raw.socket.write(formatRequestHead(method, path, { connection: "close", "content-length": "0", ...headers }));
  return raw.ended;
}

const adminHeaders = { authorization: `Bearer ${RUNTIME_ADMIN_TOKEN}` };

test("Host (reliability 27): loopback names are taken, and any other is refused, also for public routes, unknown paths and those that only look like a webhook's", async () => {
  const { url } = await startTestRuntime();
  const getStatus = async (host: string, path = "/dead-letters") =>
    (await sendRawRequest(url, path, { ...adminHeaders, host })).status;
  const near = ["127.0.0.1.evil.example", "localhost.", "localhost@evil.example"];
  for (const host of ["evil.example", "192.168.1.7:8787", "", ...near])
    expect([400, 403], host).toContain(await getStatus(host));
  for (const host of ["localhost", "LOCALHOST:1234", "127.0.0.1:8787", "[::1]:8787"])
    expect(await getStatus(host), host).toBe(200);
  for (const path of ["/health", "/nothing"]) expect(await getStatus("evil.example", path)).toBe(403);
  for (const path of ["/webhooks/../dead-letters", "/webhooks/%2e%2e/dead-letters", "//webhooks/../dead-letters"])
    expect([400, 403, 404], path).toContain(await getStatus("evil.example", path));
});

test("Host (reliability 27) that is not listed in ALLOWED_HOSTS is refused, loopback names too", async () => {
  const { url } = await startTestRuntime({ env: { ALLOWED_HOSTS: "crew.example.com,groundcrew:8787" } });
  const hosts = { "crew.example.com:443": 200, "groundcrew:8787": 200, "groundcrew:80": 403, "127.0.0.1": 403 };
  for (const [host, status] of Object.entries(hosts))
    expect((await sendRawRequest(url, "/dead-letters", { ...adminHeaders, host })).status, host).toBe(status);
});

test("Origin (reliability 27): only the page itself, and programs without an origin, may change anything, and a foreign one gets no CORS permission", async () => {
  const { url } = await startTestRuntime();
  const post = (at: string, origin: string, host = new URL(at).host) =>
    sendRawRequest(at, "/ticks/poll", { ...adminHeaders, host, origin }, "POST");
  for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "file://"])
    expect((await post(url, origin)).status, origin).toBe(403);
  expect((await post(url, url)).status).toBe(200);
  expect((await sendRawRequest(url, "/ticks/poll", adminHeaders, "POST")).status).toBe(200);
  const { status, text } = await sendRawRequest(url, "/health", { origin: "https://evil.example" });
  expect(status).toBe(200);
  expect(text.toLowerCase()).not.toContain("access-control");
  const headers = { origin: "https://evil.example", "access-control-request-method": "POST" };
  expect((await sendRawRequest(url, "/ticks/poll", headers, "OPTIONS")).status).toBe(403);

  const proxied = await startTestRuntime({ env: { PUBLIC_URL: "https://crew.example.com" } });
  expect((await post(proxied.url, "https://crew.example.com", "crew.example.com")).status).toBe(200);
  expect((await post(proxied.url, "http://crew.example.com", "crew.example.com")).status).toBe(403);
});

test("A token in the URL (reliability 27) is refused with how to send it, under any name and beside a valid one, and is not logged, nor is any other part of the URL", async () => {
  const bridge = "bridge-token-of-the-concierge";
  const { url, lines } = await startTestRuntime({ env: { AGENT_TOKEN_CONCIERGE: bridge } });
  const names = ["token", "access_token", "api_key", "key", "Authorization", "secret", "agent_token", "bridge-token"];
  const values = [RUNTIME_ADMIN_TOKEN, RUNTIME_TICK_TOKEN, bridge].map((token) => `x=${token}`);
  for (const query of [...names.map((name) => `${name}=marked-query`), ...values]) {
    const response = await fetch(`${url}/dead-letters?${query}`, createBearerHeaders(RUNTIME_ADMIN_TOKEN));
    expect(response.status, query).toBe(400);
    const answer = await response.text();
    expect(answer).toContain("Authorization: Bearer");
    expect(answer).not.toContain(RUNTIME_ADMIN_TOKEN);
  }
  await fetch(`${url}/${RUNTIME_ADMIN_TOKEN}/marked-path?x=marked-query`);
  const routes = lines.filter((line) => line["message"] === "request").map((line) => line["route"]);
  expect(new Set(routes)).toEqual(new Set(["/dead-letters", "none"]));
  expect(JSON.stringify(lines)).not.toMatch(new RegExp(`${RUNTIME_ADMIN_TOKEN}|${bridge}|marked`));
});

test("A query is refused above 50 parameters, whatever they are, and accepted with 50", async () => {
  const { url } = await startTestRuntime();
  const requestWith = async (count: number) => {
    const query = Array.from({ length: count }, (_, i) => `a${i}=1`).join("&");
    return (await fetch(`${url}/dead-letters?${query}`, createBearerHeaders(RUNTIME_ADMIN_TOKEN))).status;
  };
  expect([await requestWith(50), await requestWith(51), await requestWith(1_500)]).toEqual([200, 400, 400]);
});
