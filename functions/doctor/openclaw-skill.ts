/**
 * Checks of Groundcrew's skill in OpenClaw: whether it is installed, complete, current and usable, by what OpenClaw's
 * command says.
 */

import { z } from "zod";
import { toPathBesideSecrets } from "../../shared/config/secrets.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { keepDefined } from "../../shared/omit-undefined.ts";
import { cleanLine } from "../../shared/text.ts";
import type { Ms } from "../../shared/time.ts";
import { createReport, type Finding } from "./findings.ts";
import { listOpenclawAgents, type OpenclawAgent } from "./openclaw.ts";
import { parseVersionOutput } from "./versions.ts";

/** Access to OpenClaw's command and files on this machine. */
export interface SkillReader {
  /** Output of `openclaw skills info` (since 2026.9 for this agent); undefined without an `openclaw` command. */
  readInfo: (agent: string | undefined) => Promise<OpenclawOutput | undefined>;
  /** Output of `openclaw mcp status`; undefined without an `openclaw` command. */
  readMcpStatus: () => Promise<OpenclawOutput | undefined>;
  /** Output of `openclaw --version`; undefined without an `openclaw` command. */
  readVersion: () => Promise<OpenclawOutput | undefined>;
  /** The skill's file at this path; by default where OpenClaw stores the skills of all agents. */
  readFile: (path?: string) => SkillFile;
  /** Text of the shipped skill. */
  shippedText: string;
}

/** Result of running `openclaw …`. `out` and `err` may be truncated. */
export type OpenclawOutput =
  | { kind: "exited"; code: number | null; out: string; err: string }
  | { kind: "timeout"; ms: Ms }
  | { kind: "not started"; why: string };

/** State of the skill in OpenClaw. `path` is the file from which it was loaded. */
type SkillVerdict =
  | { kind: "loaded"; path: string | undefined }
  | { kind: "not found" }
  /** Disabled, not in the list of allowed skills, not in the agent's list, or not shown to the model. */
  | { kind: "disabled" | "not allowed" | "not the agent's" | "not shown" }
  /** Requirements of the skill that are missing, each with its kind: `curl (bins)`. */
  | { kind: "not eligible"; missing: string[] }
  /** This version of OpenClaw does not support `--agent`. */
  | { kind: "no agent option" }
  | { kind: "unknown"; why: string };

/** The skill's file as this machine can read it. */
interface SkillFile {
  path: string;
  /** Whether OpenClaw's state folder exists. */
  hasHome: boolean;
  /** Undefined when the file is missing or cannot be read. */
  text: string | undefined;
}

const { ok, warning, failed } = createReport("openclaw skill");

export const SKILL_NAME = "plane-bridge";

const COMMAND = `openclaw skills info ${SKILL_NAME} --json`;

const COMMAND_HINT = `\`${COMMAND}\` (2026.9: also with \`--agent <id>\`; where agents use MCP instead, \`openclaw mcp status\`)`;

const RUN_HINT = `Run where OpenClaw runs: ${COMMAND_HINT}.`;

const namesSchema = z.array(z.string()).default([]);

