import { cleanLine } from "../../shared/clean-text.ts";
import { toPathBesideSecrets } from "../../shared/config/provision-schema.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";
import { listOpenclawAgents, type OpenclawAgent } from "./openclaw.ts";
import { findMcpEntries } from "./openclaw-mcp.ts";
import { findSkillFault, isShippedSkill, type SkillFile } from "./skill-file.ts";
import { type OpenclawOutput, parseSkillVerdict, SKILL_NAME, type SkillVerdict } from "./skill-verdict.ts";

/** How the skill can be looked for on this machine. */
export interface SkillReader {
  /** `openclaw skills info` (2026.9: of this agent); undefined when there is no `openclaw` to run. */
  readInfo: (agent: string | undefined) => Promise<OpenclawOutput | undefined>;
  /** `openclaw mcp status`; undefined when there is no `openclaw` to run. */
  readMcpStatus: () => Promise<OpenclawOutput | undefined>;
  /** The file at this path; without one, where OpenClaw keeps skills for all agents. */
  readFile: (path?: string) => SkillFile;
  /** The skill as it is shipped. */
  shippedText: string;
}

const CHECK_NAME = "openclaw skill";
const COMMAND = `openclaw skills info ${SKILL_NAME} --json`;
const ASK_HINT = `\`${COMMAND}\` (2026.9: also with \`--agent <id>\`; where agents use MCP instead, \`openclaw mcp status\`)`;

/**
 * Whether OpenClaw has loaded the skill, which its gateway does not tell: asked with its own command where that is on
 * this machine (2026.9 for each agent, 2026.2 for the default one), else by its file, and else said how to ask.
 */
export async function checkSkill(reader: SkillReader, settings: Settings): Promise<DoctorCheck[]> {
  const openclawAgents = listOpenclawAgents(settings);
  if (openclawAgents.length === 0 && settings.openclaw?.url === undefined) return [];
  const agents: (OpenclawAgent | undefined)[] = openclawAgents.length > 0 ? openclawAgents : [undefined];
  const results: { agent: OpenclawAgent | undefined; check: DoctorCheck }[] = [];
  let entriesPromise: Promise<string[] | undefined> | undefined;
  const readEntries = () => {
    entriesPromise ??= reader.readMcpStatus().then((output) => findMcpEntries(output, settings));
    return entriesPromise;
  };
  for (const agent of agents) {
    const output = await reader.readInfo(agent?.id);
    if (output === undefined) return [checkSkillFile(reader, settings, agent)];
    const verdict = parseSkillVerdict(output);
    if (verdict.kind === "no agents") return [await checkDefaultAgent(reader, settings, agent)];
    const check = qualifyRemoteGateway(toSkillCheck(verdict, reader, settings), agent, settings);
    results.push({
      agent,
      check: check.status === "failed" ? applyMcpEntries(check, verdict, await readEntries()) : check,
    });
    // Who does not answer in time for one does not for the next, and each costs the whole limit.
    if (output.kind !== "said") break;
  }
  return groupEqualChecks(results);
}

async function checkDefaultAgent(
  reader: SkillReader,
  settings: Settings,
  agent: OpenclawAgent | undefined,
): Promise<DoctorCheck> {
  const output = await reader.readInfo(undefined);
  if (output === undefined) return checkSkillFile(reader, settings, agent);
  const check = toSkillCheck(parseSkillVerdict(output), reader, settings);
  const { detail } = check;
  return qualifyRemoteGateway(
    { ...check, detail: `${detail} (asked of the default agent: this version tells no other)` },
    agent,
    settings,
  );
}

/** Agents of whom the same is to be said share a line. */
function groupEqualChecks(results: readonly { agent: OpenclawAgent | undefined; check: DoctorCheck }[]): DoctorCheck[] {
  const groups = new Map<string, { names: string[]; check: DoctorCheck }>();
  for (const { agent, check } of results) {
    const group = groups.get(JSON.stringify(check)) ?? { names: [], check };
    if (agent) group.names.push(agent.name);
    groups.set(JSON.stringify(check), group);
  }
  return [...groups.values()].map(({ names, check }) =>
    names.length > 0 ? { ...check, detail: `${names.join(", ")}: ${check.detail}` } : check,
  );
}

/** What is found here need not be true of a gateway elsewhere. */
function qualifyRemoteGateway(
  check: DoctorCheck,
  agent: OpenclawAgent | undefined,
  { openclaw }: Settings,
): DoctorCheck {
  const url = agent?.url ?? openclaw?.url;
  if (url === undefined || isLocalUrl(url)) return check;
  const { host } = new URL(url);
  const todo = `On the machine or in the container of ${host}: ${ASK_HINT}.`;
  return reportWarning(CHECK_NAME, `${check.detail} (on this machine, and the gateway is at ${host})`, todo);
}

function isLocalUrl(url: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}

