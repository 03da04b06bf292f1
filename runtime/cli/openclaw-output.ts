import type { UpgradeOutcome } from "../openclaw-upgrade/run-upgrade.ts";

/** The result of `groundcrew openclaw … --json`. */
export function toOpenclawJson({ state, changed, record, findings, plan, report }: UpgradeOutcome, command: string) {
  const steps = [...(record?.steps ?? []), ...(record?.rollbackSteps ?? [])].map((step) => ({
    name: step.name,
    status: step.status,
    ...(step.problem === undefined ? {} : { problem: step.problem }),
    ...(step.endedAt === undefined ? {} : { seconds: (step.endedAt - step.startedAt) / 1_000 }),
    findings: step.findings,
  }));
  return {
    command,
    ...{ state, changed },
    ...(record ? { from: record.from, to: record.to, steps } : {}),
    ...(findings ? { findings } : {}),
    ...(plan ? { plan } : {}),
    ...(report === undefined ? {} : { report }),
  };
}

/** The result for people. */
export function describeOpenclawOutcome({ state, record, findings, plan, report }: UpgradeOutcome): string {
  if (plan) return plan.length > 0 ? plan.map((title, i) => `${i + 1}. ${title}`).join("\n") : "Nothing to do.";
  if (findings) return findings.map(describeFinding).join("\n") || "Done.";
  if (!record) return "Nothing to do.";
  return `${record.from} → ${record.to}: ${state.replaceAll("_", " ")}. Report: ${report}`;
}

function describeFinding({ name, status, detail, todo }: NonNullable<UpgradeOutcome["findings"]>[number]): string {
  const hint = status !== "ok" && todo !== undefined ? `\n  → ${todo}` : "";
  return `${status.padEnd(7)}  ${name}: ${detail}${hint}`;
}
