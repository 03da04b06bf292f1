import { randomUUID } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import { getErrorMessage } from "../../shared/errors.ts";
import type { Log } from "../../shared/log.ts";
import { checkClaude, requirePrograms } from "./check-programs.ts";
import { installCompleteCommand } from "./complete-command.ts";
import { runRunner } from "./create-runner.ts";
import { createExchangeClient } from "./exchange-client.ts";
import { getFolderId } from "./folder-id.ts";
import { createFrameClient } from "./frame-client.ts";
import { createGit } from "./git.ts";
import { createGitStateReader } from "./git-state.ts";
import { installGroundcrewCommand } from "./groundcrew-command.ts";
import { lockFolder } from "./lock-folder.ts";
import { pickEnvironment } from "./passed-environment.ts";
import { createRecordStore } from "./record-store.ts";
import type { RunnerContext } from "./runner-context.ts";
import type { RunnerSettings } from "./runner-settings.ts";
import { createSessionFolders } from "./session-folder.ts";
import { createTmux } from "./tmux.ts";
import { createWorktrees } from "./worktrees.ts";

interface StartOptions {
  env: Record<string, string | undefined>;
  log: Log;
  /** Stops the runner; sessions continue. */
  signal: AbortSignal;
}

/** Runs a ticket runner until the signal. Throws when it cannot work on this machine. */
export async function startRunner(settings: RunnerSettings, { env, log, signal }: StartOptions): Promise<void> {
  await requirePrograms(env);
  const folders = createSessionFolders(settings.folder);
  const unlock = await lockFolder(settings.folder);
  try {
    await installCompleteCommand(env["CLAUDE_CONFIG_DIR"] ?? join(env["HOME"] ?? homedir(), ".claude")).catch(
      (thrown: unknown) => log.warn("the command /complete was not installed", { reason: getErrorMessage(thrown) }),
    );
    installGroundcrewCommand(settings.folder);
    await checkClaude(settings.claudeBin, env, log);
    const baseEnv = pickEnvironment(env, "base");
    const git = createGit(baseEnv);
    const context: RunnerContext = {
      ...{ settings, env, folders, log, clock: Date.now },
      records: createRecordStore(folders),
      tmux: createTmux({ folder: settings.folder, env: baseEnv }),
      worktrees: createWorktrees(settings.folder, git),
      gitStates: createGitStateReader(git),
    };
    const instance = randomUUID();
    log.info("runner started", {
      runner: settings.runner,
      folder: settings.folder,
      groundcrew: settings.groundcrewUrl,
    });
    const clients = { ...createExchangeClient({ ...settings, log }), ...createFrameClient(settings) };
    await runRunner(context, clients, { instance, folderId: getFolderId(settings.folder), signal });
  } finally {
    unlock();
  }
  log.info("runner stopped", {});
}
