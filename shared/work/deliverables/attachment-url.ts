import type { Settings } from "../../config/settings.ts";

/**
 * Formats the address that Plane's own attachment list uses, which returns the file to every user who is signed in to
 * Plane. `project`, `item` and `attachment` are Plane's ids.
 */
export function formatAttachmentUrl(
  plane: Settings["plane"],
  { project, item, attachment }: { project: string; item: string; attachment: string },
): string {
  const path = `${encodeURIComponent(plane?.workspace ?? "")}/projects/${project}/issues/${item}`;
  return `${plane?.url ?? ""}/api/assets/v2/workspaces/${path}/attachments/${attachment}/`;
}
