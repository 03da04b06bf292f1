import { z } from "zod";

/**
 * The messages between a runner and Groundcrew, as its HTTP API documents them. They are written down again, as of every
 * system that a simulator stands in for; tests compare them with the product's own.
 */
const inputSchema = z.object({
  id: z.string(),
  kind: z.enum(["text", "paste", "keys", "interrupt"]),
  text: z.string(),
});
export type SessionInput = z.infer<typeof inputSchema>;

const desiredSessionSchema = z.object({
  ticket: z.string(),
  run: z.int(),
  round: z.int(),
  session_id: z.string(),
  resume: z.boolean(),
  project: z.string(),
  ticket_file: z.string(),
  token: z.string(),
  inputs: z.array(inputSchema),
  watched: z.boolean(),
});
export type DesiredSession = z.infer<typeof desiredSessionSchema>;

/** What a runner should have. */
export const exchangeAnswerSchema = z.object({
  revision: z.string(),
  sessions: z.array(desiredSessionSchema),
  stop: z.array(z.object({ ticket: z.string(), run: z.int(), how: z.enum(["kindly", "now"]), reason: z.string() })),
  remove: z.array(z.object({ ticket: z.string(), run: z.int(), force: z.boolean() })),
});
export type ExchangeAnswer = z.infer<typeof exchangeAnswerSchema>;

/** How a session ended. */
export interface SessionExit {
  reason: "exited" | "killed" | "vanished" | "start_failed";
  status?: number;
  signal?: string;
  text?: string;
}

/** What a runner reports of a session. Times are in ISO 8601. */
export interface SessionReport {
  ticket: string;
  run: number;
  round: number;
  session_id: string;
  name: string;
  state: "starting" | "running" | "ended";
  started_at: string;
  last_output_at?: string;
  last_progress_at?: string;
  exit?: SessionExit;
  attention?: string;
  screen: string;
  branch: string;
  commits: { id: string; subject: string }[];
  diff?: { files: number; insertions: number; deletions: number };
  conflicts?: string[];
  dirty: boolean;
  cost_usd?: number;
  tokens?: { input: number; output: number };
  completion?: { summary: string; source: "file" };
  applied: string[];
}

/** What a runner has: its whole observation. */
export interface ExchangeRequest {
  runner: string;
  instance: string;
  version: string;
  repositories: string[];
  seen: string;
  wait_ms: number;
  sessions: SessionReport[];
}

/** The picture of a terminal, for people who watch it. */
export interface TerminalFrame {
  run: number;
  columns: number;
  rows: number;
  cursor: { column: number; row: number };
  /** Text with ANSI colours. */
  screen: string;
}
