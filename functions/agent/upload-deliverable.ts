import { z } from "zod";
import { GroundcrewError } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { isFilePath, isUrl } from "../../shared/work/deliverables/check-file.ts";
import { defineTool } from "./tool.ts";

/** Limit of a file inside a call, in bytes: the whole call is held in memory. Larger files are streamed. */
const MAX_INLINE_BYTES = 2 ** 20;

/** OPENCLAW-07, 19: attaches a file to the task and links it in a comment. */
export const uploadDeliverableTool = defineTool({
  name: "upload_deliverable",
  description:
    "Attach a file of up to 1 MB to your task and link it in a comment. Send larger files with the CLI or PUT /agent/upload_deliverable.",
  allow: "agent",
  hints: { idempotent: true },
  input: z.object({
    task: z.string(),
    name: z.string().describe("file name with extension"),
    file: z.string().describe("content in base64, not a path or URL"),
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

const HOW_TO_SEND =
  "Give the file's bytes in base64, or send them with the CLI " +
  "(groundcrew upload_deliverable --task ONB-12 --file report.pdf) or PUT /agent/upload_deliverable.";

/** Throws `bad_request` for a URL, a path or invalid base64, `too_large` above 1 MB. */
function decodeBase64File(file: string): Uint8Array<ArrayBuffer> {
  if (isUrl(file)) throw new GroundcrewError("bad_request", `file is a URL, and URLs are not fetched. ${HOW_TO_SEND}`);
  if (isFilePath(file))
    throw new GroundcrewError(
      "bad_request",
      `file is a path, not the content of a file, and this tool cannot read files of your machine. ${HOW_TO_SEND}`,
    );
  const text = file.replaceAll(/\s+/g, "");
  if ((text.length * 3) / 4 > MAX_INLINE_BYTES + 2)
    throw new GroundcrewError(
      "too_large",
      `file exceeds ${MAX_INLINE_BYTES} bytes (1 MB). Send it with the CLI or PUT /agent/upload_deliverable, which stream it.`,
    );
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/.test(text))
    throw new GroundcrewError(
      "bad_request",
      "file is not valid base64. Give the file's bytes in base64, not its path or text.",
    );
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
