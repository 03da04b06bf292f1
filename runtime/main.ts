import type { Problem } from "../shared/config/problem.ts";
import { givenSecrets } from "../shared/config/secrets.ts";
import { parseSettings, readParts } from "../shared/config.ts";
import { messageOf } from "../shared/errors.ts";
import { createLog } from "../shared/log.ts";
import { createBridgeTokens } from "./node/bridge-tokens.ts";
import { files, fingerprintOf, readEnvironment } from "./node/files.ts";
import { collectWhenIdle } from "./node/idle.ts";
import { lineWriter } from "./node/lines.ts";
import { newSecret } from "./node/secret.ts";
import { type Runtime, startRuntime } from "./node.ts";
import { disk } from "./provision/disk.ts";
import { takeLock } from "./provision/lock.ts";
import { watchSecrets } from "./reload.ts";
import { wait } from "./wait.ts";

/** `EX_CONFIG` of sysexits.h: a human must change a setting, so starting again does not help. */
const EX_CONFIG = 78;

const env = readEnvironment();
const parsed = parseSettings(env, files);
if (!parsed.ok) {
  process.stderr.write(explain(parsed.problems));
  process.exit(EX_CONFIG);
}
const { settings, warnings } = parsed;
const write = lineWriter(process.stdout);
const log = createLog({ level: settings.logLevel, write, clock: Date.now, secrets: settings.secrets });

for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (thrown: unknown) => {
    log.error(event, { error: messageOf(thrown), stack: thrown instanceof Error ? thrown.stack : undefined });
    process.exit(1);
  });
}
for (const warning of warnings) log.warn("settings", { warning });

const running = await start().catch((thrown: unknown) => {
  log.error("cannot start", { error: messageOf(thrown) });
  process.exit(1);
});

collectWhenIdle();

let signalled = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    if (signalled) process.exit(1);
    signalled = true;
    void running.stop().then(() => process.exit(0));
  });
}

async function start(): Promise<{ stop(): Promise<void> }> {
  const { secretsFile } = settings;
  const given = () => givenSecrets(readParts(env, files).env, secretsFile, files);
  const bridgeTokens = createBridgeTokens({ secretsFile, given, disk, newSecret, lock: takeLock });
  if (!settings.demo) return watched(await startRuntime(settings, { write, ofProcess: true, bridgeTokens }));
  const { startDemo } = await import("../demo/start.ts");
  return startDemo(settings);
}

/** A runtime that takes over what the secrets file says while it runs. */
function watched(runtime: Runtime): { stop(): Promise<void> } {
  const stopping = new AbortController();
  void watchSecrets({
    ...{ running: runtime, wait, signal: stopping.signal },
    read: () => parseSettings(env, files),
    fingerprint: () => fingerprintOf(settings.secretsFile),
  });
  return {
    stop() {
      stopping.abort();
      return runtime.stop();
    },
  };
}

function explain(problems: readonly Problem[]): string {
  const told = problems.map(({ name, given, wanted }) => `  ${name}\n    given:  ${given}\n    wanted: ${wanted}\n`);
  const count = problems.length === 1 ? "1 setting needs" : `${problems.length} settings need`;
  return `Groundcrew cannot start: ${count} attention.\n\n${told.join("\n")}\nEach is explained in .env.example.\n`;
}
