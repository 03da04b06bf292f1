/**
 * Starts a runner, in the product's process or by its command: its programs and its folder are checked, and its parts
 * are put together.
 */

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import type { Settings } from "../../shared/config/settings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import type { Log } from "../../shared/log.ts";
import { lockFolder, writePrivateFile } from "../node/files.ts";
import { createBoxFinder } from "./box.ts";
import { checkPrograms } from "./check-host.ts";
import { createClaudeDriver } from "./claude/claude-driver.ts";
import { installCompleteCommand } from "./claude/claude-process.ts";
import { createClones } from "./clones.ts";
import { createCodexDriver } from "./codex/codex-driver.ts";
import { commandDriver } from "./driver.ts";
import { createExchangeClient } from "./exchange-client.ts";
import { createGit } from "./git.ts";
import { createPolicies } from "./policies.ts";
import { runRunner } from "./reconcile.ts";
import { parseRunnerSettings, type RunnerContext, type RunnerSettings } from "./runner-context.ts";
import { createRecordStore, readSessionFile } from "./session-folder.ts";
import { installGroundcrewCommand, pickEnvironment } from "./session-processes.ts";
import { createTmux } from "./tmux.ts";
import { createWorktrees } from "./worktrees.ts";

type Env = Record<string, string | undefined>;

const ID_BYTES = 36;

/** Runs a ticket runner until the signal; sessions continue. Throws when it cannot work on this machine. */
export async function startRunner(
  settings: RunnerSettings,
  { env, log, signal }: { env: Env; log: Log; signal: AbortSignal },
): Promise<void> {
  const missing = (await checkPrograms(env)).filter(({ status }) => status === "failed");
  if (missing.length > 0) throw new Error(missing.map(({ name, detail }) => `${name} ${detail}`).join("; "));
  const { runner, folder, prefix, groundcrewUrl: groundcrew } = settings;
  const records = createRecordStore(folder);
  const unlock = await lockFolder(folder);
  try {
    try {
      installCompleteCommand(env);
    } catch (thrown) {
      log.warn("the command /complete was not installed", { reason: getErrorMessage(thrown) });
    }
    installGroundcrewCommand(folder);
    const baseEnv = pickEnvironment(env, "base");
    const git = createGit(baseEnv, folder, pickEnvironment(env, "publish"));
    const findBox = createBoxFinder(env["PATH"], Date.now);
    const clones = createClones(folder, git, findBox);
    const worktrees = createWorktrees(folder, git, clones);
    const policies = createPolicies(settings.tickets, git, worktrees);
    await policies.readAll();
    const client = createExchangeClient(settings, log);
    const context: RunnerContext = {
      ...{ env, log, records, clock: Date.now, policies, git, worktrees, findBox },
      settings: { ...settings, repositories: policies.repositories },
      tmux: createTmux(folder, prefix, baseEnv),
      drivers: { claude: createClaudeDriver(), codex: createCodexDriver(client, log), command: commandDriver },
    };
    log.info("runner started", { runner, folder, groundcrew });
    const process = { instance: randomUUID(), folderId: getFolderId(folder), signal };
    await runRunner(context, client, process);
  } finally {
    unlock();
  }
  log.info("runner stopped", {});
}

/**
 * The id of a runner's folder, which is created with it and says that a restarted runner is the same one: two hosts may
 * have the same name by mistake.
 */
function getFolderId(folder: string): string {
  const path = join(folder, "runner-id");
  const stored = z.uuid().safeParse(readSessionFile(path, ID_BYTES)?.text);
  if (stored.success) return stored.data;
  const id = randomUUID();
  writePrivateFile(path, id);
  return id;
}

/**
 * Starts a ticket runner in the process of the product, for one machine without containers. Where that is not possible,
 * for example without tmux, the log says why and tickets wait for another runner. `url`: the address at which this
 * machine reaches the product.
 */
export function startLocalRunner(
  { tickets }: Settings,
  { url, token, env, log }: { url: string; token: string; env: Env; log: Log },
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const run = async () => {
    const parsed = parseRunnerSettings({ ...env, GROUNDCREW_URL: url }, token, tickets);
    if ("problems" in parsed) throw new Error(parsed.problems.join(" "));
    await startRunner(parsed, { env, log, signal: stopping.signal });
  };
  const done = run().catch((thrown: unknown) =>
    log.error("no ticket runner in this process", { reason: getErrorMessage(thrown) }),
  );
  return {
    stop() {
      stopping.abort();
      return done;
    },
  };
}
