import type { Item } from "../../demo/plane/types.ts";
import type { Outside } from "./outside.ts";
import { createPost } from "./post.ts";
import type { Running } from "./process.ts";
import type { Chance } from "./random.ts";

interface StormOptions {
  outside: Outside;
  runtimes: readonly Running[];
  /** Each is started, renamed, given a priority, and completed. */
  items: readonly Item[];
  /** Forged deliveries say that these are completed; nobody has touched them. */
  decoys: readonly Item[];
  chance: Chance;
  kills: number;
  /** A runtime is killed again only after its first poll: one killed in a poll keeps the next waiting for its lease. */
  gently: boolean;
  /** Edits a second. */
  pace: number;
}

const DUPLICATES = 0.2;
const FORGED = 0.05;

/**
 * Real edits in Plane and their webhooks: a fifth doubled, a twentieth forged besides, all shuffled within 2 s, while
 * the runtimes are killed with `kill -9` again and again. Resolves when every delivery was answered or given up.
 */
export async function storm({ outside, runtimes, items, decoys, chance, kills, gently, pace }: StormOptions) {
  const { plane } = outside;
  const post = createPost({
    chance,
    urls: runtimes.map(({ url }) => url),
    headers: outside.headers,
    attempts: 3,
  });
  const steps = items.map(() => 0);
  let open = items.map((_, index) => index);
  const all = items.length * 3;
  const killAt = Array.from({ length: kills }, (_, n) => Math.floor(((n + 1) * all) / (kills + 1)));
  let killing: Promise<void> = Promise.resolve();
  let put = 0;

  function edit(item: Item, step: number) {
    if (step === 0) plane.editItem(item, { state: "In Progress" });
    else if (step === 1) plane.editItem(item, { name: `${item.name}, once more`, priority: "high" });
    else plane.editItem(item, { state: "Done" });
  }

  function pass(body: string) {
    post.put(body);
    put += 1;
    if (chance.happens(DUPLICATES)) {
      post.put(body);
      put += 1;
    }
    if (chance.happens(FORGED / (1 - FORGED))) {
      const decoy = chance.pick(decoys);
      const about = /"data": ?\{"id": ?"([0-9a-f-]{36})"/.exec(body)?.[1] ?? /"id": ?"([0-9a-f-]{36})"/.exec(body)?.[1];
      post.put(about ? body.replaceAll(about, decoy.id) : body, true);
      put += 1;
    }
  }

  const began = Date.now();
  for (let n = 0; n < all; n += 1) {
    const index = chance.pick(open);
    const item = items[index];
    if (!item) continue;
    const step = steps[index] ?? 0;
    edit(item, step);
    steps[index] = step + 1;
    if (step === 2) open = open.filter((other) => other !== index);
    // Now and then Plane's worker is late and reads what is newer than its event.
    if (chance.happens(0.8)) for (const body of outside.bodies()) pass(body);
    if (killAt.includes(n)) {
      const victim = runtimes[killAt.indexOf(n) % runtimes.length];
      killing = killing.then(async () => {
        await victim?.kill();
        await victim?.start();
        if (gently) await victim?.poll();
      });
    }
    const ahead = began + (n * 1_000) / pace - Date.now();
    if (ahead > 5) await new Promise((resolve) => setTimeout(resolve, ahead));
    else if (n % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const body of outside.bodies()) pass(body);
  await killing;
  await post.close();
  return { ...post.tally, put, ms: Date.now() - began };
}
