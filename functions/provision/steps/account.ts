import { z } from "zod";
import { GroundcrewError } from "../../../shared/errors.ts";
import { accountsApi } from "../../../shared/plane/app/account.ts";
import type { PlaneSession } from "../../../shared/plane/app/session.ts";
import { authApi } from "../../../shared/plane/app/sign-in.ts";
import { workspaceInvitationsApi, workspacesApi } from "../../../shared/plane/app/workspaces.ts";
import { PlaneInvalidError } from "../../../shared/plane/errors.ts";
import type { ProvisionContext } from "../context.ts";
import { ignoreResponse } from "../ignore-response.ts";
import { createStep, type ProvisionStep, type StepDecision } from "../step.ts";
import { findOwnWorkspace, getInstanceInfo, readWorkspacePeople, requireFound } from "./plane-state.ts";
import { setAccountProfile } from "./profile.ts";

/** Somebody who is to be in the workspace. */
export interface AccountSpec {
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
export function createAccountStep(person: AccountSpec): ProvisionStep {
  const email = person.email.toLowerCase();
  return createStep({
    name: person.step,
    needs: ["workspace"],
    async look(context) {
      const { members, invited } = await readWorkspacePeople(context);
      const member = members.find((one) => one.email === email);
      const isInvited = invited.includes(email);
      const isSetUp = (await getInstanceInfo(context)).instance.is_setup_done;
      const exists = member !== undefined || (isSetUp && (await hasAccount(context, email)));
      if (exists && !member && context.sessions.passwordOf(email) === undefined)
        throw context.sessions.refusal("USER_ALREADY_EXIST", email);
      return { member, isInvited, exists, isOurs: context.vault.account(email)?.made ?? false };
    },
    decide({ member, exists, isOurs }): StepDecision {
      if (!member) {
        const detail = exists ? `let ${email} join the workspace` : `make ${email} and let it join the workspace`;
        return { actions: [{ is: "created", detail }] };
      }
      if (person.isHuman || !isOurs || member.displayName === person.name) return { actions: [], note: email };
      return { actions: [{ is: "changed", detail: `call ${email} ${person.name}` }] };
    },
    async act(context, action, { isInvited, exists }) {
      if (action.is === "changed") return renameAccount(await context.sessions.as(email), person);
      const workspace = requireFound(await findOwnWorkspace(context), "The workspace");
      const { params } = workspace;
      if (!isInvited) {
        const json = { emails: [{ email, role: person.role }] };
        await workspace.session.call(ignoreResponse(workspaceInvitationsApi.create), { params, json });
      }
      const session = exists ? await context.sessions.as(email) : await signUpAccount(context, email);
      if (context.vault.account(email)?.made) {
        await renameAccount(session, person);
        if (person.isHuman) await setAccountProfile(session, context.settings);
      }
      await joinWorkspace(session, params.workspace, email);
    },
  });
}

/** Who has accepted already, by the link in the letter, is let in by signing in, and has no invitation any more. */
async function joinWorkspace(session: PlaneSession, workspace: string, email: string) {
  const { data: mine } = await session.call(workspaceInvitationsApi.mine);
  const invitations = mine.filter((one) => one.workspace.slug === workspace).map(({ id }) => id);
  if (invitations.length > 0) {
    await session.call(ignoreResponse(workspaceInvitationsApi.accept), { json: { invitations } });
    return;
  }
  const { data: joined } = await session.call(workspacesApi.mine);
  if (joined.some(({ slug }) => slug === workspace)) return;
  throw new GroundcrewError(
    "unavailable",
    `Plane shows ${email} no invitation to ${workspace}: run the same command again; if it stays so, take the invitation back (Workspace settings, Members) and run it once more.`,
  );
}

/** Asked as nobody: of somebody who is signed in Plane wants a form's token for this, and for nothing else in JSON. */
async function hasAccount({ sessions }: ProvisionContext, email: string): Promise<boolean> {
  const answer = z.object({ existing: z.boolean() });
  return (await sessions.fresh().call({ ...authApi.emailCheck, answer }, { json: { email } })).data.existing;
}

async function signUpAccount({ sessions, vault, newSecret }: ProvisionContext, email: string): Promise<PlaneSession> {
  const password = sessions.passwordOf(email) ?? newSecret();
  // Kept before it is used: an account whose password is lost is lost, too.
  await vault.noteAccount(email, { made: true, password });
  const session = sessions.fresh();
  const refused = await sessions.post(session, authApi.signUp, { email, password });
  if (refused === "USER_ALREADY_EXIST") return sessions.as(email);
  if (refused !== undefined) throw sessions.refusal(refused, email);
  return sessions.keep(email, session);
}

/** Plane takes no first name that could be an address, such as `Dr.No`; of the name it shows it takes any. */
async function renameAccount(session: PlaneSession, { name, lastName }: AccountSpec) {
  const update = ignoreResponse(accountsApi.update);
  try {
    await session.call(update, { json: { first_name: name, last_name: lastName, display_name: name } });
  } catch (thrown) {
    if (!(thrown instanceof PlaneInvalidError)) throw thrown;
    await session.call(update, { json: { display_name: name } });
  }
}
