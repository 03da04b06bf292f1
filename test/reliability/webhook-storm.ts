import type { Item } from "../../simulators/plane/types.ts";
import type { RandomSource } from "./random-source.ts";
import type { Simulators } from "./simulators.ts";
import type { SpawnedRuntime } from "./spawned-runtime.ts";

interface StormOptions {
  simulators: Simulators;
  runtimes: readonly (Pick<SpawnedRuntime, "url" | "kill" | "start"> & { poll(): Promise<unknown> })[];
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

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Edits items in Plane and sends their webhooks: 20 % duplicated, 5 % forged, all shuffled within 2 s, while the runtimes
 * are killed with `kill -9`. Resolves when every delivery was answered or given up.
 */
export async function runWebhookStorm(options: StormOptions) {
  const { simulators, runtimes, items, decoys, randomSource, kills, gently, pace } = options;
  const { plane } = simulators;
  const sender = createDeliverySender(options);
  const steps = items.map(() => 0);
  let open = items.map((_, index) => index);
  const all = items.length * 3;
  const killAt = Array.from({ length: kills }, (_, n) => Math.floor(((n + 1) * all) / (kills + 1)));
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
      const victim = runtimes[killAt.indexOf(n) % runtimes.length];
      killing = killing.then(async () => {
        await victim?.kill();
        await victim?.start();
        if (gently) await victim?.poll();
      });
    }
    const early = began + (n * 1_000) / pace - Date.now();
    if (early > 5) await pause(early);
    else if (n % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const body of simulators.takeWebhookBodies()) enqueueWithFaults(body);
  await killing;
  await sender.close();
  return sender.tally;
}

/** Sends deliveries shuffled, and again when the connection breaks, each attempt with a new delivery id. */
function createDeliverySender({ randomSource, runtimes, simulators }: StormOptions) {
  const deliveries: Delivery[] = [];
  const tally = { kept: 0, refused: 0, broken: 0, givenUp: 0, forgedTaken: 0, trueRefused: 0 };
  let sending = 0;
  let closed = false;

  async function send(delivery: Delivery): Promise<void> {
    delivery.attempts += 1;
    const { body, forged } = delivery;
    const headers = simulators.createDeliveryHeaders(body, ...(forged ? ["0".repeat(64)] : []));
    const url = `${randomSource.pick(runtimes).url}/webhooks/plane`;
    const outcome = await fetch(url, { method: "POST", headers, body }).then(
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
        await pause(5);
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
