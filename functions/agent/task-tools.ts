/** The tools with which an agent works on its tasks: list, read, claim, change the status, comment and ask. */

import { z } from "zod";
import { STATUSES } from "../../shared/task/snapshot.ts";
import { newCommentSchema } from "../../shared/tasks/agent-reports.ts";
import { doneCriteriaSchema } from "../../shared/tasks/lifecycle/done-criteria.ts";
import { statusChangeSchema } from "../../shared/tasks/lifecycle/status-change.ts";
import { newQuestionSchema } from "../../shared/tasks/people/questions.ts";
import { taskAnswerSchema } from "../../shared/tasks/views/task-list.ts";
import { defineTool, type Tool } from "./tool.ts";

const text = z.string();

const questionSchema = z.object({
  at: text,
  agent: text,
  text,
  answer: text.optional(),
  by: text.optional(),
});

const commentSchema = z.object({ at: text, by: text, text });

/** The tools for the tasks of an agent, in the order in which they are listed. */
export const TASK_TOOLS: readonly Tool[] = [
  /** OPENCLAW-02: lists the caller's open tasks in the order in which to work on them. */
  defineTool({
    name: "list_my_tasks",
    hasOthersText: true,
    description: "List your open tasks. Continue or start with the first one.",
    isReadOnly: true,
    input: z.object({
      fresh: z.boolean().optional().describe("read Plane first (slower, rarely needed)"),
    }),
    output: z.object({
      tasks: z.array(taskAnswerSchema),
      /** Seconds since Plane was last read. */
      age_s: z.number(),
      left_out: z.number().optional(),
    }),
    run: ({ work }, { fresh }) => work.list({ fresh }),
  }),
  /** OPENCLAW-03: reads everything about one task. */
  defineTool({
    name: "get_task_details",
    hasOthersText: true,
    description: "Read all about a task, also its comments, files and who holds it.",
    isReadOnly: true,
    input: z.object({ task: z.string() }),
    output: taskAnswerSchema.extend({
      text,
      /** Why nothing happens with the task, or what does. */
      why: text,
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
      done_when: doneCriteriaSchema,
      /** The blockers, also closed ones. The caller may read their details and deliverables. */
      inputs: z.array(z.object({ key: text, title: text, status: z.enum(STATUSES) })).optional(),
      questions: createLatestSchema(questionSchema),
      comments: createLatestSchema(commentSchema),
      history: createLatestSchema(
        z.object({ at: text, by: text, what: text, from: text.optional(), to: text.optional() }),
      ),
      attachments: createLatestSchema(z.object({ at: text, name: text, type: text, size: z.number() })),
      time: createLatestSchema(z.object({ agent: text, from: text, to: text.optional() })).extend({
        totals_s: z.record(z.string(), z.number()),
      }),
    }),
    run: ({ work }, { task }) => work.details(task),
  }),
  /** Gives one agent at a time the right to work on a task. Starting a task claims it as well. */
  defineTool({
    name: "claim_task",
    hasOthersText: true,
    description: "Claim your task, for you alone, and read it. Any call about it renews the claim.",
    input: z.object({
      task: z.string().describe("key, such as ONB-12"),
      start: z.boolean().optional().describe("also set it to in_progress"),
    }),
    output: z.object({
      task: z.string(),
      /** ISO 8601. */
      since: z.string(),
      until: z.string(),
      /** What the work needs of `get_task_details`, without empty lists; absent when Plane does not answer. */
      details: z
        .object({
          ...taskAnswerSchema.pick({ title: true, priority: true, due_date: true }).shape,
          text,
          done_when: doneCriteriaSchema,
          inputs: z.array(z.object({ key: text, title: text, status: z.enum(STATUSES) })).optional(),
          questions: z.array(questionSchema).optional(),
          comments: z.array(commentSchema).optional(),
          files: z.array(z.string()).optional(),
        })
        .optional(),
    }),
    async run({ work }, { task, start }) {
      if (start) await work.setStatus(task, { status: "in_progress" });
      const { key, since, until } = await work.claim(task);
      const details = await work.brief(task);
      return { task: key, since: work.formatTime(since), until: work.formatTime(until), details };
    },
  }),
  /** OPENCLAW-04: starts, finishes, blocks, cancels or returns a task. */
  defineTool({
    name: "update_task_status",
    description:
      "Start (in_progress), finish (done: summary as text, figures and file), block, cancel or return (todo) your task.",
    input: z.object({
      task: z.string(),
      ...statusChangeSchema.shape,
      file: z.object({ name: z.string(), text: z.string() }).optional().describe("deliverable, attached first"),
    }),
    output: z.object({
      task: z.string(),
      status: z.enum(STATUSES),
      /** The work is finished, and a human reviews it before the task is done. */
      in_review: z.literal(true).optional(),
      /** ISO 8601: the caller's claim expires then unless a call renews it. */
      held_until: z.string().optional(),
      /** Keys of the open blockers. */
      blocked_by: z.array(z.string()).optional(),
      url: z.string(),
    }),
    async run({ work }, { task, file, ...change }) {
      if (file) await work.deliver({ task, name: file.name, file: new Blob([file.text]) });
      const { key, status, inReview, heldUntil, blockers, url } = await work.setStatus(task, change);
      return {
        task: key,
        status,
        in_review: inReview ? (true as const) : undefined,
        held_until: heldUntil === undefined ? undefined : work.formatTime(heldUntil),
        blocked_by: blockers.length > 0 ? blockers : undefined,
        url,
      };
    },
  }),
  /** OPENCLAW-05: comments of an agent on a task. */
  defineTool({
    name: "add_comment",
    description: "Comment on your task in Markdown. Set critical to notify the human at once.",
    input: z.object({ task: z.string(), ...newCommentSchema.shape }),
    output: z.object({ task: z.string(), comment: z.string(), url: z.string() }),
    run: ({ work }, { task, ...comment }) => work.comment(task, comment),
  }),
  /** A question to the human, with a button for each choice. The answer is written as a comment. */
  defineTool({
    name: "ask_human",
    hasOthersText: true,
    description: "Ask the human about your task. The answer becomes a comment and wakes you.",
    input: z.object({ task: z.string(), ...newQuestionSchema.shape }),
    output: z.object({
      task: z.string(),
      question: z.string(),
      status: z.enum(["open", "answered"]),
      answer: z.string().optional(),
    }),
    async run({ work }, { task, ...question }) {
      const { key, id, verdict } = await work.ask(task, question);
      const status = verdict ? ("answered" as const) : ("open" as const);
      return { task: key, question: id, status, answer: verdict?.comment };
    },
  }),
];

/** The latest entries of a list, and the number of earlier entries that were left out. */
function createLatestSchema<S extends z.ZodType>(entry: S) {
  return z.object({ latest: z.array(entry), left_out: z.number().optional() });
}
