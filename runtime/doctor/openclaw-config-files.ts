import { readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { OpenclawConfigFiles } from "../../functions/doctor/openclaw-config-file.ts";
import { findOpenClawHome } from "./skill-probe.ts";

/** Limit of a settings file in bytes: 1 MB, where one for ten agents has 7 KB. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/**
 * OpenClaw's settings on this machine: the file that OPENCLAW_CONFIG names, else the one that OpenClaw itself would read.
 * Undefined when OpenClaw's folder is unknown.
 */
export function findOpenclawConfig(env: Record<string, string | undefined>): OpenclawConfigFiles | undefined {
  const configured = env["OPENCLAW_CONFIG"]?.trim();
  const home = findOpenClawHome(env);
  const path = configured || env["OPENCLAW_CONFIG_PATH"]?.trim() || (home && join(home, "openclaw.json"));
  if (!path) return undefined;
  return {
    path,
    isConfigured: Boolean(configured),
    read: readConfigFile,
    resolve: (from, included) => resolve(dirname(from), included),
  };
}

function readConfigFile(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return undefined;
  if (!stats.isFile() || stats.size > MAX_CONFIG_BYTES) throw new Error("it is not a file of at most 1 MB");
  return readFileSync(path, "utf8");
}
