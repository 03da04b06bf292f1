import { PlaneUnavailableError } from "../../plane/errors.ts";
import type { StoredValue } from "../../store/port.ts";
import { createStorageLimitError } from "./check-file.ts";
import { createHashMismatchError } from "./content-errors.ts";
import { sendFile } from "./send-file.ts";
import { type KeptUpload, saveUploadStep } from "./upload-record.ts";
import { dropUpload, type UploadRun } from "./upload-run.ts";

/** Second step: sends the bytes to the storage. Starts over when the ticket has expired or is refused. */
export async function uploadBytes(run: UploadRun, kept: StoredValue<KeptUpload>): Promise<void> {
  const { context, file, bytes, key } = run;
  const { ticket, until = 0, attachment = "" } = kept.value;
  if (!ticket || (await context.deps.store.now()) >= until) return dropUpload(run, kept, attachment);
  const isConsumed = !(bytes instanceof Blob) && run.sentHash !== undefined;
  if (isConsumed) throw createRestartError();
  const upload = { task: run.task, name: file.name, agent: context.caller.name, size: file.size };
  const result = await sendFile(context, ticket, bytes, { beforeSend: run.requireClaim, upload });
  if ("refused" in result) {
    await dropUpload(run, kept, attachment);
    if (result.refused === "size") throw await createStorageLimitError(context.deps, file.size);
    return requireRepeatable(run);
  }
  const { sha256 } = result;
  run.sentHash = sha256;
  if (file.sha256 !== undefined && sha256 !== file.sha256) {
    await dropUpload(run, kept, attachment);
    throw createHashMismatchError(sha256, file.sha256);
  }
  await saveUploadStep(context, key, kept, { ...kept.value, step: "sent", sha256 });
}

/** Throws unless the bytes can be read again. */
export function requireRepeatable({ bytes }: UploadRun): void {
  if (!(bytes instanceof Blob)) throw createRestartError();
}

function createRestartError(): PlaneUnavailableError {
  const message =
    "The upload's ticket or attachment in Plane became invalid before the upload was finished. Send the file again.";
  return new PlaneUnavailableError({ operation: "attachments_upload" }, message);
}
