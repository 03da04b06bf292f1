import type { DoctorCheck } from "../../functions/doctor/check.ts";
import { checkGateway } from "../../functions/doctor/openclaw.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import type { Deadline, DeadlineDeps } from "./deadline.ts";
import type { UpgradeDriver } from "./upgrade-driver.ts";
import type { UpgradeSettings } from "./upgrade-settings.ts";

export interface SmokeContext extends DeadlineDeps {
  driver: UpgradeDriver;
  settings: UpgradeSettings;
  /** `hooks.token` of OpenClaw. */
  hookToken: string;
  fetch: typeof globalThis.fetch;
}

/** Pause between two requests to a gateway that starts: 1 s; starting took 8 to 60 s on two busy cores. */
const PAUSE: Ms = SECOND;

/** Asks the gateway once, without waking an agent. */
export async function probeGateway(context: SmokeContext, deadline: Deadline): Promise<DoctorCheck> {
  const { fetch, clock, settings, hookToken } = context;
  const signal = AbortSignal.timeout(deadline.remaining(10 * SECOND));
  const limitedFetch: typeof fetch = (input, init) => fetch(input, { ...init, signal });
  const [check] = await checkGateway({ fetch: limitedFetch, clock }, settings.gateway, hookToken, []);
  if (!check) throw new Error("The gateway was not checked.");
  // The doctor's advice names Groundcrew's own setting; here the address is one of upgrades.
  const todo = check.todo?.replaceAll("OPENCLAW_URL", '"gateway" in the settings of upgrades');
  return { ...check, name: "gateway", ...(todo === undefined ? {} : { todo }) };
}

/** Asks until the gateway answers or the time is nearly over. */
export async function waitForGateway(context: SmokeContext, deadline: Deadline): Promise<DoctorCheck> {
  for (;;) {
    const check = await probeGateway(context, deadline);
    if (check.status === "ok" || !hasTime(deadline)) return check;
    await context.wait(deadline.remaining(PAUSE));
    if (!hasTime(deadline)) return check;
  }
}

/** Whether another request with its pause fits. */
function hasTime({ remaining }: Deadline): boolean {
  try {
    return remaining() > 2 * PAUSE;
  } catch {
    return false;
  }
}