function toSkillCheck(verdict: SkillVerdict, reader: SkillReader, settings: Settings): DoctorCheck {
  switch (verdict.kind) {
    case "loaded":
      return checkLoadedSkill(verdict.path, reader, settings);
    case "not found":
      return reportFailure(
        CHECK_NAME,
        `OpenClaw knows no skill ${SKILL_NAME}`,
        formatCopyHint(reader.readFile().path, settings),
      );
    case "disabled":
      return reportFailure(
        CHECK_NAME,
        "it is switched off",
        `Set skills.entries.${SKILL_NAME}.enabled to true in OpenClaw's settings.`,
      );
    case "not allowed":
      return reportFailure(
        CHECK_NAME,
        "OpenClaw's list of allowed skills leaves it out",
        `Add ${SKILL_NAME} to that list.`,
      );
    case "not the agent's":
      return reportFailure(
        CHECK_NAME,
        "the agent's list of skills leaves it out",
        `Add ${SKILL_NAME} to its skills in OpenClaw's settings.`,
      );
    case "not shown":
      return reportFailure(
        CHECK_NAME,
        "it is there, but not shown to the model",
        formatCopyHint(reader.readFile().path, settings),
      );
    case "unmet":
      return reportFailure(
        CHECK_NAME,
        `it is there, but not eligible; missing: ${verdict.missing.join(", ") || "not said"}`,
        "bins must be on OpenClaw's PATH, env in its own environment or in skills.entries. As shipped it needs curl alone.",
      );
    case "no agents":
      return reportWarning(CHECK_NAME, "OpenClaw does not tell", `Ask it: \`${COMMAND}\`.`);
    case "unclear":
      return reportWarning(
        CHECK_NAME,
        `OpenClaw's command does not tell: ${verdict.why}`,
        `Try it by hand: \`${COMMAND}\`.`,
      );
  }
}

function checkLoadedSkill(path: string | undefined, reader: SkillReader, settings: Settings): DoctorCheck {
  const text = path === undefined ? undefined : reader.readFile(path).text;
  if (path === undefined || text === undefined || isShippedSkill(text, reader.shippedText))
    return reportOk(CHECK_NAME, "loaded and eligible");
  return reportWarning(
    CHECK_NAME,
    `loaded and eligible, but not the one of this version: ${path}`,
    formatCopyHint(path, settings),
  );
}

/** 2026.9 hands out the tools over MCP, too: then the skill helps and is no condition. 2026.2 has nothing else. */
function applyMcpEntries(check: DoctorCheck, verdict: SkillVerdict, entries: string[] | undefined): DoctorCheck {
  if (entries === undefined) return check;
  const { detail, todo = ASK_HINT } = check;
  const [entry] = entries;
  if (entry === undefined) {
    const mcpHint =
      "Or give it an MCP entry that leads to Groundcrew's /mcp; `openclaw mcp status` tells of those it has.";
    return reportFailure(CHECK_NAME, detail, `${todo} ${mcpHint}`);
  }
  const name = cleanLine(entry, 60);
  if (verdict.kind === "not found")
    return reportOk(CHECK_NAME, `${detail}, and needs none: its MCP entry ${name} leads to Groundcrew`);
  return reportWarning(CHECK_NAME, `${detail}; the tools come over MCP all the same (entry ${name})`, todo);
}

/** Without OpenClaw's command: what its file tells. That it is in order does not mean that it is loaded. */
function checkSkillFile(reader: SkillReader, settings: Settings, agent: OpenclawAgent | undefined): DoctorCheck {
  const { path, hasHome, text } = reader.readFile();
  const hint = `Where OpenClaw runs: ${ASK_HINT}.`;
  if (!hasHome)
    return reportWarning(CHECK_NAME, "not seen from here: no `openclaw` to ask, and none of its folders", hint);
  return qualifyRemoteGateway(
    checkSkillText(path, text, reader.shippedText, { ask: hint, copy: formatCopyHint(path, settings) }),
    agent,
    settings,
  );
}

function checkSkillText(
  path: string,
  text: string | undefined,
  shippedText: string,
  todo: { ask: string; copy: string },
): DoctorCheck {
  const caveat = "and no `openclaw` to ask whether it is loaded";
  // It may lie in the agent's workspace.
  if (text === undefined) return reportWarning(CHECK_NAME, `not at ${path}, ${caveat}`, `${todo.copy} ${todo.ask}`);
  const fault = findSkillFault(text);
  if (fault !== undefined) return reportFailure(CHECK_NAME, `OpenClaw leaves ${path} out: ${fault}`, todo.copy);
  if (!isShippedSkill(text, shippedText))
    return reportWarning(CHECK_NAME, `${path} is not the one of this version, ${caveat}`, todo.copy);
  return reportWarning(CHECK_NAME, `${path} is in order, ${caveat}`, todo.ask);
}

function formatCopyHint(path: string, { secretsFile }: Settings): string {
  const preparedPath = toPathBesideSecrets(secretsFile, `skill/${SKILL_NAME}/SKILL.md`);
  return `Copy skills/${SKILL_NAME}/SKILL.md (from provision: ${preparedPath}, with the address in it) to ${path}.`;
}
