import type { Tick } from "../../shared/deps.ts";
import { lookAtClaims } from "../../shared/work/lapse.ts";

/** Looks at all claims, every minute: an agent that fell silent holds nothing up for longer. No request to Plane. */
export const claims: Tick = {
  name: "claims",
  cron: () => "* * * * *",
  async run(deps) {
    const counts = await lookAtClaims(deps, `claims-${deps.newId()}`);
    deps.kick();
    return counts;
  },
};
