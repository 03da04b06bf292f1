/**
 * The policies of the repositories as they are in force: read from each base branch with the runner's git, merged with
 * the settings, and reported to Groundcrew. What a worktree or the branch of a ticket has changes nothing.
 */

import { z } from "zod";
import { policyFileSchema, type TicketSettings } from "../../shared/config/tickets-schema.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import type { PolicyReport } from "../../shared/tickets/exchange.ts";
import {
  type BaseBranch,
  CLAUDE_SETTINGS_FILE,
  MCP_FILE,
  mergePolicy,
  POLICY_FILE,
  type Policy,
} from "../../shared/tickets/policy.ts";
import type { Git } from "./git.ts";
import { type Policies, type RunnerRepository, toRunnerRepository } from "./runner-context.ts";
import type { Worktrees } from "./worktrees.ts";

/** The base branch of a repository, at which its policy was read. */
interface Base {
  main: string;
  commit: string;
}

/** Limit of each file in bytes: 256 KB, many times what a team writes. */
const MAX_FILE_BYTES = 256 * 1024;

/** Limit of a value that is reported in UTF-16 units: 500; only people read the longer ones, such as prompts. */
const MAX_VALUE_LENGTH = 500;

/** Limit of lines that are reported: 500. */
const MAX_LINES = 500;

const FILES = [POLICY_FILE, CLAUDE_SETTINGS_FILE, MCP_FILE];

/** What of `git ls-tree -l` says where a file is. */
const ENTRY = /^(\d+) \w+ ([0-9a-f]{40,64}) +(\d+|-)\t(.+)$/s;

const claudeRulesSchema = z
  .array(
    z
      .string()
      .max(1_000)
      .regex(/^[^\p{Cc}]+$/u),
  )
  .max(500)
  .exactOptional();

/** The part of Claude Code's settings that a team may set for all sessions. */
const claudeSettingsSchema = z.looseObject({
  permissions: z
    .looseObject({ allow: claudeRulesSchema, ask: claudeRulesSchema, deny: claudeRulesSchema })
    .exactOptional(),
});

const mcpSchema = z.looseObject({
  mcpServers: z.record(z.string().regex(/^[\w-]{1,64}$/), z.looseObject({})),
});

/**
 * Creates what reads policies. `repositories` always has what is in force: before the first read, that of the settings.
 */
export function createPolicies(
  { tickets, repositories: given }: { tickets: TicketSettings; repositories: ReadonlyMap<string, RunnerRepository> },
  git: Git,
  worktrees: Pick<Worktrees, "findBase">,
): Policies {
  const repositories = new Map(given);
  const reports = new Map<string, PolicyReport>();

  async function read(project: string): Promise<void> {
    const { path = "" } = given.get(project) ?? {};
    const last = reports.get(project);
    let base: Base | undefined;
    let policy: Policy;
    try {
      base = await worktrees.findBase(path, mergePolicy(tickets, project).values.base);
      if (last && last.problem === undefined && last.commit === base.commit && last.base === base.main) return;
      policy = mergePolicy(tickets, project, await readBaseBranch(git, path, base, isTrusted(tickets, project)));
      if (policy.problems.length === 0) await worktrees.findBase(path, policy.values.base);
    } catch (thrown) {
      const known = mergePolicy(tickets, project);
      policy = { ...known, problems: [getErrorMessage(thrown)] };
    }
    const problem = policy.problems.length === 0 ? undefined : describeProblems(project, policy.problems);
    const report = toReport(project, base, policy, problem);
    reports.set(project, report);
    repositories.set(project, toRunnerRepository(tickets, project, policy.values, problem));
  }

  return {
    repositories,
    read,
    async readAll() {
      for (const project of given.keys()) await read(project);
    },
    listReports: () => [...reports.values()],
  };
}

function isTrusted({ repositories }: TicketSettings, project: string): boolean {
  const repository = repositories[project];
  return typeof repository === "object" && repository.trust_repository === true;
}

function describeProblems(project: string, problems: readonly string[]): string {
  return `The policy of ${project} cannot be kept: ${problems.join("; ")}.`;
}

/** Reads what a base branch says about sessions. Throws with what is to be repaired there. */
async function readBaseBranch(git: Git, repository: string, base: Base, isTrusted: boolean): Promise<BaseBranch> {
  const listed = await git.read(repository, ["ls-tree", "--full-tree", "-lz", base.commit, "--", ...FILES]);
  const entries = listed.split("\0").flatMap((entry) => {
    const [, mode = "", id = "", size = "", name = ""] = ENTRY.exec(entry) ?? [];
    return name === "" ? [] : [{ mode, id, size: Number(size), name }];
  });

  async function readFile<T>(name: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const entry = entries.find((one) => one.name === name);
    if (!entry) return undefined;
    const place = `${name} of ${base.main} (${base.commit.slice(0, 8)})`;
    if (!entry.mode.startsWith("100")) throw new Error(`${place} is not a plain file`);
    if (entry.size > MAX_FILE_BYTES) throw new Error(`${place} has more than ${MAX_FILE_BYTES} bytes`);
    const parsed = schema.safeParse(tryParseJson(await git.read(repository, ["cat-file", "blob", entry.id])));
    if (parsed.success) return parsed.data;
    throw new Error(`${place} is not valid: ${describeIssue(parsed.error)}. Repair it on ${base.main}`);
  }

  const file = await readFile(POLICY_FILE, policyFileSchema);
  const settings = await readFile(CLAUDE_SETTINGS_FILE, claudeSettingsSchema);
  const mcp = await readFile(MCP_FILE, mcpSchema).catch((thrown: unknown) => {
    // Its servers do not count, so nobody has to repair it.
    if (isTrusted) throw thrown;
    return undefined;
  });
  const { allow, ask, deny } = settings?.permissions ?? {};
  return {
    ...(file ? { file } : {}),
    rules: { ...(allow ? { allow } : {}), ...(ask ? { ask } : {}), ...(deny ? { deny } : {}) },
    servers: mcp?.mcpServers ?? {},
  };
}

/** Says what is wrong in a file, and what is wanted there. */
function describeIssue({ issues: [issue] }: z.ZodError): string {
  if (!issue || issue.path.length === 0) {
    const unknown = issue?.code === "unrecognized_keys" ? issue.keys.join(", ") : undefined;
    return unknown === undefined ? "no JSON object" : `unknown name ${cleanLine(unknown, 100)}`;
  }
  const [name] = issue.path;
  const shape: Record<string, z.ZodType> = policyFileSchema.shape;
  const wanted = shape[String(name)]?.description ?? issue.message;
  return `${cleanLine(issue.path.join("."), 100)}, wanted: ${wanted}`;
}

function toReport(project: string, base: Base | undefined, policy: Policy, problem: string | undefined): PolicyReport {
  const shorten = (value: unknown) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const isLong = text.length > MAX_VALUE_LENGTH;
    return isLong ? `${text.slice(0, MAX_VALUE_LENGTH).toWellFormed()}…` : value;
  };
  const clean = <Line extends { name: string; value: unknown }>(line: Line) =>
    line.name === "test_command" ? line : { ...line, value: shorten(line.value) };
  return {
    project,
    ...(base ? { base: base.main, commit: base.commit } : {}),
    lines: policy.lines.slice(0, MAX_LINES).map(clean),
    left_out: policy.leftOut.slice(0, MAX_LINES).map(clean),
    ...(problem === undefined ? {} : { problem: cleanLine(problem, 1_000) }),
  };
}
