import { GROUNDCREW_SOURCE } from "../../observe/comments.ts";
import { attachmentsApi, type UploadTicket } from "../../plane/attachments.ts";
import type { PlaneAnswer } from "../../plane/client.ts";
import { PlaneConflictError, PlaneInvalidError } from "../../plane/errors.ts";
import type { StoredValue } from "../../store/port.ts";
import { chooseClient } from "../context/choose-client.ts";
import { createTooLargeError, createUnsupportedTypeError, forgetFileSizeLimit } from "./check-file.ts";
import { getTicketLifetime } from "./ticket-lifetime.ts";
import { forgetUpload, type KeptUpload, saveUploadStep } from "./upload-record.ts";
import { discardAttachment, dropUpload, isAttachmentShown, type UploadRun } from "./upload-run.ts";

/** First step: creates the attachment in Plane, which returns a ticket for sending the bytes. */
export async function createAttachment(run: UploadRun, kept: StoredValue<KeptUpload>): Promise<void> {
  const { context, file, key } = run;
  const startedAt = await context.deps.store.now();
  const created = await requestAttachment(run, kept);
  if ("existing" in created) return adoptExisting(run, kept, created.existing);
  const { asset_id: attachment, upload_data: ticket, attachment: attachmentRow } = created.data;
  const { size } = attachmentRow.attributes;
  if (size < file.size) {
    await dropUpload(run, kept, attachment);
    await forgetFileSizeLimit(context.deps);
    throw createTooLargeError(file.size, { bytes: size, plane: size });
  }
  const next = {
    ...kept.value,
    step: "created" as const,
    name: attachmentRow.attributes.name,
    attachment,
    ticket,
    until: startedAt + getTicketLifetime(ticket, created.date),
  };
  // If a concurrent call was faster, the attachment of this one is not needed.
  if (!(await saveUploadStep(context, key, kept, next))) await discardAttachment(run, attachment);
}

/** Returns Plane's answer, or the id of the attachment that already has our external id. */
async function requestAttachment(
  { context, file, key, params, requireClaim }: UploadRun,
  kept: StoredValue<KeptUpload>,
): Promise<PlaneAnswer<UploadTicket> | { existing: string }> {
  const { name, type, size } = file;
  const json = { name, type, size, external_source: GROUNDCREW_SOURCE, external_id: kept.value.external };
  try {
    // Plane shows the user who confirms the attachment as its author.
    const client = await chooseClient(context);
    return await client.call(attachmentsApi.create, { params, json, beforeSend: requireClaim });
  } catch (thrown) {
    if (thrown instanceof PlaneConflictError && thrown.id !== undefined) return { existing: thrown.id };
    if (!(thrown instanceof PlaneInvalidError)) throw thrown;
    await forgetUpload(context, key, kept);
    throw /invalid file type/i.test(thrown.message)
      ? createUnsupportedTypeError(`Plane did not accept ${name} as ${type}.`)
      : thrown;
  }
}

/**
 * Adopts an attachment with our external id: finished before our record was lost, or created by an interrupted call.
 */
async function adoptExisting(run: UploadRun, kept: StoredValue<KeptUpload>, attachment: string): Promise<void> {
  const { context, key } = run;
  if (await isAttachmentShown(run, attachment)) {
    await saveUploadStep(context, key, kept, { ...kept.value, step: "confirmed", attachment });
    return;
  }
  // Only the call that saves this may remove the attachment; a concurrent call finds the record changed.
  if (!(await saveUploadStep(context, key, kept, kept.value))) return;
  if (await discardAttachment(run, attachment)) return;
  const current = await run.readRecord();
  await saveUploadStep(context, key, current, { ...current.value, external: `${current.value.external}-again` });
}
