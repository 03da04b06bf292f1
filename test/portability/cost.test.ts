import { expect, test } from "vitest";
import { createMcpClient } from "../reliability/agent-clients.ts";
import { readCompletions } from "../reliability/completions.ts";
import { IS_FULL_RUN } from "../reliability/random-source.ts";
import { SIMULATED_CHAT, toItemKey } from "../reliability/simulators.ts";
import { openEvictableHost, readStorageUse } from "./hosts.ts";
import { startPortableTeam, toToken } from "./portable-team.ts";
import type { StorageUse } from "./row-counter.ts";

const FULL_LIMIT_MS = 600_000;
const TASKS = 50;
const SHARED = 5;
const MILLION = 1_000_000;

/** Cloudflare's prices in dollars per row (developers.cloudflare.com/durable-objects/platform/pricing). */
const PRICE = { read: 0.001 / MILLION, written: 1 / MILLION };
/** An object that never sleeps: 128 MB for a day, in GB-s, at $12.50 per million. */
const MEMORY_PER_DAY = (0.125 * 24 * 3_600 * 12.5) / MILLION;
/** The team whose day docs/workers.md computes. */
const DAY = { idleMinutes: 24 * 60, polls: 24 * 12, webhooks: 500, calls: 2_000 };

const subtract = (after: StorageUse, before: StorageUse): StorageUse => ({
  rowsRead: after.rowsRead - before.rowsRead,
  rowsWritten: after.rowsWritten - before.rowsWritten,
  alarmsSet: after.alarmsSet - before.alarmsSet,
});

test.runIf(IS_FULL_RUN)(
  "a day of a team with 500 webhooks and 2,000 calls costs less than $0.70 on Workers, from the rows that it reads and writes",
  async () => {
    const team = await startPortableTeam(openEvictableHost, { tasks: TASKS, shared: SHARED });
    const { host } = team;

    /** The use of the storage by this and what follows from it, divided by how many it is. */
    async function measure(name: string, count: number, run: () => Promise<unknown>) {
      const before = await readStorageUse(host);
      await run();
      await team.waitUntilIdle();
      const { rowsRead, rowsWritten, alarmsSet } = subtract(await readStorageUse(host), before);
      const each = { read: Math.round(rowsRead / count), written: Math.round(rowsWritten / count) };
      console.info(`${name}:`, JSON.stringify({ ...each, alarms: Math.round((10 * alarmsSet) / count) / 10 }));
      return each;
    }

    const waitForMinute = (minutes: number) =>
      new Promise((resolve) => setTimeout(resolve, minutes * 60_000 - (Date.now() % 60_000) + 5_000));

    await measure("the first look", 1, () => team.runTick("poll"));
    const poll = await measure("a poll", 3, async () => {
      for (let i = 0; i < 3; i += 1) await team.runTick("poll");
    });
    const webhook = await measure("a webhook", TASKS, async () => {
      const items = team.items.slice(0, TASKS);
      for (const item of items) {
        team.plane.editItem(item, { state: "Done" });
        await team.sendWebhooks();
      }
      await team.waitFor(() => expect(readCompletions(team.telegram, SIMULATED_CHAT).total).toBe(TASKS));
    });
    const client = await createMcpClient(host.url, toToken("Thot"));
    const call = await measure("an agent's call", 7 * SHARED, async () => {
      for (const item of team.sharedItems) {
        const task = toItemKey(team.project, item);
        for (const [tool, input] of [
          ["list_my_tasks", {}],
          ["claim_task", { task }],
          ["get_task_details", { task }],
          ["update_task_status", { task, status: "in_progress" }],
          ["add_comment", { task, text: `About ${task}: it goes well.` }],
          ["get_task_details", { task }],
          ["add_comment", { task, text: `About ${task}: it is nearly done.` }],
        ] as const)
          expect(await client.call(tool, input)).toHaveProperty("answer");
      }
    });
    await waitForMinute(1);
    const idle = await measure("an idle minute", 2, () => waitForMinute(2));

    const total = (kind: "read" | "written") =>
      DAY.idleMinutes * idle[kind] + DAY.polls * poll[kind] + DAY.webhooks * webhook[kind] + DAY.calls * call[kind];
    const rows = { read: total("read"), written: total("written") };
    const price = rows.read * PRICE.read + rows.written * PRICE.written;
    console.info("a day:", JSON.stringify({ ...rows, rowsPrice: price, withMemory: price + MEMORY_PER_DAY }));
    expect(idle.written).toBeGreaterThan(0);
    expect(webhook.written).toBeGreaterThan(0);
    expect(price + MEMORY_PER_DAY).toBeLessThan(0.7);
  },
  FULL_LIMIT_MS,
);
