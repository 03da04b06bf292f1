import { z } from "zod";
import { MESSAGE_TEXT_LIMIT } from "../../shared/work/messages/message-human.ts";
import { defineTool } from "./tool.ts";

/** A message or a question of the Concierge to the human, about no task. */
export const messageHumanTool = defineTool({
  name: "message_human",
  description: "Write to the human about no single task, in plain text. The answer to ask wakes you.",
  allow: "concierge",
  hints: { idempotent: true },
  input: z.object({
    text: z.string().min(1).max(MESSAGE_TEXT_LIMIT),
    kind: z.enum(["inform", "ask"]).default("inform"),
    choices: z.array(z.string().min(1).max(100)).max(8).optional(),
    wish: z.string().max(100).optional().describe("id of the request it answers"),
  }),
  output: z.object({
    message: z.string(),
    /** `queued`: it is sent without a further call. `open`: a question without an answer. */
    status: z.enum(["queued", "open", "answered"]),
    answer: z.string().optional(),
  }),
  run: ({ work }, newMessage) => work.message(newMessage),
});
