import type { TelegramSimulator } from "../../simulators/telegram/telegram-simulator.ts";

/** What the chats got to hear of completed tasks: by the ledger of Telegram alone. */
export interface Completions {
  /** Key → how often a message shows it as completed, and how often such a message is marked as a possible repeat. */
  named: Map<string, { times: number; marked: number }>;
  /** All that is shown as completed: those named in lines, and the counts of summaries. */
  total: number;
  /** Messages that say they may be a repeat. */
  marked: number;
}

const REPEAT_NOTE = "(may be a repeat)";
const LINE = /^✅ Completed: ([A-Z]+-\d+)/;
const SUMMARY = /^✅ ([\d,]+) tasks? completed in /;

/** Reads the messages as people see them now. */
export function readCompletions(telegram: TelegramSimulator, ...chats: (number | string)[]): Completions {
  return parseCompletions(chats.flatMap((chat) => telegram.chat(chat).messages.map(({ text }) => text)));
}

export function parseCompletions(texts: readonly string[]): Completions {
  const completions: Completions = { named: new Map(), total: 0, marked: 0 };
  for (const text of texts) {
    const marked = text.includes(REPEAT_NOTE);
    if (marked) completions.marked += 1;
    for (const line of text.split("\n")) {
      const [, key] = LINE.exec(line) ?? [];
      const [, count] = SUMMARY.exec(line) ?? [];
      if (count !== undefined) completions.total += Number(count.replaceAll(",", ""));
      if (key === undefined) continue;
      completions.total += 1;
      const before = completions.named.get(key) ?? { times: 0, marked: 0 };
      completions.named.set(key, { times: before.times + 1, marked: before.marked + (marked ? 1 : 0) });
    }
  }
  return completions;
}

/** Those of the wanted keys that no message shows. */
export function findMissing({ named }: Completions, wanted: Iterable<string>): string[] {
  return [...wanted].filter((key) => !named.has(key));
}

/** Keys that are shown and were not wanted. */
export function findUnexpected({ named }: Completions, wanted: Iterable<string>): string[] {
  const known = new Set(wanted);
  return [...named.keys()].filter((key) => !known.has(key));
}

/** Keys that are shown more than once although no message of theirs says that it may be a repeat. */
export function findDuplicated({ named }: Completions): string[] {
  return [...named].filter(([, { times, marked }]) => times - marked > 1).map(([key]) => key);
}
