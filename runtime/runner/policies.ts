/**
 * The policies of the repositories as they are in force: read from each base branch with the runner's git, merged with
 * the settings, and reported to Groundcrew. What a worktree or the branch of a ticket has changes nothing.
 */

import { z } from "zod";
import { DEFAULT_HOOK_MINUTES, policyFileSchema, type TicketSettings } from "../../shared/config/tickets-schema.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import type { PolicyReport } from "../../shared/tickets/exchange.ts";
import {
  type BaseBranch,
  CLAUDE_SETTINGS_FILE,
  MCP_FILE,
  mergePolicy,
  POLICY_FILE,
  type Policy,
  type PolicyValues,
} from "../../shared/tickets/policy.ts";
import { MINUTE } from "../../shared/time.ts";
import type { Git } from "./git.ts";
import type { Worktrees } from "./worktrees.ts";

/** The base branch of a repository, at which its policy was read. */
type Base = Awaited<ReturnType<Worktrees["findBase"]>>;

/** Limit of each file in bytes: 256 KB, many times what a team writes. */
const MAX_FILE_BYTES = 256 * 1024;

/** Limit of a value that is reported in UTF-16 units: 500; only people read the longer ones, such as prompts. */
const MAX_VALUE_LENGTH = 500;

/** Limit of lines that are reported: 500. */
const MAX_LINES = 500;

/** What of `git ls-tree -l` says where a file is. */
const ENTRY = /^(\d+) \w+ ([0-9a-f]{40,64}) +(\d+|-)\t(.+)$/s;

const claudeRuleSchema = z
  .string()
  .max(1_000)
  .regex(/^[^\p{Cc}]+$/u);

const claudeRulesSchema = z.array(claudeRuleSchema).max(500).exactOptional();

/** The part of Claude Code's settings that a team may set for all sessions. */
const claudeSettingsSchema = z.looseObject({
  permissions: z
    .looseObject({ allow: claudeRulesSchema, ask: claudeRulesSchema, deny: claudeRulesSchema })
    .exactOptional(),
});

const mcpSchema = z.looseObject({
  mcpServers: z.record(z.string().regex(/^[\w-]{1,64}$/), z.looseObject({})),
});

export type Policies = ReturnType<typeof createPolicies>;

/** A repository with the policy that is in force for it. */
export type RunnerRepository = ReturnType<typeof toRunnerRepository>;

/** Creates what reads the policies of the repositories. */
export function createPolicies(tickets: TicketSettings, git: Git, worktrees: Pick<Worktrees, "findBase">) {
  const projects = Object.keys(tickets.repositories);
  const given = (project: string) => toRunnerRepository(tickets, project, mergePolicy(tickets, project).values);
  const repositories = new Map(projects.map((project) => [project, given(project)]));
  const reports = new Map<string, PolicyReport>();

  /** Reads the policy of a repository anew. A problem is part of what is in force. */
  async function read(project: string): Promise<void> {
    const { path = "", isTrusted = false } = repositories.get(project) ?? {};
    const last = reports.get(project);
    let base: Base | undefined;
    let policy = mergePolicy(tickets, project);
    try {
      base = await worktrees.findBase(path, policy.values.base);
      if (last && last.problem === undefined && last.commit === base.commit && last.base === base.main) return;
      policy = mergePolicy(tickets, project, await readBaseBranch(git, path, base, isTrusted));
      if (policy.problems.length === 0) await worktrees.findBase(path, policy.values.base);
    } catch (thrown) {
      policy = { ...mergePolicy(tickets, project), problems: [getErrorMessage(thrown)] };
    }
    const problems = policy.problems.join("; ");
    const problem = problems === "" ? undefined : `The policy of ${project} cannot be kept: ${problems}.`;
    reports.set(project, toReport(project, base, policy, problem));
    repositories.set(project, toRunnerRepository(tickets, project, policy.values, problem));
  }

  return {
    /** What is in force, by project identifier: before the first read, that of the settings. */
    repositories: repositories as ReadonlyMap<string, RunnerRepository>,
    read,
    /** Reads all of them anew. */
    async readAll() {
      for (const project of projects) await read(project);
    },
    listReports: () => [...reports.values()],
  };
}

/** `problem`: why no session starts. */
function toRunnerRepository(
  { repositories }: TicketSettings,
  project: string,
  policy: PolicyValues,
  problem?: string | undefined,
) {
  const given = repositories[project] ?? "";
  const repository: Exclude<typeof given, string> = typeof given === "string" ? { path: given } : given;
  const { path, hook_minutes = DEFAULT_HOOK_MINUTES, trust_repository: isTrusted = false } = repository;
  return { path, isTrusted, hookTimeout: hook_minutes * MINUTE, policy, problem };
}

/** Reads what a base branch says about sessions. Throws with what is to be repaired there. */
async function readBaseBranch(git: Git, repository: string, base: Base, isTrusted: boolean): Promise<BaseBranch> {
  const files = [POLICY_FILE, CLAUDE_SETTINGS_FILE, MCP_FILE];
  const listed = await git.read(repository, ["ls-tree", "--full-tree", "-lz", base.commit, "--", ...files]);
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
    ...omitUndefined({ file }),
    rules: omitUndefined({ allow, ask, deny }),
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
