/** The wire format between a runner and Groundcrew: what the runner observed, and which sessions it is to have. */

import { z } from "zod";
import { identifierSchema, taskKeySchema } from "../names.ts";

/** Limit of an exchange's body in bytes: 2 MB, 60 sessions with their screens and commits. */
export const EXCHANGE_LIMIT_BYTES = 2 * 1024 * 1024;

/** Limit of a difference in UTF-16 units: 2 Mi, about 50,000 lines. The runner leaves out the files after it. */
export const MAX_DIFFERENCE_LENGTH = 2 * 2 ** 20;

/** Limit of the body that brings one in bytes: 8 MB, its longest text in escaped and three-byte characters. */
export const DIFFERENCE_LIMIT_BYTES = 8 * 2 ** 20;

/** Limit of the time for which an answer is held: 20 s, less than the idle timeout of common proxies. */
const MAX_WAIT_MS = 20_000;

/** Limit of a screen's text in UTF-16 units: 8 Ki, forty lines of 200 columns. */
export const MAX_SCREEN_LENGTH = 8_192;

/** Limit of commits and conflicts that are reported for a session: 50. */
export const MAX_LISTED = 50;

/** Limit of sessions of a runner, and of inputs that a session is said to have received: 200. */
export const MAX_REPORTED = 200;

/** Limit of what is typed or pasted into a session at once in UTF-16 units: 50,000, as of a ticket's description. */
export const MAX_INPUT_LENGTH = 50_000;

/** Limit of a completion's summary in UTF-16 units: 20,000, some pages of text. */
export const MAX_SUMMARY_LENGTH = 20_000;

const timeSchema = z.iso.datetime({ offset: true });

const countSchema = z.int().min(0);

/** How a session ended. `reason`: `exited` (by itself), `killed`, `vanished` (tmux has it no more), `start_failed`. */
const exitSchema = z.object({
  status: z.int().exactOptional(),
  signal: z.string().max(40).exactOptional(),
  reason: z.enum(["exited", "killed", "vanished", "start_failed"]),
  text: z.string().max(2_000).exactOptional(),
});

/** Where the branch of a ticket has gone, and what became of it there. Its texts come from programs: they are data. */
export const publicationSchema = z.object({
  /** Of the wish that was carried out last. */
  id: z.string().max(100),
  /** `nothing`: the branch has no commit of its own. `pushed`: without a pull request. */
  state: z.enum(["nothing", "pushed", "open", "merged", "closed"]).exactOptional(),
  /** Why the wish was not carried out. */
  problem: z.string().max(2_000).exactOptional(),
  /** The newest commit that was pushed. */
  commit: z.string().max(64).exactOptional(),
  /** Of the pull request. */
  url: z
    .url({ protocol: /^https?$/ })
    .max(500)
    .exactOptional(),
  checks: z
    .object({
      state: z.enum(["none", "pending", "passed", "failed"]),
      /** Names of failed checks. */
      failed: z.array(z.string().max(200)).max(20),
      /** The end of the first one's log. */
      log: z.string().max(4_000).exactOptional(),
    })
    .exactOptional(),
});

export type Publication = z.infer<typeof publicationSchema>;

