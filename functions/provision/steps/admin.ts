import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { instanceAdminApi } from "../../../shared/plane/app/instance-admin.ts";
import type { ProvisionContext } from "../context.ts";
import { createStep } from "../step.ts";
import { findAdminSession, getInstanceInfo } from "./plane-state.ts";

/** The administrator: the first account of a Plane that nobody has set up, else the one there is. */
export const adminStep = createStep({
  name: "administrator",
  needs: ["plane"],
  async look(context) {
    const { is_setup_done } = (await getInstanceInfo(context)).instance;
    await findAdminSession(context);
    return { isSetUp: is_setup_done };
  },
  decide({ isSetUp }, { admin: { email } }) {
    if (isSetUp) return { actions: [], note: `signed in as ${email}` };
    return { actions: [{ is: "created" as const, detail: `set this Plane up with the account ${email}` }] };
  },
  act: signUpAdmin,
});

async function signUpAdmin(context: ProvisionContext) {
  const { settings, sessions, vault, newSecret } = context;
  const { email, name } = settings.admin;
  const password = sessions.passwordOf(email) ?? newSecret();
  // Kept before it is used: an account whose password is lost is lost, too.
  await vault.noteAccount(email, {
    made: true,
    ...omitUndefined({ password: password !== settings.admin.password ? password : undefined }),
  });
  const refused = await sessions.post(sessions.fresh(), instanceAdminApi.signUp, {
    email,
    password,
    first_name: name,
    last_name: "",
    company_name: settings.plane.workspaceName,
    is_telemetry_enabled: "False",
  });
  // Somebody was faster, or it was us in a run that was cut off: whether the password is ours shows when signing in.
  if (refused !== undefined && refused !== "ADMIN_ALREADY_EXIST") throw sessions.refusal(refused, email);
  await sessions.as(email);
  context.instance.asked = undefined;
}
