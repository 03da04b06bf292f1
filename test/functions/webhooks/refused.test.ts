import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { planeWebhook } from "../../../functions/webhooks/plane.ts";
import { planeHeaders, sign } from "../../runtime/plane-headers.ts";
import { deliver, started } from "../../runtime/started.ts";
import { BODY, refusal } from "./refusal.ts";

describe("A signature (reliability 17)", () => {
  const right = sign(BODY);
  it.each([
    ["missing", undefined],
    ["empty", ""],
    ["of 63 characters", right.slice(0, 63)],
    ["of 65 characters", `${right}0`],
    ["that is not hex", `${right.slice(0, 63)}g`],
    ["in upper case", right.toUpperCase()],
    ["with a prefix", `sha256=${right}`],
    ["sent twice", `${right}, ${right}`],
    ["of a re-serialised body", sign(JSON.stringify(JSON.parse(BODY), null, 1))],
    ["of another body", sign(`${BODY} `)],
    ["under an old secret after the overlap", sign(BODY, "the-old-secret")],
    ["of an empty body", sign("")],
    ["of zeros", "0".repeat(64)],
  ])("%s is refused with 401 and nothing is kept", async (_, signature) => {
    const { url, store } = await started();
    const { "x-plane-signature": __, ...headers } = planeHeaders(BODY);
    const response = await deliver(
      url,
      BODY,
      signature === undefined ? headers : { ...headers, "x-plane-signature": signature },
    );
    expect(await refusal(response)).toMatchObject({ status: 401, code: "unauthorized" });
    expect((await store.stats()).queues.inbox.pending).toBe(0);
  });

  it("is refused whatever it is while no secret is set", async () => {
    const { url } = await started({ env: { PLANE_WEBHOOK_SECRET: "" } });
    expect((await deliver(url, BODY, planeHeaders(BODY, ""))).status).toBe(401);
  });

  it("refused on a request with Plane's headers asks for a poll, for it may be a real one under a new secret", async () => {
    const runtime = await started();
    await expect.poll(() => runtime.asked.length).toBe(1);
    await deliver(runtime.url, BODY, planeHeaders(BODY, "a-secret-we-do-not-know"));
    await expect.poll(() => runtime.asked.length).toBe(2);
    await deliver(runtime.url, BODY, { "content-type": "application/json" });
    await deliver(runtime.url, BODY);
    expect(runtime.lines.filter((line) => line["message"] === "poll asked")).toHaveLength(1);
  });
});

describe("Requests with Plane's headers and without its signature", () => {
  it("cost one poll at once, then one in 45 s, however many they are", async () => {
    const { deps } = await started();
    const asked: number[] = [];
    const waiting: { ms: number; over: () => void }[] = [];
    let now = 1_700_000_000_000;
    const app = planeWebhook.app({
      ...deps,
      clock: () => now,
      wait: (ms) => new Promise((resolve) => waiting.push({ ms, over: resolve })),
      askPoll: () => asked.push(now),
    });
    app.onError(() => new Response(null, { status: 401 }));
    const knock = () => app.request("/", { method: "POST", body: BODY, headers: planeHeaders(BODY, "not the secret") });
    await knock();
    expect(asked).toEqual([now]);
    now += 10_000;
    for (let i = 0; i < 20; i += 1) await knock();
    expect(asked).toHaveLength(1);
    expect(waiting.map(({ ms }) => ms)).toEqual([35_000]);
    now += 35_000;
    waiting[0]?.over();
    await expect.poll(() => asked.length).toBe(2);
    now += 60_000;
    await knock();
    expect(asked).toHaveLength(3);
  });
});

