import { expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
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

test.each(["evil.example", "127.0.0.1.evil.example", "localhost.", "192.168.1.7:8787", "", "localhost@evil.example"])(
  "Host (reliability 27): %j is refused",
  async (host) => {
    const { url } = await startTestRuntime();
    const { status } = await sendRawRequest(url, "/dead-letters", { ...adminHeaders, host });
    expect([400, 403]).toContain(status);
  },
);

test.each(["localhost", "LOCALHOST:1234", "127.0.0.1:8787", "[::1]:8787"])(
  "Host (reliability 27): %j is a loopback name and taken",
  async (host) => {
    const { url } = await startTestRuntime();
    expect((await sendRawRequest(url, "/dead-letters", { ...adminHeaders, host })).status).toBe(200);
  },
);

test("Host (reliability 27) of PUBLIC_URL is accepted", async () => {
  const { url } = await startTestRuntime({ env: { PUBLIC_URL: "https://crew.example.com" } });
  expect((await sendRawRequest(url, "/dead-letters", { ...adminHeaders, host: "crew.example.com" })).status).toBe(200);
});

test("Host (reliability 27) that is not listed in ALLOWED_HOSTS is refused, loopback names too", async () => {
  const { url } = await startTestRuntime({ env: { ALLOWED_HOSTS: "crew.example.com,groundcrew:8787" } });
  const status = async (host: string) => (await sendRawRequest(url, "/dead-letters", { ...adminHeaders, host })).status;
  expect(await status("crew.example.com:443")).toBe(200);
  expect(await status("groundcrew:8787")).toBe(200);
  expect(await status("groundcrew:80")).toBe(403);
  expect(await status("127.0.0.1")).toBe(403);
});

test("Host (reliability 27) is also checked for public routes and unknown paths", async () => {
  const { url } = await startTestRuntime();
  expect((await sendRawRequest(url, "/health", { host: "evil.example" })).status).toBe(403);
  expect((await sendRawRequest(url, "/nothing", { host: "evil.example" })).status).toBe(403);
});

test("Host (reliability 27) is also checked for a path that only looks like a webhook's", async () => {
  const { url } = await startTestRuntime();
  for (const path of ["/webhooks/../dead-letters", "/webhooks/%2e%2e/dead-letters", "//webhooks/../dead-letters"]) {
    const { status } = await sendRawRequest(url, path, { ...adminHeaders, host: "evil.example" });
    expect([400, 403, 404]).toContain(status);
  }
});

const post = (url: string, origin: string, host = new URL(url).host) =>
  sendRawRequest(url, "/ticks/poll", { ...adminHeaders, host, origin }, "POST");

test.each(["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "file://"])(
  "Origin (reliability 27): %s may change nothing",
  async (origin) => {
    const { url } = await startTestRuntime();
    expect((await post(url, origin)).status).toBe(403);
  },
);

test("Origin (reliability 27) of the page itself is accepted", async () => {
  const { url } = await startTestRuntime();
  expect((await post(url, url)).status).toBe(200);
});

test("Origin (reliability 27) may be absent, as in a program's request", async () => {
  const { url } = await startTestRuntime();
  expect((await sendRawRequest(url, "/ticks/poll", adminHeaders, "POST")).status).toBe(200);
});

test("Origin (reliability 27) of PUBLIC_URL is accepted behind a TLS proxy, and the same host without TLS is refused", async () => {
  const { url } = await startTestRuntime({ env: { PUBLIC_URL: "https://crew.example.com" } });
  expect((await post(url, "https://crew.example.com", "crew.example.com")).status).toBe(200);
  expect((await post(url, "http://crew.example.com", "crew.example.com")).status).toBe(403);
});

test("Origin (reliability 27) that is foreign may request public routes, but gets no CORS permission to read them", async () => {
  const { url } = await startTestRuntime();
  const { status, text } = await sendRawRequest(url, "/health", { origin: "https://evil.example" });
  expect(status).toBe(200);
  expect(text.toLowerCase()).not.toContain("access-control");
});

test("Origin (reliability 27) that is foreign gets no CORS permission in a preflight", async () => {
  const { url } = await startTestRuntime();
  const headers = { origin: "https://evil.example", "access-control-request-method": "POST" };
  expect((await sendRawRequest(url, "/ticks/poll", headers, "OPTIONS")).status).toBe(403);
});

test.each([
  "token=x",
  "access_token=x",
  "api_key=x",
  "key=x",
  "Authorization=x",
  "secret=x",
  `anything=${RUNTIME_ADMIN_TOKEN}`,
  `x=${RUNTIME_TICK_TOKEN}`,
])(
  "A token in the URL (reliability 27): ?%s is refused with how to send it, even beside a valid one",
  async (query) => {
    const { url } = await startTestRuntime();
    const response = await fetch(`${url}/dead-letters?${query}`, createBearerHeaders(RUNTIME_ADMIN_TOKEN));
    expect(response.status).toBe(400);
    const { error } = z
      .object({ error: z.object({ code: z.string(), message: z.string() }) })
      .parse(await response.json());
    expect(error.message).toContain("Authorization: Bearer");
    expect(error.message).not.toContain(RUNTIME_ADMIN_TOKEN);
  },
);

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

test("A query's values are hashed, to find tokens in URLs, only where they are as long as a token", async () => {
  const { url } = await startTestRuntime();
  const digest = vi.spyOn(crypto.subtle, "digest");
  onTestFinished(() => digest.mockRestore());
  const countDigests = async (query: string) => {
    digest.mockClear();
    expect((await fetch(`${url}/health?${query}`)).status).toBe(200);
    return digest.mock.calls.length;
  };
  const toQuery = (value: string) => Array.from({ length: 50 }, (_, i) => `a${i}=${value}`).join("&");
  expect(await countDigests(toQuery("x".repeat(15)))).toBe(0);
  expect(await countDigests("a=1234567890123456")).toBeGreaterThan(0);
});
