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

/** A person or agent that needs an account in the workspace. */
export interface AccountSpec {
  /** The step's name, for example `account Imhotep`. */
  step: string;
  email: string;
  name: string;
  lastName: string;
  /** Plane's role: 20 admin, 15 member. */
  role: number;
  /** Whether a human uses the account, who sees Plane's pages and their language. */
  isHuman: boolean;
}

/**
 * Creates an account in the workspace by invitation and sign-up. Joining comes last: a member has completed all other
 * parts, so a later run detects an interrupted one. An account that existed before keeps its name.
 */
export function createAccountStep(person: AccountSpec): ProvisionStep {
  const email = person.email.toLowerCase();
  return createStep({
    name: person.step,
    needs: ["workspace"],
    async readState(context) {
      const { members, invited } = await readWorkspacePeople(context);
      const member = members.find((candidate) => candidate.email === email);
      const isInvited = invited.includes(email);
      const isSetUp = (await getInstanceInfo(context)).instance.is_setup_done;
      const exists = member !== undefined || (isSetUp && (await hasAccount(context, email)));
      if (exists && !member && context.sessions.getPassword(email) === undefined)
        throw context.sessions.createRefusal("USER_ALREADY_EXIST", email);
      return { member, isInvited, exists, isOurs: context.vault.findAccount(email)?.made ?? false };
    },
    decide({ member, exists, isOurs }): StepDecision {
      if (!member) {
        const detail = exists ? `add ${email} to the workspace` : `create ${email} and add it to the workspace`;
        return { actions: [{ is: "created", detail }] };
      }
      if (person.isHuman || !isOurs || member.displayName === person.name) return { actions: [], note: email };
      return { actions: [{ is: "changed", detail: `rename ${email} to ${person.name}` }] };
    },
    async applyAction(context, action, { isInvited, exists }) {
      if (action.is === "changed") return renameAccount(await context.sessions.signIn(email), person);
      const workspace = requireFound(await findOwnWorkspace(context), "The workspace");
      const { params } = workspace;
      if (!isInvited) {
        const json = { emails: [{ email, role: person.role }] };
        await workspace.session.call(ignoreResponse(workspaceInvitationsApi.create), { params, json });
      }
      const session = exists ? await context.sessions.signIn(email) : await signUpAccount(context, email);
      if (context.vault.findAccount(email)?.made) {
        await renameAccount(session, person);
        if (person.isHuman) await setAccountProfile(session, context.settings);
      }
      await joinWorkspace(session, params.workspace, email);
    },
  });
}

/**
 * Accepts the invitation. There is none when the person accepted it through the link in the e-mail: then signing in was
 * enough.
 */
async function joinWorkspace(session: PlaneSession, workspace: string, email: string) {
  const { data: allInvitations } = await session.call(workspaceInvitationsApi.mine);
  const invitations = allInvitations
    .filter((invitation) => invitation.workspace.slug === workspace)
    .map(({ id }) => id);
  if (invitations.length > 0) {
    await session.call(ignoreResponse(workspaceInvitationsApi.accept), { json: { invitations } });
    return;
  }
  const { data: workspaces } = await session.call(workspacesApi.mine);
  if (workspaces.some(({ slug }) => slug === workspace)) return;
  throw new GroundcrewError(
    "unavailable",
    `Plane shows ${email} no invitation to ${workspace}: run the same command again. If this persists, revoke the invitation (Workspace settings, Members) and run the command again.`,
  );
}

/** Sent without a sign-in, because for this JSON request Plane requires a form token from signed-in accounts. */
async function hasAccount({ sessions }: ProvisionContext, email: string): Promise<boolean> {
  const answer = z.object({ existing: z.boolean() });
  return (await sessions.createSession().call({ ...authApi.emailCheck, answer }, { json: { email } })).data.existing;
}

async function signUpAccount({ sessions, vault, newSecret }: ProvisionContext, email: string): Promise<PlaneSession> {
  const password = sessions.getPassword(email) ?? newSecret();
  // Stored before it is used, because an account whose password is lost cannot be used any more.
  await vault.storeAccount(email, { made: true, password });
  const session = sessions.createSession();
  const refused = await sessions.postForm(session, authApi.signUp, { email, password });
  if (refused === "USER_ALREADY_EXIST") return sessions.signIn(email);
  if (refused !== undefined) throw sessions.createRefusal(refused, email);
  return sessions.storeSession(email, session);
}

/** Plane refuses first names that look like a web address, such as `Dr.No`, but accepts any display name. */
async function renameAccount(session: PlaneSession, { name, lastName }: AccountSpec) {
  const update = ignoreResponse(accountsApi.update);
  try {
    await session.call(update, { json: { first_name: name, last_name: lastName, display_name: name } });
  } catch (thrown) {
    if (!(thrown instanceof PlaneInvalidError)) throw thrown;
    await session.call(update, { json: { display_name: name } });
  }
}
