/**
 * Checks of Groundcrew's skill in OpenClaw: whether it is installed, complete, current and usable, by what OpenClaw's
 * command says.
 */

import { z } from "zod";
import { toPathBesideSecrets } from "../../shared/config/secrets.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { keepDefined } from "../../shared/omit-undefined.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import { createReport, type Finding } from "./findings.ts";
import { listOpenclawAgents, type OpenclawAgent, parseVersionOutput } from "./openclaw.ts";

/** Access to OpenClaw's command and files on this machine. */
export interface SkillReader {
  /** Output of `openclaw skills info` (since 2026.9 for this agent); undefined without an `openclaw` command. */
  readInfo: (agent: string | undefined) => Promise<OpenclawOutput | undefined>;
  readMcpStatus: () => Promise<OpenclawOutput | undefined>;
  readVersion: () => Promise<OpenclawOutput | undefined>;
  /** The gateway's answer about the tools that it offers this agent in its main session (2026.9). */
  readTools: (agent: string) => Promise<OpenclawOutput | undefined>;
  /**
   * The skill's file at this path; by default where OpenClaw stores the skills of all agents. `hasHome`: OpenClaw's
   * state folder exists. Without a text the file is missing or cannot be read.
   */
  readFile: (path?: string) => { path: string; hasHome: boolean; text: string | undefined };
  shippedText: string;
}

/** Result of running `openclaw …`: what it printed, which may be truncated, or why it did not end by itself. */
export type OpenclawOutput = { code: number | null; out: string; err: string } | { failure: string };

/** How a program ended, and what it printed (`ProgramResult` of runtime/node). */
interface EndedProgram {
  status: number | undefined;
  exitCode?: number;
  stdout: string;
  stderr: string;
  problem?: string;
}

interface SkillVerdict {
  /** `no agent option`: this version of OpenClaw does not support `--agent`. */
  kind:
    | ("loaded" | "not found" | "not shown" | "not eligible" | "disabled" | "not allowed" | "not the agent's")
    | ("no agent option" | "unknown");
  path?: string | undefined;
  /** Why the state is unknown, or the requirements that are missing, each with its kind: `curl (bins)`. */
  reason?: string;
}

const { ok, warning, failed } = createReport("openclaw skill");

export const SKILL_NAME = "plane-bridge";

const COMMAND = `openclaw skills info ${SKILL_NAME} --json`;

const COMMAND_HINT = `\`${COMMAND}\` (2026.9: also with \`--agent <id>\`; where agents use MCP instead, \`openclaw mcp status\`)`;

const RUN_HINT = `Run where OpenClaw runs: ${COMMAND_HINT}.`;

const NOT_CHECKED = warning`not checked: this machine has neither the \`openclaw\` command nor its folders
  → ${RUN_HINT}`;

const names = z.array(z.string()).default([]);

/** Answer of `skills info --json`. 2026.2 lacks the fields that have a default here. */
const skillInfoSchema = z.object({
  name: z.string(),
  eligible: z.boolean(),
  disabled: z.boolean().default(false),
  blockedByAllowlist: z.boolean().default(false),
  blockedByAgentFilter: z.boolean().default(false),
  modelVisible: z.boolean().default(true),
  filePath: z.string().optional(),
  missing: z.object({ bins: names, anyBins: names, env: names, config: names, os: names }),
});

/**
 * 2026.2 prints `{error: "not found", skill}` and exits with 0; 2026.9 prints `{ok: false, error: {message}, skill}`
 * and exits with 1.
 */
const refusalSchema = z.object({
  error: z.union([z.string(), z.object({ message: z.string() }).transform(({ message }) => message)]),
  skill: z.string().optional(),
});

const skillAnswerSchema = z.union([skillInfoSchema, refusalSchema]);

/** Limit of lines parsed as the beginning of JSON: 50, so that endless output of braces costs little time. */
const MAX_ATTEMPTS = 50;

const NO_AGENT_OPTION = /unknown option.{0,5}--agent/i;

