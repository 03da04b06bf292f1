import { createNotFoundError, PlaneApiError } from "../api-error.ts";
import {
  confirmUpload,
  createAttachment,
  createDownloadUrl,
  createUploadForm,
  getAttachment,
  listAttachments,
  mayDownload,
  renderAttachment,
  storeUpload,
} from "../attachments.ts";
import {
  type EndpointCall,
  getReader,
  mountEndpoint,
  type PlaneApp,
  respondNoContent,
  respondOk,
} from "../endpoint.ts";
import type { RateLimiter } from "../rate-limiter.ts";
import type { AttachmentRow } from "../rows.ts";
import type { PlaneWorld } from "../world.ts";
import { createApiKeyPolicy, getPathProject, getPathWorkspace, requireAnyProjectRole } from "./access.ts";
import { getPathItem } from "./items.ts";
import { toTextOrNull } from "./text-fields.ts";

function getPathAttachment(call: EndpointCall): AttachmentRow {
  const row = getAttachment(call.world, call.params["attachmentId"] ?? "");
  if (row.issue !== call.params["itemId"] || row.project !== getPathProject(call).id) throw createNotFoundError();
  return row;
}

/** Since v1.3, Plane removes leading dots and double dots from file names. */
function sanitizeFileName(name: string): string {
  const [base = ""] = name.replaceAll("\\", "/").split("/").slice(-1);
  return base.replaceAll("..", "").trim().replace(/^\.+/, "");
}

export function mountAttachmentRoutes(app: PlaneApp, world: PlaneWorld, limiter: RateLimiter): void {
  const policy = createApiKeyPolicy(limiter, requireAnyProjectRole);
  for (const segment of ["work-items/:itemId/attachments", "issues/:itemId/issue-attachments"]) {
    const root = `/api/v1/workspaces/:slug/projects/:projectId/${segment}/`;
    mountEndpoint(app, world, policy, root, {
      GET: (call) =>
        respondOk(
          listAttachments(world, getPathItem(call).id).map((row) => renderAttachment(world, row, call.formatTime)),
        ),
      POST: async (call) => {
        const { name, type, size, external_source, external_id } = await call.json();
        if (typeof name !== "string" || name === "" || typeof size !== "number")
          throw new PlaneApiError(400, { error: "Invalid request.", status: false });
        const external = { external_source: toTextOrNull(external_source), external_id: toTextOrNull(external_id) };
        const file = {
          name: world.version === "1.2.2" ? name : sanitizeFileName(name),
          size,
          type: toTextOrNull(type) ?? "",
          ...external,
        };
        const row = createAttachment(world, getPathItem(call), file, getReader(call).id);
        const assetPath = `${getPathWorkspace(call).slug}/projects/${row.project}/issues/${row.issue}/attachments/${row.id}/`;
        return respondOk({
          upload_data: createUploadForm(world, row),
          asset_id: row.id,
          attachment: renderAttachment(world, row, call.formatTime),
          asset_url: `/api/assets/v2/workspaces/${assetPath}`,
        });
      },
    });
    mountEndpoint(app, world, policy, `${root}:attachmentId/`, {
      GET: (call) => {
        const row = getPathAttachment(call);
        if (!row.is_uploaded) throw new PlaneApiError(400, { error: "The asset is not uploaded.", status: false });
        return { status: 302, headers: { location: createDownloadUrl(world, row) } };
      },
      PATCH: async (call) => {
        const row = getPathAttachment(call);
        const { is_uploaded } = await call.json();
        if (is_uploaded !== false) confirmUpload(world, row, getReader(call).id);
        return respondNoContent();
      },
      DELETE: (call) => {
        world.data.attachments.delete(getPathAttachment(call).id);
        return respondNoContent();
      },
    });
  }
}

/** Mounts Plane's storage, which works like S3: uploads by form, downloads by signed address. */
export function mountStorageRoutes(app: PlaneApp, world: PlaneWorld): void {
  app.post("/uploads", async (c) => {
    // S3 needs the length before the body, so it refuses a body in chunks.
    if (c.req.header("content-length") === undefined)
      return c.body("<Error><Code>MissingContentLength</Code></Error>", 411);
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
    const row = [...world.data.attachments.values()].find((attachment) => attachment.asset === asset);
    return new Response(new Uint8Array(bytes), {
      headers: { "content-type": row?.type ?? "application/octet-stream" },
    });
  });
}
