import type { Tick } from "../../shared/app/deps.ts";
import { expireClaims } from "../../shared/work/claim-maintenance/expire-claims.ts";

/** Checks all claims every minute, so that a silent agent does not hold a task for longer. No request to Plane. */
export const claimsTick: Tick = {
  name: "claims",
  cron: () => "* * * * *",
  async run(deps) {
    const counts = await expireClaims(deps, `claims-${deps.newId()}`);
    deps.kick();
    return counts;
  },
};
