/** What steps read of Plane: the instance, the administrator's workspace with its people, and pages of lists. */

import { z } from "zod";
import type { PlaneSession } from "../../../shared/plane/app/session.ts";
import { workspaceInvitationsApi, workspaceMembersApi, workspacesApi } from "../../../shared/plane/app/session.ts";
import {
  type Endpoint,
  type PlaneCallOptions,
  type PlaneClient,
  redirectSchema,
} from "../../../shared/plane/endpoint.ts";
import type { Ms } from "../../../shared/time.ts";
import { INSTANCE_READ, type InstanceInfo, instanceStateEndpoint, type ProvisionContext } from "../context.ts";
import { createStepRefusal, isVersionBeforeRelations } from "../refusals.ts";

/** Name of the setting with Groundcrew's own API key. */
export const OWN_KEY_SETTING = "PLANE_API_KEY";

type ChangeOptions = Pick<PlaneCallOptions, "params" | "json">;

/**
 * Sends a change and ignores its answer, whose form may differ between versions of Plane. A redirect still fails,
 * because it means that nothing was done.
 */
export function sendChange(
  to: Pick<PlaneClient, "call"> | PlaneSession,
  endpoint: Endpoint<unknown>,
  options: ChangeOptions,
): Promise<unknown> {
  const answer = z.unknown().refine((value) => !redirectSchema.strict().safeParse(value).success);
  return to.call({ ...endpoint, answer }, options);
}

/** Returns the result of an earlier step. Throws when it is missing. */
export function requireFound<T>(found: T | undefined, subject: string): T {
  if (found === undefined) throw createStepRefusal(`${subject} was not found: run the same command again.`);
  return found;
}

/**
 * Reads Plane's public information about itself; undefined until Plane is ready. Plane caches the answer for two hours
 * per URL, possibly from before it was set up, so each read has a URL of its own.
 */
export async function readInstance(
  { sessions, clock }: ProvisionContext,
  pauses?: readonly Ms[],
): Promise<InstanceInfo | undefined> {
  return (await sessions.createSession(pauses).call(instanceStateEndpoint, { query: { at: clock() } })).data;
}

/** Cached, because Plane allows only 30 requests a minute in total without a sign-in. */
export async function getInstance(context: ProvisionContext): Promise<InstanceInfo["instance"]> {
  const load = async () => requireFound(await readInstance(context), "Plane");
  return (await context.readOnce(INSTANCE_READ, load)).instance;
}

/** Whether this version has no relations: v1.2 and older. */
export async function isBeforeRelations(context: ProvisionContext): Promise<boolean> {
  return isVersionBeforeRelations((await getInstance(context)).current_version);
}

/** The administrator's session; undefined until Plane has been set up. */
export async function findAdminSession(context: ProvisionContext): Promise<PlaneSession | undefined> {
  const { is_setup_done } = await getInstance(context);
  return is_setup_done ? context.sessions.signIn(context.settings.admin.email) : undefined;
}

/** The administrator's session, for changes. Throws when an earlier step has not set Plane up. */
export async function getAdminSession(context: ProvisionContext): Promise<PlaneSession> {
  return requireFound(await findAdminSession(context), "The administrator");
}

/** The administrator's workspaces; `session` is the administrator's. */
export function readAdminWorkspaces(context: ProvisionContext, session: PlaneSession) {
  return context.readOnce("workspaces", async () => (await session.call(workspacesApi.mine)).data);
}

/**
 * The workspace and the administrator's session; undefined when it does not exist or the administrator is not a member.
 */
export async function findOwnWorkspace(context: ProvisionContext) {
  const session = await findAdminSession(context);
  if (!session) return undefined;
  const row = (await readAdminWorkspaces(context, session)).find(
    ({ slug }) => slug === context.settings.plane.workspace,
  );
  return row && { session, row, params: { workspace: row.slug } };
}

/** The workspace, for changes in it. Throws when an earlier step has not created it. */
export async function getOwnWorkspace(context: ProvisionContext) {
  return requireFound(await findOwnWorkspace(context), "The workspace");
}

/** Calls an endpoint of the workspace, for a change in it. */
export async function callOwnWorkspace<A>(context: ProvisionContext, endpoint: Endpoint<A>, options: ChangeOptions) {
  const { session, params } = await getOwnWorkspace(context);
  return (await session.call(endpoint, { ...options, params: { ...params, ...options.params } })).data;
}

/** The workspace's active members and open invitations; empty lists until it exists. */
export function readWorkspacePeople(context: ProvisionContext) {
  return context.readOnce("people", async () => {
    const workspace = await findOwnWorkspace(context);
    if (!workspace) return { members: [], invited: [] };
    const { session, params } = workspace;
    const members = (await session.call(workspaceMembersApi.list, { params })).data;
    const invited = (await session.call(workspaceInvitationsApi.list, { params })).data;
    return {
      // Plane's list still contains removed accounts; a new invitation brings them back.
      members: members
        .filter(({ is_active }) => is_active)
        .map(({ id, role, member }) => ({
          membership: id,
          role,
          id: member.id,
          email: member.email?.toLowerCase() ?? "",
          displayName: member.display_name,
        })),
      invited: invited.map(({ email }) => email.toLowerCase()),
    };
  });
}

/** A client with Groundcrew's own API key; undefined until there is one that Plane accepts. */
export async function findOwnClient(context: ProvisionContext): Promise<PlaneClient | undefined> {
  const key = context.vault.getFirstValue(OWN_KEY_SETTING);
  return key === undefined || context.refusedKeys.has(key) ? undefined : context.getClient(key);
}

/** A client with Groundcrew's own API key, for changes. Throws when there is none that Plane accepts. */
export async function getOwnClient(context: ProvisionContext): Promise<PlaneClient> {
  return requireFound(await findOwnClient(context), "Groundcrew's API key");
}
