/**
 * Steps that set up Plane itself: the instance, its administrator, the workspace, and the accounts in it with their
 * profiles and roles.
 */

import { z } from "zod";
import type { ProvisionSettings } from "../../../shared/config/provision-settings.ts";
import { getErrorMessage } from "../../../shared/errors.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
import {
  accountsApi,
  authApi,
  instanceAdminApi,
  type PlaneSession,
  workspaceInvitationsApi,
  workspaceMembersApi,
  workspacesApi,
} from "../../../shared/plane/app/session.ts";
import type { Endpoint } from "../../../shared/plane/endpoint.ts";
import { PlaneAuthError, PlaneError, PlaneInvalidError, PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import type { Ms } from "../../../shared/time.ts";
import {
  findAdminSession,
  findOwnWorkspace,
  getAdminSession,
  getInstance,
  getOwnWorkspace,
  INSTANCE_READ,
  type InstanceInfo,
  type ProvisionContext,
  readAdminWorkspaces,
  readInstance,
  readWorkspacePeople,
  sendChange,
} from "../context.ts";
import { createStepRefusal, explainEmailCode } from "../refusals.ts";
import { change, create, createStep, type ProvisionStep } from "../step.ts";

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

const ONBOARDING_STEPS = {
  workspace_join: true,
  profile_complete: true,
  workspace_create: true,
  workspace_invite: true,
};

const ROLE_NAMES: Record<number, string> = { 20: "admin", 15: "member" };

/** Interval between attempts to reach Plane: 2 s. */
const RETRY_MS: Ms = 2_000;

const PROGRESS_MS: Ms = 10_000;

/**
 * Timeout while a page is served instead of Plane's API: 30 s. A proxy shows one briefly; a wrong address shows it
 * permanently.
 */
const PAGE_TIMEOUT_MS: Ms = 30_000;

/** Waits until Plane answers, and checks that its edition is supported. */
export const planeStep = createStep("plane", [], async (context) => {
  const { instance, config } = await context.readOnce(INSTANCE_READ, () => waitForPlane(context));
  refuseOtherEditions(context.settings.plane.url, instance.edition);
  if (!config.is_email_password_enabled)
    throw createStepRefusal(explainEmailCode(context.settings.admin.email, "password login is disabled"));
  return `running, community edition ${instance.current_version}`;
});

/** Creates the first account of a Plane that has not been set up; otherwise signs in to the existing one. */
export const adminStep = createStep("administrator", [], async (context) => {
  const { email } = context.settings.admin;
  if (await findAdminSession(context)) return `signed in as ${email}`;
  return create(`set Plane up with the account ${email}`, () => signUpAdmin(context));
});

/** Creates the workspace. One that provision did not create keeps its name and time zone. */
export const workspaceStep = createStep("workspace", ["administrator"], async (context) => {
  const { settings, vault } = context;
  const { timezone } = settings;
  const { workspace: slug, workspaceName: name } = settings.plane;
  const existing = await findOwnWorkspace(context);
  if (!existing) {
    const session = await findAdminSession(context);
    if (session) await refuseTakenSlug(context, session);
    return create(`${name} (${slug}), ${timezone}`, () => createWorkspace(context));
  }
  const { session, row } = existing;
  if (ROLE_NAMES[row.role] !== "admin")
    throw createStepRefusal(
      `${settings.admin.email} is not an admin of the workspace ${slug}: ask one of its admins to change its role (Workspace settings, Members), or set PLANE_ADMIN_EMAIL to an admin's address.`,
    );
  const differences = keepDefined([
    row.name !== name ? `the name ${name}` : undefined,
    row.timezone !== timezone ? `the time zone ${timezone}` : undefined,
  ]).join(", ");
  if (differences === "") return `${row.name} (${row.slug}), ${row.timezone}`;
  if (vault.getNotes().workspace !== slug)
    return `${row.slug} existed before: left unchanged (the settings differ: ${differences})`;
  return change(differences, () => updateWorkspace(session, slug, { name, timezone }));
});

const updateWorkspace = (session: PlaneSession, workspace: string, json: { name?: string; timezone: string }) =>
  sendChange(session, workspacesApi.update, { params: { workspace }, json });

/** Throws when the workspace cannot be created, because another one has the name. */
async function refuseTakenSlug(context: ProvisionContext, session: PlaneSession) {
  const { workspace: slug } = context.settings.plane;
  const { email } = context.settings.admin;
  // Plane's slugs are case-sensitive, so a second workspace would be created.
  const similar = (await readAdminWorkspaces(context, session)).find(
    (row) => row.slug.toLowerCase() === slug.toLowerCase(),
  );
  if (similar)
    throw createStepRefusal(
      `The workspace is called ${similar.slug} in Plane, not ${slug}: set PLANE_WORKSPACE=${similar.slug}.`,
    );
  if (!(await session.call(workspacesApi.slugIsFree, { query: { slug } })).data.status)
    throw createStepRefusal(
      `The workspace name ${slug} is already taken: ${email} is not a member of that workspace, or Plane reserves the name for its own pages (such as admin, api and settings). Choose another PLANE_WORKSPACE, or ask the workspace's admins to make ${email} an admin. Nothing was changed.`,
    );
}

async function createWorkspace(context: ProvisionContext) {
  const { settings, vault } = context;
  const { workspace: slug, workspaceName: name } = settings.plane;
  const session = await getAdminSession(context);
  await vault.updateNotes({ workspace: slug });
  try {
    await sendChange(session, workspacesApi.create, { json: { name, slug, organization_size: "2-10" } });
  } catch (thrown) {
    if (thrown instanceof PlaneAuthError && thrown.reason === "permission")
      throw createStepRefusal(
        `Creating workspaces is disabled in this Plane. Enable it while provision runs (God mode, Workspaces, turn off "Prevent anyone else from creating a workspace"; DISABLE_WORKSPACE_CREATION=0), or create the workspace ${slug} there by hand; then run the same command again.`,
        thrown,
      );
    if (!(thrown instanceof PlaneInvalidError && thrown.fields["slug"])) throw thrown;
    // Otherwise the next run would treat the other program's workspace as ours.
    await vault.updateNotes({ workspace: undefined });
    throw createStepRefusal(
      `Another program is creating the workspace ${slug} at the same time: run the same command again.`,
      thrown,
    );
  }
  // A new workspace has the time zone UTC.
  if (settings.timezone !== "UTC") await updateWorkspace(session, slug, { timezone: settings.timezone });
}

async function waitForPlane(context: ProvisionContext): Promise<InstanceInfo> {
  const { clock, wait, progress, startupTimeout, settings } = context;
  const { url } = settings.plane;
  const startedAt = clock();
  for (let lastProgressAt = startedAt - PROGRESS_MS; ; await wait(RETRY_MS)) {
    const probe = await probePlane(context);
    if ("info" in probe) return probe.info;
    const waited = clock() - startedAt;
    const limit = probe.isPage ? Math.min(startupTimeout, PAGE_TIMEOUT_MS) : startupTimeout;
    if (waited >= limit)
      throw createStepRefusal(
        `Plane at ${url} did not become ready within ${Math.round(limit / 1000)} s. ${probe.why} Check PLANE_URL and Plane's api, migrator and proxy, and run the same command again.`,
      );
    if (clock() - lastProgressAt >= PROGRESS_MS) {
      lastProgressAt = clock();
      progress(
        `waiting for Plane at ${url} (${Math.round(waited / 1000)} s of ${Math.round(startupTimeout / 1000)} s): ${probe.why}`,
      );
    }
  }
}

/** Plane's information about itself, or the reason why there is none. Throws for faults that waiting does not fix. */
async function probePlane(context: ProvisionContext) {
  const { url } = context.settings.plane;
  try {
    const info = await readInstance(context, []);
    return info ? { info } : { why: "Plane's api has not finished its startup.", isPage: false };
  } catch (thrown) {
    // A page with 404 may come from a proxy that does not reach Plane yet; one with 200 is probably a wrong address.
    if (thrown instanceof PlaneUnavailableError) return { why: thrown.message, isPage: thrown.status === 200 };
    if (thrown instanceof PlaneAuthError)
      throw createStepRefusal(
        `A proxy in front of Plane at ${url} requires authentication (${thrown.status}): let /api, /auth and /god-mode pass without it, or set PLANE_URL to Plane's own address.`,
        thrown,
      );
    if (thrown instanceof PlaneError)
      throw createStepRefusal(`${getErrorMessage(thrown)} PLANE_URL is ${url}.`, thrown);
    throw thrown;
  }
}

/** Paid editions and Plane's cloud manage accounts differently, and provision has not been tested with them. */
function refuseOtherEditions(url: string, edition: string) {
  const { hostname } = new URL(url);
  const isCloud = hostname === "plane.so" || hostname.endsWith(".plane.so");
  if (edition === "PLANE_COMMUNITY" && !isCloud) return;
  const description = isCloud ? "Plane's cloud" : `another edition of Plane (${edition})`;
  throw createStepRefusal(
    `${url} is ${description}; provision supports only the community edition. Nothing was changed. By hand: invite an account for ` +
      "each agent, create an API key for each and a webhook in the workspace's settings, and set PLANE_API_KEY, " +
      "PLANE_API_KEY_<AGENT> and PLANE_WEBHOOK_SECRET.",
  );
}

async function signUpAdmin(context: ProvisionContext) {
  const { settings, sessions } = context;
  const { email, name } = settings.admin;
  const refused = await sessions.postForm(sessions.createSession(), instanceAdminApi.signUp, {
    ...{ email, password: await sessions.preparePassword(email), first_name: name, last_name: "" },
    ...{ company_name: settings.plane.workspaceName, is_telemetry_enabled: "False" },
  });
  // Another person, or an interrupted run, has set Plane up. The sign-in shows whether the password is ours.
  if (refused !== undefined && refused !== "ADMIN_ALREADY_EXIST") throw sessions.createFormRefusal(refused, email);
  await sessions.signIn(email);
  context.forgetAll();
}

/** Sets the administrator's language and time zone in Plane, if provision created that account. */
export const adminProfileStep = createStep("administrator's profile", ["administrator"], async (context) => {
  const { settings, vault } = context;
  const detail = `${settings.language}, ${settings.timezone}`;
  const session = await findAdminSession(context);
  // A new Plane has no account, so its first one will be created by provision.
  if (session && !vault.findAccount(settings.admin.email)?.made) return "not created by provision: left unchanged";
  if (session && (await hasProfile(session, settings))) return detail;
  return change(detail, async () => setAccountProfile(await getAdminSession(context), settings));
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
      if (person.isHuman || !isOurs() || member.displayName === person.name) return email;
      const rename = async () => renameAccount(await sessions.signIn(email), person);
      return change(`rename ${email} to ${person.name}`, rename);
    }
    const exists = (await getInstance(context)).is_setup_done && (await hasAccount(context, email));
    if (exists && sessions.getPassword(email) === undefined)
      throw sessions.createFormRefusal("USER_ALREADY_EXIST", email);
    const detail = exists ? `add ${email} to the workspace` : `create ${email} and add it to the workspace`;
    return create(detail, async () => {
      const { params, session: admin } = await getOwnWorkspace(context);
      const json = { emails: [{ email, role: person.role }] };
      if (!invited.includes(email)) await sendChange(admin, workspaceInvitationsApi.create, { params, json });
      const session = exists ? await sessions.signIn(email) : await signUpAccount(context, email);
      if (isOurs()) {
        await renameAccount(session, person);
        if (person.isHuman) await setAccountProfile(session, settings);
      }
      await joinWorkspace(session, params.workspace, email);
    });
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
      const setRole = () => changeMembership(context, workspaceMembersApi.update, member.membership, { role });
      return change(`make ${name} ${ROLE_NAMES[role] ?? role}`, setRole);
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
    if (!member) return `${email} is not in the workspace`;
    if (!context.vault.findAccount(email.toLowerCase())?.made)
      return `${email} was not created by provision: remove it in Plane, Workspace settings, Members`;
    const removeMember = () => changeMembership(context, workspaceMembersApi.remove, member.membership);
    return change(`take ${email} out of the workspace; it stays the author of its comments`, removeMember);
  });
}

async function changeMembership(
  context: ProvisionContext,
  endpoint: Endpoint<unknown>,
  membership: string,
  json?: { role: number },
) {
  const { session, params } = await getOwnWorkspace(context);
  await sendChange(session, endpoint, { params: { ...params, membership }, ...omitUndefined({ json }) });
}
