import { expect, test } from "vitest";
import { formatRequestHead, openConnection } from "../../support/raw-connection.ts";
import { startTestRuntime } from "../../support/test-runtime.ts";
import { createWebhookHeaders, SHORT_DELIVERY } from "../../support/webhook-signature.ts";
import { readRefusal } from "./refused-response.ts";

test("The webhook path accepts POST only", async () => {
  const { url } = await startTestRuntime();
  const response = await fetch(`${url}/webhooks/plane`);
  expect(response.headers.get("allow")).toBe("POST");
  expect(await readRefusal(response)).toMatchObject({ status: 405, code: "method_not_allowed" });
});

test("A path below the webhook path is answered with 404", async () => {
  const { url } = await startTestRuntime();
  const response = await fetch(`${url}/webhooks/plane/x`, {
    method: "POST",
    body: SHORT_DELIVERY,
    headers: createWebhookHeaders(SHORT_DELIVERY),
  });
  expect(await readRefusal(response)).toMatchObject({ status: 404, code: "not_found" });
});

/** Sends a signed delivery to exactly this path, which fetch would normalize. */
async function postRaw(url: string, path: string, headers: Record<string, string> = {}) {
  const raw = await openConnection(url);
  const length = { "content-length": `${SHORT_DELIVERY.length}`, connection: "close" };
  const head = formatRequestHead("POST", path, { ...createWebhookHeaders(SHORT_DELIVERY), ...length, ...headers });
  raw.socket.write(head + SHORT_DELIVERY);
  return raw.ended;
}

test.each([
  "//webhooks/plane",
  "/webhooks//plane",
  "///webhooks///plane",
  "//webhooks/plane/",
  "/webhooks/plane//",
  "//webhooks//plane?x=1",
])("Repeated slashes in the webhook path are ignored: %s", async (path) => {
  const { url, store } = await startTestRuntime();
  expect((await postRaw(url, path, { host: "crew.internal:8787" })).status).toBe(200);
  expect((await store.stats()).queues.inbox.pending).toBe(1);
});

test.each([
  ["another path with repeated slashes", "//dead-letters"],
  ["repeated slashes within another path", "/api//board"],
  ["an encoded slash", "/webhooks%2Fplane"],
  ["an encoded backslash", "/webhooks/%5Cplane"],
  ["a longer path", "//webhooks/plane/x"],
  ["a path below another one", "/x//webhooks/plane"],
])("The webhook does not accept %s as its path", async (_, path) => {
  const { url, store } = await startTestRuntime();
  const { status, text } = await postRaw(url, path);
  expect([401, 404]).toContain(status);
  expect(text.toLowerCase()).not.toContain("location:");
  expect((await store.stats()).queues.inbox.pending).toBe(0);
});

test("A host name in the path is not followed, and the Host header is still checked", async () => {
  const { url } = await startTestRuntime();
  for (const path of ["//evil.example/webhooks/plane", "//evil.example/", "/webhooks/..//dead-letters"]) {
    const { status, text } = await postRaw(url, path, { host: "evil.example" });
    expect([path, status]).toEqual([path, 403]);
    expect(text.toLowerCase()).not.toContain("location:");
  }
});
