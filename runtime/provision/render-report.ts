import type { ProvisionReport } from "../../functions/provision/provision.ts";
import type { StepResult } from "../../functions/provision/step.ts";
import { toPathBesideSecrets } from "../../shared/config/provision-schema.ts";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import type { SettingProblem } from "../../shared/config/setting-problem.ts";

const STATUS_VERB: Record<StepResult["status"], string> = {
  created: "create",
  changed: "change",
  unchanged: "",
  failed: "cannot",
};

/** What is going to happen, for people. */
export function renderPlan({ steps, changed, failed }: ProvisionReport, { plane }: ProvisionSettings): string {
  const pendingSteps = steps.filter(({ status }) => status !== "unchanged");
  const unchangedCount = steps.length - pendingSteps.length;
  const lines = filterTried(pendingSteps).map(
    ({ name, status, detail }) => `  ${STATUS_VERB[status].padEnd(7)} ${name}: ${detail}`,
  );
  const notes = steps.filter(
    ({ status, detail }) => status === "unchanged" && /left as it is|: copy|polling|no relations/.test(detail),
  );
  const noteLines = notes.map(({ name, detail }) => `  note    ${name}: ${detail}`);
  if (changed === 0 && failed === 0)
    return [`Nothing to do: all ${steps.length} steps are as they should be.`, ...noteLines].join("\n");
  const head = `${plane.url}, workspace ${plane.workspace}: ${changed} to do, ${failed} that cannot be done, ${unchangedCount} as they should be.`;
  return [head, ...lines, ...summarizeUntried(pendingSteps), ...noteLines].join("\n");
}

const NOT_TRIED = /^not tried, because of: /;
const filterTried = (steps: readonly StepResult[]) => steps.filter(({ detail }) => !NOT_TRIED.test(detail));

/** Steps that only wait for others, in one line: what is wrong must not drown in them. */
function summarizeUntried(steps: readonly StepResult[]): string[] {
  const count = steps.length - filterTried(steps).length;
  return count > 0 ? [`  not tried: ${count} that need${count === 1 ? "s" : ""} what failed (--json lists them)`] : [];
}

/** What has happened, for people. */
export function renderResult({ steps, changed, failed }: ProvisionReport, { secretsFile }: ProvisionSettings): string {
  const passwords = toPathBesideSecrets(secretsFile, "provision-secrets.json");
  const failedSteps = steps.filter(({ status }) => status === "failed");
  const failureLines = [
    ...filterTried(failedSteps).map(({ name, detail }) => `  failed  ${name}: ${detail}`),
    ...summarizeUntried(failedSteps),
  ];
  const unchangedCount = steps.length - changed - failed;
  const closing =
    failed > 0
      ? "Mend what is said above and run the same command again: what is done stays done."
      : `What the runtime needs is in ${secretsFile}, agents' own tokens in the folder agents beside it, passwords of Plane accounts that were made in ${passwords}. Start it with \`npm start\`.`;
  return [...failureLines, `${changed} changed, ${unchangedCount} as they were, ${failed} failed.`, closing].join("\n");
}

/** Lines for an environment file; where several values count, the first is the one to use. */
export function formatEnvironmentFile(entries: readonly (readonly [string, readonly string[]])[]): string {
  // Of an API key the environment takes one.
  const isSingleValue = (name: string) => name.startsWith("PLANE_API_KEY");
  const lines = entries.map(
    ([name, values]) => `${name}=${isSingleValue(name) ? (values[0] ?? "") : values.join(",")}`,
  );
  return `${lines.join("\n")}\n`;
}

/** Which settings need attention. */
export function formatProvisionProblems(problems: readonly SettingProblem[]): string {
  const entries = problems.map(({ name, given, wanted }) => `  ${name}\n    given:  ${given}\n    wanted: ${wanted}\n`);
  const count = problems.length === 1 ? "1 setting needs" : `${problems.length} settings need`;
  return `Nothing was provisioned: ${count} attention.\n\n${entries.join("\n")}\nEach is explained in .env.example.\n`;
}