/** One session as tmux and git really have it. Its texts come from programs: they are data. */
export const observedSessionSchema = z.object({
  ticket: taskKeySchema,
  run: z.int().min(1),
  /** Of the result that the session works on: one that was sent back begins the next round. */
  round: z.int().min(1).default(1),
  session_id: z.uuid(),
  /** The conversation of the earlier rounds and launches could not be resumed: this one has only their difference. */
  is_new_conversation: z.literal(true).exactOptional(),
  /** The tmux session's name. */
  name: z.string().max(100),
  state: z.enum(["starting", "running", "ended"]),
  started_at: timeSchema,
  /** When the screen last changed. Claude draws also while it waits for its model. */
  last_output_at: timeSchema.exactOptional(),
  /** When a person or the model last added a message, or the session was started. */
  last_progress_at: timeSchema.exactOptional(),
  exit: exitSchema.exactOptional(),
  /** What a person should look at, such as a dialog at the start. */
  attention: z.string().max(2_000).exactOptional(),
  /** What was kept apart of another session of the same key, which Groundcrew did not know. */
  kept_apart: z.string().max(500).exactOptional(),
  /** The last lines of the terminal, plain text. */
  screen: z.string().max(MAX_SCREEN_LENGTH),
  branch: z.string().max(300),
  commits: z.array(z.object({ id: z.string().max(64), subject: z.string().max(300) })).max(MAX_LISTED),
  diff: z.object({ files: countSchema, insertions: countSchema, deletions: countSchema }).exactOptional(),
  /** Files that conflict with the main branch. */
  conflicts: z.array(z.string().max(500)).max(MAX_LISTED).exactOptional(),
  /** The worktree has changes that are not committed. */
  dirty: z.boolean(),
  cost_usd: z.number().min(0).exactOptional(),
  tokens: z.object({ input: countSchema, output: countSchema }).exactOptional(),
  completion: z
    .object({ summary: z.string().max(MAX_SUMMARY_LENGTH), source: z.enum(["file", "legacy_file"]) })
    .exactOptional(),
  /**
   * Id of the conversation's last entry, where somebody has interrupted the session there: a dialog was denied, or a
   * turn stopped. The session then waits for text, without a hook.
   */
  interruption: z.uuid().exactOptional(),
  /** The last run of the repository's test command, by the id with which it was asked for. */
  tests: z
    .object({
      id: z.string().max(100),
      /** The newest commit of the branch; absent without one. */
      commit: z.string().max(64).exactOptional(),
      /** Why it did not end with 0. */
      problem: z.string().max(2_000).exactOptional(),
    })
    .exactOptional(),
  publication: publicationSchema.exactOptional(),
  /** Ids of the inputs that have reached the session. */
  applied: z.array(z.string().max(100)).max(MAX_REPORTED),
});

export type SessionReport = z.infer<typeof observedSessionSchema>;

/** What a branch changes against the branch that it began at; sent when a commit was added. */
export const differenceSchema = z.object({
  run: z.int().min(1),
  round: z.int().min(1),
  /** The newest commit. */
  commit: z.string().max(64),
  /** A unified diff. */
  text: z.string().max(MAX_DIFFERENCE_LENGTH),
  /** Number of files that did not fit. */
  left_out: countSchema,
});

export type Difference = z.infer<typeof differenceSchema>;

/** A worktree on a runner's host. */
const worktreeSchema = z.object({
  ticket: taskKeySchema,
  /** Size of its files in kilobytes. */
  kilobytes: countSchema,
  /** Why it is kept. */
  kept: z.string().max(300),
});

export type WorktreeReport = z.infer<typeof worktreeSchema>;

/** What a runner has found of something that sessions need on its machine. */
const hostCheckSchema = z.object({
  /** What was checked, for example `log-in`. */
  name: z.string().max(40),
  status: z.enum(["ok", "warning", "failed"]),
  detail: z.string().max(500),
  todo: z.string().max(500).exactOptional(),
});

/** Name of the check whether sessions are boxed; its detail begins with the project's identifier. */
export const BOX_CHECK = "box";

export type HostCheck = z.infer<typeof hostCheckSchema>;

/** Limit of a runner's checks: 500, three for each of many repositories. */
const MAX_CHECKS = 500;

/** Limit of lines of a policy: 500. */
const MAX_POLICY_LINES = 500;

const policyLineSchema = z.object({ name: z.string().max(40), value: z.unknown(), from: z.string().max(200) });

/** The policy that is in force for a repository, and what of its base branch is not. Its texts are data. */
const policySchema = z.object({
  project: identifierSchema,
  /** The branch at which it was read, and its commit; absent where there is none. */
  base: z.string().max(300).exactOptional(),
  commit: z.string().max(64).exactOptional(),
  lines: z.array(policyLineSchema).max(MAX_POLICY_LINES),
  left_out: z.array(policyLineSchema.extend({ why: z.string().max(300) })).max(MAX_POLICY_LINES),
  /** Why no session starts. */
  problem: z.string().max(1_000).exactOptional(),
});

