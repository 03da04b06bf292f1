import { sets } from "../observe/keys.ts";
import { all, walk } from "../store/walk.ts";
import { isBlocked } from "../task/diff.ts";
import type { KeptItem } from "../task/snapshot.ts";
import type { Acting } from "./acting.ts";
import type { KeptClaim } from "./claims.ts";
import { keptTask } from "./find.ts";
import { pastOf } from "./history.ts";
import { workSets } from "./keys.ts";

/** An agent as whoever plans needs to know it. */
export interface TeamMember {
  name: string;
  role: "concierge" | "worker";
  /** Persona and strengths, as the settings say. */
  about?: string;
  /** Open tasks, and how many of them wait. */
  open: number;
  blocked: number;
  /** Keys of what it is at. */
  holds: string[];
  /** What finished tasks took: medians of time and cost, mean confidence. */
  past: { finished: number; minutes?: number; cost?: number; confidence?: number };
}

/** All agents with what they are good at, what they have to do and how fast they were. No request to Plane. */
export async function listAgents({ deps }: Acting): Promise<TeamMember[]> {
  const now = await deps.store.now();
  return Promise.all(
    deps.settings.agents.map(async ({ name, role = "worker", about }) => {
      let [open, blocked] = [0, 0];
      for await (const { value } of walk<KeptItem>(deps, sets.tasks(name))) {
        open += 1;
        if (isBlocked(value)) blocked += 1;
      }
      const claims = await all<KeptClaim>(deps, workSets.claimsOf(name));
      const held = claims.filter(({ value }) => value.until > now);
      const holds = await Promise.all(held.map(({ value }) => keptTask(deps, value.item)));
      const { ms, ...past } = await pastOf(deps, name);
      return {
        name,
        role,
        ...(about !== undefined && { about }),
        open,
        blocked,
        holds: holds.flatMap((task) => task?.key ?? []).sort(),
        past: { ...past, ...(ms !== undefined && { minutes: Math.round(ms / 6_000) / 10 }) },
      };
    }),
  );
}
