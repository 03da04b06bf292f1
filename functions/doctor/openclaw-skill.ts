import { cleaned } from "../../shared/clean.ts";
import { besideSecrets } from "../../shared/config/provision.ts";
import type { Settings } from "../../shared/config.ts";
import { type Check, failed, ok, warning } from "./check.ts";
import { type Woken, wokenIn } from "./openclaw.ts";
import { mcpEntries } from "./openclaw-mcp.ts";
import { faultOf, isShipped, type SkillFile } from "./skill-file.ts";
import { type CliAnswer, SKILL, type Verdict, verdictOf } from "./skill-said.ts";

/** How the skill can be looked for on this machine. */
export interface SkillProbe {
  /** `openclaw skills info` (2026.9: of this agent); undefined when there is no `openclaw` to run. */
  info: (agent: string | undefined) => Promise<CliAnswer | undefined>;
  /** `openclaw mcp status`; undefined when there is no `openclaw` to run. */
  mcp: () => Promise<CliAnswer | undefined>;
  /** The file at this path; without one, where OpenClaw keeps skills for all agents. */
  file: (path?: string) => SkillFile;
  /** The skill as it is shipped. */
  shipped: string;
}

const NAME = "openclaw skill";
const COMMAND = `openclaw skills info ${SKILL} --json`;
const ASK = `\`${COMMAND}\` (2026.9: also with \`--agent <id>\`; where agents use MCP instead, \`openclaw mcp status\`)`;

/**
 * Whether OpenClaw has loaded the skill, which its gateway does not tell: asked with its own command where that is on
 * this machine (2026.9 for each agent, 2026.2 for the default one), else by its file, and else said how to ask.
 */
export async function skillChecks(probe: SkillProbe, settings: Settings): Promise<Check[]> {
  const woken = wokenIn(settings);
  if (woken.length === 0 && settings.openclaw?.url === undefined) return [];
  const agents: (Woken | undefined)[] = woken.length > 0 ? woken : [undefined];
  const told: { agent: Woken | undefined; check: Check }[] = [];
  let asked: Promise<string[] | undefined> | undefined;
  const entries = () => {
    asked ??= probe.mcp().then((said) => mcpEntries(said, settings));
    return asked;
  };
  for (const agent of agents) {
    const said = await probe.info(agent?.id);
    if (said === undefined) return [fileCheck(probe, settings, agent)];
    const verdict = verdictOf(said);
    if (verdict.kind === "no agents") return [await withoutAgents(probe, settings, agent)];
    const check = foreign(verdictCheck(verdict, probe, settings), agent, settings);
    told.push({ agent, check: check.status === "failed" ? overMcp(check, verdict, await entries()) : check });
    // Who does not answer in time for one does not for the next, and each costs the whole limit.
    if (said.kind !== "said") break;
  }
  return folded(told);
}

async function withoutAgents(probe: SkillProbe, settings: Settings, agent: Woken | undefined): Promise<Check> {
  const said = await probe.info(undefined);
  if (said === undefined) return fileCheck(probe, settings, agent);
  const check = verdictCheck(verdictOf(said), probe, settings);
  const { detail } = check;
  return foreign(
    { ...check, detail: `${detail} (asked of the default agent: this version tells no other)` },
    agent,
    settings,
  );
}

/** Agents of whom the same is to be said share a line. */
function folded(told: readonly { agent: Woken | undefined; check: Check }[]): Check[] {
  const groups = new Map<string, { names: string[]; check: Check }>();
  for (const { agent, check } of told) {
    const group = groups.get(JSON.stringify(check)) ?? { names: [], check };
    if (agent) group.names.push(agent.name);
    groups.set(JSON.stringify(check), group);
  }
  return [...groups.values()].map(({ names, check }) =>
    names.length > 0 ? { ...check, detail: `${names.join(", ")}: ${check.detail}` } : check,
  );
}

/** What is found here need not be true of a gateway elsewhere. */
function foreign(check: Check, agent: Woken | undefined, { openclaw }: Settings): Check {
  const url = agent?.url ?? openclaw?.url;
  if (url === undefined || isHere(url)) return check;
  const { host } = new URL(url);
  const todo = `On the machine or in the container of ${host}: ${ASK}.`;
  return warning(NAME, `${check.detail} (on this machine, and the gateway is at ${host})`, todo);
}

