import type { RandomSource } from "./random-source.ts";

/** Result of one attempt of a delivery. */
export type DeliveryOutcome = "kept" | "refused" | "broken";

interface Delivery {
  body: string;
  /** The signature is wrong, so the delivery must be refused. */
  forged: boolean;
  due: number;
  attempts: number;
}

interface DeliverySenderOptions {
  randomSource: RandomSource;
  /** URLs of the runtimes; each attempt goes to a random one. */
  urls: readonly string[];
  headers: (body: string, signature?: string) => Record<string, string>;
  /** Limit of attempts per delivery; default 5, as in Plane. With fewer, some deliveries are really lost. */
  attempts?: number;
}

const IN_FLIGHT = 16;
const SHUFFLE_MS = 2_000;
const AGAIN_MS = 1_500;

/**
 * Sends deliveries as Plane does under bad conditions: shuffled within 2 s, repeated when the connection breaks, each
 * attempt with a new delivery id.
 */
export function createDeliverySender({ randomSource, urls, headers, attempts = 5 }: DeliverySenderOptions) {
  const deliveries: Delivery[] = [];
  const tally = { kept: 0, refused: 0, broken: 0, givenUp: 0, forgedTaken: 0, trueRefused: 0 };
  let sending = 0;
  let closed = false;

  async function send(delivery: Delivery): Promise<void> {
    delivery.attempts += 1;
    const signature = delivery.forged ? { "x-plane-signature": "0".repeat(64) } : {};
    const url = `${randomSource.pick(urls)}/webhooks/plane`;
    const outcome = await fetch(url, {
      method: "POST",
      headers: { ...headers(delivery.body), ...signature },
      body: delivery.body,
    }).then(
      async (answer): Promise<DeliveryOutcome> => {
        await answer.arrayBuffer().catch(() => undefined);
        return answer.ok ? "kept" : "refused";
      },
      (): DeliveryOutcome => "broken",
    );
    tally[outcome] += 1;
    if (outcome === "kept" && delivery.forged) tally.forgedTaken += 1;
    if (outcome === "refused" && !delivery.forged) tally.trueRefused += 1;
    if (outcome !== "broken") return;
    if (delivery.attempts >= attempts) tally.givenUp += 1;
    else deliveries.push({ ...delivery, due: Date.now() + randomSource.below(AGAIN_MS) });
  }

  async function runLane(): Promise<void> {
    while (!closed || deliveries.length > 0 || sending > 0) {
      const index = deliveries.findIndex(({ due }) => due <= Date.now());
      const [delivery] = index === -1 ? [] : deliveries.splice(index, 1);
      if (!delivery) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        continue;
      }
      sending += 1;
      await send(delivery).finally(() => {
        sending -= 1;
      });
    }
  }

  const lanesDone = Promise.all(Array.from({ length: IN_FLIGHT }, runLane));
  return {
    tally,
    enqueue(body: string, forged = false) {
      deliveries.push({ body, forged, due: Date.now() + randomSource.below(SHUFFLE_MS), attempts: 0 });
    },
    /** Accepts no more deliveries; resolves when every delivery was answered or given up. */
    async close(): Promise<void> {
      closed = true;
      await lanesDone;
    },
  };
}
