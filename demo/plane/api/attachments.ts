import {
  attachmentOf,
  attachmentsOn,
  confirmUpload,
  createAttachment,
  downloadUrl,
  mayDownload,
  showAttachment,
  storeUpload,
  uploadForm,
} from "../attachments.ts";
import { type Call, empty, endpoint, ok, type Site } from "../endpoint.ts";
import type { Limiter } from "../limits.ts";
import { notFound, Refusal } from "../refusal.ts";
import type { AttachmentRow } from "../rows.ts";
import type { World } from "../world.ts";
import { anyProjectMember, keyDoor, projectIn, readerOf, workspaceOf } from "./door.ts";
import { itemIn } from "./items.ts";

function attachmentIn(call: Call): AttachmentRow {
  const row = attachmentOf(call.world, call.params["attachmentId"] ?? "");
  if (row.issue !== call.params["itemId"] || row.project !== projectIn(call).id) throw notFound();
  return row;
}

/** Since v1.3 Plane takes dots off a name's beginning and double ones out of it. */
function keptName(name: string): string {
  const [base = ""] = name.replaceAll("\\", "/").split("/").slice(-1);
  return base.replaceAll("..", "").trim().replace(/^\.+/, "");
}

export function attachmentRoutes(app: Site, world: World, limiter: Limiter): void {
  const door = keyDoor(limiter, anyProjectMember);
  for (const words of ["work-items/:itemId/attachments", "issues/:itemId/issue-attachments"]) {
    const root = `/api/v1/workspaces/:slug/projects/:projectId/${words}/`;
    endpoint(app, world, door, root, {
      GET: (call) => ok(attachmentsOn(world, itemIn(call).id).map((row) => showAttachment(world, row, call.at))),
      POST: async (call) => {
        const { name, type, size, external_source, external_id } = await call.json();
        if (typeof name !== "string" || name === "" || typeof size !== "number")
          throw new Refusal(400, { error: "Invalid request.", status: false });
        const text = (value: unknown) => (typeof value === "string" ? value : null);
        const external = { external_source: text(external_source), external_id: text(external_id) };
        const file = {
          name: world.version === "1.2.2" ? name : keptName(name),
          size,
          type: text(type) ?? "",
          ...external,
        };
        const row = createAttachment(world, itemIn(call), file, readerOf(call).id);
        const place = `${workspaceOf(call).slug}/projects/${row.project}/issues/${row.issue}/attachments/${row.id}/`;
        return ok({
          upload_data: uploadForm(world, row),
          asset_id: row.id,
          attachment: showAttachment(world, row, call.at),
          asset_url: `/api/assets/v2/workspaces/${place}`,
        });
      },
    });
    endpoint(app, world, door, `${root}:attachmentId/`, {
      GET: (call) => {
        const row = attachmentIn(call);
        if (!row.is_uploaded) throw new Refusal(400, { error: "The asset is not uploaded.", status: false });
        return { status: 302, headers: { location: downloadUrl(world, row) } };
      },
      PATCH: async (call) => {
        const row = attachmentIn(call);
        const { is_uploaded } = await call.json();
        if (is_uploaded !== false) confirmUpload(world, row, readerOf(call).id);
        return empty();
      },
      DELETE: (call) => {
        world.data.attachments.delete(attachmentIn(call).id);
        return empty();
      },
    });
  }
}

/** The storage beside Plane, S3's way: a form to post to, files to get by signed address. */
export function storageRoutes(app: Site, world: World): void {
  app.post("/uploads", async (c) => {
    const form = await c.req.formData();
    const fields = Object.fromEntries(
      [...form].filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    );
    const file = form.get("file");
    const bytes = file instanceof File ? new Uint8Array(await file.arrayBuffer()) : new Uint8Array();
    const status = storeUpload(world, fields, bytes);
    const headers = { "content-type": status === 204 ? "text/html; charset=utf-8" : "application/xml" };
    const code = status === 400 ? "EntityTooLarge" : "AccessDenied";
    return new Response(status === 204 ? null : `<Error><Code>${code}</Code></Error>`, { status, headers });
  });
  app.get("/uploads/*", (c) => {
    const url = new URL(c.req.url);
    const asset = decodeURIComponent(url.pathname.slice("/uploads/".length));
    const bytes = mayDownload(world, asset, url.searchParams) ? world.data.uploads.get(asset) : undefined;
    if (!bytes) return new Response("<Error><Code>AccessDenied</Code></Error>", { status: 403 });
    const row = [...world.data.attachments.values()].find((each) => each.asset === asset);
    return new Response(new Uint8Array(bytes), {
      headers: { "content-type": row?.type ?? "application/octet-stream" },
    });
  });
}
