import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { DEFAULT_CLAIM_MINUTES } from "../../shared/config/settings-file.ts";
import { DAY, HOUR, MINUTE, type Ms } from "../../shared/time.ts";
import { createFakeClock, hasFakeClock } from "../support/fake-clock.ts";
import { createFetchClient } from "./agent-clients.ts";
import { findDuplicated, findMissing, findUnexpected, readCompletions } from "./completions.ts";
import { IS_FULL_RUN } from "./random-source.ts";
import { toAgentToken } from "./runtime-with-agents.ts";
import {
  NO_TELEGRAM_LIMITS,
  RELIABILITY_ADMIN_TOKEN,
  SIMULATED_CHAT,
  startSimulators,
  toItemKey,
} from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

const LIMIT_MS = 600_000;
/** A job that the killed process had taken is due again when its lease of at most 2 min ends. */
const REPORT_WAIT_MS = 150_000;
const HELD_KEY = "ONB-1";
const claimResultSchema = z.object({ answer: z.object({ until: z.iso.datetime({ offset: true }) }) });
const CLAIM_MS = DEFAULT_CLAIM_MINUTES * MINUTE;
const RUNNING_JUMPS: readonly Ms[] = IS_FULL_RUN ? [HOUR, -2 * HOUR, 25 * HOUR, -3 * DAY] : [HOUR, -2 * HOUR];
const RESTART_JUMPS: readonly Ms[] = IS_FULL_RUN ? [-HOUR, -DAY, -HOUR] : [-HOUR];

/** Starts the product in a process whose wall clock the test sets, with a task that two agents may claim. */
async function startWithFakeClock() {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-clock-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const clock = createFakeClock(folder);
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane } = simulators;
  const agents = ["Imhotep", "Thot"].map((name) => ({ name, email: `${name.toLowerCase()}@agents.example` }));
  const users = agents.map((agent) => plane.addUser(agent));
  const project = simulators.addProject();
  plane.addItem(project, { name: "Held", assignees: users });
  const items = simulators.addItems(project, 8);
  simulators.takeWebhookBodies();
  const runtime = await spawnRuntime({
    env: {
      ...simulators.env,
      ...clock.env,
      ...Object.fromEntries(agents.map(({ name }) => [`AGENT_TOKEN_${name.toUpperCase()}`, toAgentToken(name)])),
    },
    config: { notifications: [{ events: ["completed"] }], agents },
    childOptions: { burst: 0, unpaced: true },
  });
  /** Waits until the process reports the fake clock's hour. Node computes the header once a second. */
  async function expectClock(offset: Ms) {
    const readOffset = async () => {
      const date = (await runtime.request("/health")).headers.get("date") ?? "";
      return Math.round((Date.parse(date) - Date.now()) / HOUR) * HOUR;
    };
    await expect.poll(readOffset, { timeout: 30_000 }).toBe(offset);
  }
  const [holder, other] = await Promise.all(
    agents.map(({ name }) => createFetchClient(runtime.url, toAgentToken(name))),
  );
  if (!holder || !other) throw new Error("no clients");
  const sent: string[] = [];

  return {
    ...simulators,
    clock,
    runtime,
    expectClock,
    holder,
    other,
    /** Completes the next task in Plane and returns the bodies of the webhooks. */
    completeItem(): string[] {
      const item = items[sent.length];
      if (!item) throw new Error("no item is left");
      simulators.takeWebhookBodies();
      sent.push(toItemKey(project, item));
      plane.editItem(item, { state: "Done" });
      return simulators.takeWebhookBodies();
    },
    deliver: (body: string) =>
      runtime.request("/webhooks/plane", { method: "POST", headers: simulators.createDeliveryHeaders(body), body }),
    /** Waits until each completion so far is reported, and asserts that none was reported twice. */
    async expectReportedOnce() {
      const read = () => readCompletions(simulators.telegram, SIMULATED_CHAT);
      await expect.poll(() => findMissing(read(), sent), { timeout: REPORT_WAIT_MS }).toEqual([]);
      await runtime.waitUntilIdle(60_000);
      expect(findUnexpected(read(), sent)).toEqual([]);
      expect(findDuplicated(read())).toEqual([]);
      expect(read().marked).toBe(0);
    },
  };
}

type Product = Awaited<ReturnType<typeof startWithFakeClock>>;

async function signIn({ runtime }: Product): Promise<string> {
  const response = await fetch(`${runtime.url}/api/session`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: RELIABILITY_ADMIN_TOKEN }),
  });
  return response.headers.get("set-cookie")?.split(";")[0] ?? "";
}

async function expectSameOwner({ holder, other }: Product) {
  expect(await other.call("claim_task", { task: HELD_KEY })).toEqual({
    refused: expect.stringContaining(`${HELD_KEY} is held by Imhotep`),
  });
  expect(await holder.call("report", { task: HELD_KEY, percent: 50 })).toHaveProperty("answer");
}

describe.skipIf(!hasFakeClock())("A wall clock that jumps", () => {
  test(
    "reliability 9: while it runs, jumps of hours and days change no owner, double no notification and delay no job",
    async () => {
      const product = await startWithFakeClock();
      const { runtime, clock, plane } = product;
      await runtime.poll();
      await runtime.waitUntilIdle();
      expect(await product.holder.call("claim_task", { task: HELD_KEY })).toHaveProperty("answer");
      const cookie = await signIn(product);
      const readState = () => fetch(`${runtime.url}/api/board`, { headers: { cookie } });
      expect((await readState()).status).toBe(200);
      let offset: Ms = 0;
      for (const jump of RUNNING_JUMPS) {
        offset += jump;
        clock.set(offset);
        await product.expectClock(offset);
        for (const body of product.completeItem()) expect((await product.deliver(body)).status).toBe(200);
        await product.expectReportedOnce();
        await expectSameOwner(product);
        expect((await readState()).status).toBe(200);
        // Without a webhook, the next poll finds the change.
        product.completeItem();
        expect((await runtime.poll()).status).toBe(200);
        await product.expectReportedOnce();
      }
      expect(plane.ledger.requests.every(({ status }) => status < 500)).toBe(true);
    },
    LIMIT_MS,
  );

  test(
    "reliability 9: a clock set back across a restart delays no waiting job and no poll, and neither changes the owner nor lengthens the claim",
    async () => {
      const product = await startWithFakeClock();
      const { runtime, clock } = product;
      await runtime.poll();
      await runtime.waitUntilIdle();
      expect(await product.holder.call("claim_task", { task: HELD_KEY })).toHaveProperty("answer");
      const cookie = await signIn(product);
      let offset: Ms = 0;
      for (const jump of RESTART_JUMPS) {
        await runtime.kill();
        await runtime.start({ crash: { step: "after the webhook is stored", nth: 1 } });
        const [body = ""] = product.completeItem();
        await expect(product.deliver(body)).rejects.toThrow("fetch failed");
        await runtime.waitForExit();
        offset += jump;
        clock.set(offset);
        await runtime.start();
        await product.expectReportedOnce();
        await expectSameOwner(product);
        const claim = claimResultSchema.parse(await product.holder.call("claim_task", { task: HELD_KEY })).answer;
        const left = Date.parse(claim.until) - (Date.now() + offset);
        expect(left).toBeGreaterThan(0);
        expect(left).toBeLessThan(CLAIM_MS + MINUTE);
        expect((await runtime.poll()).status).toBe(200);
        expect((await fetch(`${runtime.url}/api/board`, { headers: { cookie } })).status).toBe(200);
      }
    },
    LIMIT_MS,
  );
});
