import { instanceAdmin } from "../../../shared/plane/app/instance-admin.ts";
import type { Context } from "../context.ts";
import { step } from "../step.ts";
import { adminSession, instanceInfo } from "./reading.ts";

/** The administrator: the first account of a Plane that nobody has set up, else the one there is. */
export const admin = step({
  name: "administrator",
  needs: ["plane"],
  async look(context) {
    const { is_setup_done } = (await instanceInfo(context)).instance;
    await adminSession(context);
    return { isSetUp: is_setup_done };
  },
  decide({ isSetUp }, { admin: { email } }) {
    if (isSetUp) return { actions: [], note: `signed in as ${email}` };
    return { actions: [{ is: "created" as const, detail: `set this Plane up with the account ${email}` }] };
  },
  act: signUp,
});

async function signUp(context: Context) {
  const { settings, sessions, vault, newSecret } = context;
  const { email, name } = settings.admin;
  const password = sessions.passwordOf(email) ?? newSecret();
  // Kept before it is used: an account whose password is lost is lost, too.
  await vault.noteAccount(email, { made: true, ...(password !== settings.admin.password && { password }) });
  const refused = await sessions.post(sessions.fresh(), instanceAdmin.signUp, {
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
