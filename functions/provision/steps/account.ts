import { accounts } from "../../../shared/plane/app/account.ts";
import type { PlaneSession } from "../../../shared/plane/app/session.ts";
import { auth } from "../../../shared/plane/app/sign-in.ts";
import { workspaceInvitations } from "../../../shared/plane/app/workspaces.ts";
import type { Context } from "../context.ts";
import { type Decision, type Step, step } from "../step.ts";
import { setProfile } from "./profile.ts";
import { adminSession, instanceInfo, needed, ourWorkspace, people } from "./reading.ts";

/** Somebody who is to be in the workspace. */
export interface Person {
  /** The step's, for example `account Imhotep`. */
  step: string;
  email: string;
  name: string;
  lastName: string;
  /** Plane's: 20 admin, 15 member. */
  role: number;
  /** A human looks at Plane's pages and sees its language. */
  isHuman: boolean;
}

/**
 * An account in the workspace, by invitation and sign-up. Joining comes last: who is a member has everything else, so
 * a run that was cut off is seen. An account that was there before keeps its name.
 */
export function account(person: Person): Step {
  const email = person.email.toLowerCase();
  return step({
    name: person.step,
    needs: ["workspace"],
    async look(context) {
      const { members, invited } = await people(context);
      const member = members.find((one) => one.email === email);
      const isInvited = invited.includes(email);
      const isSetUp = (await instanceInfo(context)).instance.is_setup_done;
      const exists = member !== undefined || (isSetUp && (await isKnown(context, email)));
      if (exists && !member && context.sessions.passwordOf(email) === undefined)
        throw context.sessions.refusal("USER_ALREADY_EXIST", email);
      return { member, isInvited, exists, isOurs: context.vault.account(email)?.made ?? false };
    },
    decide({ member, exists, isOurs }): Decision {
      if (!member) {
        const detail = exists ? `let ${email} join the workspace` : `make ${email} and let it join the workspace`;
        return { actions: [{ is: "created", detail }] };
      }
      if (person.isHuman || !isOurs || member.displayName === person.name) return { actions: [], note: email };
      return { actions: [{ is: "changed", detail: `call ${email} ${person.name}` }] };
    },
    async act(context, action, { isInvited, exists }) {
      if (action.is === "changed") return rename(await context.sessions.as(email), person);
      const there = needed(await ourWorkspace(context), "The workspace");
      const { params } = there;
      if (!isInvited) {
        const json = { emails: [{ email, role: person.role }] };
        await there.session.call(workspaceInvitations.create, { params, json });
      }
      const session = exists ? await context.sessions.as(email) : await signUp(context, email);
      if (context.vault.account(email)?.made) {
        await rename(session, person);
        if (person.isHuman) await setProfile(session, context.settings);
      }
      const { data: mine } = await session.call(workspaceInvitations.mine);
      const invitations = mine.filter(({ workspace }) => workspace.slug === params.workspace).map(({ id }) => id);
      await session.call(workspaceInvitations.accept, { json: { invitations } });
    },
  });
}

async function isKnown(context: Context, email: string): Promise<boolean> {
  const session = needed(await adminSession(context), "The administrator");
  return (await session.call(auth.emailCheck, { json: { email } })).data.existing;
}

async function signUp({ sessions, vault, newSecret }: Context, email: string): Promise<PlaneSession> {
  const password = sessions.passwordOf(email) ?? newSecret();
  // Kept before it is used: an account whose password is lost is lost, too.
  await vault.noteAccount(email, { made: true, password });
  const session = sessions.fresh();
  const refused = await sessions.post(session, auth.signUp, { email, password });
  if (refused === "USER_ALREADY_EXIST") return sessions.as(email);
  if (refused !== undefined) throw sessions.refusal(refused, email);
  sessions.keep(email, session);
  return session;
}

async function rename(session: PlaneSession, { name, lastName }: Person) {
  await session.call(accounts.update, { json: { first_name: name, last_name: lastName, display_name: name } });
}
