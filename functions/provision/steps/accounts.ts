/** Steps that create the accounts of agents, fill in profiles and give roles. */

import { z } from "zod";
import type { ProvisionSettings } from "../../../shared/config/provision-settings.ts";
import {
  accountsApi,
  authApi,
  type PlaneSession,
  workspaceInvitationsApi,
  workspaceMembersApi,
  workspacesApi,
} from "../../../shared/plane/app/session.ts";
import { PlaneInvalidError } from "../../../shared/plane/errors.ts";
import type { ProvisionContext } from "../context.ts";
import { createStepRefusal } from "../refusals.ts";
import { change, create, createStep, type ProvisionStep } from "../step.ts";
import {
  findAdminSession,
  getAdminSession,
  getInstance,
  getOwnWorkspace,
  readWorkspacePeople,
  sendChange,
} from "./plane-state.ts";

/** A person or agent that needs an account in the workspace. */
export interface AccountSpec {
  /** The step's name, for example `account Imhotep`. */
  step: string;
  email: string;
  name: string;
  /** Plane's role: 20 admin, 15 member. */
  role: number;
  /** Whether a human uses the account, who sees Plane's pages and their language. */
  isHuman: boolean;
}

const ONBOARDING_STEPS = Object.fromEntries(
  ["workspace_join", "profile_complete", "workspace_create", "workspace_invite"].map((step) => [step, true]),
);

const ROLE_NAMES: Record<number, string> = { 20: "admin", 15: "member" };

/** Sets the administrator's language and time zone in Plane, if provision created that account. */
export const adminProfileStep = createStep("administrator's profile", ["administrator"], async (context) => {
  const { settings, vault } = context;
  const detail = `${settings.language}, ${settings.timezone}`;
  const session = await findAdminSession(context);
  // A new Plane has no account, so its first one will be created by provision.
  if (session && !vault.findAccount(settings.admin.email)?.made) return ["not created by provision: left unchanged"];
  if (session && (await hasProfile(session, settings))) return [detail];
  return [change(detail, async () => setAccountProfile(await getAdminSession(context), settings))];
});

async function hasProfile(session: PlaneSession, wanted: ProvisionSettings): Promise<boolean> {
  const { language, is_onboarded } = (await session.call(accountsApi.profile)).data;
  const { user_timezone } = (await session.call(accountsApi.me)).data;
  return language === wanted.language && is_onboarded && user_timezone === wanted.timezone;
}

/** Also marks Plane's onboarding as completed, because it would block the account's first page. */
async function setAccountProfile(session: PlaneSession, wanted: ProvisionSettings) {
  await sendChange(session, accountsApi.update, { json: { user_timezone: wanted.timezone } });
  await sendChange(session, accountsApi.updateProfile, {
    json: { language: wanted.language, is_onboarded: true, onboarding_step: ONBOARDING_STEPS },
  });
}

/**
 * Creates an account in the workspace by invitation and sign-up. Joining comes last: a member has completed all other
 * parts, so a later run detects an interrupted one. An account that existed before keeps its name.
 */
export function createAccountStep(person: AccountSpec): ProvisionStep {
  const email = person.email.toLowerCase();
  return createStep(person.step, ["workspace"], async (context) => {
    const { sessions, settings, vault } = context;
    const isOurs = () => vault.findAccount(email)?.made ?? false;
    const { members, invited } = await readWorkspacePeople(context);
    const member = members.find((candidate) => candidate.email === email);
    if (member) {
      if (person.isHuman || !isOurs() || member.displayName === person.name) return [email];
      const rename = async () => renameAccount(await sessions.signIn(email), person);
      return [change(`rename ${email} to ${person.name}`, rename)];
    }
    const exists = (await getInstance(context)).is_setup_done && (await hasAccount(context, email));
    if (exists && sessions.getPassword(email) === undefined)
      throw sessions.createFormRefusal("USER_ALREADY_EXIST", email);
    const detail = exists ? `add ${email} to the workspace` : `create ${email} and add it to the workspace`;
    return [
      create(detail, async () => {
        const workspace = await getOwnWorkspace(context);
        const { params } = workspace;
        if (!invited.includes(email)) {
          const json = { emails: [{ email, role: person.role }] };
          await sendChange(workspace.session, workspaceInvitationsApi.create, { params, json });
        }
        const session = exists ? await sessions.signIn(email) : await signUpAccount(context, email);
        if (isOurs()) {
          await renameAccount(session, person);
          if (person.isHuman) await setAccountProfile(session, settings);
        }
        await joinWorkspace(session, params.workspace, email);
      }),
    ];
  });
}

