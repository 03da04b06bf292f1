import { expect, test } from "vitest";
import { webhooksTick } from "../../../functions/canary.ts";
import { readCanary } from "../../../shared/monitoring/canary.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createCanaryTestApp } from "./canary-test-app.ts";

test("reliability 39: a webhook that was switched off is noticed within 5 minutes after a poll finds a change, and its return as well", async () => {
  const { app, onb, listNotices, tickWithWebhook } = await createCanaryTestApp();
  await tickWithWebhook();
  const item = app.plane.addItem(onb, { name: "Watched" });
  await app.deliverWebhooks();
  const pass = async (minutes: number, arrive: () => unknown) => {
    for (let i = 1; i <= minutes; i += 1) {
      if (i % 5 === 0) await app.poll();
      const running = webhooksTick.run(app.deps);
      await arrive();
      await running;
      await arrive();
      app.advance(MINUTE);
    }
  };
  const edits = () => app.plane.ledger.requests.filter(({ method }) => method === "PATCH").length;
  const before = edits();
  await pass(60, () => app.deliverWebhooks());
  expect(edits()).toBe(before);
  expect(listNotices()).toEqual([]);

  app.plane.editItem(item, { name: "Renamed" });
  app.dropWebhooks();
  await app.poll();
  const foundAt = app.time.now;
  app.advance(MINUTE);
  await pass(4, () => app.dropWebhooks());
  expect(app.time.now - foundAt).toBeGreaterThan(4 * MINUTE);
  expect((await readCanary(app.store))?.silentSince).toBeLessThan(foundAt + 5 * MINUTE);
  await pass(60, () => app.dropWebhooks());
  expect(await app.deps.notices.readCurrent()).toMatchObject([
    { kind: "webhook_off", remedy: expect.stringContaining("npm run provision") },
  ]);
  expect(listNotices()).toHaveLength(1);
  // The tick itself waits a minute for each webhook.
  expect(edits() - before).toBeLessThanOrEqual(17);

  await pass(6, () => app.deliverWebhooks());
  expect((await readCanary(app.store))?.silentSince).toBeUndefined();
  expect(listNotices()).toHaveLength(2);
});
