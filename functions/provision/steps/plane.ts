import { GroundcrewError, getErrorMessage } from "../../../shared/errors.ts";
import { PlaneAuthError, PlaneError, PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import type { Ms } from "../../../shared/time.ts";
import type { ProvisionContext } from "../context.ts";
import type { InstanceInfo } from "../instance.ts";
import { explainEmailCode } from "../refusals.ts";
import { createStep } from "../step.ts";
import { readInstance } from "./plane-state.ts";

/** Interval between attempts to reach Plane: 2 s. */
const RETRY_MS: Ms = 2_000;
/** Interval between progress lines: 10 s. */
const PROGRESS_MS: Ms = 10_000;
/**
 * Timeout while a page is served instead of Plane's API: 30 s. A proxy shows one briefly; a wrong address shows it
 * permanently.
 */
const PAGE_TIMEOUT_MS: Ms = 30_000;

/** Waits until Plane answers, and checks that its edition is supported. */
export const planeStep = createStep({
  name: "plane",
  async readState(context) {
    const info = await waitForPlane(context);
    context.instance.info = Promise.resolve(info);
    refuseOtherEditions(context.settings.plane.url, info.instance.edition);
    if (!info.config.is_email_password_enabled)
      throw new GroundcrewError(
        "forbidden",
        explainEmailCode(context.settings.admin.email, "password login is disabled"),
      );
    return info.instance.current_version;
  },
  decide: (version) => ({ actions: [], note: `running, community edition ${version}` }),
  applyAction: async () => {},
});

async function waitForPlane(context: ProvisionContext): Promise<InstanceInfo> {
  const { clock, wait, progress, startupTimeout, settings } = context;
  const { url } = settings.plane;
  const startedAt = clock();
  for (let lastProgressAt = startedAt - PROGRESS_MS; ; ) {
    const probe = await probePlane(context);
    if ("info" in probe) return probe.info;
    const waited = clock() - startedAt;
    const limit = probe.isPage ? Math.min(startupTimeout, PAGE_TIMEOUT_MS) : startupTimeout;
    if (waited >= limit)
      throw new GroundcrewError(
        "unavailable",
        `Plane at ${url} did not become ready within ${Math.round(limit / 1000)} s. ${probe.why} Check PLANE_URL and Plane's api, migrator and proxy, and run the same command again.`,
      );
    if (clock() - lastProgressAt >= PROGRESS_MS) {
      lastProgressAt = clock();
      progress(
        `waiting for Plane at ${url} (${Math.round(waited / 1000)} s of ${Math.round(startupTimeout / 1000)} s): ${probe.why}`,
      );
    }
    await wait(RETRY_MS);
  }
}

/** Plane's information about itself, or the reason why there is none. Throws for faults that waiting does not fix. */
async function probePlane(
  context: ProvisionContext,
): Promise<{ info: InstanceInfo } | { why: string; isPage: boolean }> {
  const { url } = context.settings.plane;
  try {
    const info = await readInstance(context, []);
    return info ? { info } : { why: "Plane's api has not finished its startup.", isPage: false };
  } catch (thrown) {
    if (thrown instanceof PlaneUnavailableError)
      // A page with 404 may come from a proxy that does not reach Plane yet; a page with 200 is probably a wrong
      // address.
      return { why: thrown.message, isPage: thrown.status === 200 };
    if (thrown instanceof PlaneAuthError)
      throw new GroundcrewError(
        "forbidden",
        `A proxy in front of Plane at ${url} requires authentication (${thrown.status}): let /api, /auth and /god-mode pass without it, or set PLANE_URL to Plane's own address.`,
        { cause: thrown },
      );
    if (thrown instanceof PlaneError)
      throw new GroundcrewError("unavailable", `${getErrorMessage(thrown)} PLANE_URL is ${url}.`, { cause: thrown });
    throw thrown;
  }
}

/** Paid editions and Plane's cloud manage accounts differently, and provision has not been tested with them. */
function refuseOtherEditions(url: string, edition: string) {
  const { hostname } = new URL(url);
  const isCloud = hostname === "plane.so" || hostname.endsWith(".plane.so");
  if (edition === "PLANE_COMMUNITY" && !isCloud) return;
  const description = isCloud ? "Plane's cloud" : `another edition of Plane (${edition})`;
  throw new GroundcrewError(
    "forbidden",
    `${url} is ${description}; provision supports only the community edition. Nothing was changed. By hand: invite an account for ` +
      "each agent, create an API key for each and a webhook in the workspace's settings, and set PLANE_API_KEY, " +
      "PLANE_API_KEY_<AGENT> and PLANE_WEBHOOK_SECRET.",
  );
}
