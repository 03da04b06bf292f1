/** The command `groundcrew runner`. */

import { z } from "zod";
import { formatSettingProblems } from "../../shared/config/setting-problem.ts";
import { readSettingsParts } from "../../shared/config/settings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { createLog } from "../../shared/log.ts";
import { nodeFiles } from "../node/files.ts";
import { createLineWriter } from "../node/process.ts";
import { parseRunnerSettings } from "../runner/runner-context.ts";
import { startRunner } from "../runner/start-runner.ts";
import { type CliOptions, parseCommandInput } from "./options.ts";
import { CommandError, type CommandHost, EXIT } from "./output.ts";

const RUNNER_HELP = `groundcrew runner

Runs approved tickets of Groundcrew as Claude Code sessions in tmux, each in a git worktree of its own, until it is stopped;
sessions continue without it. Needs tmux, git and Claude Code on this machine.

  GROUNDCREW_URL     Groundcrew's address, for example https://crew.example.com
  RUNNER_TOKEN       the runner's token, as Groundcrew has it; or RUNNER_TOKEN_FILE
  GROUNDCREW_CONFIG  the settings file with tickets.repositories, for example {"tickets": {"repositories": {"ONB": "/srv/repo"}}}
  CLAUDE_BIN         path of Claude Code (default: claude on the PATH)
  CODEX_BIN          path of Codex (default: codex on the PATH)
  RUNNER_NAME        name of this runner (default: the host's name)
  RUNNER_FOLDER      folder of worktrees and session files (default: ~/.local/state/groundcrew-runner)
`;

export const runnerCommand = {
  help: RUNNER_HELP,
  run: ({ rest }: CliOptions, { env }: CommandHost) => runTicketRunner(rest, env),
};

/** Runs the ticket runner until SIGTERM or SIGINT. Throws when its settings or this machine do not allow it. */
async function runTicketRunner(args: readonly string[], env: CommandHost["env"]): Promise<string> {
  parseCommandInput(z.object({}), args, { name: "groundcrew runner" });
  const parts = readSettingsParts(env, nodeFiles);
  if (parts.problems.length > 0) throw new CommandError(EXIT.config, formatSettingProblems(parts.problems));
  const token = parts.secrets.get("RUNNER_TOKEN")?.[0];
  const settings = parseRunnerSettings({ ...env, ...parts.env }, token, parts.file?.tickets);
  if ("problems" in settings) throw new CommandError(EXIT.config, settings.problems.join("\n"));
  const stopping = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stopping.abort());
  const secrets = [...parts.secrets.values()].flat();
  const write = createLineWriter(process.stdout);
  const log = createLog({ level: parts.plain?.LOG_LEVEL ?? "info", write, clock: Date.now, secrets });
  try {
    await startRunner(settings, { env, log, signal: stopping.signal });
    return "";
  } catch (thrown) {
    throw new CommandError(EXIT.failed, getErrorMessage(thrown));
  }
}
