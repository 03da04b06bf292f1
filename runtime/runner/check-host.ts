/**
 * What sessions need of a runner's machine: tmux, git, Claude Code with its log-in, trusted repositories with a base
 * branch, and free space. The findings are logged at the start, and the doctor shows them.
 */

import { statfsSync } from "node:fs";
import { createReport, type Finding } from "../../functions/doctor/findings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { getTexts } from "../../shared/i18n/texts.ts";
import { cleanLine } from "../../shared/text.ts";
import { describeCliLimits, getCliKind } from "../../shared/tickets/cli.ts";
import { BOX_CHECK, type HostCheck } from "../../shared/tickets/exchange.ts";
import { describeFailure, findExecutable, runProgram } from "../node/programs.ts";
import { checkClaude, checkTrust } from "./claude/check-claude.ts";
import { checkCodex, checkCodexTrust } from "./codex/check-codex.ts";
import { describeDestination } from "./publish.ts";
import type { RunnerContext, RunnerSettings } from "./runner-context.ts";
import { findCliBox } from "./session-box.ts";
import { pickEnvironment } from "./session-processes.ts";

type Env = Record<string, string | undefined>;

const BOX_TODO = "Install bubblewrap on the runner's machine, and allow user namespaces";

const POLICY_TODO = "Until then no session starts; `groundcrew tickets policy` shows its lines.";

const GB = 2 ** 30;

/** Free space below which there is a warning, and below which sessions fail soon: 2 GB and 200 MB. */
const LITTLE_SPACE = 2 * GB;

const NO_SPACE = GB / 5;

/** Checks tmux and git, without which no session can be started or found. */
export async function checkPrograms(env: Env): Promise<Finding[]> {
  const options = { env: pickEnvironment(env, "base") };
  const check = async (program: string, option: string, [major, minor]: readonly [number, number]) => {
    const { ok, warning, failed } = createReport(program);
    const result = await runProgram(program, [option], options);
    if (result.status !== 0) return failed`cannot be run: ${describeFailure(program, result)} → Install ${program}.`;
    const version = cleanLine(result.stdout, 100);
    const [found = 0, foundMinor = 0] = /(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [];
    return found > major || (found === major && foundMinor >= minor)
      ? ok`${version}`
      : warning`${version} is older than ${major}.${minor}, with which sessions are tested → Install a newer ${program}.`;
  };
  return Promise.all([check("tmux", "-V", [3, 3]), check("git", "--version", [2, 38])]);
}

/** Checks everything that sessions of a runner need. */
export async function checkHost(context: RunnerContext): Promise<HostCheck[]> {
  const { settings, env } = context;
  const repositories = [...settings.repositories].map(async ([project, { path, cli, publish, policy, problem }]) => [
    await checkRepository(context, project, path, policy.base),
    ...(problem === undefined ? [] : [createReport("policy").failed`${problem} → ${POLICY_TODO}`]),
    await checkBox(context, project),
    ...(cli === "claude" ? checkTrust(env, project, path) : []),
    ...(cli === "codex" ? [checkCodexTrust(project, path)] : []),
    ...(publish === "none"
      ? []
      : [await checkPublication(context, project, path, publish === "pull-request", policy.base)]),
  ]);
  const checks = await Promise.all([checkPrograms(env), ...checkClis(settings, env), ...repositories]);
  return [...checks.flat(), checkSpace(settings.folder)].map(({ name, status, detail, todo }) => ({
    ...{ name, status: status === "skipped" ? "warning" : status, detail: cleanLine(detail, 500) },
    ...(todo === undefined ? {} : { todo: cleanLine(todo, 500) }),
  }));
}

/** Checks each CLI that the repositories name. */
function checkClis(settings: RunnerSettings, env: Env): Promise<Finding[]>[] {
  const clis = [...[...settings.repositories.values()].map(({ cli }) => cli), ...settings.cliByLabel.values()];
  return [
    ...(clis.includes("claude") ? [checkClaude(settings, env)] : []),
    ...(clis.includes("codex") ? [checkCodex(settings.codexBin, env)] : []),
    ...clis.flatMap((cli) => (typeof cli === "object" ? [Promise.resolve([checkCommand(cli, env)])] : [])),
  ];
}

function checkCommand(cli: { command: string[] }, env: Env): Finding {
  const { warning, failed } = createReport("command");
  const [name = ""] = cli.command;
  const program = findExecutable(name, env["PATH"]);
  return program === undefined
    ? failed`${name} is not an executable file → Check cli of tickets.repositories.`
    : warning`${program}: ${describeCliLimits(cli, getTexts("en").comments.ticket) ?? ""} → Approve only tickets that it may do unasked.`;
}

async function checkRepository(
  { worktrees }: Pick<RunnerContext, "worktrees">,
  project: string,
  path: string,
  base: string | undefined,
): Promise<Finding> {
  const { ok, failed } = createReport("repository");
  try {
    return ok`${project}: branches of tickets begin at ${(await worktrees.findBase(path, base)).main} of ${path}`;
  } catch (thrown) {
    return failed`${project}: ${path} has no base branch: ${getErrorMessage(thrown)}
      → Check tickets.repositories, and that the repository has a commit.`;
  }
}

/** Checks the remote, and for pull requests that `gh`, `glab` or `tea` is installed and signed in at its server. */
async function checkPublication(
  context: Pick<RunnerContext, "settings" | "env" | "git">,
  project: string,
  path: string,
  opensRequests: boolean,
  base: string | undefined,
): Promise<Finding> {
  const { ok, failed } = createReport("publish");
  const what = opensRequests ? "pull requests for" : "branches pushed beside";
  try {
    return ok`${project}: ${what} ${await describeDestination(context, path, opensRequests, base)}`;
  } catch (thrown) {
    return failed`${project}: ${getErrorMessage(thrown)} → Repair that as the runner's user, or change publish.`;
  }
}

/** Says whether sessions of a repository are boxed; its name and its first word are known to Groundcrew. */
async function checkBox(context: RunnerContext, project: string) {
  const { ok, warning, failed } = createReport(BOX_CHECK);
  const { cli, sandbox } = context.settings.repositories.get(project) ?? {};
  if (sandbox === "off")
    return warning`${project}: sandbox is off: sessions run without a box, with all rights of the runner's user
      → Set tickets.sandbox to auto or required.`;
  const box = await findCliBox(context, getCliKind(cli));
  if (!("problem" in box)) return ok`${project}: sessions run in ${box.version}`;
  return sandbox === "required"
    ? failed`${project}: no session starts, because sandbox is required and no box works: ${box.problem}
        → ${box.todo ?? BOX_TODO}.`
    : warning`${project}: sessions run without a box: ${box.problem} → ${box.todo ?? BOX_TODO}.`;
}

function checkSpace(folder: string): Finding {
  const { ok, warning, failed } = createReport("free space");
  try {
    const { bavail, bsize } = statfsSync(folder);
    const free = bavail * bsize;
    const text = `${(free / GB).toFixed(1)} GB for worktrees in ${folder}`;
    const todo = "Free some, for example with `groundcrew tickets worktrees` and `remove`.";
    if (free < NO_SPACE) return failed`${text} → ${todo}`;
    return free < LITTLE_SPACE ? warning`${text} → ${todo}` : ok`${text}`;
  } catch (thrown) {
    return failed`unknown: ${getErrorMessage(thrown)} → Check RUNNER_FOLDER.`;
  }
}
