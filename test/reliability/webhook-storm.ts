import type { Item } from "../../simulators/plane/types.ts";
import { createDeliverySender } from "./delivery-sender.ts";
import type { RandomSource } from "./random-source.ts";
import type { Simulators } from "./simulators.ts";
import type { SpawnedRuntime } from "./spawned-runtime.ts";

type StormedRuntime = Pick<SpawnedRuntime, "url" | "kill"> & {
  start(): Promise<unknown>;
  poll(): Promise<unknown>;
};

interface StormOptions {
  simulators: Simulators;
  runtimes: readonly StormedRuntime[];
  /** Items to edit: each is started, renamed, given a priority, and completed. */
  items: readonly Item[];
  /** Items that only forged deliveries report as completed. */
  decoys: readonly Item[];
  randomSource: RandomSource;
  kills: number;
  /** Waits for a poll after each kill, because a runtime killed during a poll delays the next one by the lease. */
  gently: boolean;
  /** Edits per second. */
  pace: number;
}

const DUPLICATES = 0.2;
const FORGED = 0.05;

/**
 * Edits items in Plane and sends their webhooks: 20 % duplicated, 5 % forged, all shuffled within 2 s, while the runtimes
 * are killed with `kill -9`. Resolves when every delivery was answered or given up.
 */
export async function runWebhookStorm({
  simulators,
  runtimes,
  items,
  decoys,
  randomSource,
  kills,
  gently,
  pace,
}: StormOptions) {
  const { plane } = simulators;
  const sender = createDeliverySender({
    randomSource,
    urls: runtimes.map(({ url }) => url),
    headers: simulators.createDeliveryHeaders,
    attempts: 3,
  });
  const steps = items.map(() => 0);
  let open = items.map((_, index) => index);
  const all = items.length * 3;
  const killAt = Array.from({ length: kills }, (_, n) => Math.floor(((n + 1) * all) / (kills + 1)));
  let killing: Promise<void> = Promise.resolve();
  let enqueuedCount = 0;

  function edit(item: Item, step: number) {
    if (step === 0) plane.editItem(item, { state: "In Progress" });
    else if (step === 1) plane.editItem(item, { name: `${item.name}, once more`, priority: "high" });
    else plane.editItem(item, { state: "Done" });
  }

  function enqueueWithFaults(body: string) {
    sender.enqueue(body);
    enqueuedCount += 1;
    if (randomSource.happens(DUPLICATES)) {
      sender.enqueue(body);
      enqueuedCount += 1;
    }
    if (randomSource.happens(FORGED / (1 - FORGED))) {
      const decoy = randomSource.pick(decoys);
      const itemId =
        /"data": ?\{"id": ?"([0-9a-f-]{36})"/.exec(body)?.[1] ?? /"id": ?"([0-9a-f-]{36})"/.exec(body)?.[1];
      sender.enqueue(itemId ? body.replaceAll(itemId, decoy.id) : body, true);
      enqueuedCount += 1;
    }
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
      const victim = runtimes[killAt.indexOf(n) % runtimes.length];
      killing = killing.then(async () => {
        await victim?.kill();
        await victim?.start();
        if (gently) await victim?.poll();
      });
    }
    const pause = began + (n * 1_000) / pace - Date.now();
    if (pause > 5) await new Promise((resolve) => setTimeout(resolve, pause));
    else if (n % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const body of simulators.takeWebhookBodies()) enqueueWithFaults(body);
  await killing;
  await sender.close();
  return { ...sender.tally, put: enqueuedCount, ms: Date.now() - began };
}
