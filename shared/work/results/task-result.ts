import type { Deps } from "../../app/deps.ts";
import { htmlToText } from "../../markdown/html-to-text.ts";
import { toHtml } from "../../markdown/to-html.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import type { KeptClaim } from "../claims/find-claim.ts";
import { isSummaryNote, type KeptNote } from "../comments/summary-note.ts";
import { workKeys } from "../context/work-keys.ts";
import { formatAttachmentUrl } from "../deliverables/attachment-url.ts";
import type { KeptDeliverables } from "../deliverables/link-deliverable.ts";
import type { KeptReview } from "../lifecycle/review-record.ts";
import type { KeptStatusAttempt } from "../lifecycle/status-attempt.ts";

/** What the agent of a completed task delivered. */
export interface TaskResult {
  /** The closing summary as one line of plain text. */
  text?: string;
  /** The files uploaded through Groundcrew, the first ones first; `count` counts all of them. */
  files: { name: string; url: string }[];
  count: number;
}

/** Limit of the summary in a message, in characters: 600, a few lines on a phone. */
const TEXT_LIMIT = 600;
/** Limit of the files that are stored with an event. */
const FILE_LIMIT = 5;

/**
 * Reads the result of a task whose completion is being observed; undefined without a summary and files. Makes no request
 * to Plane. The summary is that of the change that is just being applied, or of the review that was approved: a task
 * that people complete later has none of its own.
 */
export async function readTaskResult(
  deps: Pick<Deps, "store" | "settings">,
  { snapshot: { id, project } }: KeptItem,
): Promise<TaskResult | undefined> {
  const [delivered] = await deps.store.read<KeptDeliverables>([workKeys.delivered(id)]);
  const summary = await readSummary(deps, id);
  const text = summary === undefined ? "" : htmlToText(await toHtml(summary), TEXT_LIMIT);
  const files = delivered?.value.files ?? [];
  if (text === "" && files.length === 0) return undefined;
  return {
    ...omitUndefined({ text: text || undefined }),
    files: files.slice(0, FILE_LIMIT).map(({ name, attachment }) => ({
      name,
      url: formatAttachmentUrl(deps.settings.plane, { project, item: id, attachment }),
    })),
    count: files.length,
  };
}

/** The summary in Markdown: the text of the closing call, else the note that counted as the summary. */
async function readSummary({ store }: Pick<Deps, "store">, item: string): Promise<string | undefined> {
  const [[attempt], [review], [claim]] = await Promise.all([
    store.read<KeptStatusAttempt>([workKeys.attempt(item)]),
    store.read<KeptReview>([workKeys.review(item)]),
    store.read<KeptClaim>([workKeys.claim(item)]),
  ]);
  if (attempt?.value.status !== "done") return undefined;
  const { agent, over, text, id } = attempt.value;
  if (over && review?.value.id !== id) return undefined;
  if (text?.trim()) return text;
  const [note] = await store.read<KeptNote>([workKeys.note(agent, item)]);
  return note && isSummaryNote(note.value, claim?.value, agent) ? note.value.text : undefined;
}
