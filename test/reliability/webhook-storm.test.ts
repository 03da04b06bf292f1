import { expect, test, vi } from "vitest";
import { wait } from "../../shared/time.ts";
import type { Item } from "../../simulators/plane/types.ts";
import { findFaults, NO_FAULTS, readCompletions } from "./completions.ts";
import { createLoggedRandom, IS_FULL_RUN, pickSize, type RandomSource } from "./random-source.ts";
import { SIMULATED_CHAT } from "./simulators.ts";
import { spawnWithItems } from "./spawned-runtime.ts";

vi.setConfig({ testTimeout: 900_000 });

/** Each item causes four deliveries (state, name, priority, state); 20 % of them are duplicated, 5 % are forged. */
const ITEMS = pickSize(2_050, 40);
const KILLS = 3;
/** Edits per second. */
const PACE = pickSize(120, 60);
/**
 * A killed process's lease expires after a minute for a poll. Outside the full run polls are rare, so that no kill
 * interrupts one, and leases of jobs are shorter.
 */
const CHILD_OPTIONS = IS_FULL_RUN ? { collect: 500 } : { collect: 60_000, ttl: 4_000 };

type Target = Awaited<ReturnType<typeof spawnWithItems>>;

interface Delivery {
  body: string;
  /** The signature is wrong, so the delivery must be refused. */
  forged: boolean;
  due: number;
  attempts: number;
}

const DUPLICATES = 0.2;
const FORGED = 0.05;
const IN_FLIGHT = 16;
/** With fewer than Plane's five, some deliveries are really lost. */
const ATTEMPTS = 3;
const SHUFFLE_MS = 2_000;
const AGAIN_MS = 1_500;

test(`reliability 1: a storm of ${IS_FULL_RUN ? "10,000" : "some"} webhooks with three kill -9 loses, invents and doubles nothing`, async () => {
  const target = await spawnWithItems(ITEMS, { childOptions: CHILD_OPTIONS });
  const { simulators, project, keys, runtime } = target;
  const { telegram } = simulators;
  // Only forged deliveries report that these are completed.
  const decoys = simulators.addItems(project, 20, "Decoy");
  simulators.takeWebhookBodies();
  await runtime.poll();
  const sent = await runWebhookStorm(target, decoys);
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
});

/**
 * Edits items in Plane and sends their webhooks: 20 % duplicated, 5 % forged, all shuffled within 2 s, while the runtime
 * is killed with `kill -9`. Resolves when every delivery was answered or given up.
 */
async function runWebhookStorm({ simulators, runtime, items }: Target, decoys: readonly Item[]) {
  const { plane } = simulators;
  const randomSource = createLoggedRandom("storm");
  const sender = createDeliverySender(randomSource, runtime.url, simulators);
  const steps = items.map(() => 0);
  let open = items.map((_, index) => index);
  const all = items.length * 3;
  const killAt = Array.from({ length: KILLS }, (_, n) => Math.floor(((n + 1) * all) / (KILLS + 1)));
  let killing: Promise<void> = Promise.resolve();

  function edit(item: Item, step: number) {
    if (step === 0) plane.editItem(item, { state: "In Progress" });
    else if (step === 1) plane.editItem(item, { name: `${item.name}, once more`, priority: "high" });
    else plane.editItem(item, { state: "Done" });
  }
  function enqueueWithFaults(body: string) {
    sender.enqueue(body);
    if (randomSource.happens(DUPLICATES)) sender.enqueue(body);
    if (!randomSource.happens(FORGED / (1 - FORGED))) return;
    const decoy = randomSource.pick(decoys);
    const itemId = (/"data": ?\{"id": ?"([0-9a-f-]{36})"/.exec(body) ?? /"id": ?"([0-9a-f-]{36})"/.exec(body))?.[1];
    sender.enqueue(itemId ? body.replaceAll(itemId, decoy.id) : body, true);
  }

  const began = Date.now();
  for (let n = 0; n < all; n += 1) {
    const index = randomSource.pick(open);
    const item = items[index];
    if (!item) continue;
    const step = steps[index] ?? 0;
    edit(item, step);
    steps[index] = step + 1;
    if (step === 2) open = open.filter((other) => other !== index);
    // Sometimes Plane's worker is late and its webhook contains newer values than its event.
    if (randomSource.happens(0.8)) for (const body of simulators.takeWebhookBodies()) enqueueWithFaults(body);
    if (killAt.includes(n)) {
      killing = killing.then(async () => {
        await runtime.kill();
        await runtime.start();
        // A runtime killed during a poll delays the next one by the lease.
        if (!IS_FULL_RUN) await runtime.poll();
      });
    }
    const early = began + (n * 1_000) / PACE - Date.now();
    if (early > 5) await wait(early);
    else if (n % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const body of simulators.takeWebhookBodies()) enqueueWithFaults(body);
  await killing;
  await sender.close();
  return sender.tally;
}

/** Sends deliveries shuffled, and again when the connection breaks, each attempt with a new delivery id. */
function createDeliverySender(randomSource: RandomSource, target: string, simulators: Target["simulators"]) {
  const deliveries: Delivery[] = [];
  const tally = { kept: 0, refused: 0, broken: 0, givenUp: 0, forgedTaken: 0, trueRefused: 0 };
  let sending = 0;
  let closed = false;

  async function send(delivery: Delivery): Promise<void> {
    delivery.attempts += 1;
    const { body, forged } = delivery;
    const headers = simulators.createDeliveryHeaders(body, ...(forged ? ["0".repeat(64)] : []));
    const outcome = await fetch(`${target}/webhooks/plane`, { method: "POST", headers, body }).then(
      async (answer) => {
        await answer.arrayBuffer().catch(() => undefined);
        return answer.ok ? "kept" : "refused";
      },
      () => "broken" as const,
    );
    tally[outcome] += 1;
    if (outcome === "kept" && forged) tally.forgedTaken += 1;
    if (outcome === "refused" && !forged) tally.trueRefused += 1;
    if (outcome !== "broken") return;
    if (delivery.attempts >= ATTEMPTS) tally.givenUp += 1;
    else deliveries.push({ ...delivery, due: Date.now() + randomSource.below(AGAIN_MS) });
  }
  async function runLane(): Promise<void> {
    while (!closed || deliveries.length > 0 || sending > 0) {
      const index = deliveries.findIndex(({ due }) => due <= Date.now());
      const [delivery] = index === -1 ? [] : deliveries.splice(index, 1);
      if (!delivery) {
        await wait(5);
        continue;
      }
      sending += 1;
      await send(delivery);
      sending -= 1;
    }
  }
  const lanesDone = Promise.all(Array.from({ length: IN_FLIGHT }, runLane));
  return {
    tally,
    enqueue: (body: string, forged = false) =>
      void deliveries.push({ body, forged, due: Date.now() + randomSource.below(SHUFFLE_MS), attempts: 0 }),
    /** Accepts no more deliveries; resolves when every delivery was answered or given up. */
    async close(): Promise<void> {
      closed = true;
      await lanesDone;
    },
  };
}
