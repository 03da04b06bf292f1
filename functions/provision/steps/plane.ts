import { GroundcrewError, getErrorMessage } from "../../../shared/errors.ts";
import { PlaneAuthError, PlaneError, PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import type { Ms } from "../../../shared/time.ts";
import type { ProvisionContext } from "../context.ts";
import type { InstanceInfo } from "../instance.ts";
import { explainEmailCode } from "../refusals.ts";
import { createStep } from "../step.ts";
import { readInstance } from "./plane-state.ts";

const RETRY_MS: Ms = 2_000;
/** How often people who wait are told that we still do. */
const PROGRESS_MS: Ms = 10_000;
/** A page where Plane's API should be: what a proxy shows for a moment, or another address for ever. */
const PAGE_TIMEOUT_MS: Ms = 30_000;

/** Waits until Plane answers, and makes sure that it is one we know. */
export const planeStep = createStep({
  name: "plane",
  async look(context) {
    const info = await waitForPlane(context);
    context.instance.asked = Promise.resolve(info);
    refuseOtherEditions(context.settings.plane.url, info.instance.edition);
    if (!info.config.is_email_password_enabled)
      throw new GroundcrewError("forbidden", explainEmailCode(context.settings.admin.email, "password sign-in is off"));
    return info.instance.current_version;
  },
  decide: (version) => ({ actions: [], note: `up, community edition ${version}` }),
  act: async () => {},
});

async function waitForPlane(context: ProvisionContext): Promise<InstanceInfo> {
  const { clock, wait, progress, startupTimeout, settings } = context;
  const { url } = settings.plane;
  const startedAt = clock();
  for (let lastProgressAt = startedAt - PROGRESS_MS; ; ) {
    const found = await probePlane(context);
    if ("info" in found) return found.info;
    const waited = clock() - startedAt;
    const limit = found.isPage ? Math.min(startupTimeout, PAGE_TIMEOUT_MS) : startupTimeout;
    if (waited >= limit)
      throw new GroundcrewError(
        "unavailable",
        `Plane did not come up at ${url} within ${Math.round(limit / 1000)} s (${found.why}) Check PLANE_URL and Plane's api, migrator and proxy, and run the same command again.`,
      );
    if (clock() - lastProgressAt >= PROGRESS_MS) {
      lastProgressAt = clock();
      progress(
        `waiting for Plane at ${url} (${Math.round(waited / 1000)} s of ${Math.round(startupTimeout / 1000)} s): ${found.why}`,
      );
    }
    await wait(RETRY_MS);
  }
}

/** What Plane says, or why it does not. Throws for what waiting does not mend. */
async function probePlane(
  context: ProvisionContext,
): Promise<{ info: InstanceInfo } | { why: string; isPage: boolean }> {
  const { url } = context.settings.plane;
  try {
    const info = await readInstance(context, []);
    return info ? { info } : { why: "Plane's api has not finished its own start.", isPage: false };
  } catch (thrown) {
    if (thrown instanceof PlaneUnavailableError)
      // What is 404 may be a proxy that has not found Plane yet.
      return { why: thrown.message, isPage: thrown.status === 200 };
    if (thrown instanceof PlaneAuthError)
      throw new GroundcrewError(
        "forbidden",
        `Something in front of Plane at ${url} wants to know who asks (${thrown.status}), which Plane itself does not: let /api, /auth and /god-mode pass there without a sign-in, or set PLANE_URL to Plane's own address.`,
        { cause: thrown },
      );
    if (thrown instanceof PlaneError)
      throw new GroundcrewError("unavailable", `${getErrorMessage(thrown)} PLANE_URL is ${url}.`, { cause: thrown });
    throw thrown;
  }
}

/** Paid editions and Plane's own cloud keep accounts in other ways; nothing of theirs was recorded. */
function refuseOtherEditions(url: string, edition: string) {
  const { hostname } = new URL(url);
  const isCloud = hostname === "plane.so" || hostname.endsWith(".plane.so");
  if (edition === "PLANE_COMMUNITY" && !isCloud) return;
  const description = isCloud ? "Plane's cloud" : `another edition of Plane (${edition})`;
  throw new GroundcrewError(
    "forbidden",
    `${url} is ${description}, and provision knows only the community edition: nothing was changed. By hand: invite an account for ` +
      "each agent, make an API key for each and a webhook in the workspace's settings, and set PLANE_API_KEY, " +
      "PLANE_API_KEY_<AGENT> and PLANE_WEBHOOK_SECRET.",
  );
}
