/** What provision prints: the settings in use, the plan, and the result with the connection for a shell. */

import { getBridgeTokenPath, getBridgeTokenSetting } from "../../functions/provision/files.ts";
import type { ProvisionReport, StepResult } from "../../functions/provision/step.ts";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { getConnectionPath, toPathBesideSecrets } from "../../shared/config/secrets.ts";
import { formatSettingProblems, type SettingProblem } from "../../shared/config/setting-problem.ts";
import { quoteForShell } from "../node/programs.ts";

const STATUS_VERB: Record<StepResult["status"], string> = {
  created: "create",
  changed: "change",
  unchanged: "",
  failed: "failed",
};

const SKIPPED = /^skipped because these steps failed: /;

/**
 * The settings that decide what provision creates, by name: most have a default that nobody has seen before it is used.
 */
export function listSettingsInUse(settings: ProvisionSettings) {
  const { language, timezone, project, agents, locale, address } = settings;
  return {
    "provision.language": language,
    "provision.timezone": timezone,
    "provision.project": project === false ? "none" : `${project.name} (${project.identifier})`,
    agents: agents.map(({ name, email }) => `${name} <${email}>`).join(", "),
    LOCALE: locale,
    "HOST, PORT or PUBLIC_URL": address,
  };
}

/** The plan, for people. */
export function renderPlan({ steps, changed, failed }: ProvisionReport, settings: ProvisionSettings): string {
  const { plane } = settings;
  const pendingSteps = steps.filter(({ status }) => status !== "unchanged");
  const unchangedCount = steps.length - pendingSteps.length;
  const lines = filterAttempted(pendingSteps).map(
    ({ name, status, detail }) => `  ${STATUS_VERB[status].padEnd(7)} ${name}: ${detail}`,
  );
  const notes = steps.filter(
    ({ status, detail }) => status === "unchanged" && /left unchanged|: copy|polling|no relations/.test(detail),
  );
  const noteLines = notes.map(({ name, detail }) => `  note    ${name}: ${detail}`);
  if (changed === 0 && failed === 0)
    return [`Nothing to do: all ${steps.length} steps are up to date.`, ...noteLines].join("\n");
  const head = `${plane.url}, workspace ${plane.workspace}: ${changed} to do, ${failed} failed, ${unchangedCount} up to date.`;
  const uses = changed > 0 ? renderSettingsInUse(settings) : [];
  return [head, ...lines, ...summarizeSkipped(pendingSteps), ...noteLines, ...uses].join("\n");
}

const filterAttempted = (steps: readonly StepResult[]) => steps.filter(({ detail }) => !SKIPPED.test(detail));

/** The same for people, who read them before they confirm. */
function renderSettingsInUse(settings: ProvisionSettings): string[] {
  const { language, timezone, locale, address } = settings;
  const { agents, "provision.project": project } = listSettingsInUse(settings);
  const lines = [
    `language ${language} for accounts of people, sample tasks and default personas (provision.language)`,
    `language ${locale} for messages and comments (LOCALE)`,
    `time zone ${timezone} (provision.timezone), first project ${project} (provision.project)`,
    `agents: ${agents} (agents, provision.domain)`,
    `address ${address} (HOST, PORT or PUBLIC_URL)`,
  ];
  return lines.map((line) => `  uses    ${line}`);
}

/** Skipped steps in one line, so that they do not hide the actual failures. */
function summarizeSkipped(steps: readonly StepResult[]): string[] {
  const count = steps.length - filterAttempted(steps).length;
  return count > 0
    ? [`  skipped ${count === 1 ? "1 step" : `${count} steps`} because of these failures (--json lists them)`]
    : [];
}

/** The result of a run, for people. */
export function renderResult({ steps, changed, failed }: ProvisionReport, settings: ProvisionSettings): string {
  const { secretsFile } = settings;
  const passwords = toPathBesideSecrets(secretsFile, "provision-secrets.json");
  const failedSteps = steps.filter(({ status }) => status === "failed");
  const failureLines = [
    ...filterAttempted(failedSteps).map(({ name, detail }) => `  failed  ${name}: ${detail}`),
    ...summarizeSkipped(failedSteps),
  ];
  const unchangedCount = steps.length - changed - failed;
  const closing =
    failed > 0
      ? "Fix the failures above and run the same command again: completed steps are not repeated."
      : `Groundcrew's secrets are in ${secretsFile}, the agents' own tokens in the folder agents next to it, and the passwords of created Plane accounts in ${passwords}. Start Groundcrew with \`npm start\`, also in a new shell: its settings are in ${getConnectionPath(secretsFile)}.`;
  const summary = `${changed} changed, ${unchangedCount} unchanged, ${failed} failed.`;
  return [...failureLines, summary, closing, ...(failed > 0 ? [] : renderConnections(settings))].join("\n");
}

/** How agents connect with the tokens that exist now: the paths of their files, never the tokens. */
function renderConnections({ agents, given, secretsFile, address }: ProvisionSettings): string[] {
  const agent = agents.find(({ name, role }) => role !== "concierge" && !given.has(getBridgeTokenSetting(name)));
  const openclaw = (name: string) => toPathBesideSecrets(secretsFile, `openclaw/${name}`);
  const lines = [
    `The page ${address} asks for ADMIN_TOKEN, which is in ${secretsFile}.`,
    `OpenClaw: ${openclaw("openclaw-2026.9.json")} or ${openclaw("openclaw-2026.2.json")}, which contain tokens; docs/agents.md says where they go.`,
  ];
  if (!agent) return lines;
  const path = quoteForShell(getBridgeTokenPath(secretsFile, agent.name));
  const command = `claude mcp add --transport http groundcrew ${address}/mcp --header "Authorization: Bearer $(cat ${path})"`;
  return [...lines, `Claude Code, as ${agent.name}: ${command}`];
}

/** Lines for an environment file. If a secret has several valid values, the first is the one to use. */
export function formatEnvironmentFile(entries: readonly (readonly [string, readonly string[]])[]): string {
  // The environment accepts only one value of an API key.
  const isSingleValue = (name: string) => name.startsWith("PLANE_API_KEY");
  const lines = entries.map(
    ([name, values]) => `${name}=${isSingleValue(name) ? (values[0] ?? "") : values.join(",")}`,
  );
  return `${lines.join("\n")}\n`;
}

/** The message that lists the invalid settings. */
export function formatProvisionProblems(problems: readonly SettingProblem[]): string {
  const count = problems.length === 1 ? "1 setting is invalid" : `${problems.length} settings are invalid`;
  return `Nothing was provisioned: ${count}.\n\n${formatSettingProblems(problems)}\n.env.example explains each setting.`;
}
