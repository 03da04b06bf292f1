import type { UploadTicket } from "./attachments.ts";
import { PlaneInvalidError, PlaneUnavailableError } from "./errors.ts";
import { createRequest, type RequestOptions } from "./request.ts";

const OPERATION = "attachments_upload";

/**
 * Sends a file's bytes to the storage, as the ticket of `attachments.create` allows; confirm it afterwards.
 * Without the API key: the storage is another server. Throws PlaneInvalidError when the storage refuses the file
 * (an outdated ticket, too large), PlaneUnavailableError when it did not answer.
 */
export async function uploadFile(options: RequestOptions, ticket: UploadTicket, file: Blob): Promise<void> {
  const form = new FormData();
  for (const [name, value] of Object.entries(ticket.upload_data.fields)) form.append(name, value);
  // S3 ignores every field after the file.
  form.append("file", file);
  const url = ticket.upload_data.url;
  const { status, body } = await createRequest(options)({
    operation: OPERATION,
    method: "POST",
    route: "storage",
    url,
    body: form,
  });
  if (status >= 200 && status < 300) return;
  const about = { operation: OPERATION, status };
  const code = /<Code>(\w{1,60})<\/Code>/.exec(body)?.[1] ?? "no reason given";
  if (status >= 500)
    throw new PlaneUnavailableError(about, `The storage could not take the file (${status}: ${code}).`);
  throw new PlaneInvalidError({ ...about, fields: {} }, `The storage refused the file (${status}: ${code}).`);
}
