/**
 * What sessions need of a runner's machine: tmux, git, Claude Code with its log-in, trusted repositories with a base
 * branch, and free space. The findings are logged at the start, and the doctor shows them.
 */

import { statfsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { createReport, type Finding } from "../../functions/doctor/findings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import type { HostCheck } from "../../shared/tickets/exchange.ts";
import { describeFailure, findExecutable, runProgram } from "../node/programs.ts";
import { pickEnvironment } from "./claude-process.ts";
import type { RunnerContext, RunnerSettings } from "./runner-context.ts";
import { readSessionFile } from "./session-folder.ts";

type Env = Record<string, string | undefined>;

/** Options of Claude Code that sessions are started with. */
const NEEDED_OPTIONS = [
  ...["--session-id", "--resume", "--permission-mode", "--strict-mcp-config", "--mcp-config"],
  ...["--setting-sources", "--settings", "--append-system-prompt"],
];

const LOGIN_TODO = "Run it once by hand as the runner's user, and sign in";

/** Limit of Claude Code's own file of answers in bytes: 16 MB; it has an entry for each project. */
const MAX_ANSWERS_BYTES = 16 * 2 ** 20;

const answersSchema = z.looseObject({
  hasCompletedOnboarding: z.boolean().optional(),
  projects: z.record(z.string(), z.looseObject({ hasTrustDialogAccepted: z.boolean().optional() })).default({}),
});

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
export async function checkHost(context: Pick<RunnerContext, "settings" | "env" | "worktrees">): Promise<HostCheck[]> {
  const { settings, env } = context;
  const repositories = [...settings.repositories].map(async ([project, { path }]) => [
    await checkRepository(context, project, path),
    ...checkTrust(env, project, path),
  ]);
  const checks = await Promise.all([checkPrograms(env), checkClaude(settings, env), ...repositories]);
  return [...checks.flat(), checkSpace(settings.folder)].map(({ name, status, detail, todo }) => ({
    ...{ name, status: status === "skipped" ? "warning" : status, detail: cleanLine(detail, 500) },
    ...(todo === undefined ? {} : { todo: cleanLine(todo, 500) }),
  }));
}

/** Checks the version of Claude Code, the options that sessions need, and that it is signed in. */
async function checkClaude({ claudeBin }: RunnerSettings, env: Env): Promise<Finding[]> {
  const { ok, warning, failed } = createReport("Claude Code");
  const program = findExecutable(claudeBin, env["PATH"]);
  if (program === undefined)
    return [failed`${claudeBin} is not an executable file → Install it, or set CLAUDE_BIN to its path.`];
  const options = { env: pickEnvironment(env, "claude") };
  const run = (...args: string[]) => runProgram(program, args, options);
  const [version, help, login] = await Promise.all([run("--version"), run("--help"), run("auth", "status")]);
  if (version.status !== 0)
    return [failed`${program} cannot be run: ${describeFailure("claude", version)} → Install it again.`];
  const name = `${cleanLine(version.stdout, 100)} (${program})`;
  const missing = NEEDED_OPTIONS.filter((option) => !help.stdout.includes(option));
  const found =
    missing.length === 0
      ? ok`${name}`
      : warning`${name} lacks options that sessions need: ${missing.join(", ")} → Install a tested version.`;
  return [found, checkLogin(login.stdout, env)];
}

function checkLogin(status: string, env: Env): Finding {
  const { ok, warning, failed } = createReport("log-in");
  const schema = z.looseObject({ loggedIn: z.boolean(), authMethod: z.string().default("") });
  const login = schema.safeParse(tryParseJson(status)).data;
  if (login?.loggedIn === false) return failed`Claude Code is not signed in → ${LOGIN_TODO}.`;
  if (readAnswers(env)?.hasCompletedOnboarding !== true)
    return warning`Claude Code will ask its first questions at the start of a session → ${LOGIN_TODO}.`;
  return login
    ? ok`signed in (${cleanLine(login.authMethod, 40)})`
    : warning`this version does not say whether it is signed in → ${LOGIN_TODO}.`;
}

/** What people have answered to Claude Code on this machine. */
function readAnswers(env: Env): z.infer<typeof answersSchema> | undefined {
  const path = join(env["CLAUDE_CONFIG_DIR"] ?? env["HOME"] ?? homedir(), ".claude.json");
  return answersSchema.safeParse(tryParseJson(readSessionFile(path, MAX_ANSWERS_BYTES)?.text ?? "")).data;
}

/** A folder is trusted with a folder above it; worktrees count as their repository. */
function checkTrust(env: Env, project: string, path: string): Finding[] {
  const { ok, warning } = createReport("trust");
  const projects = readAnswers(env)?.projects ?? {};
  const isTrusted = (folder: string): boolean =>
    projects[folder]?.hasTrustDialogAccepted === true || (dirname(folder) !== folder && isTrusted(dirname(folder)));
  return [
    isTrusted(path)
      ? ok`${project}: Claude Code trusts ${path}`
      : warning`${project}: Claude Code will ask at the start of a session whether ${path} is trusted
          → Run \`claude\` there once as the runner's user.`,
  ];
}

async function checkRepository(
  { worktrees }: Pick<RunnerContext, "worktrees">,
  project: string,
  path: string,
): Promise<Finding> {
  const { ok, failed } = createReport("repository");
  try {
    return ok`${project}: branches of tickets begin at ${await worktrees.findBase(path)} of ${path}`;
  } catch (thrown) {
    return failed`${project}: ${path} has no base branch: ${getErrorMessage(thrown)}
      → Check tickets.repositories, and that the repository has a commit.`;
  }
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
