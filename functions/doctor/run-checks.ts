/** The doctor's checks in their order. Settings and files come first; with invalid settings nothing else is checked. */

import { toLocalUrl } from "../../shared/config/environment.ts";
import { formatSettingPlace } from "../../shared/config/setting-problem.ts";
import type { ParsedSettings, Settings } from "../../shared/config/settings.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { keepDefined } from "../../shared/omit-undefined.ts";
import { createTelegramBot } from "../../shared/telegram/bot.ts";
import { createRedactor } from "../../shared/text.ts";
import { mergePolicy } from "../../shared/tickets/policy.ts";
import {
  collectFindings,
  createReport,
  type DoctorFindings,
  type Finding,
  hasFailure,
  type QueryDeps,
} from "./findings.ts";
import { checkKnownOpenclaw, checkOpenclaw } from "./openclaw.ts";
import { checkOpenclawAccess, type OpenclawConfigFiles } from "./openclaw-access.ts";
import { checkSkill, findOpenclawVersion, type SkillReader } from "./openclaw-skill.ts";
import { checkPlane, type PlaneLogin } from "./plane.ts";
import { checkPublicAddress, checkRuntime, hasRecentCanary, probeRuntime, type RuntimeProbe } from "./runtime.ts";
import { type BackupProbe, checkBackups, checkStore, type StoreProbe } from "./store.ts";
import { checkTelegram } from "./telegram.ts";

/** Versions of other programs that Groundcrew is known to work with; undefined when that is unknown. */
export interface KnownVersions {
  plane: readonly string[] | undefined;
  openclaw: readonly string[] | undefined;
}

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

/** A file that only its owner may read. `mode` is undefined when the file does not exist. */
export interface PrivateFile {
  path: string;
  mode: number | undefined;
}

/** What a check of a configured installation sees. */
interface CheckContext {
  deps: DoctorDeps;
  settings: Settings;
  /** The address of the runtime on this machine; undefined with port 0, for which the operating system chooses one. */
  url: string | undefined;
  /** What the runtime answered there. */
  runtime: RuntimeProbe | undefined;
}

/** A check of one part; `unset`: its name and what to do where it is not set up, which is no finding. */
interface PartCheck {
  unset?: readonly [name: string, todo: string];
  find: (context: CheckContext) => Finding[] | Promise<Finding[]>;
}

/** The checks of a configured installation, in the order of the report. A check of what is not set up finds nothing. */
const CHECKS: readonly PartCheck[] = [
  {
    async find({ deps, settings, runtime }) {
      const isAlive = runtime?.alive === true;
      return checkStore(await deps.probeStore(settings, isAlive), { isAlive, failure: runtime?.storeFailure });
    },
  },
  {
    unset: ["backups", "Set BACKUP_FOLDER, and have `groundcrew backup` run every night."],
    find: ({ deps, settings: { backupFolder } }) =>
      backupFolder === undefined ? [] : checkBackups(deps.probeBackups(backupFolder), deps.clock()),
  },
  {
    find: ({ settings, url, runtime }) =>
      url && runtime
        ? checkRuntime(url, runtime, settings)
        : [createReport("runtime").ok`not checked: PORT is 0 (any free port)`],
  },
  {
    unset: ["public address", "Set PUBLIC_URL: links in messages and Telegram's webhook need it."],
    find: async ({ deps, settings: { publicUrl } }) =>
      publicUrl ? [checkPublicAddress(publicUrl, await probeRuntime(deps, publicUrl, undefined))] : [],
  },
  {
    find({ deps, settings, runtime }) {
      const target = deps.webhookTarget ?? (settings.publicUrl && `${settings.publicUrl}/webhooks/plane`);
      const { fetch, clock, account, knownVersions } = deps;
      const facts = { target, account, hasCanary: hasRecentCanary(runtime), knownVersions: knownVersions?.plane };
      return checkPlane({ fetch, clock, ...facts }, settings);
    },
  },
  {
    unset: ["telegram", "Set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID: people hear of nothing without it."],
    async find({ deps: { fetch }, settings }) {
      const options = settings.telegram && { ...settings.telegram, fetch, metrics: noMetrics, timeout: 10_000 };
      return options ? checkTelegram(createTelegramBot(options), settings) : [];
    },
  },
  {
    unset: ["openclaw", "Set OPENCLAW_URL and OPENCLAW_HOOK_TOKEN, or leave it out if agents poll."],
    find: ({ deps, settings }) => checkOpenclaw(deps, settings),
  },
  { find: ({ settings }) => checkPolicies(settings) },
  { find: ({ deps, settings }) => checkSkill(deps.skill, settings) },
  {
    find: async ({ deps: { skill, knownVersions }, settings }) =>
      checkKnownOpenclaw(await findOpenclawVersion(skill, settings), knownVersions?.openclaw),
  },
  {
    find: async ({ deps: { openclawConfig, skill }, settings }) => {
      if (!openclawConfig) return [];
      const running = { reader: skill, version: await findOpenclawVersion(skill, settings) };
      return checkOpenclawAccess(openclawConfig, settings, running);
    },
  },
];