export type PolicyReport = z.infer<typeof policySchema>;

/** What a runner has: its whole observation, not a change of it. */
export const exchangeRequestSchema = z.object({
  /** The host's name. */
  runner: z.string().min(1).max(100),
  /** Id of the runner's process. */
  instance: z.uuid(),
  version: z.string().max(40),
  /** Id of the runner's folder, which holds its sessions. The same name with another folder is another runner. */
  folder: z.uuid().exactOptional(),
  /** Identifiers of the projects whose repositories it has. */
  repositories: z.array(z.string().min(1).max(12)).max(200),
  /** Revision of the desired state that it has; "" at first. */
  seen: z.string().max(100),
  /** The answer is held for so long unless the desired state differs from `seen`. */
  wait_ms: z.int().min(0).max(MAX_WAIT_MS),
  sessions: z.array(observedSessionSchema).max(MAX_REPORTED),
  /** The worktrees as they were some minutes ago, the largest first. */
  worktrees: z.array(worktreeSchema).max(MAX_REPORTED).exactOptional(),
  /** What sessions need on its machine, as it was some minutes ago. */
  checks: z.array(hostCheckSchema).max(MAX_CHECKS).exactOptional(),
  policies: z.array(policySchema).max(MAX_REPORTED).exactOptional(),
  /** The runner's process ends: it begins no session any more. Those that it has go on. */
  stopping: z.literal(true).exactOptional(),
  /** Tickets that were watched in the last answer; the answer is held no longer when that has changed. */
  watched: z.array(taskKeySchema).max(MAX_REPORTED).exactOptional(),
});

export type ExchangeRequest = z.infer<typeof exchangeRequestSchema>;

const runSchema = { ticket: taskKeySchema, run: z.int().min(1) };

/** A session that should exist: it is started, or resumed, where tmux does not have it. */
const desiredSessionSchema = z.object({
  ...runSchema,
  session_id: z.uuid(),
  resume: z.boolean(),
  /** It starts in plan mode: its plan has not been approved. */
  plans: z.boolean().default(false),
  round: z.int().min(1).default(1),
  /** The project's identifier, which names the repository. */
  project: z.string(),
  /** The label that has chosen the CLI, of which the runner's own settings say what it is. */
  cli_label: z.string().max(255).exactOptional(),
  /** The ticket as Markdown; data only. */
  ticket_file: z.string(),
  /** GROUNDCREW_TOKEN of this run. */
  token: z.string(),
  minutes: z.int().min(1),
  /** `paste`: a text of any length and content, which is nothing but a text to Claude. */
  inputs: z.array(z.object({ id: z.string(), kind: z.enum(["text", "paste", "keys", "interrupt"]), text: z.string() })),
  /** Somebody watches the terminal. */
  watched: z.boolean(),
});

/**
 * What a runner should have: the whole desired state. A session in no list is one that Groundcrew does not know, for
 * example because its store was lost: it goes on.
 */
export const exchangeAnswerSchema = z.object({
  revision: z.string(),
  server_time: timeSchema,
  sessions: z.array(desiredSessionSchema),
  stop: z.array(z.object({ ...runSchema, how: z.enum(["kindly", "now"]), reason: z.string() })),
  /** Runs of the repository's test command, whose result completes a ticket. */
  test: z.array(z.object({ ...runSchema, id: z.string() })).default([]),
  /** Results to publish as the repository's settings say. The texts are data, for a pull request. */
  publish: z.array(z.object({ ...runSchema, id: z.string(), title: z.string(), body: z.string() })).default([]),
  /** Worktrees to remove; without `force` only a clean and merged one. */
  remove: z.array(z.object({ ...runSchema, force: z.boolean() })),
});

export type ExchangeAnswer = z.infer<typeof exchangeAnswerSchema>;
