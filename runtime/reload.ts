import type { ParsedSettings, Settings } from "../shared/config.ts";
import { messageOf } from "../shared/errors.ts";
import type { Ms } from "../shared/store/port.ts";
import type { Runtime } from "./node.ts";

interface ReloadOptions {
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
const FIXED = [
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
export async function watchSecrets(options: ReloadOptions): Promise<void> {
  const { running, read, fingerprint, wait, signal, every = 2_000 } = options;
  // A folder that cannot be looked into for a while must not end the runtime, nor fill its log.
  const look = () => {
    try {
      return { at: fingerprint() };
    } catch (thrown) {
      return { at: messageOf(thrown), thrown };
    }
  };
  let seen = look().at;
  while (!signal.aborted) {
    await wait(every, signal);
    const now = look();
    if (signal.aborted || now.at === seen) continue;
    seen = now.at;
    try {
      if (now.thrown !== undefined) throw now.thrown;
      await takeOver(running, read);
    } catch (thrown) {
      running.deps.log.error("the new secrets were not taken over, the old ones stay", { error: messageOf(thrown) });
    }
  }
}

async function takeOver(running: ReloadOptions["running"], read: ReloadOptions["read"]): Promise<void> {
  const parsed = read();
  const { settings: before, log } = running.deps;
  if (!parsed.ok) {
    const problems = parsed.problems.map(({ name, given, wanted }) => `${name}: given ${given}, wanted ${wanted}`);
    log.error("the new secrets were not taken over, the old ones stay", { problems });
    return;
  }
  const { settings } = parsed;
  const fixed = FIXED.filter(([name]) => JSON.stringify(settings[name]) !== JSON.stringify(before[name]));
  if (fixed.some(([name]) => name === "demo")) return log.error("Plane is set up or gone: a restart is needed");
  for (const [, name] of fixed) log.warn("changed, but a restart is needed for it", { setting: name });
  const kept = { ...settings, ...Object.fromEntries(fixed.map(([name]) => [name, before[name]])) };
  if (JSON.stringify(kept) === JSON.stringify(before)) return;
  await running.reload(kept);
  for (const warning of parsed.warnings) running.deps.log.warn("settings", { warning });
  running.deps.log.info("the secrets file has changed and was taken over");
}