/** Answer of `openclaw mcp status --json` (2026.9). `launch` is the URL of an entry that uses HTTP. */
const mcpStatusSchema = z.object({
  servers: z.array(z.object({ name: z.string(), enabled: z.boolean(), ok: z.boolean(), launch: z.string() })),
});

/**
 * Checks whether OpenClaw has loaded the skill. The gateway does not report this, so OpenClaw's own command is run
 * if this machine has it (2026.9 for each agent, 2026.2 for the default agent only). Otherwise the skill's file is
 * checked, or the finding explains which command to run.
 */
export async function checkSkill(reader: SkillReader, settings: Settings): Promise<Finding[]> {
  const openclawAgents = listOpenclawAgents(settings);
  if (openclawAgents.length === 0 && settings.openclaw?.url === undefined) return [];
  const agents: (OpenclawAgent | undefined)[] = openclawAgents.length > 0 ? openclawAgents : [undefined];
  const results: { agent: OpenclawAgent | undefined; check: Finding }[] = [];
  let entries: Promise<string[] | undefined> | undefined;
  for (const agent of agents) {
    const qualify = (check: Finding) => qualifyRemoteGateway(check, agent?.url ?? settings.openclaw?.url);
    const output = await reader.readInfo(agent?.id);
    if (output === undefined)
      return [reader.readFile().hasHome ? qualify(checkSkillFile(reader, settings)) : NOT_CHECKED];
    const verdict = parseSkillVerdict(output);
    if (verdict.kind === "no agent option") return [qualify(await checkDefaultAgent(reader, settings))];
    let check = qualify(toSkillCheck(verdict, reader, settings));
    if (check.status === "failed") {
      entries ??= reader.readMcpStatus().then((status) => findMcpEntries(status, settings));
      check = applyMcpEntries(check, verdict, await entries);
    }
    results.push({ agent, check });
    // A command that timed out or did not start would do so for the next agent, too, at the cost of the whole timeout.
    if ("failure" in output) break;
  }
  return groupEqualChecks(results);
}

/**
 * The names of OpenClaw's MCP entries that lead to Groundcrew; the host may differ, because the gateway may reach
 * Groundcrew by another name. Undefined when OpenClaw does not support MCP (2026.2) or gives no usable answer.
 */
function findMcpEntries(output: OpenclawOutput | undefined, settings: Settings): string[] | undefined {
  if (output === undefined || "failure" in output) return undefined;
  return findAnswer(mcpStatusSchema, output.out)
    ?.servers.filter(({ enabled, ok, name, launch }) => enabled && ok && isGroundcrewEntry(name, launch, settings))
    .map(({ name }) => name);
}

/** Checks the skill's file where there is no OpenClaw command. A valid file is not proof that it is loaded. */
function checkSkillFile(reader: SkillReader, settings: Settings): Finding {
  const { path, text } = reader.readFile();
  const caveat = "and there is no `openclaw` command to tell whether it is loaded";
  const copy = formatCopyHint(path, settings);
  // Only a warning, because the skill may be in the agent's workspace.
  if (text === undefined) return warning`${path} does not exist, ${caveat} → ${copy} ${RUN_HINT}`;
  if (normalizeSkill(text) !== normalizeSkill(reader.shippedText))
    return warning`${path} differs from the skill of this version, ${caveat} → ${copy}`;
  return warning`${path} is valid, ${caveat} → ${RUN_HINT}`;
}

/** A finding on this machine need not hold for a gateway on another one. */
function qualifyRemoteGateway(check: Finding, url: string | undefined): Finding {
  if (url === undefined || isLocalUrl(url)) return check;
  const { host } = new URL(url);
  return warning`${check.detail} (on this machine, but the gateway is at ${host})
    → Run on the machine or in the container of ${host}: ${COMMAND_HINT}.`;
}

function isLocalUrl(url: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}

/** The text in which the address that provision fills in, line ends and blanks around do not differ. */
function normalizeSkill(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/\$\{GROUNDCREW_URL:-[^}\s]*\}/g, () => "$GROUNDCREW_URL")
    .trim();
}

