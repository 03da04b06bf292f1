import { formatSettingProblem } from "../shared/config/setting-problem.ts";
import type { ParsedSettings, Settings } from "../shared/config/settings.ts";
import { getErrorMessage } from "../shared/errors.ts";
import type { Ms } from "../shared/time.ts";
import type { Runtime } from "./start-runtime.ts";

interface WatchSecretsOptions {
  running: Pick<Runtime, "deps" | "reload">;
  /** Reads all settings again. */
  readSettings: () => ParsedSettings;
  /** Returns a text that differs whenever the secrets file has changed. Throws when the file cannot be inspected. */
  getFingerprint: () => string;
  wait: (ms: Ms, signal: AbortSignal) => Promise<void>;
  /** Ends the watching. */
  signal: AbortSignal;
  /** Interval between checks of the file. Default 2 s. */
  interval?: Ms;
}

/** Settings that a running process cannot change, with their names in the environment. */
const RESTART_SETTINGS = [
  ["store", "STORE_URL"],
  ["host", "HOST"],
  ["port", "PORT"],
  ["metricsPort", "METRICS_PORT"],
  ["demo", "PLANE_URL"],
] as const satisfies readonly (readonly [keyof Settings, string])[];

const RELOAD_FAILED = "secrets not reloaded, previous secrets stay in use";

/**
 * Watches the secrets file and reloads the runtime's settings when it has changed. An invalid file is logged and changes
 * nothing; its next change is read again.
 */
export async function watchSecrets(options: WatchSecretsOptions): Promise<void> {
  const { running, readSettings, getFingerprint, wait, signal, interval = 2_000 } = options;
  // A folder that is unreadable for a while must neither end the runtime nor fill its log.
  const tryGetFingerprint = () => {
    try {
      return { fingerprint: getFingerprint() };
    } catch (thrown) {
      return { fingerprint: getErrorMessage(thrown), thrown };
    }
  };
  let lastFingerprint = tryGetFingerprint().fingerprint;
  while (!signal.aborted) {
    await wait(interval, signal);
    const current = tryGetFingerprint();
    if (signal.aborted || current.fingerprint === lastFingerprint) continue;
    lastFingerprint = current.fingerprint;
    try {
      if (current.thrown !== undefined) throw current.thrown;
      await applyChangedSettings(running, readSettings);
    } catch (thrown) {
      running.deps.log.error(RELOAD_FAILED, { error: getErrorMessage(thrown) });
    }
  }
}

async function applyChangedSettings(
  running: WatchSecretsOptions["running"],
  readSettings: WatchSecretsOptions["readSettings"],
): Promise<void> {
  const parsed = readSettings();
  const { settings: previous, log } = running.deps;
  if (!parsed.ok) {
    log.error(RELOAD_FAILED, { problems: parsed.problems.map(formatSettingProblem) });
    return;
  }
  const { settings } = parsed;
  const changedRestartSettings = RESTART_SETTINGS.filter(
    ([name]) => JSON.stringify(settings[name]) !== JSON.stringify(previous[name]),
  );
  if (changedRestartSettings.some(([name]) => name === "demo"))
    return log.error("restart required: Plane's settings were added or removed");
  for (const [, name] of changedRestartSettings) log.warn("restart required: setting changed", { setting: name });
  const unchanged = Object.fromEntries(changedRestartSettings.map(([name]) => [name, previous[name]]));
  const effective = { ...settings, ...unchanged };
  if (JSON.stringify(effective) === JSON.stringify(previous)) return;
  await running.reload(effective);
  for (const warning of parsed.warnings) running.deps.log.warn("settings", { warning });
  running.deps.log.info("secrets reloaded");
}
