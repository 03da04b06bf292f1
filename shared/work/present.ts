import { cleaned } from "../clean.ts";
import { plainText } from "../observe/plain-text.ts";
import { isBlocked } from "../task/diff.ts";
import type { Priority, Word } from "../task/snapshot.ts";
import type { Acting } from "./acting.ts";
import { type Blocker, blockersOf } from "./blockers.ts";
import { type KeptClaim, liveClaims } from "./claims.ts";
import type { Task } from "./find.ts";
import { iso } from "./refusals.ts";

/** A task as agents see it (OPENCLAW-02). */
export interface TaskAnswer {
  id: string;
  /** `ONB-12` */
  key: string;
  title: string;
  /** The first line of its text. */
  description: string;
  status: Word;
  priority: Priority;
  /** `YYYY-MM-DD` */
  due_date: string | null;
  /** `ONB` */
  project: string;
  /** Open blockers. */
  blocked_by: { key: string; status: Word }[];
  url: string;
  /** The caller holds it until then, unless a call renews it; ISO 8601. */
  held_until?: string;
  /** False: the caller cannot start it now, for this reason. */
  startable?: false;
  why_not?: string;
}

/** A task with what tells where it stands for the caller. */
export interface Standing {
  task: Task;
  answer: TaskAnswer;
  /** Held by the caller, free to be started, not to be started, blocked: the order in which they are listed. */
  rank: 0 | 1 | 2 | 3;
}

/** Longer titles and first lines are cut, so that a list stays small; the details have all of them. */
const LINE = 120;

/** What the caller sees of these tasks, from what is kept: no request to Plane. */
export async function standingOf({ deps, caller }: Acting, tasks: readonly Task[]): Promise<Standing[]> {
  const items = tasks.map(({ item }) => item);
  const [blockers, claims] = await Promise.all([
    blockersOf(deps, items),
    liveClaims(
      deps,
      tasks.map(({ id }) => id),
    ),
  ]);
  return tasks.map((task, i) => standing(task, caller.name, blockers, claims[i]));
}

/** The same of one task. */
export async function answerOf({ deps, caller }: Acting, task: Task): Promise<TaskAnswer> {
  const [blockers, [claim]] = await Promise.all([blockersOf(deps, [task.item]), liveClaims(deps, [task.id])]);
  return standing(task, caller.name, blockers, claim).answer;
}

function standing(
  task: Task,
  caller: string,
  blockers: ReadonlyMap<string, Blocker>,
  claim: KeptClaim | undefined,
): Standing {
  const mine = claim?.agent === caller;
  const waits = task.item.blockers.flatMap((id) => blockers.get(id) ?? []);
  const why = mine ? undefined : whyNot(task, waits, claim);
  const answer: TaskAnswer = {
    ...presented(task, waits),
    ...(mine && { held_until: iso(claim.until) }),
    ...(why !== undefined && { startable: false, why_not: why }),
  };
  return { task, answer, rank: mine ? 0 : isBlocked(task.item) ? 3 : why === undefined ? 1 : 2 };
}

function presented({ id, key, item, project, url }: Task, waits: readonly Blocker[]): TaskAnswer {
  const { name, description, word, priority, due } = item.snapshot;
  return {
    id,
    key,
    title: cleaned(name, LINE),
    description: cleaned(firstLine(description), LINE),
    status: word,
    priority,
    due_date: due,
    project: project.identifier,
    blocked_by: waits.map((blocker) => ({ key: blocker.key, status: blocker.word })),
    url,
  };
}

/** Marks within a line: no blank stands for them. */
const INLINE = /<\/?(?:a|b|code|del|em|i|mark|s|span|strong|sub|sup|u)\b[^<>]*>/gi;

/** The first line that says something, of Plane's HTML. */
function firstLine(html: string): string {
  const lines = html
    .slice(0, 4_000)
    .replace(INLINE, "")
    .split(/<\/(?:p|h[1-6]|li|div|pre|blockquote|tr)>|<br\s*\/?>/i);
  return lines.map((line) => plainText(line, LINE + 1)).find((line) => line !== "") ?? "";
}

function whyNot({ item }: Task, waits: readonly Blocker[], claim: KeptClaim | undefined): string | undefined {
  if (item.review) return "a human looks at it";
  if (claim) return `held by ${claim.agent} until ${iso(claim.until)}`;
  if (waits.length > 0) return `waits for ${waits.map(({ key }) => key).join(", ")}`;
  return isBlocked(item) ? "marked as blocked" : undefined;
}
