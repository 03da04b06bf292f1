import { toLocalUrl } from "../../shared/config/local-url.ts";
import type { ParsedSettings, Settings } from "../../shared/config/settings.ts";
import { keepDefined } from "../../shared/keep-defined.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { createRedactor } from "../../shared/redact.ts";
import { createTelegramBot } from "../../shared/telegram/create-telegram-bot.ts";
import { checkAgents } from "./agents.ts";
import { type BackupProbe, checkBackups } from "./backup.ts";
import { type DoctorCheck, reportOk } from "./check.ts";
import { checkKnownOpenclaw, type KnownVersions } from "./known-versions.ts";
import { checkOpenclaw } from "./openclaw.ts";
import { checkOpenclawAccess } from "./openclaw-access.ts";
import type { OpenclawConfigFiles } from "./openclaw-config-file.ts";
import { checkSkill, type SkillReader } from "./openclaw-skill.ts";
import { findOpenclawVersion } from "./openclaw-version.ts";
import { checkPlane } from "./plane.ts";
import { createPlaneQuery, type QueryDeps } from "./plane-query.ts";
import { checkPlaneWebhook, type PlaneLogin, probePlaneWebhook } from "./plane-webhook.ts";
import { getStoreFailure, hasRecentCanary, probeRuntime, type RuntimeProbe } from "./probe-runtime.ts";
import { checkPublicAddress, checkRuntime } from "./runtime.ts";
import { checkSecretFiles, checkSettings, type PrivateFile } from "./settings.ts";
import { checkStore, type StoreProbe } from "./store.ts";
import { checkTelegram } from "./telegram.ts";

export interface DoctorDeps extends QueryDeps {
  parsed: ParsedSettings;
  /** Inspects the store and changes nothing; `isRuntimeAlive`: a running Groundcrew may have it open. */
  probeStore: (settings: Settings, isRuntimeAlive: boolean) => Promise<StoreProbe>;
  /** Inspects the folder of backups and changes nothing. */
  probeBackups: (folder: string) => BackupProbe;
  /** Reads the skill on this machine; used only where OpenClaw wakes agents. */
  skill: SkillReader;
  /** OpenClaw's settings on this machine, if there are any. */
  openclawConfig?: OpenclawConfigFiles | undefined;
  /** What `compose/versions.env` says; absent where there is no such file. */
  knownVersions?: KnownVersions;
  /** Files that only their owner should be able to read. */
  files: readonly PrivateFile[];
  /** A person's account in Plane, for data that API keys cannot read. */
  account?: PlaneLogin | undefined;
  /** Address to which Plane should send webhooks; default `/webhooks/plane` at PUBLIC_URL. */
  webhookTarget?: string | undefined;
}

export interface DoctorFindings {
  checks: DoctorCheck[];
  /** True when nothing failed; warnings do not count. */
  ok: boolean;
  /** True when the settings are invalid, so that nothing else was checked. */
  settingsFailed: boolean;
}

/** Checks everything that is configured and changes nothing. No finding contains a secret. */
export async function runDoctorChecks(deps: DoctorDeps): Promise<DoctorFindings> {
  const { parsed, files } = deps;
  const localChecks = [...checkSettings(parsed), ...checkSecretFiles(files)];
  if (!parsed.ok) return { checks: localChecks, ok: false, settingsFailed: true };
  const { settings } = parsed;
  const checks = settings.demo ? localChecks : [...localChecks, ...(await checkSystem(deps, settings))];
  const redact = createRedactor(keepDefined([...settings.secrets, deps.account?.password]));
  const redacted = checks.map((check) => ({ ...check, detail: redact(check.detail) }));
  return { checks: redacted, ok: redacted.every(({ status }) => status !== "failed"), settingsFailed: false };
}

async function checkSystem(deps: DoctorDeps, settings: Settings): Promise<DoctorCheck[]> {
  // With port 0 the operating system chooses the port, so the address is unknown.
  const url = settings.port === 0 ? undefined : toLocalUrl(settings);
  const runtimeProbe: RuntimeProbe | undefined = url
    ? await probeRuntime(deps, url, settings.adminTokens[0])
    : undefined;
  const isAlive = runtimeProbe?.alive === true;
  const runtimeUse = { isAlive, ...omitUndefined({ failure: getStoreFailure(runtimeProbe) }) };
  const store = checkStore(await deps.probeStore(settings, isAlive), runtimeUse);
  const { backupFolder } = settings;
  const backup = backupFolder === undefined ? [] : checkBackups(deps.probeBackups(backupFolder), deps.clock());
  const runtime =
    url && runtimeProbe
      ? checkRuntime(url, runtimeProbe, settings)
      : [reportOk("runtime", "not checked: PORT is 0 (any free port)")];
  const { publicUrl } = settings;
  const publicAddress = publicUrl
    ? [checkPublicAddress(publicUrl, await probeRuntime(deps, publicUrl, undefined))]
    : [];
  const plane = await checkPlaneSetup(deps, settings, hasRecentCanary(runtimeProbe));
  const telegram = settings.telegram
    ? await checkTelegram(
        createTelegramBot({ ...settings.telegram, fetch: deps.fetch, metrics: noMetrics, timeout: 10_000 }),
        settings,
      )
    : [];
  const openclaw = [
    ...(await checkOpenclaw(deps, settings)),
    ...(await checkSkill(deps.skill, settings)),
    ...checkKnownOpenclaw(await findOpenclawVersion(deps.skill, settings), deps.knownVersions?.openclaw),
    ...(deps.openclawConfig ? await checkOpenclawAccess(deps.openclawConfig, settings) : []),
  ];
  return [...store, ...backup, ...runtime, ...publicAddress, ...plane, ...telegram, ...openclaw];
}

async function checkPlaneSetup(deps: DoctorDeps, settings: Settings, hasCanary: boolean): Promise<DoctorCheck[]> {
  const { plane, publicUrl } = settings;
  if (!plane) return [];
  const queryPlane = createPlaneQuery(deps, plane);
  const { reachable, checks } = await checkPlane(queryPlane, plane, deps.clock, deps.knownVersions?.plane);
  if (!reachable) return checks;
  const target = deps.webhookTarget ?? (publicUrl && `${publicUrl}/webhooks/plane`);
  const webhookProbe =
    deps.account && target && plane.webhookSecrets.length > 0
      ? await probePlaneWebhook(deps, plane, target, deps.account)
      : ({ kind: "not read", why: "no Plane account is configured" } as const);
  return [
    ...checks,
    checkPlaneWebhook(plane, target, webhookProbe, hasCanary),
    ...(await checkAgents(queryPlane, settings)),
  ];
}
