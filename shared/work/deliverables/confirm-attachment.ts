import { attachmentsApi } from "../../plane/attachments.ts";
import { PlaneAuthError, PlaneNotFoundError } from "../../plane/errors.ts";
import type { StoredValue } from "../../store/port.ts";
import { requireRepeatable } from "./upload-bytes.ts";
import { forgetUpload, type KeptUpload, saveUploadStep } from "./upload-record.ts";
import { dropUpload, type UploadRun } from "./upload-run.ts";

/**
 * Third step: confirms the attachment, after which Plane shows it. Starts over when Plane does not know it any more.
 */
export async function confirmAttachment(run: UploadRun, kept: StoredValue<KeptUpload>): Promise<void> {
  const { context, key, requireClaim } = run;
  const { attachment = "" } = kept.value;
  try {
    await context.plane.call(attachmentsApi.confirm, {
      params: { ...run.params, attachment },
      json: { is_uploaded: true },
      beforeSend: requireClaim,
    });
  } catch (thrown) {
    // Plane would refuse the caller again, and only Groundcrew's key created the attachment.
    if (thrown instanceof PlaneAuthError) await dropUpload(run, kept, attachment);
    if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    await forgetUpload(context, key, kept);
    return requireRepeatable(run);
  }
  run.shownAttachment = attachment;
  const { ticket: _, until: __, ...rest } = kept.value;
  await saveUploadStep(context, key, kept, { ...rest, step: "confirmed" });
}
