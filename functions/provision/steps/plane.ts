import { GroundcrewError, messageOf } from "../../../shared/errors.ts";
import { PlaneAuthError, PlaneError, PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import type { Ms } from "../../../shared/store/port.ts";
import type { Context } from "../context.ts";
import type { InstanceInfo } from "../instance.ts";
import { byCode } from "../refusals.ts";
import { step } from "../step.ts";
import { askInstance } from "./reading.ts";

const AGAIN_MS: Ms = 2_000;
/** How often people who wait are told that we still do. */
const TELL_MS: Ms = 10_000;
/** A page where Plane's API should be: what a proxy shows for a moment, or another address for ever. */
const PAGE_MS: Ms = 30_000;

/** Waits until Plane answers, and makes sure that it is one we know. */
export const plane = step({
  name: "plane",
  async look(context) {
    const info = await whenUp(context);
    context.instance.asked = Promise.resolve(info);
    refuseOthers(context.settings.plane.url, info.instance.edition);
    if (!info.config.is_email_password_enabled)
      throw new GroundcrewError("forbidden", byCode(context.settings.admin.email, "password sign-in is off"));
    return info.instance.current_version;
  },
  decide: (version) => ({ actions: [], note: `up, community edition ${version}` }),
  act: async () => {},
});

async function whenUp(context: Context): Promise<InstanceInfo> {
  const { clock, wait, progress, patience, settings } = context;
  const { url } = settings.plane;
  const began = clock();
  for (let told = began - TELL_MS; ; ) {
    const found = await looked(context);
    if ("info" in found) return found.info;
    const waited = clock() - began;
    const limit = found.isPage ? Math.min(patience, PAGE_MS) : patience;
    if (waited >= limit)
      throw new GroundcrewError(
        "unavailable",
        `Plane did not come up at ${url} within ${Math.round(limit / 1000)} s (${found.why}) Check PLANE_URL and Plane's api, migrator and proxy, and run the same command again.`,
      );
    if (clock() - told >= TELL_MS) {
      told = clock();
      progress(
        `waiting for Plane at ${url} (${Math.round(waited / 1000)} s of ${Math.round(patience / 1000)} s): ${found.why}`,
      );
    }
    await wait(AGAIN_MS);
  }
}

/** What Plane says, or why it does not. Throws for what waiting does not mend. */
async function looked(context: Context): Promise<{ info: InstanceInfo } | { why: string; isPage: boolean }> {
  const { url } = context.settings.plane;
  try {
    const info = await askInstance(context, []);
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
      throw new GroundcrewError("unavailable", `${messageOf(thrown)} PLANE_URL is ${url}.`, { cause: thrown });
    throw thrown;
  }
}

/** Paid editions and Plane's own cloud keep accounts in other ways; nothing of theirs was recorded. */
function refuseOthers(url: string, edition: string) {
  const { hostname } = new URL(url);
  const isCloud = hostname === "plane.so" || hostname.endsWith(".plane.so");
  if (edition === "PLANE_COMMUNITY" && !isCloud) return;
  const what = isCloud ? "Plane's cloud" : `another edition of Plane (${edition})`;
  throw new GroundcrewError(
    "forbidden",
    `${url} is ${what}, and provision knows only the community edition: nothing was changed. By hand: invite an account for ` +
      "each agent, make an API key for each and a webhook in the workspace's settings, and set PLANE_API_KEY, " +
      "PLANE_API_KEY_<AGENT> and PLANE_WEBHOOK_SECRET.",
  );
}
