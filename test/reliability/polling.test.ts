import { expect, test } from "vitest";
import { createLoggedRandom } from "./random-source.ts";
import { countBusiestMinute } from "./request-rate.ts";
import { NO_TELEGRAM_LIMITS, toItemKey } from "./simulators.ts";
import { NO_LIMITS } from "./test-manifest.ts";
import { createVirtualTimeApp } from "./virtual-time-app.ts";

const EVENTS = ["created", "completed", "cancelled", "renamed", "removed", "assigned", "priority"];

test("reliability 3: with every webhook lost, the next poll finds 100 changes and deletions within Plane's real limit", async () => {
  const { pick, shuffle } = createLoggedRandom("polling");
  const app = await createVirtualTimeApp({
    rateLimit: 60,
    outbox: { limits: NO_LIMITS, burstWindow: 0 },
    config: { notifications: [{ events: EVENTS }] },
    telegram: NO_TELEGRAM_LIMITS,
  });
  const { plane, telegram, ada } = app;
  const projects = [app.addProject("ONB", "Onboarding"), app.addProject("OPS", "Operations")];
  const all = projects.flatMap((project) => app.addItems(project, 150).map((item) => ({ project, item })));
  await app.runFirstPoll();
  expect(telegram.calls).toEqual([]);
  await app.time.advance(300_000, 30_000);

  const wanted = new Set<string>();
  const kinds = ["Completed", "Cancelled", "Renamed", "Assigned", "Removed"] as const;
  for (const { project, item } of shuffle(all).slice(0, 90)) {
    const kind = pick(kinds);
    wanted.add(`${kind}: ${toItemKey(project, item)}`);
    if (kind === "Completed") plane.editItem(item, { state: "Done" });
    if (kind === "Cancelled") plane.editItem(item, { state: "Cancelled" });
    if (kind === "Renamed") plane.editItem(item, { name: `${item.name}, renamed` });
    if (kind === "Assigned") plane.editItem(item, { assignees: [ada] });
    if (kind === "Removed") plane.deleteItem(item);
  }
  for (let n = 0; n < 10; n += 1) {
    const project = pick(projects);
    wanted.add(`New task: ${toItemKey(project, plane.addItem(project, { name: `Late ${n}` }))}`);
  }
  app.takeWebhookBodies();

  const answer = await app.runTick();
  expect(answer.status).toBe(200);
  const due = await app.store.stats();
  await app.waitUntilIdle();

  const headlines = telegram.calls.map(({ text }) => /^\S+ ([^:]+: [A-Z]+-\d+)/.exec(text)?.[1]);
  expect(headlines.toSorted()).toEqual([...wanted].toSorted());
  expect(due.queues.outbox.pending + telegram.calls.length).toBeGreaterThanOrEqual(wanted.size);
  const { requests } = plane.ledger;
  expect(requests.filter(({ status }) => status === 429)).toEqual([]);
  expect(countBusiestMinute(requests)).toBeLessThanOrEqual(60);
}, 60_000);