/** Answer of `skills info --json`. 2026.2 lacks the fields that have a default here. */
const skillInfoSchema = z.object({
  name: z.string(),
  eligible: z.boolean(),
  disabled: z.boolean().default(false),
  blockedByAllowlist: z.boolean().default(false),
  blockedByAgentFilter: z.boolean().default(false),
  modelVisible: z.boolean().default(true),
  filePath: z.string().optional(),
  missing: z.object({
    bins: namesSchema,
    anyBins: namesSchema,
    env: namesSchema,
    config: namesSchema,
    os: namesSchema,
  }),
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
  let entriesPromise: Promise<string[] | undefined> | undefined;
  const readEntries = () => {
    entriesPromise ??= reader.readMcpStatus().then((output) => findMcpEntries(output, settings));
    return entriesPromise;
  };
  for (const agent of agents) {
    const output = await reader.readInfo(agent?.id);
    if (output === undefined) return [checkSkillFile(reader, settings, agent)];
    const verdict = parseSkillVerdict(output);
    if (verdict.kind === "no agent option") return [await checkDefaultAgent(reader, settings, agent)];
    const check = qualifyRemoteGateway(toSkillCheck(verdict, reader, settings), agent, settings);
    results.push({
      agent,
      check: check.status === "failed" ? applyMcpEntries(check, verdict, await readEntries()) : check,
    });
    // A command that timed out or did not start would do so for the next agent, too, at the cost of the whole timeout.
    if (output.kind !== "exited") break;
  }
  return groupEqualChecks(results);
}

/**
 * The names of OpenClaw's MCP entries that lead to Groundcrew; the host may differ, because the gateway may reach
 * Groundcrew by another name. Undefined when OpenClaw does not support MCP (2026.2) or gives no usable answer.
 */
function findMcpEntries(output: OpenclawOutput | undefined, settings: Settings): string[] | undefined {
  if (output?.kind !== "exited") return undefined;
  const [mcpStatus] = extractJsonObjects(output.out).flatMap((json) => mcpStatusSchema.safeParse(json).data ?? []);
  return mcpStatus?.servers
    .filter(({ enabled, ok, name, launch }) => enabled && ok && isGroundcrewEntry(name, launch, settings))
    .map(({ name }) => name);
}

/** Checks the skill's file where there is no OpenClaw command. A valid file is not proof that it is loaded. */
function checkSkillFile(reader: SkillReader, settings: Settings, agent: OpenclawAgent | undefined): Finding {
  const file = reader.readFile();
  if (file.hasHome) return qualifyRemoteGateway(checkSkillText(file, reader, settings), agent, settings);
  return warning`not checked: this machine has neither the \`openclaw\` command nor its folders → ${RUN_HINT}`;
}

/** A finding on this machine need not hold for a gateway on another one. */
function qualifyRemoteGateway(check: Finding, agent: OpenclawAgent | undefined, { openclaw }: Settings): Finding {
  const url = agent?.url ?? openclaw?.url;
  if (url === undefined || isLocalUrl(url)) return check;
  const { host } = new URL(url);
  return warning`${check.detail} (on this machine, but the gateway is at ${host})
    → Run on the machine or in the container of ${host}: ${COMMAND_HINT}.`;
}

/** Whether an address is this machine's own. */
function isLocalUrl(url: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}

function checkSkillText({ path, text }: SkillFile, { shippedText }: SkillReader, settings: Settings): Finding {
  const caveat = "and there is no `openclaw` command to tell whether it is loaded";
  const copy = formatCopyHint(path, settings);
  // Only a warning, because the skill may be in the agent's workspace.
  if (text === undefined) return warning`${path} does not exist, ${caveat} → ${copy} ${RUN_HINT}`;
  const fault = findSkillFault(text);
  if (fault !== undefined) return failed`OpenClaw ignores ${path}: ${fault} → ${copy}`;
  if (!isShippedSkill(text, shippedText))
    return warning`${path} differs from the skill of this version, ${caveat} → ${copy}`;
  return warning`${path} is valid, ${caveat} → ${RUN_HINT}`;
}

/** The reason why OpenClaw would ignore this file; undefined when it would load it. */
function findSkillFault(text: string): string | undefined {
  const [, frontMatter] = /^---\r?\n(.*?)\r?\n---\r?(?:\n|$)/s.exec(text) ?? [];
  if (frontMatter === undefined) return "it does not begin with front matter between two `---` lines";
  const fields = new Map(
    frontMatter.split(/\r?\n/).flatMap((line) => {
      const [, name, value = ""] = /^([\w-]+):(?:\s+(.*))?$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, value.trim()] as const];
    }),
  );
  const name = unquote(fields.get("name") ?? "");
  if (name !== SKILL_NAME)
    return name === "" ? "it has no name" : `it is named "${name.slice(0, 40)}", not ${SKILL_NAME}`;
  const description = fields.get("description") ?? "";
  if (unquote(description) === "") return "it has no description";
  if (unquote(description) === description && /:(?:\s|$)/.test(description))
    return "its description contains an unquoted colon followed by a space, which OpenClaw 2026.2 cannot parse";
  return undefined;
}

