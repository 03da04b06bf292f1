import type { ParsedSettings, Settings } from "../shared/config/settings.ts";
import { getErrorMessage } from "../shared/errors.ts";
import type { Ms } from "../shared/time.ts";
import type { Runtime } from "./start-runtime.ts";

interface WatchSecretsOptions {
  running: Pick<Runtime, "deps" | "reload">;
  /** Reads all settings anew. */
  read: () => ParsedSettings;
  /** Another text whenever the secrets file is another: its place on the disk, its size and its times. */
  fingerprint: () => string;
  wait: (ms: Ms, signal: AbortSignal) => Promise<void>;
  /** Ends the watching. */
  signal: AbortSignal;
  every?: Ms;
}

/** What a running process cannot change, and how it is called. */
const RESTART_SETTINGS = [
  ["store", "STORE_URL"],
  ["host", "HOST"],
  ["port", "PORT"],
  ["metricsPort", "METRICS_PORT"],
  ["demo", "PLANE_URL"],
] as const satisfies readonly (readonly [keyof Settings, string])[];

/**
 * Looks every few seconds whether the secrets file is another and lets the runtime go on with what it says then. A file
 * that cannot be used changes nothing, which is said; the next change is looked at again.
 */
export async function watchSecrets(options: WatchSecretsOptions): Promise<void> {
  const { running, read, fingerprint, wait, signal, every = 2_000 } = options;
  // A folder that cannot be looked into for a while must not end the runtime, nor fill its log.
  const readFingerprint = () => {
    try {
      return { at: fingerprint() };
    } catch (thrown) {
      return { at: getErrorMessage(thrown), thrown };
    }
  };
  let lastFingerprint = readFingerprint().at;
  while (!signal.aborted) {
    await wait(every, signal);
    const current = readFingerprint();
    if (signal.aborted || current.at === lastFingerprint) continue;
    lastFingerprint = current.at;
    try {
      if (current.thrown !== undefined) throw current.thrown;
      await applyChangedSettings(running, read);
    } catch (thrown) {
      running.deps.log.error("the new secrets were not taken over, the old ones stay", {
        error: getErrorMessage(thrown),
      });
    }
  }
}

async function applyChangedSettings(
  running: WatchSecretsOptions["running"],
  read: WatchSecretsOptions["read"],
): Promise<void> {
  const parsed = read();
  const { settings: previous, log } = running.deps;
  if (!parsed.ok) {
    const problems = parsed.problems.map(({ name, given, wanted }) => `${name}: given ${given}, wanted ${wanted}`);
    log.error("the new secrets were not taken over, the old ones stay", { problems });
    return;
  }
  const { settings } = parsed;
  const changedFixed = RESTART_SETTINGS.filter(
    ([name]) => JSON.stringify(settings[name]) !== JSON.stringify(previous[name]),
  );
  if (changedFixed.some(([name]) => name === "demo")) return log.error("Plane is set up or gone: a restart is needed");
  for (const [, name] of changedFixed) log.warn("changed, but a restart is needed for it", { setting: name });
  const effective = { ...settings, ...Object.fromEntries(changedFixed.map(([name]) => [name, previous[name]])) };
  if (JSON.stringify(effective) === JSON.stringify(previous)) return;
  await running.reload(effective);
  for (const warning of parsed.warnings) running.deps.log.warn("settings", { warning });
  running.deps.log.info("the secrets file has changed and was taken over");
}
