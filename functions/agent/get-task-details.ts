import { z } from "zod";
import { STATUSES } from "../../shared/task/snapshot.ts";
import { taskAnswerSchema } from "./task-answer-schema.ts";
import { defineTool } from "./tool.ts";

/** The latest entries of a list, and the number of earlier entries that were left out. */
function createLatestSchema<S extends z.ZodRawShape>(shape: S) {
  return z.object({ latest: z.array(z.object(shape)), left_out: z.number().optional() });
}

const text = z.string();

/** OPENCLAW-03: reads everything about one task. */
export const getTaskDetailsTool = defineTool({
  name: "get_task_details",
  description:
    "Read a task: full text, done criteria, questions, comments, history, attachments, time entries and who holds it.",
  allow: "agent",
  hints: { readOnly: true, idempotent: true },
  input: z.object({ task: z.string() }),
  output: taskAnswerSchema.extend({
    text,
    claim: z.object({ agent: text, since: text, until: text }).optional(),
    agent: z.object({
      name: text.optional(),
      session: text.optional(),
      percent: z.number().optional(),
      text: text.optional(),
      confidence: z.number().optional(),
      cost: z.number().optional(),
      estimate: z.object({ cost: z.number().optional(), hours: z.number().optional() }).optional(),
      commit: text.optional(),
      tests: text.optional(),
    }),
    done_when: z.object({
      summary: z.boolean(),
      deliverable: z.boolean(),
      files: z.array(text),
      commit: z.boolean(),
      tests: z.boolean(),
      others: z.array(text),
    }),
    /** The blockers, also closed ones. The caller may read their details and deliverables. */
    inputs: z.array(z.object({ key: text, title: text, status: z.enum(STATUSES) })).optional(),
    questions: createLatestSchema({ at: text, agent: text, text, answer: text.optional(), by: text.optional() }),
    comments: createLatestSchema({ at: text, by: text, text }),
    history: createLatestSchema({ at: text, by: text, what: text, from: text.optional(), to: text.optional() }),
    attachments: createLatestSchema({ at: text, name: text, type: text, size: z.number() }),
    time: createLatestSchema({ agent: text, from: text, to: text.optional() }).extend({
      totals_s: z.record(z.string(), z.number()),
    }),
  }),
  run: ({ work }, { task }) => work.details(task),
});
