/**
 * How much work a conversion of texts may cause at once: what a block may cost, and turns that let the event loop run
 * in between.
 */

import { createOrderedRunner, wait } from "../time.ts";

/** What the parts of one text may still add to it. */
export interface Budgets {
  /** Empty cells of tables. */
  cells: number;
  /** Characters of addresses. */
  addressCharacters: number;
}

/** Call it before each step with the cost of the step: it lets timers, requests and jobs run first when it is due. */
export type Pause = (cost: number) => Promise<void> | undefined;

/**
 * Limit of the empty cells that are added to tables: 20,000. Both converters make every row as long as the longest, so
 * a short text could create a hundred million cells.
 */
export const MAX_FILLED_CELLS = 20_000;

/**
 * Limit of all addresses in the output, in characters: 500,000, because Markdown can reference one address thousands of
 * times. Links beyond the limit become plain text.
 */
const MAX_ADDRESS_CHARACTERS = 500_000;

/**
 * Cost after which a conversion lets other work run: 1,000 elements, which take 10 to 25 ms in the slowest step. The
 * target is 50 ms, also on a slower machine.
 */
const COST_BETWEEN_PAUSES = 1_000;

/** Characters of text that cost as much as one element: 100; 100,000 take 20 ms when each must be escaped. */
const CHARACTERS_PER_ELEMENT = 100;

const runInOrder = createOrderedRunner();

let spent = 0;

export function createBudgets(): Budgets {
  return { cells: MAX_FILLED_CELLS, addressCharacters: MAX_ADDRESS_CHARACTERS };
}

export function toCost(elements: number, characters: number): number {
  return elements + characters / CHARACTERS_PER_ELEMENT;
}

/**
 * Runs a conversion after those that were begun before it, because many short conversions, one after the other without
 * a pause, would keep the process busy as long as a large one.
 */
export function convertInTurn<T>(convert: (pause: Pause) => Promise<T>): Promise<T> {
  return runInOrder(() => convert(pauseIfDue));
}

function pauseIfDue(cost: number): Promise<void> | undefined {
  const isDue = spent + cost > COST_BETWEEN_PAUSES;
  spent = isDue ? cost : spent + cost;
  return isDue ? wait(0) : undefined;
}
