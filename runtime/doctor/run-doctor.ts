import { renderFindings, renderFindingsJson } from "../../functions/doctor/render-findings.ts";
import { type DoctorFindings, runDoctorChecks } from "../../functions/doctor/run-checks.ts";
import { DEFAULT_SECRETS_FILE } from "../../shared/config/environment.ts";
import { parseSettings, readSettingsParts } from "../../shared/config/settings.ts";
import { readKnownVersions } from "../node/known-versions.ts";
import { nodeFiles } from "../node/settings-files.ts";
import { inspectBackups } from "./inspect-backups.ts";
import { inspectStore } from "./inspect-store.ts";
import { findAdminAccount, listPrivateFiles, readWebhookTarget } from "./local-files.ts";
import { findOpenclawConfig } from "./openclaw-config-files.ts";
import { createSkillProbe } from "./skill-probe.ts";

/** 64 and 78 are `EX_USAGE` and `EX_CONFIG` of sysexits.h. */
const EXIT = { ok: 0, failed: 1, usage: 64, settings: 78 } as const;

interface DoctorEnvironment {
  env: Record<string, string | undefined>;
  out: (text: string) => void;
  err: (text: string) => void;
}

const DOCTOR_USAGE = `Usage: npm run doctor, or npm run --silent doctor -- --json for programs

Checks the configuration and suggests fixes: settings, secret files, store, Plane, agents, Telegram, OpenClaw and the
running Groundcrew. Changes nothing and shows no secret.

Exit codes: 0 success, 1 a check failed, 64 wrong command, 78 invalid settings.`;

/** Runs `npm run doctor` with these arguments and returns its exit code. */
export async function runDoctor(
  args: readonly string[],
  { env: ownEnv, out, err }: DoctorEnvironment,
): Promise<number> {
  const unknown = args.find((arg) => arg !== "--json");
  if (unknown !== undefined) {
    const message = DOCTOR_USAGE;
    err(`${message}\n`);
    if (args.includes("--json"))
      out(`${JSON.stringify({ checks: [], ok: false, error: { code: "usage", message } })}\n`);
    return EXIT.usage;
  }
  const parsed = parseSettings(ownEnv, nodeFiles);
  const { env } = readSettingsParts(ownEnv, nodeFiles);
  const secretsFile = env["SECRETS_FILE"] ?? DEFAULT_SECRETS_FILE;
  const findings = await runDoctorChecks({
    parsed,
    probeStore: inspectStore,
    probeBackups: inspectBackups,
    skill: createSkillProbe(ownEnv),
    openclawConfig: findOpenclawConfig(env),
    knownVersions: readKnownVersions(),
    files: listPrivateFiles(secretsFile),
    account: findAdminAccount(env, secretsFile),
    webhookTarget: readWebhookTarget(env),
    fetch: (input, init) => fetch(input, init),
    clock: Date.now,
  });
  out(args.includes("--json") ? renderFindingsJson(findings) : renderFindings(findings));
  return getExitCode(findings);
}

function getExitCode({ ok, settingsFailed }: DoctorFindings): number {
  if (settingsFailed) return EXIT.settings;
  return ok ? EXIT.ok : EXIT.failed;
}