function formatCopyHint(path: string, { secretsFile }: Settings): string {
  const preparedPath = toPathBesideSecrets(secretsFile, `skill/${SKILL_NAME}/SKILL.md`);
  return `Copy skills/${SKILL_NAME}/SKILL.md (from provision: ${preparedPath}, with the address filled in) to ${path}.`;
}

/** The finding of a version that reports on its default agent alone. */
async function checkDefaultAgent(reader: SkillReader, settings: Settings): Promise<Finding> {
  const output = (await reader.readInfo(undefined)) ?? { failure: "it is not there any more" };
  const check = toSkillCheck(parseSkillVerdict(output), reader, settings);
  return { ...check, detail: `${check.detail} (for the default agent: this version cannot report on others)` };
}

function toSkillCheck({ kind, path, reason }: SkillVerdict, reader: SkillReader, settings: Settings): Finding {
  if (kind === "loaded") return checkLoadedSkill(path, reader, settings);
  const copy = formatCopyHint(reader.readFile().path, settings);
  const findings = {
    "not found": failed`OpenClaw does not find the skill ${SKILL_NAME} → ${copy}`,
    "not shown": failed`the skill is installed, but not shown to the model → ${copy}`,
    "not eligible": failed`the skill is installed, but not eligible; missing: ${reason || "unknown"}
      → Put bins on OpenClaw's PATH, and set env in its environment or in skills.entries. The shipped skill needs only
      curl.`,
    disabled: failed`the skill is disabled → Set skills.entries.${SKILL_NAME}.enabled to true in OpenClaw's settings.`,
    "not allowed": failed`the skill is missing from OpenClaw's list of allowed skills
      → Add ${SKILL_NAME} to that list.`,
    "not the agent's": failed`the skill is missing from the agent's list of skills
      → Add ${SKILL_NAME} to the agent's skills in OpenClaw's settings.`,
    "no agent option": warning`OpenClaw does not report its state → Run \`${COMMAND}\`.`,
    unknown: warning`OpenClaw's command failed: ${reason} → Run it by hand: \`${COMMAND}\`.`,
  };
  return findings[kind];
}

function checkLoadedSkill(path: string | undefined, reader: SkillReader, settings: Settings): Finding {
  const text = path === undefined ? undefined : reader.readFile(path).text;
  if (path === undefined || text === undefined || normalizeSkill(text) === normalizeSkill(reader.shippedText))
    return ok`loaded and eligible`;
  return warning`loaded and eligible, but ${path} differs from the skill of this version
    → ${formatCopyHint(path, settings)}`;
}

/** 2026.9 also offers the tools over MCP; the skill then helps but is not required. 2026.2 does not support MCP. */
function applyMcpEntries(check: Finding, verdict: SkillVerdict, entries: string[] | undefined): Finding {
  if (entries === undefined) return check;
  const { detail, todo = COMMAND_HINT } = check;
  const [entry] = entries;
  if (entry === undefined)
    return failed`${detail} → ${todo} Or add an MCP entry for Groundcrew's /mcp to OpenClaw; \`openclaw mcp status\` lists
      its entries.`;
  const name = cleanLine(entry, 60);
  if (verdict.kind === "not found")
    return ok`${detail}, but does not need it: its MCP entry ${name} leads to Groundcrew`;
  return warning`${detail}; the tools are available over MCP (entry ${name}) → ${todo}`;
}

/** Agents with the same finding share a line. */
function groupEqualChecks(results: readonly { agent: OpenclawAgent | undefined; check: Finding }[]): Finding[] {
  return [...Map.groupBy(results, ({ check }) => JSON.stringify(check)).values()].flatMap((group) => {
    const names = group.flatMap(({ agent }) => agent?.name ?? []);
    const [{ check } = {}] = group;
    if (!check) return [];
    return [names.length > 0 ? { ...check, detail: `${names.join(", ")}: ${check.detail}` } : check];
  });
}

