import type { ProvisionReport } from "../../functions/provision/provision.ts";
import type { StepResult } from "../../functions/provision/step.ts";
import { toPathBesideSecrets } from "../../shared/config/provision-schema.ts";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { formatSettingProblems, type SettingProblem } from "../../shared/config/setting-problem.ts";

const STATUS_VERB: Record<StepResult["status"], string> = {
  created: "create",
  changed: "change",
  unchanged: "",
  failed: "failed",
};

/** The plan, for people. */
export function renderPlan({ steps, changed, failed }: ProvisionReport, { plane }: ProvisionSettings): string {
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
  return [head, ...lines, ...summarizeSkipped(pendingSteps), ...noteLines].join("\n");
}

const SKIPPED = /^skipped because these steps failed: /;
const filterAttempted = (steps: readonly StepResult[]) => steps.filter(({ detail }) => !SKIPPED.test(detail));

/** Skipped steps in one line, so that they do not hide the actual failures. */
function summarizeSkipped(steps: readonly StepResult[]): string[] {
  const count = steps.length - filterAttempted(steps).length;
  return count > 0
    ? [`  skipped ${count === 1 ? "1 step" : `${count} steps`} because of these failures (--json lists them)`]
    : [];
}

/** The result of a run, for people. */
export function renderResult({ steps, changed, failed }: ProvisionReport, { secretsFile }: ProvisionSettings): string {
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
      : `Groundcrew's secrets are in ${secretsFile}, the agents' own tokens in the folder agents next to it, and the passwords of created Plane accounts in ${passwords}. Start Groundcrew with \`npm start\`.`;
  return [...failureLines, `${changed} changed, ${unchangedCount} unchanged, ${failed} failed.`, closing].join("\n");
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
  return `Nothing was provisioned: ${count}.\n\n${formatSettingProblems(problems)}\n.env.example explains each setting.\n`;
}
