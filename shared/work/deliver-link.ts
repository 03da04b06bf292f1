import { toHtml } from "../markdown/to-html.ts";
import type { Kept, Key } from "../store/port.ts";
import type { Acting } from "./acting.ts";
import { type KeptUpload, stepTo } from "./deliver-record.ts";
import { megabytes } from "./deliverable.ts";
import type { Task } from "./find.ts";
import { workKeys } from "./keys.ts";
import { escaped, say } from "./say.ts";

/** The deliverables of an item that were finished through the bridge. */
export interface KeptDelivered {
  files: { name: string; size: number; attachment: string }[];
}

/**
 * Says on the work item that a confirmed attachment is there, and keeps it as one of the item's: the upload under this
 * key is over. Once, however often it is begun. `text` is Markdown.
 */
export async function link(
  acting: Acting,
  task: Task,
  { kept, key, sha256 }: { kept: Kept<KeptUpload>; key: Key; sha256?: string | undefined },
  text?: string,
): Promise<void> {
  const { store } = acting.deps;
  const { name, size, attachment = "" } = kept.value;
  await say(acting, task, `deliverable-${attachment}`, await commentOf(acting, task, kept.value, text));
  const list = workKeys.delivered(task.id);
  for (;;) {
    const [known] = await store.read<KeptDelivered>([list]);
    const files = known?.value.files.filter((one) => one.attachment !== attachment) ?? [];
    const value: KeptDelivered = { files: [...files, { name, size, attachment }] };
    const outcome = await store.commit({ expect: [[list, known?.rev ?? 0]], put: [{ key: list, value }] });
    if (outcome === "kept") break;
  }
  await stepTo(acting, key, kept, { ...kept.value, step: "linked", ...(sha256 !== undefined && { sha256 }) });
}

/**
 * The link is the one behind the file's name in Plane's own attachment list: it answers whoever is signed in there with
 * the file. The work item's page would lead readers to where they are.
 */
async function commentOf(
  { deps }: Acting,
  task: Task,
  { name, size, attachment = "" }: KeptUpload,
  text: string | undefined,
): Promise<string> {
  const { plane } = deps.settings;
  const place = `${encodeURIComponent(plane?.workspace ?? "")}/projects/${task.project.id}/issues/${task.id}`;
  const href = `${plane?.url ?? ""}/api/assets/v2/workspaces/${place}/attachments/${attachment}/`;
  const said = `<p>Deliverable: <a href="${escaped(href)}">${escaped(name)}</a> (${megabytes(size)})</p>`;
  return said + (text?.trim() ? await toHtml(text) : "");
}
