const encoder = new TextEncoder();

/**
 * A form with one file at its end, as multipart/form-data (RFC 7578), whose length is known before the file is read.
 */
export interface Multipart {
  contentType: string;
  /** Bytes of the whole body. */
  length: number;
  before: Uint8Array<ArrayBuffer>;
  after: Uint8Array<ArrayBuffer>;
}

/** `size` is the file's size in bytes. `boundary` must not occur in the file, so it needs 128 random bits. */
export function createMultipart(fields: Record<string, string>, size: number, boundary: string): Multipart {
  // S3 ignores every field after the file, and reads its type from the field `Content-Type`.
  const parts = Object.entries(fields).map(
    ([name, value]) => `${formatPartHead(boundary, `name="${escapeFieldName(name)}"`)}${value}\r\n`,
  );
  const before = encoder.encode(`${parts.join("")}${formatPartHead(boundary, 'name="file"; filename="file"')}`);
  const after = encoder.encode(`\r\n--${boundary}--\r\n`);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    length: before.length + size + after.length,
    before,
    after,
  };
}

function formatPartHead(boundary: string, disposition: string): string {
  return `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`;
}

function escapeFieldName(name: string): string {
  return name.replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll('"', "%22");
}
