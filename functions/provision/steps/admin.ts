import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { instanceAdminApi } from "../../../shared/plane/app/instance-admin.ts";
import type { ProvisionContext } from "../context.ts";
import { createStep } from "../step.ts";
import { findAdminSession, getInstanceInfo } from "./plane-state.ts";

/** Creates the first account of a Plane that has not been set up; otherwise signs in to the existing one. */
export const adminStep = createStep({
  name: "administrator",
  needs: ["plane"],
  async readState(context) {
    const { is_setup_done } = (await getInstanceInfo(context)).instance;
    await findAdminSession(context);
    return { isSetUp: is_setup_done };
  },
  decide({ isSetUp }, { admin: { email } }) {
    if (isSetUp) return { actions: [], note: `signed in as ${email}` };
    return { actions: [{ is: "created" as const, detail: `set Plane up with the account ${email}` }] };
  },
  applyAction: signUpAdmin,
});

async function signUpAdmin(context: ProvisionContext) {
  const { settings, sessions, vault, newSecret } = context;
  const { email, name } = settings.admin;
  const password = sessions.getPassword(email) ?? newSecret();
  // Stored before it is used, because an account whose password is lost cannot be used any more.
  await vault.storeAccount(email, {
    made: true,
    ...omitUndefined({ password: password !== settings.admin.password ? password : undefined }),
  });
  const refused = await sessions.postForm(sessions.createSession(), instanceAdminApi.signUp, {
    email,
    password,
    first_name: name,
    last_name: "",
    company_name: settings.plane.workspaceName,
    is_telemetry_enabled: "False",
  });
  // Another person, or an interrupted run, has set Plane up. The sign-in shows whether the password is ours.
  if (refused !== undefined && refused !== "ADMIN_ALREADY_EXIST") throw sessions.createRefusal(refused, email);
  await sessions.signIn(email);
  context.instance.info = undefined;
}
