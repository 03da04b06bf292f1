import { cleanLine } from "../../shared/clean-text.ts";
import { toPathBesideSecrets } from "../../shared/config/provision-schema.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";
import { listOpenclawAgents, type OpenclawAgent } from "./openclaw.ts";
import { findMcpEntries } from "./openclaw-mcp.ts";
import { findSkillFault, isShippedSkill, type SkillFile } from "./skill-file.ts";
import { type OpenclawOutput, parseSkillVerdict, SKILL_NAME, type SkillVerdict } from "./skill-verdict.ts";

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

const CHECK_NAME = "openclaw skill";
const COMMAND = `openclaw skills info ${SKILL_NAME} --json`;
const COMMAND_HINT = `\`${COMMAND}\` (2026.9: also with \`--agent <id>\`; where agents use MCP instead, \`openclaw mcp status\`)`;

/**
 * Checks whether OpenClaw has loaded the skill. The gateway does not report this, so OpenClaw's own command is run
 * if this machine has it (2026.9 for each agent, 2026.2 for the default agent only). Otherwise the skill's file is
 * checked, or the finding explains which command to run.
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
    { ...check, detail: `${detail} (for the default agent: this version cannot report on others)` },
    agent,
    settings,
  );
}

/** Agents with the same finding share a line. */
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

/** A finding on this machine need not hold for a gateway on another one. */
function qualifyRemoteGateway(
  check: DoctorCheck,
  agent: OpenclawAgent | undefined,
  { openclaw }: Settings,
): DoctorCheck {
  const url = agent?.url ?? openclaw?.url;
  if (url === undefined || isLocalUrl(url)) return check;
  const { host } = new URL(url);
  const todo = `Run on the machine or in the container of ${host}: ${COMMAND_HINT}.`;
  return reportWarning(CHECK_NAME, `${check.detail} (on this machine, but the gateway is at ${host})`, todo);
}

/** Whether an address is this machine's own. */
export function isLocalUrl(url: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}

function toSkillCheck(verdict: SkillVerdict, reader: SkillReader, settings: Settings): DoctorCheck {
  switch (verdict.kind) {
    case "loaded":
      return checkLoadedSkill(verdict.path, reader, settings);
    case "not found":
      return reportFailure(
        CHECK_NAME,
        `OpenClaw does not find the skill ${SKILL_NAME}`,
        formatCopyHint(reader.readFile().path, settings),
      );
    case "disabled":
      return reportFailure(
        CHECK_NAME,
        "the skill is disabled",
        `Set skills.entries.${SKILL_NAME}.enabled to true in OpenClaw's settings.`,
      );
    case "not allowed":
      return reportFailure(
        CHECK_NAME,
        "the skill is missing from OpenClaw's list of allowed skills",
        `Add ${SKILL_NAME} to that list.`,
      );
    case "not the agent's":
      return reportFailure(
        CHECK_NAME,
        "the skill is missing from the agent's list of skills",
        `Add ${SKILL_NAME} to the agent's skills in OpenClaw's settings.`,
      );
    case "not shown":
      return reportFailure(
        CHECK_NAME,
        "the skill is installed, but not shown to the model",
        formatCopyHint(reader.readFile().path, settings),
      );
    case "not eligible":
      return reportFailure(
        CHECK_NAME,
        `the skill is installed, but not eligible; missing: ${verdict.missing.join(", ") || "unknown"}`,
        "Put bins on OpenClaw's PATH, and set env in its environment or in skills.entries. The shipped skill needs only curl.",
      );
    case "no agent option":
      return reportWarning(CHECK_NAME, "OpenClaw does not report its state", `Run \`${COMMAND}\`.`);
    case "unknown":
      return reportWarning(CHECK_NAME, `OpenClaw's command failed: ${verdict.why}`, `Run it by hand: \`${COMMAND}\`.`);
  }
}

function checkLoadedSkill(path: string | undefined, reader: SkillReader, settings: Settings): DoctorCheck {
  const text = path === undefined ? undefined : reader.readFile(path).text;
  if (path === undefined || text === undefined || isShippedSkill(text, reader.shippedText))
    return reportOk(CHECK_NAME, "loaded and eligible");
  return reportWarning(
    CHECK_NAME,
    `loaded and eligible, but ${path} differs from the skill of this version`,
    formatCopyHint(path, settings),
  );
}

/** 2026.9 also offers the tools over MCP; the skill then helps but is not required. 2026.2 does not support MCP. */
function applyMcpEntries(check: DoctorCheck, verdict: SkillVerdict, entries: string[] | undefined): DoctorCheck {
  if (entries === undefined) return check;
  const { detail, todo = COMMAND_HINT } = check;
  const [entry] = entries;
  if (entry === undefined) {
    const mcpHint = "Or add an MCP entry for Groundcrew's /mcp to OpenClaw; `openclaw mcp status` lists its entries.";
    return reportFailure(CHECK_NAME, detail, `${todo} ${mcpHint}`);
  }
  const name = cleanLine(entry, 60);
  if (verdict.kind === "not found")
    return reportOk(CHECK_NAME, `${detail}, but does not need it: its MCP entry ${name} leads to Groundcrew`);
  return reportWarning(CHECK_NAME, `${detail}; the tools are available over MCP (entry ${name})`, todo);
}

/** Checks the skill's file where there is no OpenClaw command. A valid file is not proof that it is loaded. */
function checkSkillFile(reader: SkillReader, settings: Settings, agent: OpenclawAgent | undefined): DoctorCheck {
  const { path, hasHome, text } = reader.readFile();
  const hint = `Run where OpenClaw runs: ${COMMAND_HINT}.`;
  if (!hasHome)
    return reportWarning(
      CHECK_NAME,
      "not checked: this machine has neither the `openclaw` command nor its folders",
      hint,
    );
  return qualifyRemoteGateway(
    checkSkillText(path, text, reader.shippedText, { command: hint, copy: formatCopyHint(path, settings) }),
    agent,
    settings,
  );
}

function checkSkillText(
  path: string,
  text: string | undefined,
  shippedText: string,
  todo: { command: string; copy: string },
): DoctorCheck {
  const caveat = "and there is no `openclaw` command to tell whether it is loaded";
  // Only a warning, because the skill may be in the agent's workspace.
  if (text === undefined)
    return reportWarning(CHECK_NAME, `${path} does not exist, ${caveat}`, `${todo.copy} ${todo.command}`);
  const fault = findSkillFault(text);
  if (fault !== undefined) return reportFailure(CHECK_NAME, `OpenClaw ignores ${path}: ${fault}`, todo.copy);
  if (!isShippedSkill(text, shippedText))
    return reportWarning(CHECK_NAME, `${path} differs from the skill of this version, ${caveat}`, todo.copy);
  return reportWarning(CHECK_NAME, `${path} is valid, ${caveat}`, todo.command);
}

function formatCopyHint(path: string, { secretsFile }: Settings): string {
  const preparedPath = toPathBesideSecrets(secretsFile, `skill/${SKILL_NAME}/SKILL.md`);
  return `Copy skills/${SKILL_NAME}/SKILL.md (from provision: ${preparedPath}, with the address filled in) to ${path}.`;
}
