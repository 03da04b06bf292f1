import { expect, test } from "vitest";
import { findFaults, NO_FAULTS, readCompletions } from "./completions.ts";
import { createLoggedRandom, IS_FULL_RUN, pickSize } from "./random-source.ts";
import { SIMULATED_CHAT } from "./simulators.ts";
import { spawnWithItems } from "./spawned-runtime.ts";
import { runWebhookStorm } from "./webhook-storm.ts";

/** Each item causes four deliveries (state, name, priority, state); 20 % of them are duplicated, 5 % are forged. */
const ITEMS = pickSize(2_050, 40);
const KILLS = 3;
/**
 * A killed process's lease expires after a minute for a poll. Outside the full run polls are rare, so that no kill
 * interrupts one, and leases of jobs are shorter.
 */
const CHILD_OPTIONS = IS_FULL_RUN ? { collect: 500 } : { collect: 60_000, ttl: 4_000 };

test(
  `reliability 1: a storm of ${IS_FULL_RUN ? "10,000" : "some"} webhooks with three kill -9 loses, invents and doubles nothing`,
  async () => {
    const { simulators, project, items, keys, runtime } = await spawnWithItems(ITEMS, { childOptions: CHILD_OPTIONS });
    const { telegram } = simulators;
    const decoys = simulators.addItems(project, 20, "Decoy");
    simulators.takeWebhookBodies();
    await runtime.poll();
    const sent = await runWebhookStorm({
      ...{ simulators, runtimes: [runtime], items, decoys, randomSource: createLoggedRandom("storm"), kills: KILLS },
      gently: !IS_FULL_RUN,
      pace: pickSize(120, 60),
    });
    expect((await runtime.poll()).status).toBe(200);
    await runtime.waitUntilIdle();

    const { marked, total } = readCompletions(telegram, SIMULATED_CHAT);
    expect(findFaults(telegram, keys)).toEqual(NO_FAULTS);
    expect(marked).toBeLessThanOrEqual(KILLS);
    expect(total).toBeLessThanOrEqual(ITEMS + marked);
    expect(sent).toMatchObject({ forgedTaken: 0, trueRefused: 0 });
    expect(sent.broken).toBeGreaterThan(0);
    expect(runtime.startCount).toBe(KILLS + 1);
    expect(await (await runtime.request("/dead-letters")).json()).toEqual({ dead_letters: [] });
  },
  pickSize(900_000, 90_000),
);
