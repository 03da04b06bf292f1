import { globSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { DEFAULT_CLAIM_MINUTES } from "../../shared/config/settings-file.ts";
import { DAY, HOUR, MINUTE, type Ms } from "../../shared/time.ts";
import { signIn } from "../support/http-test-app.ts";
import { createTestFolder } from "../support/test-folder.ts";
import { createFetchClient } from "./agent-clients.ts";
import { findFaults, NO_FAULTS, readCompletions } from "./completions.ts";
import { pickSize } from "./random-source.ts";
import {
  NO_TELEGRAM_LIMITS,
  RELIABILITY_ADMIN_TOKEN,
  SIMULATED_CHAT,
  startSimulators,
  toAgentToken,
} from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

/** libfaketime's library (Debian package faketime), for programs with several threads. In CI it must be there. */
const [LIBRARY = process.env["CI"] && "libfaketimeMT.so.1"] = globSync("/usr/lib/*/faketime/libfaketimeMT.so.1");
/** A job that the killed process had taken is due again when its lease of at most 2 min ends. */
const REPORT_WAIT_MS = 150_000;
const KEY = "ONB-1";
const claimSchema = z.object({ answer: z.object({ until: z.iso.datetime({ offset: true }) }) });
const RUNNING_JUMPS: readonly Ms[] = pickSize([HOUR, -2 * HOUR, 25 * HOUR, -3 * DAY], [HOUR, -2 * HOUR]);
const RESTART_JUMPS: readonly Ms[] = pickSize([-HOUR, -DAY, -HOUR], [-HOUR]);

test("reliability 9: jumps of the wall clock, while it runs and across a restart, change no owner, lengthen no claim, double no notification and delay neither job nor poll", async (context) => {
  context.skip(!LIBRARY);
  // Timers and the uptime are those of the machine, as when a clock is corrected.
  const file = join(createTestFolder("clock"), "clock-offset");
  const setClock = (ms: Ms) => writeFileSync(file, `${ms < 0 ? "" : "+"}${ms / 1_000}\n`);
  setClock(0);
  const fakeTime = { FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: "1", FAKETIME_DONT_FAKE_MONOTONIC: "1" };
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane, telegram } = simulators;
  const { agents, users, tokens } = simulators.addAgents(["Imhotep", "Thot"]);
  const project = simulators.addProject();
  plane.addItem(project, { name: "Held", assignees: users });
  const items = simulators.addItems(project, 12);
  simulators.takeWebhookBodies();
  const runtime = await spawnRuntime({
    env: { ...simulators.env, LD_PRELOAD: LIBRARY ?? "", ...fakeTime, ...tokens },
    config: { notifications: [{ events: ["completed"] }], agents },
    childOptions: { burst: 0, unpaced: true, ...pickSize({}, { ttl: 5_000 }) },
  });
  const holder = await createFetchClient(runtime.url, toAgentToken("Imhotep"));
  const other = await createFetchClient(runtime.url, toAgentToken("Thot"));
  const sent: string[] = [];
  let offset: Ms = 0;

  /** Completes the next task in Plane and returns what delivers its webhooks. */
  function completeItem() {
    const item = items[sent.length];
    if (!item) throw new Error("no item is left");
    simulators.takeWebhookBodies();
    sent.push(`ONB-${item.sequence_id}`);
    plane.editItem(item, { state: "Done" });
    const [body = ""] = simulators.takeWebhookBodies();
    const headers = simulators.createDeliveryHeaders(body);
    return () => runtime.request("/webhooks/plane", { method: "POST", headers, body });
  }
  const expectReported = () =>
    expect.poll(() => findFaults(telegram, sent), { timeout: REPORT_WAIT_MS }).toEqual(NO_FAULTS);
  async function expectSameOwner() {
    const refused = expect.stringContaining(`${KEY} is held by Imhotep`);
    expect(await other.call("claim_task", { task: KEY })).toEqual({ refused });
    expect(await holder.call("report", { task: KEY, percent: 50 })).toHaveProperty("answer");
    expect((await fetch(`${runtime.url}/api/board`, { headers: { cookie } })).status).toBe(200);
  }

  await runtime.poll();
  await runtime.waitUntilIdle();
  expect(await holder.call("claim_task", { task: KEY })).toHaveProperty("answer");
  const { cookie } = await signIn(runtime.url, RELIABILITY_ADMIN_TOKEN);
  for (const jump of RUNNING_JUMPS) {
    offset += jump;
    setClock(offset);
    // Node computes the header once a second.
    const readOffset = async () => {
      const date = (await runtime.request("/health")).headers.get("date") ?? "";
      return Math.round((Date.parse(date) - Date.now()) / HOUR) * HOUR;
    };
    await expect.poll(readOffset, { timeout: 30_000 }).toBe(offset);
    expect((await completeItem()()).status).toBe(200);
    await expectReported();
    await expectSameOwner();
    // Without a webhook, the next poll finds the change.
    completeItem();
    expect((await runtime.poll()).status).toBe(200);
    await expectReported();
  }
  const countMarked = () => readCompletions(telegram, SIMULATED_CHAT).marked;
  expect(countMarked()).toBe(0);
  for (const jump of RESTART_JUMPS) {
    // Its webhook is kept, and perhaps handled.
    expect((await completeItem()()).status).toBe(200);
    await runtime.kill();
    offset += jump;
    setClock(offset);
    await runtime.start();
    await expectReported();
    await expectSameOwner();
    const claim = claimSchema.parse(await holder.call("claim_task", { task: KEY })).answer;
    const left = Date.parse(claim.until) - (Date.now() + offset);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan((DEFAULT_CLAIM_MINUTES + 1) * MINUTE);
    expect((await runtime.poll()).status).toBe(200);
  }
  await runtime.waitUntilIdle(60_000);
  expect(findFaults(telegram, sent)).toEqual(NO_FAULTS);
  // A kill may interrupt the sending of a message.
  expect(countMarked()).toBeLessThanOrEqual(RESTART_JUMPS.length);
  expect(plane.ledger.requests.every(({ status }) => status < 500)).toBe(true);
}, 600_000);
