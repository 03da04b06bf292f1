import { observedSets } from "../../observe/store-keys.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { readAllRows, scanRows } from "../../store/scan-set.ts";
import { isBlocked } from "../../task/diff.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import type { KeptClaim } from "../claims/find-claim.ts";
import type { CallContext } from "../context/call-context.ts";
import { workSets } from "../context/work-keys.ts";
import { readHiddenTasks } from "../plan-runs/hidden-tasks.ts";
import { findKeptTask } from "../tasks/find-task.ts";
import { readAgentPace } from "../time/finished-tasks.ts";

/** An agent with what planning needs to know. */
export interface TeamMember {
  name: string;
  role: "concierge" | "worker";
  /** Persona and strengths, as the settings say. */
  about?: string;
  /** Number of open tasks, and of those that are blocked. */
  open: number;
  blocked: number;
  /** Keys of the tasks it has claimed. */
  holds: string[];
  /** Over finished tasks: medians of time and cost, mean confidence. */
  past: { finished: number; minutes?: number; cost?: number; confidence?: number };
}

/** Lists all agents with their strengths, their open tasks and their past pace. Makes no request to Plane. */
export async function listAgents({ deps }: CallContext): Promise<TeamMember[]> {
  const [now, isHidden] = await Promise.all([deps.store.now(), readHiddenTasks(deps)]);
  return Promise.all(
    deps.settings.agents.map(async ({ name, role = "worker", about }) => {
      let [open, blocked] = [0, 0];
      for await (const { value } of scanRows<KeptItem>(deps, observedSets.tasks(name))) {
        if (isHidden(value)) continue;
        open += 1;
        if (isBlocked(value)) blocked += 1;
      }
      const claims = await readAllRows<KeptClaim>(deps, workSets.claimsOf(name));
      const activeClaims = claims.filter(({ value }) => value.until > now);
      const holds = await Promise.all(activeClaims.map(({ value }) => findKeptTask(deps, value.item)));
      const { ms, ...pace } = await readAgentPace(deps, name);
      return {
        name,
        role,
        ...omitUndefined({ about }),
        open,
        blocked,
        holds: holds.flatMap((task) => task?.key ?? []).sort(),
        past: { ...pace, ...omitUndefined({ minutes: ms !== undefined ? Math.round(ms / 6_000) / 10 : undefined }) },
      };
    }),
  );
}
