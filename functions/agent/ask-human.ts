import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { defineTool } from "./tool.ts";

/** A question to the human, with a button for each choice. The answer is written as a comment. */
export const askHumanTool = defineTool({
  name: "ask_human",
  description: "Ask the human about your task. The answer becomes a comment and wakes you.",
  allow: "agent",
  hints: { idempotent: true },
  input: z.object({
    task: z.string(),
    text: z.string().min(1).max(2_000),
    choices: z.array(z.string().min(1).max(100)).max(8).optional(),
    urgency: z.enum(["low", "normal", "high"]).optional(),
  }),
  output: z.object({
    task: z.string(),
    question: z.string(),
    status: z.enum(["open", "answered"]),
    answer: z.string().optional(),
  }),
  async run({ work }, { task, ...question }) {
    const { key, id, answer } = await work.ask(task, question);
    return {
      task: key,
      question: id,
      status: answer ? ("answered" as const) : ("open" as const),
      ...omitUndefined({ answer: answer?.text }),
    };
  },
});
