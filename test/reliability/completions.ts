import type { TelegramSimulator } from "../../simulators/telegram/telegram-simulator.ts";
import { SIMULATED_CHAT } from "./simulators.ts";

/** The completed tasks that the chats' messages show, according to the simulated Telegram. */
interface Completions {
  /** By key: the number of messages that show it as completed, and of those marked as a possible repeat. */
  named: Map<string, { times: number; marked: number }>;
  /** Number of tasks shown as completed: those named in lines, plus the counts of summaries. */
  total: number;
  /** Those of `total` in messages that are marked as a possible repeat. */
  totalMarked: number;
  /** Number of messages marked as a possible repeat. */
  marked: number;
}

const REPEAT_NOTE = "(may be a repeat)";
const LINE = /^✅ Completed: ([A-Z]+-\d+)/;
const SUMMARY = /^✅ ([\d,]+) tasks? completed in /;

/** Reads the current messages of these chats. */
export function readCompletions(telegram: TelegramSimulator, ...chats: (number | string)[]): Completions {
  return parseCompletions(chats.flatMap((chat) => telegram.chat(chat).messages.map(({ text }) => text)));
}

export function parseCompletions(texts: readonly string[]): Completions {
  const completions: Completions = { named: new Map(), total: 0, totalMarked: 0, marked: 0 };
  for (const text of texts) {
    const marked = text.includes(REPEAT_NOTE);
    if (marked) completions.marked += 1;
    for (const line of text.split("\n")) {
      const [, key] = LINE.exec(line) ?? [];
      const [, count] = SUMMARY.exec(line) ?? [];
      const shown = key === undefined ? Number((count ?? "0").replaceAll(",", "")) : 1;
      completions.total += shown;
      if (marked) completions.totalMarked += shown;
      if (key === undefined) continue;
      const before = completions.named.get(key) ?? { times: 0, marked: 0 };
      completions.named.set(key, { times: before.times + 1, marked: before.marked + (marked ? 1 : 0) });
    }
  }
  return completions;
}

/** Finds wanted keys that no message shows. */
export function findMissing({ named }: Completions, wanted: Iterable<string>): string[] {
  return [...wanted].filter((key) => !named.has(key));
}

/** Finds keys that are shown although they are not wanted. */
export function findUnexpected({ named }: Completions, wanted: readonly string[]): string[] {
  return [...named.keys()].filter((key) => !wanted.includes(key));
}

/** Finds keys that are shown more than once by messages that are not marked as a possible repeat. */
export function findDuplicated({ named }: Completions): string[] {
  return [...named].filter(([, { times, marked }]) => times - marked > 1).map(([key]) => key);
}

/** Compares what the test's chat shows as completed with what is wanted. */
export function findFaults(telegram: TelegramSimulator, wanted: readonly string[]) {
  const completions = readCompletions(telegram, SIMULATED_CHAT);
  return {
    lost: findMissing(completions, wanted),
    invented: findUnexpected(completions, wanted),
    doubled: findDuplicated(completions),
  };
}

export const NO_FAULTS = { lost: [], invented: [], doubled: [] };
