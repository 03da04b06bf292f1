import type { KeptProject } from "../../shared/observe/kept.ts";
import { sets } from "../../shared/observe/keys.ts";
import type { SetName, Store } from "../../shared/store/port.ts";
import { all } from "../../shared/store/walk.ts";
import { messages } from "../../shared/why/chat.ts";
import { trail } from "../../shared/why/trail.ts";
import type { KeptClaim } from "../../shared/work/claims.ts";
import { workSets } from "../../shared/work/keys.ts";

/** Commits of one moment are in any order, and older messages are edited: so many of the newest are looked at. */
const NEWEST = 10;

/**
 * A text that is another one whenever the page has something new to show: by what is kept, so it sees what other
 * processes on the same store do, and is the same after a restart.
 */
export async function revisionOf(store: Pick<Store, "scan" | "stats">): Promise<string> {
  const [why, chat, projects, claims, { queues }] = await Promise.all([
    newest(store, trail),
    newest(store, messages),
    all<KeptProject>({ store }, sets.projects),
    all<KeptClaim>({ store }, workSets.claims),
    store.stats(),
  ]);
  // A pass that found a change moved its project's cursor.
  const cursors = Math.max(0, ...projects.map((row) => row.rev));
  // Claims are renewed with every call of an agent: to the minute is enough.
  const held = claims.reduce((sum, { value }) => sum + value.fence + Math.floor(value.until / 60_000), 0);
  const dead = Object.values(queues).reduce((sum, queue) => sum + queue.dead, 0);
  return [why, chat, cursors, held, dead].join(".");
}

async function newest(store: Pick<Store, "scan">, set: SetName): Promise<number> {
  const { rows } = await store.scan(set, undefined, NEWEST);
  return Math.max(0, ...rows.map((row) => row.rev));
}
