import fc from "fast-check";
import { expect, test } from "vitest";
import { noMetrics } from "../../../shared/metrics.ts";
import { createTelegramBot } from "../../../shared/telegram/bot.ts";

/** Calls the bot against a server whose 429 has this JSON text as its `retry_after`. */
function sendRefused(retryAfter: string) {
  const body = `{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":${retryAfter}}}`;
  const fetch = async () => new Response(body, { status: 429, headers: { "content-type": "application/json" } });
  const bot = createTelegramBot({ token: "1:t", apiRoot: "https://telegram.example", fetch, metrics: noMetrics });
  return bot.sendMessage(1, { text: "text", entities: [] });
}

test.each([
  ["30", 30_000],
  ["0", 1_000],
  ["1.5", 1_500],
  ["3600", 3_600_000],
  ["3601", 3_600_000],
  ["999999999", 3_600_000],
  ["1e300", 3_600_000],
  ["1e999", 5_000],
  ["-1", 5_000],
  ["null", 5_000],
  ['"NaN"', 5_000],
])("a retry_after of %s is a wait of %i ms", async (retryAfter, ms) => {
  expect(await sendRefused(retryAfter)).toEqual({ kind: "wait", ms });
});

test("whatever retry_after contains, the wait has whole milliseconds, from a second to an hour", async () => {
  await fc.assert(
    fc.asyncProperty(fc.json(), async (retryAfter) => {
      const outcome = await sendRefused(retryAfter);
      if (outcome.kind !== "wait") throw new Error(`not a wait, but ${outcome.kind}`);
      expect(outcome.ms).toBeGreaterThanOrEqual(1_000);
      expect(outcome.ms).toBeLessThanOrEqual(3_600_000);
      expect(Number.isInteger(outcome.ms)).toBe(true);
    }),
  );
});
