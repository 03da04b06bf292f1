import { GroundcrewError } from "../../../shared/errors.ts";
import { PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import { instance } from "../../../shared/plane/instance.ts";
import type { Ms } from "../../../shared/store/port.ts";
import type { Context } from "../context.ts";
import { byCode } from "../refusals.ts";
import { step } from "../step.ts";

const AGAIN_MS: Ms = 2_000;
/** How often people who wait are told that we still do. */
const TELL_MS: Ms = 10_000;

/** Waits until Plane answers, and makes sure that it is one we know. */
export const plane = step({
  name: "plane",
  async look(context) {
    const info = await whenUp(context);
    refuseOthers(context.settings.plane.url, info.instance.edition);
    if (info.config.is_email_password_enabled === false)
      throw new GroundcrewError("forbidden", byCode(context.settings.admin.email, "password sign-in is off"));
    return info.instance.current_version;
  },
  decide: (version) => ({ actions: [], note: `up, community edition ${version}` }),
  act: async () => {},
});

async function whenUp(context: Context) {
  const { clock, wait, progress, patience, settings } = context;
  const began = clock();
  for (let told = began - TELL_MS; ; ) {
    try {
      return (await context.sessions.fresh().call(instance.info)).data;
    } catch (thrown) {
      if (!(thrown instanceof PlaneUnavailableError)) throw thrown;
      const waited = clock() - began;
      if (waited >= patience)
        throw new GroundcrewError(
          "unavailable",
          `Plane did not come up at ${settings.plane.url} within ${Math.round(patience / 1000)} s (${thrown.message}) Check PLANE_URL and Plane's api, migrator and proxy, and run the same command again.`,
          { cause: thrown },
        );
      if (clock() - told >= TELL_MS) {
        told = clock();
        progress(
          `waiting for Plane at ${settings.plane.url} (${Math.round(waited / 1000)} s of ${Math.round(patience / 1000)} s)`,
        );
      }
      await wait(AGAIN_MS);
    }
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
