import type { Settings } from "../../shared/config/settings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import type { Log } from "../../shared/log.ts";
import { parseRunnerSettings } from "./runner-settings.ts";
import { startRunner } from "./start-runner.ts";

interface LocalRunnerOptions {
  settings: Settings;
  /** The address at which this machine reaches the running product. */
  url: string;
  token: string;
  env: Record<string, string | undefined>;
  log: Log;
}

/**
 * Starts a ticket runner in the process of the product, for one machine without containers. Where that is not possible,
 * for example without tmux, the log says why and tickets wait for another runner.
 */
export function startLocalRunner({ settings, url, token, env, log }: LocalRunnerOptions): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const parsed = parseRunnerSettings({ env: { ...env, GROUNDCREW_URL: url }, token, tickets: settings.tickets });
  const running =
    "problems" in parsed
      ? Promise.reject(new Error(parsed.problems.join(" ")))
      : startRunner(parsed, { env, log, signal: stopping.signal });
  const done = running.catch((thrown: unknown) =>
    log.error("no ticket runner in this process", { reason: getErrorMessage(thrown) }),
  );
  return {
    stop() {
      stopping.abort();
      return done;
    },
  };
}
