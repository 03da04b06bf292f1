/** What Claude Code needs on a runner's machine: its version and options, its log-in, and trusted repositories. */

import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { createReport, type Finding } from "../../../functions/doctor/findings.ts";
import { cleanLine, tryParseJson } from "../../../shared/text.ts";
import { describeFailure, findExecutable, runProgram } from "../../node/programs.ts";
import type { RunnerSettings } from "../runner-context.ts";
import { readSessionFile } from "../session-folder.ts";
import { pickEnvironment } from "../session-processes.ts";

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

/** Checks the version of Claude Code, the options that sessions need, and that it is signed in. */
export async function checkClaude({ claudeBin }: RunnerSettings, env: Env): Promise<Finding[]> {
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
export function readAnswers(env: Env): z.infer<typeof answersSchema> | undefined {
  const path = join(env["CLAUDE_CONFIG_DIR"] ?? env["HOME"] ?? homedir(), ".claude.json");
  return answersSchema.safeParse(tryParseJson(readSessionFile(path, MAX_ANSWERS_BYTES)?.text ?? "")).data;
}

/** Whether a person has said that a folder is trusted, or a folder above it. */
export function isTrusted(answers: z.infer<typeof answersSchema> | undefined, folder: string): boolean {
  const isAnswered = answers?.projects[folder]?.hasTrustDialogAccepted === true;
  return isAnswered || (dirname(folder) !== folder && isTrusted(answers, dirname(folder)));
}

/** Worktrees and clones count as their repository. */
export function checkTrust(env: Env, project: string, path: string): Finding[] {
  const { ok, warning } = createReport("trust");
  return [
    isTrusted(readAnswers(env), path)
      ? ok`${project}: Claude Code trusts ${path}`
      : warning`${project}: Claude Code will ask at the start of a session whether ${path} is trusted
          → Run \`claude\` there once as the runner's user.`,
  ];
}
