import { cleanLine } from "../../clean-text.ts";
import { GROUNDCREW_SOURCE } from "../../observe/comments.ts";
import { activitiesApi } from "../../plane/activities-links.ts";
import { attachmentsApi, type PlaneAttachment } from "../../plane/attachments.ts";
import type { Endpoint, PlaneCallOptions, PlaneClient, PlanePage } from "../../plane/client.ts";
import { commentsApi, type PlaneComment } from "../../plane/comments.ts";
import { DAY, type Ms } from "../../time.ts";
import type { CallContext } from "../context/call-context.ts";
import { chooseClient } from "../context/choose-client.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import {
  type ActivityEntry,
  type CommentEntry,
  describeActivity,
  describeComment,
  type Latest,
  MAX_DETAIL_LINE,
  takeLatest,
} from "./detail-entries.ts";

/** The parts of a task's details that only Plane has. */
export interface PlaneDetails {
  comments: Latest<CommentEntry>;
  history: Latest<ActivityEntry>;
  attachments: Latest<AttachmentEntry>;
}

interface AttachmentEntry {
  at: string;
  name: string;
  type: string;
  size: number;
}

/** The latest read of a task's comments, activities and attachments. */
interface KeptPlaneDetails {
  /** The item's `updatedAt` when the read began: Plane changes it with every comment, activity and attachment. */
  updatedAt: string;
  details: PlaneDetails;
}

/** Retention of a read: 1 day, in which agents look at a task that they work on. */
const RETENTION_MS: Ms = DAY;

/**
 * Returns a task's comments, activities and attachments. They are read from Plane, three requests at once, when the item
 * has changed since the last read; otherwise the last read is returned without a request.
 */
export async function readPlaneDetails(context: CallContext, task: Task): Promise<PlaneDetails> {
  const { deps } = context;
  const key = workKeys.details(task.id);
  const { updatedAt } = task.item.snapshot;
  const [kept] = await deps.store.read<KeptPlaneDetails>([key]);
  if (kept?.value.updatedAt === updatedAt) return kept.value.details;
  const details = await fetchPlaneDetails(context, await chooseClient(context, 3), task);
  const value: KeptPlaneDetails = { updatedAt, details };
  await deps.store.commit({ put: [{ key, value, expires: RETENTION_MS }] });
  return details;
}

async function fetchPlaneDetails(
  { deps }: CallContext,
  reader: PlaneClient,
  { id, project }: Task,
): Promise<PlaneDetails> {
  const params = { project: project.id, item: id };
  const [comments, activities, { data: attachments }] = await Promise.all([
    listAll(reader, commentsApi.list, params),
    listAll(reader, activitiesApi.list, params),
    reader.call(attachmentsApi.list, { params }),
  ]);
  const visibleComments = comments.filter((comment) => !isCardComment(comment, id)).sort(compareByTime);
  const uploaded = attachments.filter((file) => file.is_uploaded).sort(compareByTime);
  return {
    comments: await takeLatest(visibleComments, (comment) => describeComment(deps, comment)),
    history: await takeLatest(activities.sort(compareByTime), (activity) => describeActivity(deps, activity)),
    attachments: await takeLatest(uploaded, describeAttachment),
  };
}

async function listAll<R>(
  reader: PlaneClient,
  endpoint: Endpoint<PlanePage<R>>,
  params: PlaneCallOptions["params"] = {},
) {
  const rows: R[] = [];
  for await (const { data } of reader.pages(endpoint, { params })) rows.push(...data.results);
  return rows;
}

/** Whether a comment is the agent card, whose values are already in the `agent` field. */
function isCardComment({ external_source, external_id }: PlaneComment, item: string): boolean {
  return external_source === GROUNDCREW_SOURCE && (external_id ?? "").startsWith(`card:${item}`);
}

function compareByTime(a: { created_at: string }, b: { created_at: string }): number {
  return a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : 0;
}

function describeAttachment({ created_at, attributes: { name, type, size } }: PlaneAttachment): AttachmentEntry {
  const clean = (text: string) => cleanLine(text, MAX_DETAIL_LINE);
  return { at: created_at, name: clean(name), type: clean(type), size };
}
