import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cron } from "croner";
import { expect, onTestFinished, test } from "vitest";
import { manifest } from "../../../functions/index.ts";
import { trimTick } from "../../../functions/maintenance-ticks.ts";
import { openStore } from "../../../runtime/stores/open-store.ts";
import { decisionSet } from "../../../shared/records/decision-log.ts";
import type { Store } from "../../../shared/store/port.ts";
import { toDescendingKey } from "../../../shared/store/records.ts";
import { createTestSettings } from "../../support/settings.ts";
import {
  createBearerHeaders,
  postWebhook,
  RUNTIME_ADMIN_TOKEN,
  RUNTIME_ENV,
  startTestRuntime,
} from "../../support/test-runtime.ts";

const MIB = 1024 ** 2;
/** The decision log's limit is 20,000 rows. */
const ROW_COUNT = 32_000;

function createFolder() {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-space-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "groundcrew.db");
  return { url: `file:${folder}`, path, readSize: () => statSync(path).size };
}

async function open(url: string): Promise<Store> {
  const store = await openStore(url, { prefix: "t" });
  onTestFinished(() => store.close());
  return store;
}

/** Adds rows of the size of decisions. */
async function addDecisions(store: Store, count: number) {
  for (let at = 0; at < count; at += 500) {
    const put = Array.from({ length: 500 }, (_, i) => ({
      key: `decision:${toDescendingKey(at + i)}`,
      value: { at: at + i, text: "x".repeat(1_600) },
      sets: [decisionSet],
    }));
    await store.commit({ put });
  }
}

function startWithTrimTick(store: Store) {
  const services = { services: [], jobHandlers: [], ruleSets: () => [], requestKinds: {} };
  return startTestRuntime({ store, manifest: { ...manifest, ...services, ticks: [trimTick] } });
}

const requestTrim = (url: string) =>
  fetch(`${url}/ticks/trim`, { method: "POST", ...createBearerHeaders(RUNTIME_ADMIN_TOKEN) });

test("The tick trim runs every 10 s, so that a burst of events exceeds the decision log's limit only briefly", () => {
  const start = new Date("2026-11-21T08:00:00Z");
  const pattern = trimTick.cron(createTestSettings(RUNTIME_ENV));
  const [first] = new Cron(pattern, { timezone: "UTC" }).nextRuns(1, start);
  expect((first?.getTime() ?? Number.POSITIVE_INFINITY) - start.getTime()).toBeLessThanOrEqual(10_000);
});

test("The tick trim stores webhooks between its steps, and gives the space back to the file system", async () => {
  const { url, path, readSize } = createFolder();
  const store = await open(url);
  await addDecisions(store, ROW_COUNT);
  const before = readSize();
  /** The number of rows that each step deleted, and the webhooks, in the order in which they ended. */
  const ended: (number | "webhook")[] = [];
  async function trim(...args: Parameters<Store["trim"]>) {
    const count = await store.trim(...args);
    if (count > 0) ended.push(count);
    return count;
  }
  const runtime = await startWithTrimTick({ ...store, trim });
  const trimmed = requestTrim(runtime.url);
  for (let i = 0; i < 10; i++) {
    const { status } = await postWebhook(runtime.url, JSON.stringify({ event: "issue", data: { id: `i${i}` } }));
    expect(status).toBe(200);
    ended.push("webhook");
  }
  await trimmed;
  const steps = ended.filter((end) => end !== "webhook");
  expect(steps.reduce((sum, count) => sum + count, 0)).toBe(ROW_COUNT - 20_000);
  expect(Math.max(...steps)).toBeLessThanOrEqual(100);
  expect(ended.indexOf("webhook")).toBeLessThan(ended.lastIndexOf(100));
  expect(await store.count(decisionSet)).toBe(20_000);
  expect((await store.scan<{ at: number }>(decisionSet, undefined, 1)).rows[0]?.value.at).toBe(ROW_COUNT - 1);
  expect(readSize()).toBeLessThan(before - 15 * MIB);
  expect(statSync(`${path}-wal`).size).toBe(0);
}, 60_000);
