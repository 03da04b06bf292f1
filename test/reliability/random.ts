import { seeded } from "../../demo/plane/random.ts";

/** Chance that can be repeated: `SEED=<n>` in the environment gives the same again. */
export function chance(what: string) {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  console.info(`${what}: SEED=${seed}`);
  return chanceOf(seed);
}

export type Chance = ReturnType<typeof chanceOf>;

export function chanceOf(seed: number) {
  const random = seeded(seed);
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
    shuffled<T>(given: readonly T[]): T[] {
      return given
        .map((value) => ({ value, at: random() }))
        .sort((a, b) => a.at - b.at)
        .map(({ value }) => value);
    },
  };
}

/** The sizes of the full run, or smaller ones for every day. */
export const FULL = process.env["FULL"] !== undefined;
export const sized = (full: number, small: number) => (FULL ? full : small);
