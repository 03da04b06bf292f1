import type { RandomSource } from "./random-source.ts";

/** How one attempt of a delivery went. */
export type DeliveryOutcome = "kept" | "refused" | "broken";

interface Delivery {
  body: string;
  /** Not its real signature: nobody may take it. */
  forged: boolean;
  due: number;
  attempts: number;
}

interface DeliverySenderOptions {
  chance: RandomSource;
  /** Where deliveries go: one of these each time. */
  urls: readonly string[];
  headers: (body: string, signature?: string) => Record<string, string>;
  /** Plane gives a delivery up after so many broken connections; default 5, fewer so that some are really lost. */
  attempts?: number;
}

const IN_FLIGHT = 16;
const SHUFFLE_MS = 2_000;
const AGAIN_MS = 1_500;

/**
 * Plane's deliveries on a bad day: shuffled within 2 s, repeated when the connection breaks, each attempt with a
 * fresh delivery id.
 */
export function createDeliverySender({ chance, urls, headers, attempts = 5 }: DeliverySenderOptions) {
  const deliveries: Delivery[] = [];
  const tally = { kept: 0, refused: 0, broken: 0, givenUp: 0, forgedTaken: 0, trueRefused: 0 };
  let sending = 0;
  let closed = false;

  async function send(letter: Delivery): Promise<void> {
    letter.attempts += 1;
    const signature = letter.forged ? { "x-plane-signature": "0".repeat(64) } : {};
    const url = `${chance.pick(urls)}/webhooks/plane`;
    const outcome = await fetch(url, {
      method: "POST",
      headers: { ...headers(letter.body), ...signature },
      body: letter.body,
    }).then(
      async (answer): Promise<DeliveryOutcome> => {
        await answer.arrayBuffer().catch(() => undefined);
        return answer.ok ? "kept" : "refused";
      },
      (): DeliveryOutcome => "broken",
    );
    tally[outcome] += 1;
    if (outcome === "kept" && letter.forged) tally.forgedTaken += 1;
    if (outcome === "refused" && !letter.forged) tally.trueRefused += 1;
    if (outcome !== "broken") return;
    if (letter.attempts >= attempts) tally.givenUp += 1;
    else deliveries.push({ ...letter, due: Date.now() + chance.below(AGAIN_MS) });
  }

  async function runLane(): Promise<void> {
    while (!closed || deliveries.length > 0 || sending > 0) {
      const index = deliveries.findIndex(({ due }) => due <= Date.now());
      const [letter] = index === -1 ? [] : deliveries.splice(index, 1);
      if (!letter) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        continue;
      }
      sending += 1;
      await send(letter).finally(() => {
        sending -= 1;
      });
    }
  }

  const lanesDone = Promise.all(Array.from({ length: IN_FLIGHT }, runLane));
  return {
    tally,
    enqueue(body: string, forged = false) {
      deliveries.push({ body, forged, due: Date.now() + chance.below(SHUFFLE_MS), attempts: 0 });
    },
    /** No more will be put in; resolves when every delivery was answered or given up. */
    async close(): Promise<void> {
      closed = true;
      await lanesDone;
    },
  };
}
