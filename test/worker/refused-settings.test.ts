import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestHarness } from "wrangler";
import { createWebhookHeaders } from "../support/webhook-signature.ts";

const worker = createTestHarness({
  workers: [
    {
      configPath: "wrangler.jsonc",
      vars: { PLANE_URL: "http://127.0.0.1:1", PLANE_WORKSPACE: "javisi", STORE_URL: "redis://127.0.0.1:6379" },
      secrets: { PLANE_API_KEY: "plane_api_of_this_test" },
    },
  ],
});
let url: URL;

beforeAll(async () => {
  ({ url } = await worker.listen());
}, 60_000);
afterAll(() => worker.close());

test("Groundcrew in workerd refuses Redis at its start, and breaks the answer to a webhook off so that Plane repeats it", async () => {
  const answer = await fetch(new URL("/health", url));
  expect([answer.status, await answer.json()]).toMatchObject([503, { error: { code: "unavailable" } }]);
  expect(worker.getLogs().map(({ message }) => message)).toContainEqual(
    expect.stringMatching(/STORE_URL.*on Workers the store is the Durable Object/),
  );
  const body = "{}";
  const webhook = new URL("/webhooks/plane", url);
  const readAnswer = async () =>
    (await fetch(webhook, { method: "POST", headers: createWebhookHeaders(body), body })).text();
  await expect(readAnswer()).rejects.toThrow(TypeError);
});
