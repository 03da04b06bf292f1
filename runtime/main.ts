import { readEnvironmentSecrets } from "../shared/config/secrets.ts";
import { formatSettingProblems, type SettingProblem } from "../shared/config/setting-problem.ts";
import { parseSettings, readSettingsParts } from "../shared/config/settings.ts";
import { getErrorMessage } from "../shared/errors.ts";
import { createLog } from "../shared/log.ts";
import { wait } from "../shared/wait.ts";
import { createBridgeTokens } from "./node/bridge-tokens.ts";
import { generateSecret } from "./node/generate-secret.ts";
import { collectGarbageWhenIdle } from "./node/idle-collector.ts";
import { createLineWriter } from "./node/line-writer.ts";
import { getFileFingerprint, nodeFiles, readEnvironment } from "./node/settings-files.ts";
import { provisionDisk } from "./provision/provision-disk.ts";
import { acquireProvisionLock } from "./provision/provision-lock.ts";
import { type Runtime, startRuntime } from "./start-runtime.ts";
import { watchSecrets } from "./watch-secrets.ts";

/** `EX_CONFIG` of sysexits.h: a human must change a setting, so restarting does not help. */
const EX_CONFIG = 78;
/**
 * Interval in which further signals count as the same request: 2 s. Ctrl+C and service managers signal npm and this
 * process at once, and npm forwards its signal. A later signal ends the process immediately.
 */
const SAME_REQUEST_MS = 2_000;

const env = readEnvironment();
const parsed = parseSettings(env, nodeFiles);
if (!parsed.ok) {
  process.stderr.write(formatStartupProblems(parsed.problems));
  process.exit(EX_CONFIG);
}
const { settings, warnings } = parsed;
const write = createLineWriter(process.stdout);
const log = createLog({ level: settings.logLevel, write, clock: Date.now, secrets: settings.secrets });

for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (thrown: unknown) => {
    log.error(event, { error: getErrorMessage(thrown), stack: thrown instanceof Error ? thrown.stack : undefined });
    process.exit(1);
  });
}
for (const warning of warnings) log.warn("settings", { warning });

const starting = startProduct().catch((thrown: unknown) => {
  log.error("cannot start", { error: getErrorMessage(thrown) });
  process.exit(1);
});

// A signal during the start stops the product once it has started, so that it leaves no process or port behind.
let signalledAt: number | undefined;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    const now = performance.now();
    if (signalledAt !== undefined) {
      if (now - signalledAt >= SAME_REQUEST_MS) process.exit(1);
      return;
    }
    signalledAt = now;
    void starting.then((product) => product.stop()).then(() => process.exit(0));
  });
}

await starting;
collectGarbageWhenIdle();

async function startProduct(): Promise<{ stop(): Promise<void> }> {
  const { secretsFile } = settings;
  const readOverridingSecrets = () =>
    readEnvironmentSecrets(readSettingsParts(env, nodeFiles).env, secretsFile, nodeFiles);
  const bridgeTokens = createBridgeTokens({
    secretsFile,
    readOverridingSecrets,
    disk: provisionDisk,
    newSecret: generateSecret,
    lock: acquireProvisionLock,
  });
  if (!settings.demo) return watchRuntime(await startRuntime(settings, { write, processMetrics: true, bridgeTokens }));
  const { startDemo } = await import("../demo/start.ts");
  return startDemo(settings);
}

/** Reloads the runtime's settings whenever the secrets file changes. */
function watchRuntime(runtime: Runtime): { stop(): Promise<void> } {
  const stopping = new AbortController();
  void watchSecrets({
    running: runtime,
    wait,
    signal: stopping.signal,
    readSettings: () => parseSettings(env, nodeFiles),
    getFingerprint: () => getFileFingerprint(settings.secretsFile),
  });
  return {
    stop() {
      stopping.abort();
      return runtime.stop();
    },
  };
}

function formatStartupProblems(problems: readonly SettingProblem[]): string {
  const count = problems.length === 1 ? "1 setting needs" : `${problems.length} settings need`;
  return `Groundcrew cannot start: ${count} attention.\n\n${formatSettingProblems(problems)}\nAll settings are explained in .env.example.\n`;
}
