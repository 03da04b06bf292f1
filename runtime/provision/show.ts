import type { Report } from "../../functions/provision/provision.ts";
import type { Told } from "../../functions/provision/step.ts";
import type { Problem } from "../../shared/config/problem.ts";
import { besideSecrets } from "../../shared/config/provision.ts";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";

const TO_DO: Record<Told["status"], string> = { created: "create", changed: "change", unchanged: "", failed: "cannot" };

/** What is going to happen, for people. */
export function planText({ steps, changed, failed }: Report, { plane }: ProvisionSettings): string {
  const open = steps.filter(({ status }) => status !== "unchanged");
  const rest = steps.length - open.length;
  const lines = tried(open).map(({ name, status, detail }) => `  ${TO_DO[status].padEnd(7)} ${name}: ${detail}`);
  const notes = steps.filter(
    ({ status, detail }) => status === "unchanged" && /left as it is|: copy|polling|no relations/.test(detail),
  );
  const said = notes.map(({ name, detail }) => `  note    ${name}: ${detail}`);
  if (changed === 0 && failed === 0)
    return [`Nothing to do: all ${steps.length} steps are as they should be.`, ...said].join("\n");
  const head = `${plane.url}, workspace ${plane.workspace}: ${changed} to do, ${failed} that cannot be done, ${rest} as they should be.`;
  return [head, ...lines, ...untried(open), ...said].join("\n");
}

const NOT_TRIED = /^not tried, because of: /;
const tried = (steps: readonly Told[]) => steps.filter(({ detail }) => !NOT_TRIED.test(detail));

/** Steps that only wait for others, in one line: what is wrong must not drown in them. */
function untried(steps: readonly Told[]): string[] {
  const count = steps.length - tried(steps).length;
  return count > 0 ? [`  not tried: ${count} that need${count === 1 ? "s" : ""} what failed (--json lists them)`] : [];
}

/** What has happened, for people. */
export function resultText({ steps, changed, failed }: Report, { secretsFile }: ProvisionSettings): string {
  const passwords = besideSecrets(secretsFile, "provision-secrets.json");
  const bad = steps.filter(({ status }) => status === "failed");
  const wrong = [...tried(bad).map(({ name, detail }) => `  failed  ${name}: ${detail}`), ...untried(bad)];
  const rest = steps.length - changed - failed;
  const end =
    failed > 0
      ? "Mend what is said above and run the same command again: what is done stays done."
      : `What the runtime needs is in ${secretsFile}, agents' own tokens in the folder agents beside it, passwords of Plane accounts that were made in ${passwords}. Start it with \`npm start\`.`;
  return [...wrong, `${changed} changed, ${rest} as they were, ${failed} failed.`, end].join("\n");
}

/** Lines for an environment file; where several values count, the first is the one to use. */
export function envText(entries: readonly (readonly [string, readonly string[]])[]): string {
  // Of an API key the environment takes one.
  const one = (name: string) => name.startsWith("PLANE_API_KEY");
  const lines = entries.map(([name, values]) => `${name}=${one(name) ? (values[0] ?? "") : values.join(",")}`);
  return `${lines.join("\n")}\n`;
}

/** Which settings need attention. */
export function problemsText(problems: readonly Problem[]): string {
  const told = problems.map(({ name, given, wanted }) => `  ${name}\n    given:  ${given}\n    wanted: ${wanted}\n`);
  const count = problems.length === 1 ? "1 setting needs" : `${problems.length} settings need`;
  return `Nothing was provisioned: ${count} attention.\n\n${told.join("\n")}\nEach is explained in .env.example.\n`;
}
