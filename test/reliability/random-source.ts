import { createSeededRandom } from "../../simulators/seeded-random.ts";

/** Creates a random source and logs its seed; `SEED=<n>` in the environment repeats a run. */
export function createLoggedRandom(label: string) {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  console.info(`${label}: SEED=${seed}`);
  return createRandomSource(seed);
}

export type RandomSource = ReturnType<typeof createRandomSource>;

export function createRandomSource(seed: number) {
  const random = createSeededRandom(seed);
  const below = (n: number) => Math.floor(random() * n);
  return {
    seed,
    random,
    below,
    /** True with this probability. */
    happens: (share: number) => random() < share,
    pick<T>(from: readonly T[]): T {
      const found = from[below(from.length)];
      if (found === undefined) throw new Error("cannot pick from an empty list");
      return found;
    },
    shuffle<T>(values: readonly T[]): T[] {
      return values
        .map((value) => ({ value, at: random() }))
        .sort((a, b) => a.at - b.at)
        .map(({ value }) => value);
    },
  };
}

/** Whether this is the full run (`npm run test:full`); other runs use smaller sizes. */
export const IS_FULL_RUN = process.env["FULL"] !== undefined;
export const pickSize = <Size>(full: Size, small: Size): Size => (IS_FULL_RUN ? full : small);

/**
 * The effects at which a series of tests kills a process: each one in the full run, otherwise every sixth, from the first
 * one when the process ends before the effect and from the fourth when it ends after it.
 */
export const KILL_STRIDE = pickSize(1, 6);
export const FIRST_KILL = { before: 1, after: pickSize(1, 4) };
