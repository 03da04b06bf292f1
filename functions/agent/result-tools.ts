/** The tools with which an agent hands over what it did: a report, the time it took, and files. */

import { z } from "zod";
import { GroundcrewError } from "../../shared/errors.ts";
import { isFilePath, isUrl } from "../../shared/tasks/deliverables/file-check.ts";
import { commitSchema, testsSchema } from "../../shared/tasks/lifecycle/done-criteria.ts";
import { agentSessionSchema, tokensSchema } from "../../shared/tasks/lifecycle/status-change.ts";
import { defineTool, type Tool } from "./tool.ts";

/** Limit of a file inside a call, in bytes: the whole call is held in memory. Larger files are streamed. */
const MAX_INLINE_BYTES = 2 ** 20;

const HOW_TO_SEND =
  "Give the file's bytes in base64, or send them with the CLI " +
  "(groundcrew upload_deliverable --task ONB-12 --file report.pdf) or PUT /agent/upload_deliverable.";

/** The tools for results, in the order in which they are listed. */
export const RESULT_TOOLS: readonly Tool[] = [
  /** OPENCLAW-11, 12, 13: values for which Plane has no fields, shown on the agent card of the work item. */
  defineTool({
    name: "report",
    description: "Report your progress on a task (claims it or renews the claim). Fields you omit keep their values.",
    input: z.object({
      task: z.string(),
      percent: z.number().min(0).max(100).optional(),
      text: z.string().max(2_000).optional().describe("current activity, one line"),
      confidence: z.number().min(0).max(1).optional(),
      cost: z.number().min(0).max(1_000_000_000).optional().describe("your total on this task so far"),
      tokens: tokensSchema,
      session: agentSessionSchema.optional(),
      commit: commitSchema.optional(),
      tests: testsSchema.optional(),
    }),
    output: z.object({
      task: z.string(),
      percent: z.number().optional(),
      text: z.string().optional(),
      confidence: z.number().optional(),
      /** The caller's total so far. `cost_in_all` is the total of all agents on this task, where it differs. */
      cost: z.number().optional(),
      cost_in_all: z.number().optional(),
      tokens: z.number().optional(),
      session: z.string().optional(),
      commit: z.string().optional(),
      tests: z.string().optional(),
      spent_seconds: z.number(),
      /** ISO 8601: the caller's claim expires then unless a call renews it. */
      held_until: z.string().optional(),
    }),
    async run({ work, caller }, { task, ...changes }) {
      const { key, card, spent, until } = await work.report(task, changes);
      const { percent, text, confidence, session, commit, tests, cost: totalCost } = card;
      const cost = card.costs?.[caller.name];
      return {
        task: key,
        percent,
        text,
        confidence,
        cost,
        cost_in_all: totalCost === cost ? undefined : totalCost,
        tokens: card.tokens?.[caller.name],
        session,
        commit,
        tests,
        spent_seconds: Math.floor(spent / 1000),
        held_until: until === undefined ? undefined : work.formatTime(until),
      };
    },
  }),
  /** OPENCLAW-06: starts a timer, so that Groundcrew measures the time an agent spends on a task. */
  defineTool({
    name: "start_timer",
    description: "Start your timer again (claims the task). It runs by itself while you work on it.",
    input: z.object({ task: z.string() }),
    output: z.object({
      task: z.string(),
      running: z.literal(true),
      /** ISO 8601. */
      since: z.string(),
      /** Whether the timer was running before this call. */
      already: z.literal(true).optional(),
      /** The caller's total time on the task so far. */
      spent_seconds: z.number(),
    }),
    async run({ work }, { task }) {
      const { key, since, already, spent } = await work.startTimer(task);
      return {
        task: key,
        running: true as const,
        since: work.formatTime(since),
        already: already ? (true as const) : undefined,
        spent_seconds: Math.floor(spent / 1000),
      };
    },
  }),
  /** OPENCLAW-06: stops a timer. The end of a claim stops it as well. */
  defineTool({
    name: "stop_timer",
    description: "Stop your timer while you keep the task but do not work on it, until start_timer.",
    input: z.object({ task: z.string() }),
    output: z.object({
      task: z.string(),
      running: z.literal(false),
      /** False when no timer was running. */
      stopped: z.boolean(),
      /** ISO 8601: the entry that was stopped, or the caller's last one. */
      from: z.string().optional(),
      to: z.string().optional(),
      /** The caller's total time on the task. */
      spent_seconds: z.number(),
      note: z.string().optional(),
    }),
    async run({ work }, { task }) {
      const { key, stopped, spent, from, to } = await work.stopTimer(task);
      return {
        task: key,
        running: false as const,
        stopped,
        from: from === undefined ? undefined : work.formatTime(from),
        to: to === undefined ? undefined : work.formatTime(to),
        spent_seconds: Math.floor(spent / 1000),
        note: stopped ? undefined : formatTimerNote(from, to),
      };
    },
  }),
  /** OPENCLAW-07, 19: attaches a file to the task and links it in a comment. */
  defineTool({
    name: "upload_deliverable",
    description:
      "Attach a file of up to 1 MB to your task and link it in a comment. Send larger files with the CLI or PUT /agent/upload_deliverable.",
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
    }),
    run: async ({ work }, { file, ...deliverable }) =>
      work.deliver({ ...deliverable, file: new Blob([decodeBase64File(file)]) }),
  }),
  /** OPENCLAW-07, 14: reads a file of a task, so that results can be handed on to the tasks that wait for them. */
  defineTool({
    name: "download_deliverable",
    hasOthersText: true,
    description: "Read a file attached to your task or to one of its inputs: text inline, other content in base64.",
    isReadOnly: true,
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
  }),
];

function formatTimerNote(from: number | undefined, to: number | undefined): string {
  if (from === undefined) return "You have no timer on this task. Start one with start_timer.";
  return to === undefined
    ? "Your claim has ended, and the timer stopped with it."
    : "No timer was running; this is your last entry.";
}

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
