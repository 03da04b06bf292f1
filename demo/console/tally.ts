import type { LocaleSetting } from "../../shared/i18n/localize.ts";
import { getTexts } from "../../shared/i18n/texts.ts";
import type { SimulatedMessage } from "../../simulators/telegram/chats.ts";
import type { Stage } from "../scenes.ts";
import type { TallyResult } from "./console-state.ts";

export interface Tally {
  /**
   * Counts new completions in Plane. A task that is completed and reopened between two calls is not counted, because
   * Groundcrew does not see it either.
   */
  recordCompletions(): void;
  readTally(): TallyResult;
}

const TASK_KEY = /\b[A-Z][A-Z0-9]*-\d+\b/g;

/** @param locale the language of the chat's messages */
export function createTally(
  { plane }: Pick<Stage, "plane">,
  locale: LocaleSetting,
  messages: () => readonly SimulatedMessage[],
): Tally {
  const { repeat, lines } = createPatterns(locale);
  const completed = new Map<string, number>();
  const wasDone = new Map<string, boolean>();

  function recordCompletions() {
    for (const project of plane.projects()) {
      const done = new Set(plane.states(project).flatMap((state) => (state.group === "completed" ? [state.id] : [])));
      for (const item of plane.items(project)) {
        const isDone = done.has(item.state);
        const key = `${project.identifier}-${item.sequence_id}`;
        // Tasks that were done before the first call are not new, so they are not counted.
        if (isDone && wasDone.get(item.id) === false) completed.set(key, (completed.get(key) ?? 0) + 1);
        wasDone.set(item.id, isDone);
      }
    }
  }

  function readTally(): TallyResult {
    const shownCounts = new Map<string, number>();
    let markedCount = 0;
    for (const { text } of messages()) {
      const isRepeat = text.includes(repeat);
      if (isRepeat) markedCount += 1;
      for (const key of text.split("\n").flatMap((line) => findKeys(line, lines))) {
        // A marked repeat counts only for tasks that no other message shows.
        if (!isRepeat || !shownCounts.has(key)) shownCounts.set(key, (shownCounts.get(key) ?? 0) + 1);
      }
    }
    const completedCounts = [...completed];
    return {
      completed: completedCounts.reduce((sum, [, n]) => sum + n, 0),
      told: completedCounts.reduce((sum, [key, n]) => sum + Math.min(n, shownCounts.get(key) ?? 0), 0),
      missing: completedCounts.filter(([key, n]) => (shownCounts.get(key) ?? 0) < n).map(([key]) => key),
      doubled: [...shownCounts].filter(([key, n]) => n > (completed.get(key) ?? 0)).map(([key]) => key),
      marked: markedCount,
    };
  }
  return { recordCompletions, readTally };
}

/** What marks a possible repeat, and the lines about completed tasks: of one with its title, or of several by their keys. */
function createPatterns(locale: LocaleSetting) {
  const { events, colon, inProject, repeat } = getTexts(locale).telegram;
  const { title, one, other } = events.completed;
  const counts = [one, other].map((form) => form.replace("{n}", "[\\d,.\\s]+")).join("|");
  return {
    repeat,
    lines: { single: `✅ ${title}${colon}`, several: new RegExp(`^✅ (?:${counts})${inProject}[^:]*${colon}`) },
  };
}

/** Finds the task keys in a line. */
function findKeys(line: string, { single, several }: ReturnType<typeof createPatterns>["lines"]): string[] {
  if (line.startsWith(single)) return (line.match(TASK_KEY) ?? []).slice(0, 1);
  const [head] = several.exec(line) ?? [];
  return head === undefined ? [] : (line.slice(head.length).match(TASK_KEY) ?? []);
}
