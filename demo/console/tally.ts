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

const REPEAT_MARK = "(may be a repeat)";
const COMPLETED_LINE = /^✅ (?:Completed: |[\d,]+ tasks? completed in [^:]*: )(.*)$/;
const TASK_KEY = /\b[A-Z][A-Z0-9]*-\d+\b/g;

export function createTally({ plane }: Pick<Stage, "plane">, messages: () => readonly SimulatedMessage[]): Tally {
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
      const isRepeat = text.includes(REPEAT_MARK);
      if (isRepeat) markedCount += 1;
      for (const key of text.split("\n").flatMap(findKeys)) {
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

/** Finds the task keys in a line: it has one task with its title, or several keys without titles. */
function findKeys(line: string): string[] {
  const [, subjects = ""] = COMPLETED_LINE.exec(line) ?? [];
  const keys = subjects.match(TASK_KEY) ?? [];
  return line.startsWith("✅ Completed") ? keys.slice(0, 1) : keys;
}