/** Sent without a sign-in, because for this JSON request Plane requires a form token from signed-in accounts. */
async function hasAccount({ sessions }: ProvisionContext, email: string): Promise<boolean> {
  const answer = z.object({ existing: z.boolean() });
  return (await sessions.createSession().call({ ...authApi.emailCheck, answer }, { json: { email } })).data.existing;
}

/** Plane refuses first names that look like a web address, such as `Dr.No`, but accepts any display name. */
async function renameAccount(session: PlaneSession, { name, isHuman }: AccountSpec) {
  const fields = { first_name: name, last_name: isHuman ? "" : "Agent" };
  const update = (json: Partial<typeof fields>) =>
    sendChange(session, accountsApi.update, { json: { ...json, display_name: name } });
  await update(fields).catch((thrown: unknown) => {
    if (!(thrown instanceof PlaneInvalidError)) throw thrown;
    return update({});
  });
}

async function signUpAccount({ sessions }: ProvisionContext, email: string): Promise<PlaneSession> {
  const password = await sessions.preparePassword(email);
  const session = sessions.createSession();
  const refused = await sessions.postForm(session, authApi.signUp, { email, password });
  if (refused === "USER_ALREADY_EXIST") return sessions.signIn(email);
  if (refused !== undefined) throw sessions.createFormRefusal(refused, email);
  return sessions.storeSession(email, session);
}

/**
 * Accepts the invitation. There is none when the person accepted it through the link in the e-mail: then signing in was
 * enough.
 */
async function joinWorkspace(session: PlaneSession, workspace: string, email: string) {
  const { data: all } = await session.call(workspaceInvitationsApi.mine);
  const invitations = all.filter((invitation) => invitation.workspace.slug === workspace).map(({ id }) => id);
  if (invitations.length > 0) return sendChange(session, workspaceInvitationsApi.accept, { json: { invitations } });
  const { data: workspaces } = await session.call(workspacesApi.mine);
  if (workspaces.some(({ slug }) => slug === workspace)) return undefined;
  throw createStepRefusal(
    `Plane shows ${email} no invitation to ${workspace}: run the same command again. If this persists, revoke the invitation (Workspace settings, Members) and run the command again.`,
  );
}

/**
 * Sets the agents' roles in the workspace: the Concierge is an admin, the others are members. Never changes the roles
 * of people.
 */
export function createRolesStep(agents: readonly AccountSpec[]): ProvisionStep {
  return createStep("roles", ["workspace"], async (context) => {
    const { members } = await readWorkspacePeople(context);
    const changes = agents.flatMap(({ email, name, role }) => {
      const member = members.find((candidate) => candidate.email === email.toLowerCase());
      if (!member || member.role === role) return [];
      const setRole = async () => {
        const { session, params } = await getOwnWorkspace(context);
        const options = { params: { ...params, membership: member.membership }, json: { role } };
        await sendChange(session, workspaceMembersApi.update, options);
      };
      return [change(`make ${name} ${ROLE_NAMES[role] ?? role}`, setRole)];
    });
    return changes.length > 0 ? changes : ["the Concierge is an admin, the others are members"];
  });
}

/**
 * Takes an account out of the workspace and of its projects. It stays in Plane as the author of its comments, and a new
 * invitation brings it back. An account that existed before is left unchanged.
 */
export function createAccountRemovalStep({ step, email }: Pick<AccountSpec, "step" | "email">): ProvisionStep {
  return createStep(step, ["administrator"], async (context) => {
    const { members } = await readWorkspacePeople(context);
    const member = members.find((candidate) => candidate.email === email.toLowerCase());
    if (!member) return [`${email} is not in the workspace`];
    if (!context.vault.findAccount(email.toLowerCase())?.made)
      return [`${email} was not created by provision: remove it in Plane, Workspace settings, Members`];
    const removeMember = async () => {
      const { session, params } = await getOwnWorkspace(context);
      const options = { params: { ...params, membership: member.membership } };
      await sendChange(session, workspaceMembersApi.remove, options);
    };
    return [change(`take ${email} out of the workspace; it stays the author of its comments`, removeMember)];
  });
}