describe("A body (reliability 16)", () => {
  it.each([
    ["with a NUL byte", '{"event":"issue\u0000"}'],
    ["that is not JSON", "event=issue"],
    ["that is empty", ""],
    ["that is a list", "[]"],
    ["that is null", "null"],
    ["with a byte order mark", `\uFEFF${BODY}`],
  ])("%s is refused with 400", async (_, body) => {
    const { url, store } = await started();
    expect(await refusal(await deliver(url, body))).toMatchObject({ status: 400, code: "bad_request" });
    expect((await store.stats()).queues.inbox.pending).toBe(0);
  });

  it("of bad UTF-8 is refused with 400", async () => {
    const { url } = await started();
    const body = Uint8Array.from([...Buffer.from('{"event":"'), 0xff, 0xfe, 0xc0, ...Buffer.from('"}')]);
    expect(await refusal(await deliver(url, body))).toMatchObject({ status: 400, code: "bad_request" });
  });

  it("that is compressed is refused with 415", async () => {
    const { url } = await started();
    const body = Uint8Array.from(gzipSync(BODY));
    const response = await deliver(url, body, { ...planeHeaders(body), "content-encoding": "gzip" });
    expect(await refusal(response)).toMatchObject({ status: 415, code: "unsupported_type" });
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "application/json-seq", ""])(
    "of type %j is refused with 415",
    async (type) => {
      const { url } = await started();
      const response = await deliver(url, BODY, { ...planeHeaders(BODY), "content-type": type });
      expect(await refusal(response)).toMatchObject({ status: 415, code: "unsupported_type" });
    },
  );

  it("of JSON with a charset is taken", async () => {
    const { url } = await started();
    const headers = { ...planeHeaders(BODY), "content-type": "Application/JSON; charset=utf-8" };
    expect((await deliver(url, BODY, headers)).status).toBe(200);
  });

  it("of 10,000 levels is kept as the text it is", async () => {
    const { url, store } = await started();
    const body = `{"event":"issue","data":${"[".repeat(10_000)}${"]".repeat(10_000)}}`;
    expect((await deliver(url, body)).status).toBe(200);
    expect((await store.take("inbox", 1000, 1))[0]?.body).toMatchObject({ raw: body });
  });

  it("with __proto__ changes nothing but itself", async () => {
    const { url, store } = await started();
    const body = '{"event":"issue","__proto__":{"polluted":true},"data":{"id":"1","__proto__":{"polluted":true}}}';
    expect((await deliver(url, body)).status).toBe(200);
    expect((await store.take("inbox", 1000, 1))[0]?.body).toMatchObject({ raw: body });
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  it("announced as larger than the cap is refused with 413 before it is read", async () => {
    const { url } = await started({ env: { WEBHOOK_MAX_BYTES: "2048" } });
    const body = JSON.stringify({ text: "x".repeat(3000) });
    expect(await refusal(await deliver(url, body))).toMatchObject({ status: 413, code: "too_large" });
  });

  it("exactly as large as the cap is taken", async () => {
    const { url } = await started({ env: { WEBHOOK_MAX_BYTES: "2048" } });
    const body = JSON.stringify({ text: "x".repeat(2048 - '{"text":""}'.length) });
    expect(body).toHaveLength(2048);
    expect((await deliver(url, body)).status).toBe(200);
  });
});

describe("The address of the webhook", () => {
  it("takes POST only", async () => {
    const { url } = await started();
    const response = await fetch(`${url}/webhooks/plane`);
    expect(response.headers.get("allow")).toBe("POST");
    expect(await refusal(response)).toMatchObject({ status: 405, code: "method_not_allowed" });
  });

  it("with something behind it does not exist", async () => {
    const { url } = await started();
    const response = await fetch(`${url}/webhooks/plane/x`, {
      method: "POST",
      body: BODY,
      headers: planeHeaders(BODY),
    });
    expect(await refusal(response)).toMatchObject({ status: 404, code: "not_found" });
  });
});

describe("A source that sends badly signed requests", () => {
  it("is told to wait after 100 in a minute, while signed deliveries from it are always kept", async () => {
    let now = 1_700_000_000_000;
    const { url, store } = await started({ overrides: { clock: () => now } });
    const statuses: number[] = [];
    for (let i = 0; i < 102; i++) {
      const headers = i % 2 ? planeHeaders(BODY, "not the secret") : { "content-type": "application/json" };
      statuses.push((await deliver(url, BODY, headers)).status);
    }
    expect(statuses).toEqual([...Array(100).fill(401), 429, 429]);
    const refused = await deliver(url, BODY, {});
    expect(refused.headers.get("retry-after")).toBe("60");
    expect((await deliver(url, BODY)).status).toBe(200);
    expect((await store.stats()).queues.inbox.pending).toBe(1);
    now += 60_001;
    expect((await deliver(url, BODY, {})).status).toBe(401);
  });

  it.each([
    ["of another type", { "content-type": "text/plain" }, BODY],
    ["that is compressed", { "content-encoding": "gzip" }, BODY],
    ["over the cap", {}, "x".repeat(3000)],
  ])("is told to wait also when it sends what is refused unread: a body %s", async (_, headers, body) => {
    const { url } = await started({ env: { WEBHOOK_MAX_BYTES: "2048" } });
    const forged = { ...planeHeaders(body, "not the secret"), ...headers };
    for (let i = 0; i < 100; i++) expect((await deliver(url, body, forged)).status).not.toBe(429);
    expect((await deliver(url, body, forged)).status).toBe(429);
    expect((await deliver(url, BODY)).status).toBe(200);
  });

  it("is known by the address a trusted proxy tells, and by no other", async () => {
    const proxied = await started({ env: { TRUSTED_PROXIES: "127.0.0.1" } });
    const open = await started();
    for (let i = 0; i < 101; i++) {
      const headers = { "x-forwarded-for": `203.0.113.${i}` };
      expect((await deliver(proxied.url, BODY, headers)).status).toBe(401);
      expect((await deliver(open.url, BODY, headers)).status).toBe(i < 100 ? 401 : 429);
    }
  });
});
