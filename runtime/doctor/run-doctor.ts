/**
 * The command doctor on this machine: what it looks at for the checks of functions/doctor, namely files, the store and
 * backups; its output and its exit code.
 */

import { accessSync, constants, existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { renderChecklist, renderFindings, renderFindingsJson } from "../../functions/doctor/findings.ts";
import type { PlaneLogin } from "../../functions/doctor/plane.ts";
import { type PrivateFile, runDoctorChecks } from "../../functions/doctor/run-checks.ts";
import type { BackupProbe, StoreProbe } from "../../functions/doctor/store.ts";
import { getOpenclawPath } from "../../functions/provision/files.ts";
import { listTokenFiles } from "../../functions/provision/openclaw-settings.ts";
import { DEFAULT_SECRETS_FILE, environmentSchema } from "../../shared/config/environment.ts";
import { getConnectionPath } from "../../shared/config/secrets.ts";
import { parseSettings, readSettingsParts, type Settings } from "../../shared/config/settings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { findNearestName } from "../../shared/names.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { parseRedisInfo, toRedisMemory } from "../../shared/store/port.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import type { Ms } from "../../shared/time.ts";
import { listCompleteBackups, readCopies } from "../backup/stored-backups.ts";
import { nodeFiles, readEnvironment } from "../node/files.ts";
import { createStatusLine, endOnSignals } from "../node/process.ts";
import { parseStoreFolder } from "../stores/open-store.ts";
import { findFileProblem, readDiskSpace, STORE_FILE_NAME } from "../stores/sqlite-store.ts";
import { createSkillProbe, findOpenclawConfig, readIfPossible, readKnownVersions } from "./openclaw-probe.ts";

interface DoctorEnvironment {
  env: Record<string, string | undefined>;
  out: (text: string) => void;
  err: (text: string) => void;
}

/** 78 is `EX_CONFIG` of sysexits.h. */
const EXIT = { done: 0, failed: 1, usage: 2, config: 78 } as const;

const OPTIONS = ["--json", "--checklist", "--help", "-h"];

export const DOCTOR_USAGE = `groundcrew doctor [--json | --checklist], or npm run --silent doctor -- …

Checks the configuration and suggests fixes: settings, secret files, store, Plane, agents, Telegram, OpenClaw and the
running Groundcrew. Changes nothing and shows no secret.

  --json       print {checks: [{name, status, detail, todo}], ok} for programs
  --checklist  print a checklist for production in Markdown: what holds, what is open, and what is not set up

Exit codes: ${EXIT.done} success, ${EXIT.failed} a check failed, ${EXIT.usage} wrong command, ${EXIT.config} invalid settings.`;

/** The file in which provision stores passwords, next to SECRETS_FILE. The runtime never reads it. */
const PROVISIONED_FILE = "provision-secrets.json";

/** The accounts in it by their addresses in lower case. */
const provisionedSchema = z.object({ accounts: z.record(z.string(), z.object({ password: z.string().optional() })) });

/** Timeout for connecting to Redis: 2 s. The doctor does not wait for a server that is still starting. */
const CONNECT_PATIENCE: Ms = 2_000;

/** Runs `npm run doctor` with these arguments and returns its exit code. */
export async function runDoctor(
  args: readonly string[],
  { env: ownEnv, out, err }: DoctorEnvironment,
): Promise<number> {
  const isJson = args.includes("--json");
  const unknown = args.find((arg) => !OPTIONS.includes(arg));
  if (unknown !== undefined) {
    const nearest = findNearestName(unknown, OPTIONS);
    const hint = nearest ? `Did you mean ${nearest}?` : `Options: ${OPTIONS.join(", ")}.`;
    const message = `Unknown argument ${cleanLine(unknown, 60)}. ${hint}`;
    err(`groundcrew: ${message}\n`);
    if (isJson) out(`${JSON.stringify({ checks: [], ok: false, error: { code: "usage", message } })}\n`);
    return EXIT.usage;
  }
  if (args.includes("--help") || args.includes("-h")) {
    out(`${DOCTOR_USAGE}\n`);
    return EXIT.done;
  }
  const parsed = parseSettings(ownEnv, nodeFiles);
  const { env } = readSettingsParts(ownEnv, nodeFiles);
  const secretsFile = env["SECRETS_FILE"] ?? DEFAULT_SECRETS_FILE;
  const target = env["PLANE_WEBHOOK_TARGET"]?.trim() || undefined;
  const findings = await runDoctorChecks({
    ...{ parsed, probeStore: inspectStore, probeBackups: inspectBackups, knownVersions: readKnownVersions() },
    ...{ skill: createSkillProbe(ownEnv), openclawConfig: findOpenclawConfig(env) },
    ...{ files: listPrivateFiles(secretsFile), account: findAdminAccount(env, secretsFile) },
    // As provision registers it in Plane.
    webhookTarget: environmentSchema.shape.PLANE_WEBHOOK_TARGET.safeParse(target).data ?? target,
    fetch: (input, init) => fetch(input, init),
    clock: Date.now,
  });
  const render = args.includes("--checklist") ? renderChecklist : renderFindings;
  out((isJson ? renderFindingsJson : render)(findings));
  if (findings.settingsFailed) return EXIT.config;
  return findings.ok ? EXIT.done : EXIT.failed;
}

/** Runs it with the arguments of this process, and sets its exit code. */
export async function runDoctorProcess(): Promise<void> {
  const status = createStatusLine();
  endOnSignals(status, "groundcrew: stopped before the end. Nothing was changed.");
  const out = (text: string) => void process.stdout.write(text);
  process.exitCode = await runDoctor(process.argv.slice(2), { env: readEnvironment(), out, err: status.write });
}

/** SECRETS_FILE, the files that provision writes next to it, and the agents' token files. */
function listPrivateFiles(secretsFile: string): PrivateFile[] {
  const folder = dirname(secretsFile);
  const agents = join(folder, "agents");
  const names = readIfPossible(() => readdirSync(agents)) ?? [];
  const openclaw = new Set(["", ...names].flatMap(listTokenFiles));
  const paths = [
    secretsFile,
    join(folder, PROVISIONED_FILE),
    getConnectionPath(secretsFile),
    ...[...openclaw].map((name) => getOpenclawPath(secretsFile, name)),
    ...names.map((name) => join(agents, name, "token")),
  ];
  return paths.map((path) => ({ path, mode: readIfPossible(() => statSync(path).mode & 0o777) }));
}

/**
 * The account that may read webhooks in Plane: PLANE_ADMIN_EMAIL. Its password comes from PLANE_ADMIN_PASSWORD, from
 * the file named by PLANE_ADMIN_PASSWORD_FILE, or from provision's own file. Without it the check asks a person to look
 * in Plane.
 */
function findAdminAccount(env: Record<string, string | undefined>, secretsFile: string): PlaneLogin | undefined {
  const email = env["PLANE_ADMIN_EMAIL"]?.trim();
  if (!email) return undefined;
  const readText = (path = "") => readIfPossible(() => nodeFiles.read(path.trim())?.text.trim());
  const given = env["PLANE_ADMIN_PASSWORD"]?.trim() || readText(env["PLANE_ADMIN_PASSWORD_FILE"]);
  const notes = tryParseJson(readText(join(dirname(secretsFile), PROVISIONED_FILE)) ?? "");
  const password = given || provisionedSchema.safeParse(notes).data?.accounts[email.toLowerCase()]?.password;
  return password ? { email, password } : undefined;
}

/** Inspects the configured store and changes nothing. An embedded file is not read while a Groundcrew is running. */
export async function inspectStore(
  { store: { url } }: Pick<Settings, "store">,
  isRuntimeAlive: boolean,
): Promise<StoreProbe> {
  if (url === "memory:") return { kind: "memory" };
  if (url.startsWith("file:")) return inspectFileStore(resolve(parseStoreFolder(url)), isRuntimeAlive);
  return inspectRedisStore(url);
}

function inspectFileStore(folder: string, isRuntimeAlive: boolean): StoreProbe {
  const mode = readIfPossible(() => statSync(folder).mode & 0o777);
  const path = join(folder, STORE_FILE_NAME);
  const file = existsSync(path);
  return {
    ...{ kind: "file", folder, mode, file },
    writable: readIfPossible(() => accessSync(findExistingFolder(folder), constants.W_OK) ?? true) ?? false,
    ...(mode !== undefined && { disk: readDiskSpace(folder) }),
    ...omitUndefined({ problem: file && !isRuntimeAlive ? findFileProblem(path) : undefined }),
  };
}

/** Returns the nearest folder above a missing one, in which it would be created. */
function findExistingFolder(folder: string): string {
  return existsSync(folder) ? folder : findExistingFolder(dirname(folder));
}

async function inspectRedisStore(url: string): Promise<StoreProbe> {
  const { connectRedis } = await import("../stores/redis/connection.ts");
  try {
    const connection = await connectRedis({ url, patience: CONNECT_PATIENCE });
    try {
      const info = parseRedisInfo(await connection.runCommand(() => connection.redis.info()));
      return { kind: "redis", info, ...omitUndefined({ memory: toRedisMemory(info) }) };
    } finally {
      await connection.close();
    }
  } catch (thrown) {
    return { kind: "redis", unreachable: getErrorMessage(thrown) };
  }
}

/** Inspects BACKUP_FOLDER and changes nothing. */
export function inspectBackups(folder: string): BackupProbe {
  return { ...findNewest(folder), ...omitUndefined({ copies: readCopies(resolve(folder)) }) };
}

function findNewest(folder: string): BackupProbe {
  try {
    return listCompleteBackups(resolve(folder))[0] ?? { problem: `${resolve(folder)} contains no complete backup` };
  } catch (thrown) {
    return { problem: `BACKUP_FOLDER cannot be read: ${getErrorMessage(thrown)}` };
  }
}
