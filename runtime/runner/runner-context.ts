/** A runner's settings, and what all its parts share. */

import { homedir, hostname } from "node:os";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import type { TicketSettings } from "../../shared/config/tickets-schema.ts";
import type { Log } from "../../shared/log.ts";
import { cleanLine } from "../../shared/text.ts";
import type { BoxFinder } from "./box.ts";
import type { DriverContext, Drivers } from "./driver.ts";
import type { Git } from "./git.ts";
import type { Policies } from "./policies.ts";
import type { Worktrees } from "./worktrees.ts";

/** The settings of a runner. */
export type RunnerSettings = Exclude<ReturnType<typeof parseRunnerSettings>, { problems: string[] }>;

/** What every step of the runner uses. */
export interface RunnerContext extends DriverContext {
  /** Its repositories have what is in force. */
  settings: RunnerSettings & Pick<Policies, "repositories">;
  policies: Policies;
  git: Git;
  worktrees: Worktrees;
  findBox: BoxFinder;
  drivers: Drivers;
  log: Log;
}

/** Limit of the folder's path: 80 bytes, because the path of a socket has at most 107. */
const MAX_FOLDER_BYTES = 80;

/** The runner's own variables. Each description completes the sentence "wanted: …". */
const environmentSchema = z.object({
  GROUNDCREW_URL: z
    .url({ protocol: /^https?$/ })
    .refine((url) => !new URL(url).username && !new URL(url).search && !new URL(url).hash)
    .describe("Groundcrew's address, for example https://crew.example.com"),
  CLAUDE_BIN: z.string().min(1).default("claude").describe("the path of Claude Code, or its name on the PATH"),
  CODEX_BIN: z.string().min(1).default("codex").describe("the path of Codex, or its name on the PATH"),
  RUNNER_NAME: z
    .string()
    .max(100)
    .refine((name) => cleanLine(name, 100) === name)
    .default(() => hostname())
    .describe("a name of at most 100 characters"),
  RUNNER_FOLDER: z
    .string()
    .refine((path) => isAbsolute(path) && Buffer.byteLength(path) <= MAX_FOLDER_BYTES && !/\p{Cc}/u.test(path))
    .default(() => join(homedir(), ".local/state/groundcrew-runner"))
    .describe(`an absolute path of at most ${MAX_FOLDER_BYTES} bytes`),
});

/** Checks the runner's settings. `problems` contains no secret. */
export function parseRunnerSettings(
  env: Record<string, string | undefined>,
  token: string | undefined,
  tickets: TicketSettings | undefined,
) {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  const parsed = environmentSchema.safeParse(given);
  const problems = (parsed.error?.issues ?? []).map(({ path: [name = ""] }) => {
    const { description } = environmentSchema.shape[name as keyof typeof environmentSchema.shape];
    return `${String(name)} is ${given[String(name)] === undefined ? "not set" : "invalid"}; wanted: ${description}.`;
  });
  if (token === undefined) problems.push("RUNNER_TOKEN is not set; wanted: the runner's token, as Groundcrew has it.");
  if (tickets === undefined)
    problems.push('tickets is not in the settings file; wanted: {"tickets": {"repositories": {"ONB": "/srv/repo"}}}.');
  if (!parsed.success || token === undefined || tickets === undefined) return { problems };
  const { GROUNDCREW_URL, CLAUDE_BIN, CODEX_BIN, RUNNER_NAME, RUNNER_FOLDER } = parsed.data;
  return {
    /** Without a slash at its end. */
    groundcrewUrl: GROUNDCREW_URL.replace(/\/+$/, ""),
    token,
    runner: RUNNER_NAME,
    /** Folder of worktrees, session files and tmux's socket. */
    folder: RUNNER_FOLDER,
    ...{ claudeBin: CLAUDE_BIN, codexBin: CODEX_BIN },
    tickets,
    cliByLabel: new Map(Object.entries(tickets.cli_by_label ?? {})),
    ...{ prefix: tickets.prefix, hooks: tickets.hooks, legacyFiles: tickets.legacy_files },
  };
}

/** The policy of a ticket's repository; undefined where the settings have the repository no more. */
export function findPolicy({ settings }: Pick<RunnerContext, "settings">, { project }: { project: string }) {
  return settings.repositories.get(project)?.policy;
}
