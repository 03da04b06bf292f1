import { z } from "zod";
import { defineTool } from "./tool.ts";

/** OPENCLAW-07, 14: reads a file of a task, so that results can be handed on to the tasks that wait for them. */
export const downloadDeliverableTool = defineTool({
  name: "download_deliverable",
  description: "Read a file attached to your task or to one of its inputs: text inline, other content in base64.",
  allow: "agent",
  hints: { readOnly: true, idempotent: true },
  input: z.object({ task: z.string(), name: z.string() }),
  output: z.object({
    task: z.string(),
    name: z.string(),
    type: z.string(),
    /** Bytes. */
    size: z.number(),
    text: z.string().optional(),
    /** Number of characters that were left out at the end of `text`. */
    left_out: z.number().optional(),
    /** Base64 of a file that is not text. */
    file: z.string().optional(),
  }),
  run: ({ work }, { task, name }) => work.download(task, name),
});
