import type { Stage } from "../scenes.ts";
import type { ShownMessage } from "../telegram/chats.ts";

/** Lost and doubled by the ledgers of Plane and Telegram alone; Groundcrew itself is not asked. */
export interface TallyRead {
  /** How often a task was completed in Plane since the beginning. */
  completed: number;
  /** Those the chat shows. */
  told: number;
  /** Those it does not show: on their way, or lost. */
  missing: string[];
  /** Shown more often than they happened, by messages that do not say that they may be a repeat. */
  doubled: string[];
  /** Messages that say so. */
  marked: number;
}

export interface Tally {
  /** Looks at Plane; a task completed and reopened between two looks is not counted, as Groundcrew does not see it either. */
  look(): void;
  read(): TallyRead;
}

const MARK = "(may be a repeat)";
const LINE = /^✅ (?:Completed: |[\d,]+ tasks? completed in [^:]*: )(.*)$/;
const KEY = /\b[A-Z][A-Z0-9]*-\d+\b/g;

export function createTally(stage: Pick<Stage, "plane" | "projects">, messages: () => readonly ShownMessage[]): Tally {
  const { plane, projects } = stage;
  const completed = new Map<string, number>();
  const was = new Map<string, boolean>();

  function look() {
    for (const project of projects) {
      const done = new Set(plane.states(project).flatMap((state) => (state.group === "completed" ? [state.id] : [])));
      for (const item of plane.items(project)) {
        const is = done.has(item.state);
        const key = `${project.identifier}-${item.sequence_id}`;
        // What was done before the first look is known and silent.
        if (is && was.get(item.id) === false) completed.set(key, (completed.get(key) ?? 0) + 1);
        was.set(item.id, is);
      }
    }
  }

  function read(): TallyRead {
    const told = new Map<string, number>();
    let marked = 0;
    for (const { text } of messages()) {
      const repeat = text.includes(MARK);
      if (repeat) marked += 1;
      for (const key of text.split("\n").flatMap(keysIn)) {
        // A repeat counts only for what no other message shows.
        if (!repeat || !told.has(key)) told.set(key, (told.get(key) ?? 0) + 1);
      }
    }
    const times = [...completed];
    return {
      completed: times.reduce((sum, [, n]) => sum + n, 0),
      told: times.reduce((sum, [key, n]) => sum + Math.min(n, told.get(key) ?? 0), 0),
      missing: times.filter(([key, n]) => (told.get(key) ?? 0) < n).map(([key]) => key),
      doubled: [...told].filter(([key, n]) => n > (completed.get(key) ?? 0)).map(([key]) => key),
      marked,
    };
  }
  return { look, read };
}

/** One line names one task with its title, or several by their keys alone. */
function keysIn(line: string): string[] {
  const [, subjects = ""] = LINE.exec(line) ?? [];
  const keys = subjects.match(KEY) ?? [];
  return line.startsWith("✅ Completed") ? keys.slice(0, 1) : keys;
}
