import { manifest } from "../functions/index.ts";
import { toLocalUrl } from "../shared/config/environment.ts";
import { readEnvironmentSecrets } from "../shared/config/secrets.ts";
import { formatSettingProblems, type SettingProblem } from "../shared/config/setting-problem.ts";
import { type ParsedSettings, parseSettings, readSettingsParts, type Settings } from "../shared/config/settings.ts";
import { getErrorMessage } from "../shared/errors.ts";
import { createLog } from "../shared/log.ts";
import { StoreFormatError } from "../shared/store/store-format.ts";
import { wait } from "../shared/time.ts";
import { createBridgeTokens } from "./node/bridge-tokens.ts";
import { generateSecret } from "./node/crypto.ts";
import { createSettingsFingerprint, EX_CONFIG, nodeFiles, readEnvironment } from "./node/files.ts";
import { collectGarbageWhenIdle, createLineWriter, toSourceStack } from "./node/process.ts";
import { acquireProvisionLock, provisionDisk } from "./provision/provision-disk.ts";
import { type Runtime, startRuntime, watchSecrets } from "./start-runtime.ts";

/**
 * Interval in which further signals count as the same request: 2 s. Ctrl+C and service managers signal npm and this
 * process at once, and npm forwards its signal. A later signal ends the process immediately.
 */
const SAME_REQUEST_MS = 2_000;

const env = readEnvironment();
/** Token of the ticket runner in this process; nobody else knows it. */
const localRunnerToken = generateSecret();
const parsed = parseAllSettings();
if (!parsed.ok) {
  process.stderr.write(formatStartupProblems(parsed.problems));
  process.exit(EX_CONFIG);
}
const { settings, warnings } = parsed;
const writeLine = createLineWriter(process.stdout);
const write = (line: string) => writeLine(line.includes('"stack":') ? toSourceStack(line) : line);
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
  process.stderr.write(`Groundcrew cannot start: ${getErrorMessage(thrown)}\n`);
  process.exit(thrown instanceof StoreFormatError ? EX_CONFIG : 1);
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
  if (settings.demo) return (await importDemo()).startDemo(settings);
  const runtime = await startRuntime(settings, { manifest, write, processMetrics: true, bridgeTokens });
  const runner = createLocalRunner(runtime.url);
  await runner.follow(settings);
  const watched = watchRuntime(runtime, runner.follow);
  return {
    async stop() {
      await Promise.all([runner.stop(), watched.stop()]);
    },
  };
}

/** Reads the settings. With tickets and without RUNNER_TOKEN the runner is in this process and has a token of its own. */
function parseAllSettings(): ParsedSettings {
  const result = parseSettings(env, nodeFiles);
  if (!result.ok || !result.settings.tickets || result.settings.runnerTokens.length > 0) return result;
  return { ...result, settings: { ...result.settings, runnerTokens: [localRunnerToken] } };
}

function isRunnerLocal({ runnerTokens }: Settings): boolean {
  return runnerTokens.includes(localRunnerToken);
}

/** The ticket runner in this process, which starts, restarts and stops as the settings say. Sessions go on meanwhile. */
function createLocalRunner(url: string) {
  let running: { stop(): Promise<void> } | undefined;
  let followed: string | undefined;
  let isStopped = false;
  return {
    async follow(current: Settings): Promise<void> {
      const wanted = isRunnerLocal(current) ? JSON.stringify(current.tickets) : undefined;
      if (wanted === followed) return;
      followed = wanted;
      await running?.stop();
      running = undefined;
      if (wanted === undefined) return;
      const { startLocalRunner } = await import("./runner/start-runner.ts");
      if (isStopped) return;
      const localUrl = toLocalUrl({ host: settings.host, port: Number(new URL(url).port) });
      running = startLocalRunner(current, { url: localUrl, token: localRunnerToken, env, log });
    },
    async stop(): Promise<void> {
      isStopped = true;
      await running?.stop();
    },
  };
}

/** Imports the demo; exits where it was left out, as in an installation for production. */
async function importDemo(): Promise<typeof import("../demo/start.ts")> {
  try {
    return await import("../demo/start.ts");
  } catch (thrown) {
    if (!(thrown instanceof Error && "code" in thrown && thrown.code === "ERR_MODULE_NOT_FOUND")) throw thrown;
    process.stderr.write(
      "Groundcrew cannot start: there are no settings, and this installation does not contain the demo.\n" +
        "Set PLANE_URL, PLANE_API_KEY and PLANE_WORKSPACE, or run `npm run provision`, which sets up Plane and stores them.\n",
    );
    process.exit(EX_CONFIG);
  }
}

/** Reloads the runtime's settings, which `follow` receives, whenever the secrets file or the settings file changes. */
function watchRuntime(runtime: Runtime, follow: (settings: Settings) => Promise<void>): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const reload: Runtime["reload"] = async (changed) => {
    await runtime.reload(changed);
    await follow(changed);
  };
  void watchSecrets({
    running: {
      get deps() {
        return runtime.deps;
      },
      reload,
    },
    wait,
    signal: stopping.signal,
    readSettings: parseAllSettings,
    getFingerprint: createSettingsFingerprint(env, settings.secretsFile),
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
