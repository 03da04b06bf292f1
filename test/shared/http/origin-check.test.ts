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

test("Host (reliability 27): loopback names are taken, and any other is refused", async () => {
  const { url } = await startTestRuntime();
  const status = async (host: string) => (await sendRawRequest(url, "/dead-letters", { ...adminHeaders, host })).status;
  const near = ["127.0.0.1.evil.example", "localhost.", "localhost@evil.example"];
  for (const host of ["evil.example", "192.168.1.7:8787", "", ...near])
    expect([400, 403], host).toContain(await status(host));
  for (const host of ["localhost", "LOCALHOST:1234", "127.0.0.1:8787", "[::1]:8787"])
    expect(await status(host), host).toBe(200);
});

test("Host (reliability 27) that is not listed in ALLOWED_HOSTS is refused, loopback names too", async () => {
  const { url } = await startTestRuntime({ env: { ALLOWED_HOSTS: "crew.example.com,groundcrew:8787" } });
  const status = async (host: string) => (await sendRawRequest(url, "/dead-letters", { ...adminHeaders, host })).status;
  expect(await status("crew.example.com:443")).toBe(200);
  expect(await status("groundcrew:8787")).toBe(200);
  expect(await status("groundcrew:80")).toBe(403);
  expect(await status("127.0.0.1")).toBe(403);
});

test("Host (reliability 27) is also checked for public routes, unknown paths and those that only look like a webhook's", async () => {
  const { url } = await startTestRuntime();
  const status = async (path: string) =>
    (await sendRawRequest(url, path, { ...adminHeaders, host: "evil.example" })).status;
  for (const path of ["/health", "/nothing"]) expect(await status(path)).toBe(403);
  for (const path of ["/webhooks/../dead-letters", "/webhooks/%2e%2e/dead-letters", "//webhooks/../dead-letters"])
    expect([400, 403, 404], path).toContain(await status(path));
});

const post = (url: string, origin: string, host = new URL(url).host) =>
  sendRawRequest(url, "/ticks/poll", { ...adminHeaders, host, origin }, "POST");

test("Origin (reliability 27): only the page itself, and programs without an origin, may change anything", async () => {
  const { url } = await startTestRuntime();
  for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "file://"])
    expect((await post(url, origin)).status, origin).toBe(403);
  expect((await post(url, url)).status).toBe(200);
  expect((await sendRawRequest(url, "/ticks/poll", adminHeaders, "POST")).status).toBe(200);
});

test("Origin (reliability 27) of PUBLIC_URL is accepted behind a TLS proxy, and the same host without TLS is refused", async () => {
  const { url } = await startTestRuntime({ env: { PUBLIC_URL: "https://crew.example.com" } });
  expect((await post(url, "https://crew.example.com", "crew.example.com")).status).toBe(200);
  expect((await post(url, "http://crew.example.com", "crew.example.com")).status).toBe(403);
});

test("Origin (reliability 27) that is foreign gets no CORS permission, not even for public routes", async () => {
  const { url } = await startTestRuntime();
  const { status, text } = await sendRawRequest(url, "/health", { origin: "https://evil.example" });
  expect(status).toBe(200);
  expect(text.toLowerCase()).not.toContain("access-control");
  const headers = { origin: "https://evil.example", "access-control-request-method": "POST" };
  expect((await sendRawRequest(url, "/ticks/poll", headers, "OPTIONS")).status).toBe(403);
});

test("A token in the URL (reliability 27) is refused with how to send it, even beside a valid one", async () => {
  const { url } = await startTestRuntime();
  const names = ["token", "access_token", "api_key", "key", "Authorization", "secret"].map((name) => `${name}=x`);
  for (const query of [...names, `anything=${RUNTIME_ADMIN_TOKEN}`, `x=${RUNTIME_TICK_TOKEN}`]) {
    const response = await fetch(`${url}/dead-letters?${query}`, createBearerHeaders(RUNTIME_ADMIN_TOKEN));
    expect(response.status, query).toBe(400);
    const answer = await response.text();
    expect(answer).toContain("Authorization: Bearer");
    expect(answer).not.toContain(RUNTIME_ADMIN_TOKEN);
  }
});

test("A token in the URL (reliability 27) is refused under any name when it is a bridge token", async () => {
  const { url, lines } = await startTestRuntime({ env: { AGENT_TOKEN_CONCIERGE: "bridge-token-of-the-concierge" } });
  for (const query of ["x=bridge-token-of-the-concierge", "agent_token=x", "bridge-token=x"]) {
    const response = await fetch(`${url}/mcp?${query}`, {
      method: "POST",
      ...createBearerHeaders("bridge-token-of-the-concierge"),
    });
    expect([query, response.status]).toEqual([query, 400]);
  }
  expect(JSON.stringify(lines)).not.toContain("bridge-token-of");
});

test("A token in the URL (reliability 27) is not logged, nor is any other part of the URL", async () => {
  const { url, lines } = await startTestRuntime();
  await fetch(`${url}/dead-letters?token=${RUNTIME_ADMIN_TOKEN}`);
  await fetch(`${url}/${RUNTIME_ADMIN_TOKEN}/marked-path?x=marked-query`);
  expect(lines.filter((line) => line["message"] === "request").map((line) => line["route"])).toEqual([
    "/dead-letters",
    "none",
  ]);
  expect(JSON.stringify(lines)).not.toMatch(new RegExp(`${RUNTIME_ADMIN_TOKEN}|marked`));
});

test("A query is refused above 50 parameters, whatever they are, and accepted with 50", async () => {
  const { url } = await startTestRuntime();
  const requestWith = async (count: number) => {
    const query = Array.from({ length: count }, (_, i) => `a${i}=1`).join("&");
    return (await fetch(`${url}/dead-letters?${query}`, createBearerHeaders(RUNTIME_ADMIN_TOKEN))).status;
  };
  expect([await requestWith(50), await requestWith(51), await requestWith(1_500)]).toEqual([200, 400, 400]);
});