/** Checks everything that is configured and changes nothing. No finding contains a secret. */
export async function runDoctorChecks(deps: DoctorDeps): Promise<DoctorFindings> {
  const { parsed, files } = deps;
  const checks = [...checkSettings(parsed), ...checkSecretFiles(files)];
  const unset: DoctorFindings["unset"] = [];
  if (!parsed.ok) return { checks, unset, ok: false, settingsFailed: true };
  const { settings } = parsed;
  if (!settings.demo) {
    const url = settings.port === 0 ? undefined : toLocalUrl(settings);
    const runtime = url ? await probeRuntime(deps, url, settings.adminTokens[0]) : undefined;
    for (const { unset: [name, todo] = [], find } of CHECKS) {
      const found = await find({ deps, settings, url, runtime });
      checks.push(...found);
      if (found.length === 0 && name !== undefined && todo !== undefined) unset.push({ name, todo });
    }
  }
  const redact = createRedactor(keepDefined([...settings.secrets, deps.account?.password]));
  const redacted = checks.map((check) => ({ ...check, detail: redact(check.detail) }));
  return { checks: redacted, unset, ok: !hasFailure(redacted), settingsFailed: false };
}

function checkSettings(parsed: ParsedSettings): Finding[] {
  const { ok, warning, failed } = createReport("settings");
  if (!parsed.ok)
    return parsed.problems.map(
      (problem) =>
        failed`${formatSettingPlace(problem)} is invalid: ${problem.given}
          → Set it to ${problem.wanted}; see .env.example.`,
    );
  const checks = collectFindings(
    ...parsed.warnings.map((text) => warning`${text} → Change the setting, or ignore this if it is intended.`),
    parsed.settings.demo &&
      warning`nothing is set up: \`npm start\` runs the demo
        → Set PLANE_URL, PLANE_WORKSPACE and PLANE_API_KEY, or run \`npm run provision\`.`,
  );
  return checks.length > 0 ? checks : [ok`all settings are valid`];
}

/** Reports settings of repositories that contradict each other: no session starts with them. */
function checkPolicies({ tickets }: Settings): Finding[] {
  if (!tickets) return [];
  const { failed } = createReport("policy");
  return Object.keys(tickets.repositories).flatMap((id) =>
    mergePolicy(tickets, id).problems.map(
      (problem) => failed`${id}: ${problem} → Change tickets.repositories.${id}: until then no session starts.`,
    ),
  );
}

/** Reports files with secrets that other users of this machine can read. A missing file is not reported. */
function checkSecretFiles(files: readonly PrivateFile[]): Finding[] {
  const { ok, failed } = createReport("secret files");
  const existing = files.flatMap(({ path, mode }) => (mode === undefined ? [] : [{ path, mode }]));
  const exposed = existing.filter(({ mode }) => (mode & 0o077) !== 0);
  if (existing.length === 0) return [];
  if (exposed.length === 0) return [ok`${existing.length} found, readable only by their owner`];
  return exposed.map(({ path, mode }) => {
    const shown = mode.toString(8).padStart(4, "0");
    return failed`${path} has mode ${shown}: other users of this machine can read it
      → Run \`chmod ${mode & 0o100 ? "700" : "600"} ${path}\`; replace the secrets if others use this machine.`;
  });
}
