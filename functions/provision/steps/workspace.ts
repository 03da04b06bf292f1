import { GroundcrewError } from "../../../shared/errors.ts";
import { workspaces } from "../../../shared/plane/app/workspaces.ts";
import { PlaneAuthError } from "../../../shared/plane/errors.ts";
import { type Decision, step } from "../step.ts";
import { unread } from "../unread.ts";
import { adminSession, myWorkspaces, needed, ourWorkspace } from "./reading.ts";

const ADMIN = 20;

/** The workspace. One that provision has not made keeps its name and its time zone. */
export const workspace = step({
  name: "workspace",
  needs: ["administrator"],
  async look(context) {
    const { workspace: slug } = context.settings.plane;
    const { email } = context.settings.admin;
    const isOurs = context.vault.notes().workspace === slug;
    const there = await ourWorkspace(context);
    if (there && there.row.role !== ADMIN)
      throw new GroundcrewError(
        "forbidden",
        `${email} is no admin of the workspace ${slug}: let one of its admins make it one (Workspace settings, Members), or set PLANE_ADMIN_EMAIL to theirs.`,
      );
    const session = there?.session ?? (await adminSession(context));
    if (session && !there) {
      // Plane tells capital letters apart: a second workspace would come of it.
      const near = (await myWorkspaces(context, session)).find((row) => row.slug.toLowerCase() === slug.toLowerCase());
      if (near)
        throw new GroundcrewError(
          "conflict",
          `The workspace is called ${near.slug} in Plane, not ${slug}: set PLANE_WORKSPACE=${near.slug}.`,
        );
      const isFree = (await session.call(workspaces.slugIsFree, { query: { slug } })).data.status;
      if (!isFree)
        throw new GroundcrewError(
          "forbidden",
          `Plane does not give the name ${slug} away: there is a workspace ${slug} that ${email} does not belong to, or Plane keeps the name for its own pages (as admin, api, settings and others). Choose another PLANE_WORKSPACE, or have its admins make ${email} an admin of it. Nothing of it was touched.`,
        );
    }
    return { row: there?.row, isOurs };
  },
  decide({ row, isOurs }, { plane, timezone }): Decision {
    if (!row)
      return {
        actions: [{ is: "created", detail: `${plane.workspaceName} (${plane.workspace}), ${timezone}` }],
      };
    const wrong = [
      ...(row.name !== plane.workspaceName ? [`the name ${plane.workspaceName}`] : []),
      ...(row.timezone !== timezone ? [`the time zone ${timezone}`] : []),
    ];
    if (wrong.length === 0) return { actions: [], note: `${row.name} (${row.slug}), ${row.timezone}` };
    if (!isOurs)
      return { actions: [], note: `${row.slug} was there before: left as it is (wanted: ${wrong.join(", ")})` };
    return { actions: [{ is: "changed", detail: wrong.join(", ") }] };
  },
  async act(context, action, { row }) {
    const { settings, vault } = context;
    const { workspace: slug, workspaceName: name } = settings.plane;
    const session = needed(await adminSession(context), "The administrator");
    if (action.is === "created") {
      await vault.note(() => ({ workspace: slug }));
      await session
        .call(unread(workspaces.create), { json: { name, slug, organization_size: "2-10" } })
        .catch((thrown: unknown) => {
          throw thrown instanceof PlaneAuthError && thrown.reason === "permission" ? closed(slug, thrown) : thrown;
        });
      // Plane begins with UTC.
      if (settings.timezone === "UTC") return;
    }
    const json = { ...(row && { name }), timezone: settings.timezone };
    await session.call(unread(workspaces.update), { params: { workspace: slug }, json });
  },
});

function closed(slug: string, cause: PlaneAuthError): GroundcrewError {
  return new GroundcrewError(
    "forbidden",
    `This Plane lets nobody make workspaces. Allow it while provision runs (God mode, Workspaces, "Prevent anyone else from creating a workspace" off; DISABLE_WORKSPACE_CREATION=0), or make the workspace ${slug} there by hand; then run the same command again.`,
    { cause },
  );
}
