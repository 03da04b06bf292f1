import { z } from "zod";
import { GroundcrewError } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { isUrl } from "../../shared/work/deliverables/check-file.ts";
import { defineTool } from "./tool.ts";

/** What comes inside a call, in bytes; larger files are streamed. */
const MAX_INLINE_BYTES = 2 ** 20;

/** OPENCLAW-07, 19: a file becomes an attachment of the task, with a comment that links it. */
export const uploadDeliverableTool = defineTool({
  name: "upload_deliverable",
  description:
    "Attach a file of up to 1 MB to your task and link it in a comment; larger: the CLI or PUT /agent/upload_deliverable.",
  allow: "agent",
  hints: { idempotent: true },
  input: z.object({
    task: z.string(),
    name: z.string().describe("file name with extension"),
    file: z.string().describe("the content in base64"),
    text: z.string().max(4_000).describe("Markdown for the comment").optional(),
  }),
  output: z.object({
    task: z.string(),
    name: z.string(),
    /** Bytes. */
    size: z.number(),
    sha256: z.string(),
    type: z.string(),
    /** Plane's id. */
    attachment: z.string(),
    already: z.literal(true).optional(),
    left_behind: z.array(z.string()).optional(),
  }),
  async run({ work }, { task, name, file, text }) {
    return work.deliver({ task, name, file: new Blob([decodeBase64File(file)]), ...omitUndefined({ text }) });
  },
});

/** Throws `bad_request` for what is no base64, or an address; `too_large` above 1 MB. */
function decodeBase64File(file: string): Uint8Array<ArrayBuffer> {
  if (isUrl(file))
    throw new GroundcrewError(
      "bad_request",
      "file is an address, and nothing is fetched here: give the file's bytes in base64, or send them with the CLI " +
        "(groundcrew upload_deliverable --task ONB-12 --file report.pdf) or PUT /agent/upload_deliverable.",
    );
  const text = file.replaceAll(/\s+/g, "");
  if ((text.length * 3) / 4 > MAX_INLINE_BYTES + 2)
    throw new GroundcrewError(
      "too_large",
      `file holds more than ${MAX_INLINE_BYTES} bytes (1 MB): send it with the CLI or PUT /agent/upload_deliverable, which stream it.`,
    );
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/.test(text))
    throw new GroundcrewError(
      "bad_request",
      "file is not base64: give the file's bytes in base64, not its path or text.",
    );
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