/**
 * What OpenClaw printed, for who judges it. A program that ended and left a child process that keeps its output open
 * has answered.
 */
export function toOpenclawOutput(program: EndedProgram): OpenclawOutput {
  const { status, exitCode = status, stdout, stderr, problem = "" } = program;
  if (exitCode !== undefined || problem.startsWith("ended by"))
    return { code: exitCode ?? null, out: stdout, err: stderr };
  return { failure: problem.replace(/^no end within/, "no answer within") };
}

/** Parses OpenClaw's answer, which may have log lines before and after it. */
export function parseSkillVerdict(output: OpenclawOutput): SkillVerdict {
  if ("failure" in output) return { kind: "unknown", reason: output.failure };
  const answer = findAnswer(skillAnswerSchema, output.out);
  if (answer && "eligible" in answer) return toSkillVerdict(answer);
  if (answer?.skill !== undefined && /not found/i.test(answer.error)) return { kind: "not found" };
  if (answer) return { kind: "unknown", reason: cleanLine(answer.error, 200) };
  if (NO_AGENT_OPTION.test(output.err) || NO_AGENT_OPTION.test(output.out)) return { kind: "no agent option" };
  const line = cleanLine(findFirstLine(output.err) ?? findFirstLine(output.out) ?? "no output", 200);
  return { kind: "unknown", reason: `exit code ${output.code ?? "none"}: ${line}` };
}

function toSkillVerdict(info: z.infer<typeof skillInfoSchema>): SkillVerdict {
  if (info.disabled) return { kind: "disabled" };
  if (info.blockedByAllowlist) return { kind: "not allowed" };
  const missing = Object.entries(info.missing).flatMap(([kind, names]) => names.map((name) => `${name} (${kind})`));
  if (!info.eligible) return { kind: "not eligible", reason: missing.join(", ") };
  if (info.blockedByAgentFilter) return { kind: "not the agent's" };
  return info.modelVisible ? { kind: "loaded", path: info.filePath } : { kind: "not shown" };
}

function findFirstLine(text: string): string | undefined {
  return text.split("\n").find((line) => line.trim() !== "");
}

/**
 * The first JSON object of this form in what OpenClaw printed, on one line or indented as by `JSON.stringify`. Lines of
 * a log may stand around it. Tries at most `MAX_ATTEMPTS` lines.
 */
export function findAnswer<T>(schema: z.ZodType<T>, output: string): T | undefined {
  const lines = output.split("\n").map((line) => line.trimEnd());
  const starts = lines.flatMap((line, at) => (line.startsWith("{") ? [at] : [])).slice(0, MAX_ATTEMPTS);
  const ends = starts.map((at) => (lines[at] === "{" ? lines.indexOf("}", at) : at));
  const objects = starts.map((at, i) => tryParseJson(lines.slice(at, (ends[i] ?? at) + 1).join("\n")));
  return objects.flatMap((json) => schema.safeParse(json).data ?? [])[0];
}

/** Whether an MCP entry of OpenClaw leads to Groundcrew. `launch` is its URL. */
export function isGroundcrewEntry(name: string, launch: string, { port, publicUrl }: Settings): boolean {
  const url = URL.canParse(launch) ? new URL(launch) : undefined;
  if (!url || !/^\/mcp\/?$/.test(url.pathname)) return false;
  return url.origin === publicUrl || url.port === String(port) || /groundcrew/i.test(name);
}

/**
 * The version of OpenClaw's command on this machine; undefined where none is, and where a gateway is on another
 * machine, whose version nothing tells.
 */
export async function findOpenclawVersion(reader: SkillReader, settings: Settings): Promise<string | undefined> {
  const urls = keepDefined([settings.openclaw?.url, ...listOpenclawAgents(settings).map(({ url }) => url)]);
  if (urls.length === 0 || !urls.every(isLocalUrl)) return undefined;
  const output = await reader.readVersion();
  return output && "out" in output && output.code === 0 ? parseVersionOutput(output.out) : undefined;
}
