import type { ProvisionSettings } from "../../../shared/config/provision-settings.ts";
import { accountsApi } from "../../../shared/plane/app/account.ts";
import type { PlaneSession } from "../../../shared/plane/app/session.ts";
import { ignoreResponse } from "../ignore-response.ts";
import { createStep } from "../step.ts";
import { findAdminSession, getInstanceInfo, requireFound } from "./plane-state.ts";

const ONBOARDING_STEPS = {
  workspace_join: true,
  profile_complete: true,
  workspace_create: true,
  workspace_invite: true,
};

/** Sets the administrator's language and time zone in Plane, if provision created that account. */
export const adminProfileStep = createStep({
  name: "administrator's profile",
  needs: ["administrator"],
  async readState(context) {
    const { admin } = context.settings;
    const isOurs = context.vault.findAccount(admin.email)?.made ?? false;
    const { is_setup_done: isSetUp } = (await getInstanceInfo(context)).instance;
    const session = isOurs ? await findAdminSession(context) : undefined;
    // A new Plane has no account, so its first one will be created by provision.
    if (!session) return { isOurs: isOurs || !isSetUp, profile: undefined };
    const { language, is_onboarded } = (await session.call(accountsApi.profile)).data;
    const { user_timezone: timezone } = (await session.call(accountsApi.me)).data;
    return { isOurs, profile: { language, is_onboarded, timezone } };
  },
  decide({ isOurs, profile }, wanted) {
    const detail = `${wanted.language}, ${wanted.timezone}`;
    const isUpToDate =
      profile?.language === wanted.language && profile.is_onboarded && profile.timezone === wanted.timezone;
    if (isUpToDate) return { actions: [], note: detail };
    if (!isOurs) return { actions: [], note: "not created by provision: left unchanged" };
    return { actions: [{ is: "changed" as const, detail }] };
  },
  async applyAction(context) {
    await setAccountProfile(requireFound(await findAdminSession(context), "The administrator"), context.settings);
  },
});

/** Also marks Plane's onboarding as completed, because it would block the account's first page. */
export async function setAccountProfile(
  session: PlaneSession,
  wanted: Pick<ProvisionSettings, "language" | "timezone">,
) {
  await session.call(ignoreResponse(accountsApi.update), { json: { user_timezone: wanted.timezone } });
  await session.call(ignoreResponse(accountsApi.updateProfile), {
    json: { language: wanted.language, is_onboarded: true, onboarding_step: ONBOARDING_STEPS },
  });
}
