import { GroundcrewError } from "../../../shared/errors.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { workspacesApi } from "../../../shared/plane/app/workspaces.ts";
import { PlaneAuthError } from "../../../shared/plane/errors.ts";
import { ignoreResponse } from "../ignore-response.ts";
import { createStep, type StepDecision } from "../step.ts";
import { findAdminSession, findOwnWorkspace, readAdminWorkspaces, requireFound } from "./plane-state.ts";

const ADMIN_ROLE = 20;

/** The workspace. One that provision has not made keeps its name and its time zone. */
export const workspaceStep = createStep({
  name: "workspace",
  needs: ["administrator"],
  async look(context) {
    const { workspace: slug } = context.settings.plane;
    const { email } = context.settings.admin;
    const isOurs = context.vault.notes().workspace === slug;
    const there = await findOwnWorkspace(context);
    if (there && there.row.role !== ADMIN_ROLE)
      throw new GroundcrewError(
        "forbidden",
        `${email} is no admin of the workspace ${slug}: let one of its admins make it one (Workspace settings, Members), or set PLANE_ADMIN_EMAIL to theirs.`,
      );
    const session = there?.session ?? (await findAdminSession(context));
    if (session && !there) {
      // Plane tells capital letters apart: a second workspace would come of it.
      const similar = (await readAdminWorkspaces(context, session)).find(
        (row) => row.slug.toLowerCase() === slug.toLowerCase(),
      );
      if (similar)
        throw new GroundcrewError(
          "conflict",
          `The workspace is called ${similar.slug} in Plane, not ${slug}: set PLANE_WORKSPACE=${similar.slug}.`,
        );
      const isFree = (await session.call(workspacesApi.slugIsFree, { query: { slug } })).data.status;
      if (!isFree)
        throw new GroundcrewError(
          "forbidden",
          `Plane does not give the name ${slug} away: there is a workspace ${slug} that ${email} does not belong to, or Plane keeps the name for its own pages (as admin, api, settings and others). Choose another PLANE_WORKSPACE, or have its admins make ${email} an admin of it. Nothing of it was touched.`,
        );
    }
    return { row: there?.row, isOurs };
  },
  decide({ row, isOurs }, { plane, timezone }): StepDecision {
    if (!row)
      return {
        actions: [{ is: "created", detail: `${plane.workspaceName} (${plane.workspace}), ${timezone}` }],
      };
    const differences = keepDefined([
      row.name !== plane.workspaceName ? `the name ${plane.workspaceName}` : undefined,
      row.timezone !== timezone ? `the time zone ${timezone}` : undefined,
    ]);
    if (differences.length === 0) return { actions: [], note: `${row.name} (${row.slug}), ${row.timezone}` };
    if (!isOurs)
      return { actions: [], note: `${row.slug} was there before: left as it is (wanted: ${differences.join(", ")})` };
    return { actions: [{ is: "changed", detail: differences.join(", ") }] };
  },
  async act(context, action, { row }) {
    const { settings, vault } = context;
    const { workspace: slug, workspaceName: name } = settings.plane;
    const session = requireFound(await findAdminSession(context), "The administrator");
    if (action.is === "created") {
      await vault.note(() => ({ workspace: slug }));
      await session
        .call(ignoreResponse(workspacesApi.create), { json: { name, slug, organization_size: "2-10" } })
        .catch((thrown: unknown) => {
          throw thrown instanceof PlaneAuthError && thrown.reason === "permission"
            ? createWorkspacesClosedError(slug, thrown)
            : thrown;
        });
      // Plane begins with UTC.
      if (settings.timezone === "UTC") return;
    }
    const json = { ...omitUndefined({ name: row ? name : undefined }), timezone: settings.timezone };
    await session.call(ignoreResponse(workspacesApi.update), { params: { workspace: slug }, json });
  },
});

function createWorkspacesClosedError(slug: string, cause: PlaneAuthError): GroundcrewError {
  return new GroundcrewError(
    "forbidden",
    `This Plane lets nobody make workspaces. Allow it while provision runs (God mode, Workspaces, "Prevent anyone else from creating a workspace" off; DISABLE_WORKSPACE_CREATION=0), or make the workspace ${slug} there by hand; then run the same command again.`,
    { cause },
  );
}
