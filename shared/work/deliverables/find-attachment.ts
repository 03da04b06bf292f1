import { cleanLine } from "../../clean-text.ts";
import { GroundcrewError } from "../../errors.ts";
import { attachmentsApi, type PlaneAttachment } from "../../plane/attachments.ts";
import { openDownload } from "../../plane/download.ts";
import type { CallContext } from "../context/call-context.ts";
import { findTask, type Task } from "../tasks/find-task.ts";
import { requireReader } from "../tasks/require-owner.ts";

/** A file that is attached to a task, before its bytes are read. */
export interface FoundAttachment {
  /** `ONB-12` */
  task: string;
  name: string;
  /** As declared by the sender. */
  type: string;
  /** Bytes. */
  size: number;
  /** Opens the file in Plane's storage. */
  open(signal?: AbortSignal): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
}

/** Limit of names in the refusal of an unknown name. */
const MAX_NAMES = 20;

/**
 * Finds the newest file of this name on a task, with one request to Plane. Allowed for those who may read the task's
 * details. Throws `not_found` with the names that there are.
 */
export async function findAttachment(context: CallContext, reference: string, name: string): Promise<FoundAttachment> {
  const task = await findTask(context, reference);
  await requireReader(context, task);
  const params = { project: task.project.id, item: task.id };
  const { data } = await context.systemPlane.call(attachmentsApi.list, { params });
  const files = data.filter((file) => file.is_uploaded).sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  const wanted = name.normalize("NFC");
  const file = files.find(({ attributes }) => attributes.name.normalize("NFC") === wanted);
  if (!file) throw createFileNotFoundError(task, name, files);
  const { attributes, id: attachment } = file;
  return {
    task: task.key,
    name: attributes.name,
    type: attributes.type,
    size: attributes.size,
    async open(signal) {
      const { data: redirect } = await context.systemPlane.call(attachmentsApi.get, {
        params: { ...params, attachment },
      });
      return openDownload(context.deps, redirect.location, attributes.size, signal);
    },
  };
}

function createFileNotFoundError({ key }: Task, name: string, files: readonly PlaneAttachment[]): GroundcrewError {
  const names = [...new Set(files.map(({ attributes }) => cleanLine(attributes.name, 100)))].slice(0, MAX_NAMES);
  const available = names.length > 0 ? `Its files are: ${names.join(", ")}.` : "It has no files.";
  return new GroundcrewError("not_found", `${key} has no file "${cleanLine(name, 100)}". ${available}`);
}
