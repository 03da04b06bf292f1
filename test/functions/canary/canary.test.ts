import { expect, test } from "vitest";
import { canaryTick, webhooksTick } from "../../../functions/canary.ts";
import { describeAddress, readCanary } from "../../../shared/monitoring/canary.ts";
import { observedSets } from "../../../shared/records/store-keys.ts";
import { isCanary } from "../../../shared/sync/normalize.ts";
import { HOUR, MINUTE } from "../../../shared/time.ts";
import { createTestApp, type TestAppOptions } from "../../support/test-app.ts";

const VERSIONS = process.env["FULL"] ? (["1.3.1", "1.2.2"] as const) : (["1.3.1"] as const);

/** Creates a test app with a configured project for the canary and a chat. */
async function createCanaryTestApp(options: TestAppOptions = {}) {
  const app = await createTestApp({
    config: { canary: { project: "ONB" } },
    ...options,
    setUpPlane: () => ({
      PLANE_WEBHOOK_SECRET: "wh-secret-of-these-tests",
      TELEGRAM_BOT_TOKEN: "1000:bot",
      TELEGRAM_CHAT_ID: "42",
      TELEGRAM_API_ROOT: "http://127.0.0.1:1",
    }),
  });
  const onb = app.addProject();
  app.plane.addItem(onb, { name: "Real work" });
  await app.runFirstPoll();
  app.takeEvents();
  return {
    ...{ app, onb },
    /** The beginnings and ends of notices, with their texts. */
    listNotices: () =>
      app.logged
        .filter(({ message }) => String(message).startsWith("notice "))
        .map(({ message, text }) => `${message}: ${text}`),
    /** Runs the tick; its webhook arrives while it waits. */
    async tickWithWebhook() {
      const running = canaryTick.run(app.deps);
      let done = false;
      void running.finally(() => {
        done = true;
      });
      while (!done) {
        await app.deliverWebhooks();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return running;
    },
    /** Runs the tick; every webhook is lost. */
    tickWithoutWebhook: () => canaryTick.run(app.deps).finally(() => app.dropWebhooks()),
    findCanaryItem: () => app.plane.items(onb).find(({ external_id }) => external_id === "canary"),
  };
}

test.each(VERSIONS)("The canary on Plane %s costs one request, and causes no event, work or read", async (version) => {
  const { app, onb, tickWithWebhook, findCanaryItem } = await createCanaryTestApp({ version });
  expect(await tickWithWebhook()).toMatchObject({ sent: 1, ms: expect.any(Number) });
  const stored = await readCanary(app.store);
  const arrival = { nonce: stored?.lastEdit?.nonce, address: describeAddress(app.settings) };
  expect(stored?.lastArrival).toMatchObject(arrival);
  app.advance(HOUR);
  await app.poll();
  const costs = await app.recordRequests(() => tickWithWebhook());
  expect(costs.filter((one) => !one.startsWith("GET projects"))).toEqual(["PATCH work-items/:id/comments/:id"]);
  app.advance(700_000);
  const requests = await app.recordRequests(() => app.poll());
  await app.runUntilIdle();
  expect(requests.filter((one) => one.includes(":id"))).toEqual([]);
  const sets = [observedSets.items(onb.id), observedSets.open(onb.id), observedSets.quiet(onb.id)];
  expect(await Promise.all(sets.map((set) => app.store.count(set)))).toEqual([1, 1, 1]);
  const item = findCanaryItem();
  expect(item?.name).toContain("please do not delete");
  // Not even for what people do with it.
  app.plane.addComment(item ?? "", "<p>What is this?</p>");
  app.plane.editItem(item ?? "", { name: "Renamed", state: "In Progress" });
  await app.deliverWebhooks();
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test("The canary reports a missing webhook once in Telegram and hourly in the log, and reports when webhooks arrive again", async () => {
  const { app, tickWithWebhook, tickWithoutWebhook, listNotices } = await createCanaryTestApp();
  await tickWithWebhook();
  expect(listNotices()).toEqual([]);
  for (let hours = 0; hours < 2; hours += 1) {
    expect(await tickWithoutWebhook()).toEqual({ sent: 1, silent: 1 });
    app.advance(HOUR);
  }
  const began = expect.stringContaining("notice began: No webhooks have arrived from Plane since");
  expect(listNotices()).toEqual([began]);
  const errors = app.logged.filter(({ level }) => level === "error");
  expect(errors.filter(({ message }) => String(message).startsWith("no webhook from Plane"))).toHaveLength(2);
  await tickWithWebhook();
  expect(listNotices()).toEqual([began, expect.stringMatching(/^notice ended/)]);
  expect((await readCanary(app.store))?.silentSince).toBeUndefined();
});

test("The canary is created again after people deleted it, without notifications", async () => {
  const { app, tickWithWebhook, findCanaryItem } = await createCanaryTestApp();
  await tickWithWebhook();
  const first = findCanaryItem();
  app.plane.deleteItem(first ?? "");
  for (const ms of [0, 0, 700_000]) {
    app.advance(ms);
    await app.pollUntilIdle();
  }
  expect(await app.recordRequests(() => app.poll())).toEqual(["GET projects", "GET work-items"]);
  expect(await tickWithWebhook()).toMatchObject({ sent: 1, ms: expect.any(Number) });
  expect(findCanaryItem()?.id).not.toBe(first?.id);
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

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
  const countEdits = () => app.plane.ledger.requests.filter(({ method }) => method === "PATCH").length;
  const before = countEdits();
  await pass(20, () => app.deliverWebhooks());
  expect([countEdits(), listNotices()]).toEqual([before, []]);

  app.plane.editItem(item, { name: "Renamed" });
  app.dropWebhooks();
  await app.poll();
  const foundAt = app.time.now;
  app.advance(MINUTE);
  await pass(4, () => app.dropWebhooks());
  expect(app.time.now - foundAt).toBeGreaterThan(4 * MINUTE);
  expect((await readCanary(app.store))?.silentSince).toBeLessThan(foundAt + 5 * MINUTE);
  await pass(60, () => app.dropWebhooks());
  const remedy = expect.stringContaining("npm run provision");
  expect(await app.deps.notices.readCurrent()).toMatchObject([{ kind: "webhook_off", remedy }]);
  expect(listNotices()).toHaveLength(1);
  // The tick itself waits a minute for each webhook.
  expect(countEdits() - before).toBeLessThanOrEqual(17);
  await pass(6, () => app.deliverWebhooks());
  expect((await readCanary(app.store))?.silentSince).toBeUndefined();
  expect(listNotices()).toHaveLength(2);
});

test("The canary stays at an item that people archive, and is found again there, also without the store and without the comment", async () => {
  const { app, tickWithWebhook } = await createCanaryTestApp();
  /** Runs the tick an hour later, and returns where the canary is then. */
  const locate = async () => {
    app.advance(HOUR);
    expect(await tickWithWebhook()).toMatchObject({ ms: expect.any(Number) });
    const { project, item, comment } = (await readCanary(app.store)) ?? expect.fail("no canary is stored");
    return { project, item, comment };
  };
  const before = await locate();
  app.plane.archiveItem(before.item);
  expect(await locate()).toEqual(before);
  await app.pollUntilIdle();
  expect(await locate()).toEqual(before);
  await app.restart({ store: "lost" });
  await app.runFirstPoll();
  expect(await locate()).toEqual(before);
  app.plane.deleteComment(before.comment);
  const { item, comment } = await locate();
  expect([item, comment === before.comment]).toEqual([before.item, false]);
  expect(app.takeEvents()).toEqual([]);
});

test("The canary is created once a day at most where every edit of its comment is refused, which is logged", async () => {
  let status = 0;
  const { app, onb, tickWithWebhook } = await createCanaryTestApp({
    async fetch(input, init) {
      const isRefused = status > 0 && init?.method === "PATCH" && String(input).includes("/comments/");
      return isRefused ? Response.json({ error: "You do not have permission." }, { status }) : fetch(input, init);
    },
  });
  await tickWithWebhook();
  const getProblems = () =>
    app.logged.flatMap(({ message, problem }) => (message === "canary not sent" ? problem : []));
  for (status of [404, 400, 403]) {
    app.advance(HOUR);
    expect(await canaryTick.run(app.deps)).toEqual({});
    expect(getProblems().at(-1)).toMatch(new RegExp(`^Plane refused to edit it: .*${status}`));
  }
  expect([app.plane.items(onb).filter(isCanary).length, getProblems().length]).toEqual([2, 3]);
});
