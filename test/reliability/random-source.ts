import { createSeededRandom } from "../../simulators/seeded-random.ts";

/** Chance that can be repeated: `SEED=<n>` in the environment gives the same again. */
export function createLoggedRandom(what: string) {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  console.info(`${what}: SEED=${seed}`);
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
    /** True so often. */
    happens: (share: number) => random() < share,
    pick<T>(from: readonly T[]): T {
      const found = from[below(from.length)];
      if (found === undefined) throw new Error("There is nothing to pick from.");
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

/** The sizes of the full run, or smaller ones for every day. */
export const IS_FULL_RUN = process.env["FULL"] !== undefined;
export const pickSize = (full: number, small: number) => (IS_FULL_RUN ? full : small);
