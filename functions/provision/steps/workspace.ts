import { GroundcrewError } from "../../../shared/errors.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { workspacesApi } from "../../../shared/plane/app/workspaces.ts";
import { PlaneAuthError, PlaneInvalidError } from "../../../shared/plane/errors.ts";
import { ignoreResponse } from "../ignore-response.ts";
import { createStep, type StepDecision } from "../step.ts";
import { findAdminSession, findOwnWorkspace, readAdminWorkspaces, requireFound } from "./plane-state.ts";

const ADMIN_ROLE = 20;

/** Creates the workspace. One that provision did not create keeps its name and time zone. */
export const workspaceStep = createStep({
  name: "workspace",
  needs: ["administrator"],
  async readState(context) {
    const { workspace: slug } = context.settings.plane;
    const { email } = context.settings.admin;
    const isOurs = context.vault.getNotes().workspace === slug;
    const existing = await findOwnWorkspace(context);
    if (existing && existing.row.role !== ADMIN_ROLE)
      throw new GroundcrewError(
        "forbidden",
        `${email} is not an admin of the workspace ${slug}: ask one of its admins to change its role (Workspace settings, Members), or set PLANE_ADMIN_EMAIL to an admin's address.`,
      );
    const session = existing?.session ?? (await findAdminSession(context));
    if (session && !existing) {
      // Plane's slugs are case-sensitive, so a second workspace would be created.
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
          `The workspace name ${slug} is already taken: ${email} is not a member of that workspace, or Plane reserves the name for its own pages (such as admin, api and settings). Choose another PLANE_WORKSPACE, or ask the workspace's admins to make ${email} an admin. Nothing was changed.`,
        );
    }
    return { row: existing?.row, isOurs };
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
      return {
        actions: [],
        note: `${row.slug} existed before: left unchanged (the settings differ: ${differences.join(", ")})`,
      };
    return { actions: [{ is: "changed", detail: differences.join(", ") }] };
  },
  async applyAction(context, action, { row }) {
    const { settings, vault } = context;
    const { workspace: slug, workspaceName: name } = settings.plane;
    const session = requireFound(await findAdminSession(context), "The administrator");
    if (action.is === "created") {
      await vault.updateNotes(() => ({ workspace: slug }));
      await session
        .call(ignoreResponse(workspacesApi.create), { json: { name, slug, organization_size: "2-10" } })
        .catch(async (thrown: unknown) => {
          if (thrown instanceof PlaneAuthError && thrown.reason === "permission")
            throw createWorkspacesClosedError(slug, thrown);
          if (!(thrown instanceof PlaneInvalidError && thrown.fields["slug"])) throw thrown;
          // Otherwise the next run would treat the other program's workspace as ours.
          await vault.updateNotes(() => ({ workspace: undefined }));
          throw new GroundcrewError(
            "conflict",
            `Another program is creating the workspace ${slug} at the same time: run the same command again.`,
            { cause: thrown },
          );
        });
      // A new workspace has the time zone UTC.
      if (settings.timezone === "UTC") return;
    }
    const json = { ...omitUndefined({ name: row ? name : undefined }), timezone: settings.timezone };
    await session.call(ignoreResponse(workspacesApi.update), { params: { workspace: slug }, json });
  },
});

function createWorkspacesClosedError(slug: string, cause: PlaneAuthError): GroundcrewError {
  return new GroundcrewError(
    "forbidden",
    `Creating workspaces is disabled in this Plane. Enable it while provision runs (God mode, Workspaces, turn off "Prevent anyone else from creating a workspace"; DISABLE_WORKSPACE_CREATION=0), or create the workspace ${slug} there by hand; then run the same command again.`,
    { cause },
  );
}
