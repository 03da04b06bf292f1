/** Steps that set up Plane itself: the instance, its administrator, and the workspace. */

import { getErrorMessage } from "../../../shared/errors.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { instanceAdminApi, type PlaneSession, workspacesApi } from "../../../shared/plane/app/session.ts";
import { PlaneAuthError, PlaneError, PlaneInvalidError, PlaneUnavailableError } from "../../../shared/plane/errors.ts";
import type { Ms } from "../../../shared/time.ts";
import { INSTANCE_READ, type InstanceInfo, type ProvisionContext } from "../context.ts";
import { createStepRefusal, explainEmailCode } from "../refusals.ts";
import { change, create, createStep } from "../step.ts";
import {
  findAdminSession,
  findOwnWorkspace,
  getAdminSession,
  readAdminWorkspaces,
  readInstance,
  sendChange,
} from "./plane-state.ts";

/** Interval between attempts to reach Plane: 2 s. */
const RETRY_MS: Ms = 2_000;

const PROGRESS_MS: Ms = 10_000;

/**
 * Timeout while a page is served instead of Plane's API: 30 s. A proxy shows one briefly; a wrong address shows it
 * permanently.
 */
const PAGE_TIMEOUT_MS: Ms = 30_000;

const ADMIN_ROLE = 20;

/** Waits until Plane answers, and checks that its edition is supported. */
export const planeStep = createStep("plane", [], async (context) => {
  const { instance, config } = await context.readOnce(INSTANCE_READ, () => waitForPlane(context));
  refuseOtherEditions(context.settings.plane.url, instance.edition);
  if (!config.is_email_password_enabled)
    throw createStepRefusal(explainEmailCode(context.settings.admin.email, "password login is disabled"));
  return [`running, community edition ${instance.current_version}`];
});

/** Creates the first account of a Plane that has not been set up; otherwise signs in to the existing one. */
export const adminStep = createStep("administrator", [], async (context) => {
  const { email } = context.settings.admin;
  if (await findAdminSession(context)) return [`signed in as ${email}`];
  return [create(`set Plane up with the account ${email}`, () => signUpAdmin(context))];
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
    return [create(`${name} (${slug}), ${timezone}`, () => createWorkspace(context))];
  }
  const { session, row } = existing;
  if (row.role !== ADMIN_ROLE)
    throw createStepRefusal(
      `${settings.admin.email} is not an admin of the workspace ${slug}: ask one of its admins to change its role (Workspace settings, Members), or set PLANE_ADMIN_EMAIL to an admin's address.`,
    );
  const differences = keepDefined([
    row.name !== name ? `the name ${name}` : undefined,
    row.timezone !== timezone ? `the time zone ${timezone}` : undefined,
  ]).join(", ");
  if (differences === "") return [`${row.name} (${row.slug}), ${row.timezone}`];
  if (vault.getNotes().workspace !== slug)
    return [`${row.slug} existed before: left unchanged (the settings differ: ${differences})`];
  return [change(differences, () => updateWorkspace(session, slug, { name, timezone }))];
});

async function updateWorkspace(session: PlaneSession, workspace: string, json: { name?: string; timezone: string }) {
  await sendChange(session, workspacesApi.update, { params: { workspace }, json });
}

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
  for (let lastProgressAt = startedAt - PROGRESS_MS; ; ) {
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
    await wait(RETRY_MS);
  }
}

/** Plane's information about itself, or the reason why there is none. Throws for faults that waiting does not fix. */
async function probePlane(
  context: ProvisionContext,
): Promise<{ info: InstanceInfo } | { why: string; isPage: boolean }> {
  const { url } = context.settings.plane;
  try {
    const info = await readInstance(context, []);
    return info ? { info } : { why: "Plane's api has not finished its startup.", isPage: false };
  } catch (thrown) {
    if (thrown instanceof PlaneUnavailableError)
      // A page with 404 may come from a proxy that does not reach Plane yet; a page with 200 is probably a wrong
      // address.
      return { why: thrown.message, isPage: thrown.status === 200 };
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
