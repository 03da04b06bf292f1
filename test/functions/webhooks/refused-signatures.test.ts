import { expect, test } from "vitest";
import { planeWebhookRoute } from "../../../functions/webhooks/webhook-routes.ts";
import { postWebhook, startTestRuntime } from "../../support/test-runtime.ts";
import { createWebhookHeaders, SHORT_DELIVERY, signBody } from "../../support/webhook-signature.ts";
import { readRefusal } from "./refused-response.ts";

const validSignature = signBody(SHORT_DELIVERY);
test.each([
  ["missing", undefined],
  ["empty", ""],
  ["63 characters long", validSignature.slice(0, 63)],
  ["65 characters long", `${validSignature}0`],
  ["not hexadecimal", `${validSignature.slice(0, 63)}g`],
  ["in upper case", validSignature.toUpperCase()],
  ["with a prefix", `sha256=${validSignature}`],
  ["sent twice", `${validSignature}, ${validSignature}`],
  ["that of the re-serialized body", signBody(JSON.stringify(JSON.parse(SHORT_DELIVERY), null, 1))],
  ["that of another body", signBody(`${SHORT_DELIVERY} `)],
  ["made with an old secret after its removal", signBody(SHORT_DELIVERY, "the-old-secret")],
  ["that of an empty body", signBody("")],
  ["64 zeros", "0".repeat(64)],
])("reliability 17: a delivery is refused with 401 and not stored when its signature is %s", async (_, signature) => {
  const { url, store } = await startTestRuntime();
  const { "x-plane-signature": __, ...headers } = createWebhookHeaders(SHORT_DELIVERY);
  const response = await postWebhook(
    url,
    SHORT_DELIVERY,
    signature === undefined ? headers : { ...headers, "x-plane-signature": signature },
  );
  expect(await readRefusal(response)).toMatchObject({ status: 401, code: "unauthorized" });
  expect((await store.stats()).queues.inbox.pending).toBe(0);
});

test("reliability 17: every delivery is refused with 401 while no secret is set", async () => {
  const { url } = await startTestRuntime({ env: { PLANE_WEBHOOK_SECRET: "" } });
  expect((await postWebhook(url, SHORT_DELIVERY, createWebhookHeaders(SHORT_DELIVERY, ""))).status).toBe(401);
});

test("reliability 17: a refused delivery with Plane's headers requests a poll, because it may be signed with a new secret", async () => {
  const runtime = await startTestRuntime();
  await expect.poll(() => runtime.polls.length).toBe(1);
  await postWebhook(runtime.url, SHORT_DELIVERY, createWebhookHeaders(SHORT_DELIVERY, "a-secret-we-do-not-know"));
  await expect.poll(() => runtime.polls.length).toBe(2);
  await postWebhook(runtime.url, SHORT_DELIVERY, { "content-type": "application/json" });
  await postWebhook(runtime.url, SHORT_DELIVERY);
  expect(runtime.lines.filter((line) => line["message"] === "poll requested")).toHaveLength(1);
});

test("Deliveries with an invalid signature request one poll immediately and at most one every 45 s, whatever their number", async () => {
  const { deps } = await startTestRuntime();
  const polls: number[] = [];
  const waits: { ms: number; end: () => void }[] = [];
  let now = 1_700_000_000_000;
  const app = planeWebhookRoute.app({
    ...deps,
    clock: () => now,
    wait: (ms) => new Promise((resolve) => waits.push({ ms, end: resolve })),
    requestPoll: () => polls.push(now),
  });
  app.onError(() => new Response(null, { status: 401 }));
  const sendForged = () =>
    app.request("/", {
      method: "POST",
      body: SHORT_DELIVERY,
      headers: createWebhookHeaders(SHORT_DELIVERY, "not the secret"),
    });
  await sendForged();
  expect(polls).toEqual([now]);
  now += 10_000;
  for (let i = 0; i < 20; i += 1) await sendForged();
  expect(polls).toHaveLength(1);
  expect(waits.map(({ ms }) => ms)).toEqual([35_000]);
  now += 35_000;
  waits[0]?.end();
  await expect.poll(() => polls.length).toBe(2);
  now += 60_000;
  await sendForged();
  expect(polls).toHaveLength(3);
});