function isHere(url: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}

function verdictCheck(verdict: Verdict, probe: SkillProbe, settings: Settings): Check {
  switch (verdict.kind) {
    case "loaded":
      return loadedCheck(verdict.path, probe, settings);
    case "not found":
      return failed(NAME, `OpenClaw knows no skill ${SKILL}`, copyTo(probe.file().path, settings));
    case "disabled":
      return failed(NAME, "it is switched off", `Set skills.entries.${SKILL}.enabled to true in OpenClaw's settings.`);
    case "not allowed":
      return failed(NAME, "OpenClaw's list of allowed skills leaves it out", `Add ${SKILL} to that list.`);
    case "not the agent's":
      return failed(
        NAME,
        "the agent's list of skills leaves it out",
        `Add ${SKILL} to its skills in OpenClaw's settings.`,
      );
    case "not shown":
      return failed(NAME, "it is there, but not shown to the model", copyTo(probe.file().path, settings));
    case "unmet":
      return failed(
        NAME,
        `it is there, but not eligible; missing: ${verdict.missing.join(", ") || "not said"}`,
        "bins must be on OpenClaw's PATH, env in its own environment or in skills.entries. As shipped it needs curl alone.",
      );
    case "no agents":
      return warning(NAME, "OpenClaw does not tell", `Ask it: \`${COMMAND}\`.`);
    case "unclear":
      return warning(NAME, `OpenClaw's command does not tell: ${verdict.why}`, `Try it by hand: \`${COMMAND}\`.`);
  }
}

function loadedCheck(path: string | undefined, probe: SkillProbe, settings: Settings): Check {
  const text = path === undefined ? undefined : probe.file(path).text;
  if (path === undefined || text === undefined || isShipped(text, probe.shipped))
    return ok(NAME, "loaded and eligible");
  return warning(NAME, `loaded and eligible, but not the one of this version: ${path}`, copyTo(path, settings));
}

/** 2026.9 hands out the tools over MCP, too: then the skill helps and is no condition. 2026.2 has nothing else. */
function overMcp(check: Check, verdict: Verdict, entries: string[] | undefined): Check {
  if (entries === undefined) return check;
  const { detail, todo = ASK } = check;
  const [entry] = entries;
  if (entry === undefined) {
    const or = "Or give it an MCP entry that leads to Groundcrew's /mcp; `openclaw mcp status` tells of those it has.";
    return failed(NAME, detail, `${todo} ${or}`);
  }
  const name = cleaned(entry, 60);
  if (verdict.kind === "not found")
    return ok(NAME, `${detail}, and needs none: its MCP entry ${name} leads to Groundcrew`);
  return warning(NAME, `${detail}; the tools come over MCP all the same (entry ${name})`, todo);
}

/** Without OpenClaw's command: what its file tells. That it is in order does not mean that it is loaded. */
function fileCheck(probe: SkillProbe, settings: Settings, agent: Woken | undefined): Check {
  const { path, home, text } = probe.file();
  const ask = `Where OpenClaw runs: ${ASK}.`;
  if (!home) return warning(NAME, "not seen from here: no `openclaw` to ask, and none of its folders", ask);
  return foreign(folderCheck(path, text, probe.shipped, { ask, copy: copyTo(path, settings) }), agent, settings);
}

function folderCheck(
  path: string,
  text: string | undefined,
  shipped: string,
  todo: { ask: string; copy: string },
): Check {
  const unasked = "and no `openclaw` to ask whether it is loaded";
  // It may lie in the agent's workspace.
  if (text === undefined) return warning(NAME, `not at ${path}, ${unasked}`, `${todo.copy} ${todo.ask}`);
  const fault = faultOf(text);
  if (fault !== undefined) return failed(NAME, `OpenClaw leaves ${path} out: ${fault}`, todo.copy);
  if (!isShipped(text, shipped)) return warning(NAME, `${path} is not the one of this version, ${unasked}`, todo.copy);
  return warning(NAME, `${path} is in order, ${unasked}`, todo.ask);
}

function copyTo(path: string, { secretsFile }: Settings): string {
  const ready = besideSecrets(secretsFile, `skill/${SKILL}/SKILL.md`);
  return `Copy skills/${SKILL}/SKILL.md (from provision: ${ready}, with the address in it) to ${path}.`;
}
