import { describe, expect, it } from "vitest";
import { z } from "zod";
import { head, open } from "../../runtime/raw.ts";
import { ADMIN, bearer, started, TICK } from "../../runtime/started.ts";

/** A request with headers that fetch would not send. */
async function ask(url: string, path: string, headers: Record<string, string>, method = "GET") {
  const raw = await open(url);
  raw.socket.write(head(method, path, { connection: "close", "content-length": "0", ...headers }));
  return raw.ended;
}

const auth = { authorization: `Bearer ${ADMIN}` };

describe("Host (reliability 27)", () => {
  it.each(["evil.example", "127.0.0.1.evil.example", "localhost.", "192.168.1.7:8787", "", "localhost@evil.example"])(
    "%j is refused",
    async (host) => {
      const { url } = await started();
      const { status } = await ask(url, "/dead-letters", { ...auth, host });
      expect([400, 403]).toContain(status);
    },
  );

  it.each(["localhost", "LOCALHOST:1234", "127.0.0.1:8787", "[::1]:8787"])(
    "%j is a loopback name and taken",
    async (host) => {
      const { url } = await started();
      expect((await ask(url, "/dead-letters", { ...auth, host })).status).toBe(200);
    },
  );

  it("of PUBLIC_URL is taken", async () => {
    const { url } = await started({ env: { PUBLIC_URL: "https://crew.example.com" } });
    expect((await ask(url, "/dead-letters", { ...auth, host: "crew.example.com" })).status).toBe(200);
  });

  it("that is not listed in ALLOWED_HOSTS is refused, loopback names too", async () => {
    const { url } = await started({ env: { ALLOWED_HOSTS: "crew.example.com,groundcrew:8787" } });
    const status = async (host: string) => (await ask(url, "/dead-letters", { ...auth, host })).status;
    expect(await status("crew.example.com:443")).toBe(200);
    expect(await status("groundcrew:8787")).toBe(200);
    expect(await status("groundcrew:80")).toBe(403);
    expect(await status("127.0.0.1")).toBe(403);
  });

  it("is checked for what is public as well, and for addresses where nothing is", async () => {
    const { url } = await started();
    expect((await ask(url, "/health", { host: "evil.example" })).status).toBe(403);
    expect((await ask(url, "/nothing", { host: "evil.example" })).status).toBe(403);
  });

  it("is not escaped from by a path that only looks like a webhook's", async () => {
    const { url } = await started();
    for (const path of ["/webhooks/../dead-letters", "/webhooks/%2e%2e/dead-letters", "//webhooks/../dead-letters"]) {
      const { status } = await ask(url, path, { ...auth, host: "evil.example" });
      expect([400, 403, 404]).toContain(status);
    }
  });
});

describe("Origin (reliability 27)", () => {
  const post = (url: string, origin: string, host = new URL(url).host) =>
    ask(url, "/ticks/poll", { ...auth, host, origin }, "POST");

  it.each(["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "file://"])(
    "%s may change nothing",
    async (origin) => {
      const { url } = await started();
      expect((await post(url, origin)).status).toBe(403);
    },
  );

  it("of the page itself may", async () => {
    const { url } = await started();
    expect((await post(url, url)).status).toBe(200);
  });

  it("absent, as from a program, may", async () => {
    const { url } = await started();
    expect((await ask(url, "/ticks/poll", auth, "POST")).status).toBe(200);
  });

  it("of PUBLIC_URL may behind a proxy that ends TLS; the same host without TLS may not", async () => {
    const { url } = await started({ env: { PUBLIC_URL: "https://crew.example.com" } });
    expect((await post(url, "https://crew.example.com", "crew.example.com")).status).toBe(200);
    expect((await post(url, "http://crew.example.com", "crew.example.com")).status).toBe(403);
  });

  it("that is foreign may read what needs no token, and gets no permission to see it", async () => {
    const { url } = await started();
    const { status, text } = await ask(url, "/health", { origin: "https://evil.example" });
    expect(status).toBe(200);
    expect(text.toLowerCase()).not.toContain("access-control");
  });

  it("that is foreign is not told in a preflight that it may", async () => {
    const { url } = await started();
    const headers = { origin: "https://evil.example", "access-control-request-method": "POST" };
    expect((await ask(url, "/ticks/poll", headers, "OPTIONS")).status).toBe(403);
  });
});

describe("A token in the address (reliability 27)", () => {
  it.each([
    "token=x",
    "access_token=x",
    "api_key=x",
    "key=x",
    "Authorization=x",
    "secret=x",
    `anything=${ADMIN}`,
    `x=${TICK}`,
  ])("?%s is refused and told how to send it, even beside a right one", async (query) => {
    const { url } = await started();
    const response = await fetch(`${url}/dead-letters?${query}`, bearer(ADMIN));
    expect(response.status).toBe(400);
    const { error } = z
      .object({ error: z.object({ code: z.string(), message: z.string() }) })
      .parse(await response.json());
    expect(error.message).toContain("Authorization: Bearer");
    expect(error.message).not.toContain(ADMIN);
  });

  it("is refused when it is a bridge token, under whatever name", async () => {
    const { url, lines } = await started({ env: { AGENT_TOKEN_CONCIERGE: "bridge-token-of-the-concierge" } });
    for (const query of ["x=bridge-token-of-the-concierge", "agent_token=x", "bridge-token=x"]) {
      const response = await fetch(`${url}/mcp?${query}`, {
        method: "POST",
        ...bearer("bridge-token-of-the-concierge"),
      });
      expect([query, response.status]).toEqual([query, 400]);
    }
    expect(JSON.stringify(lines)).not.toContain("bridge-token-of");
  });

  it("is not written into the log, nor is any other part of an address", async () => {
    const { url, lines } = await started();
    await fetch(`${url}/dead-letters?token=${ADMIN}`);
    await fetch(`${url}/${ADMIN}/marked-path?x=marked-query`);
    expect(lines.filter((line) => line["message"] === "request").map((line) => line["route"])).toEqual([
      "/dead-letters",
      "none",
    ]);
    expect(JSON.stringify(lines)).not.toMatch(new RegExp(`${ADMIN}|marked`));
  });
});