function unquote(value: string): string {
  const [, , inside] = /^(["'])(.*)\1$/.exec(value) ?? [];
  return inside ?? value;
}

/** Whether this is the shipped skill; the address that provision fills in may differ. */
function isShippedSkill(text: string, shipped: string): boolean {
  return normalizeSkill(text) === normalizeSkill(shipped);
}

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

async function checkDefaultAgent(
  reader: SkillReader,
  settings: Settings,
  agent: OpenclawAgent | undefined,
): Promise<Finding> {
  const output = await reader.readInfo(undefined);
  if (output === undefined) return checkSkillFile(reader, settings, agent);
  const check = toSkillCheck(parseSkillVerdict(output), reader, settings);
  const { detail } = check;
  return qualifyRemoteGateway(
    { ...check, detail: `${detail} (for the default agent: this version cannot report on others)` },
    agent,
    settings,
  );
}

function toSkillCheck(verdict: SkillVerdict, reader: SkillReader, settings: Settings): Finding {
  const copy = () => formatCopyHint(reader.readFile().path, settings);
  switch (verdict.kind) {
    case "loaded":
      return checkLoadedSkill(verdict.path, reader, settings);
    case "not found":
      return failed`OpenClaw does not find the skill ${SKILL_NAME} → ${copy()}`;
    case "disabled":
      return failed`the skill is disabled
        → Set skills.entries.${SKILL_NAME}.enabled to true in OpenClaw's settings.`;
    case "not allowed":
      return failed`the skill is missing from OpenClaw's list of allowed skills → Add ${SKILL_NAME} to that list.`;
    case "not the agent's":
      return failed`the skill is missing from the agent's list of skills
        → Add ${SKILL_NAME} to the agent's skills in OpenClaw's settings.`;
    case "not shown":
      return failed`the skill is installed, but not shown to the model → ${copy()}`;
    case "not eligible":
      return failed`the skill is installed, but not eligible; missing: ${verdict.missing.join(", ") || "unknown"}
        → Put bins on OpenClaw's PATH, and set env in its environment or in skills.entries. The shipped skill needs only
        curl.`;
    case "no agent option":
      return warning`OpenClaw does not report its state → Run \`${COMMAND}\`.`;
    case "unknown":
      return warning`OpenClaw's command failed: ${verdict.why} → Run it by hand: \`${COMMAND}\`.`;
  }
}

function checkLoadedSkill(path: string | undefined, reader: SkillReader, settings: Settings): Finding {
  const text = path === undefined ? undefined : reader.readFile(path).text;
  if (path === undefined || text === undefined || isShippedSkill(text, reader.shippedText))
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

/** Parses OpenClaw's answer, which may have log lines before and after it. */
export function parseSkillVerdict(output: OpenclawOutput): SkillVerdict {
  if (output.kind === "timeout") return { kind: "unknown", why: `no answer within ${output.ms / 1000} s` };
  if (output.kind === "not started") return { kind: "unknown", why: output.why };
  for (const json of extractJsonObjects(output.out)) {
    const parsed = skillAnswerSchema.safeParse(json);
    if (!parsed.success) continue;
    if ("eligible" in parsed.data) return toSkillVerdict(parsed.data);
    const { error, skill } = parsed.data;
    return skill !== undefined && /not found/i.test(error)
      ? { kind: "not found" }
      : { kind: "unknown", why: cleanLine(error, 200) };
  }
  if (NO_AGENT_OPTION.test(output.err) || NO_AGENT_OPTION.test(output.out)) return { kind: "no agent option" };
  const line = cleanLine(findFirstLine(output.err) ?? findFirstLine(output.out) ?? "no output", 200);
  return { kind: "unknown", why: `exit code ${output.code ?? "none"}: ${line}` };
}

function toSkillVerdict(entry: z.infer<typeof skillInfoSchema>): SkillVerdict {
  if (entry.disabled) return { kind: "disabled" };
  if (entry.blockedByAllowlist) return { kind: "not allowed" };
  const missing = Object.entries(entry.missing).flatMap(([kind, names]) => names.map((name) => `${name} (${kind})`));
  if (!entry.eligible) return { kind: "not eligible", missing };
  if (entry.blockedByAgentFilter) return { kind: "not the agent's" };
  if (!entry.modelVisible) return { kind: "not shown" };
  return { kind: "loaded", path: entry.filePath };
}

function findFirstLine(text: string): string | undefined {
  return text.split("\n").find((line) => line.trim() !== "");
}

/**
 * The JSON objects in a text, each on one line or indented as by `JSON.stringify`. Tries at most `MAX_ATTEMPTS` lines.
 */
export function extractJsonObjects(text: string): unknown[] {
  const lines = text.split("\n").map((line) => line.trimEnd());
  const starts = lines.flatMap((line, at) => (line.startsWith("{") ? [at] : [])).slice(0, MAX_ATTEMPTS);
  return starts.flatMap((at) => {
    const end = lines[at] === "{" ? lines.indexOf("}", at) : at;
    return tryParseJson(lines.slice(at, end + 1).join("\n"));
  });
}

function tryParseJson(text: string): unknown[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
}

/** Whether an MCP entry of OpenClaw leads to Groundcrew. `launch` is its URL. */
export function isGroundcrewEntry(name: string, launch: string, { port, publicUrl }: Settings): boolean {
  const url = URL.canParse(launch) ? new URL(launch) : undefined;
  if (!url || !/^\/mcp\/?$/.test(url.pathname)) return false;
  return url.origin === publicUrl || url.port === String(port) || /groundcrew/i.test(name);
}

/**
 * The version of OpenClaw's command on this machine; undefined where none is, and where a gateway is on another machine,
 * whose version nothing tells.
 */
export async function findOpenclawVersion(reader: SkillReader, settings: Settings): Promise<string | undefined> {
  const urls = keepDefined([settings.openclaw?.url, ...listOpenclawAgents(settings).map(({ url }) => url)]);
  if (urls.length === 0 || !urls.every(isLocalUrl)) return undefined;
  const output = await reader.readVersion();
  return output?.kind === "exited" && output.code === 0 ? parseVersionOutput(output.out) : undefined;
}
