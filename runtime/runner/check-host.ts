/**
 * What sessions need of a runner's machine: tmux, git, the CLIs with their log-ins, trusted repositories with a base
 * branch, and free space. The findings are logged at the start, and the doctor shows them.
 */

import { spawn } from "node:child_process";
import { existsSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { createReport, type Finding } from "../../functions/doctor/findings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { getTexts } from "../../shared/i18n/texts.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import { BOX_CHECK, type HostCheck } from "../../shared/tickets/exchange.ts";
import { describeCliLimits, getCliKind } from "../../shared/tickets/policy.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { VERSION } from "../../shared/version.ts";
import { describeFailure, findExecutable, runProgram } from "../node/programs.ts";
import { isTrusted, readAnswers } from "./claude/claude-process.ts";
import type { RunnerRepository } from "./policies.ts";
import { describeDestination } from "./publish.ts";
import type { RunnerContext } from "./runner-context.ts";
import { findCliBox } from "./session-commands.ts";
import { pickEnvironment } from "./session-processes.ts";

type Env = Record<string, string | undefined>;

type Version = readonly [major: number, minor: number];

const BOX_TODO = "Install bubblewrap on the runner's machine, and allow user namespaces";

const POLICY_TODO = "Until then no session starts; `groundcrew tickets policy` shows its lines.";

const LOGIN_TODO = "Run it once by hand as the runner's user, and sign in";

const GB = 2 ** 30;

/** Free space below which there is a warning, and below which sessions fail soon: 2 GB and 200 MB. */
const LITTLE_SPACE = 2 * GB;

const NO_SPACE = GB / 5;

/** Options of Claude Code that sessions are started with. */
const CLAUDE_OPTIONS = [
  ...["--session-id", "--resume", "--permission-mode", "--strict-mcp-config", "--mcp-config"],
  ...["--setting-sources", "--settings", "--append-system-prompt"],
];

/** The oldest version of Codex with which sessions are tested. */
const CODEX_VERSION: Version = [0, 169];

/** Timeout for what Codex says of its log-in: 20 s. */
const ACCOUNT_TIMEOUT_MS: Ms = 20 * SECOND;

const accountSchema = z.looseObject({
  id: z.literal(2),
  result: z.looseObject({ account: z.unknown().optional(), requiresOpenaiAuth: z.boolean() }),
});

const loginSchema = z.looseObject({ loggedIn: z.boolean(), authMethod: z.string().default("") });

/** Checks tmux and git, without which no session can be started or found. */
export async function checkPrograms(env: Env): Promise<Finding[]> {
  const options = { env: pickEnvironment(env, "base") };
  const check = async (program: string, option: string, tested: Version) => {
    const { ok, warning, failed } = createReport(program);
    const result = await runProgram(program, [option], options);
    if (result.status !== 0) return failed`cannot be run: ${describeFailure(program, result)} → Install ${program}.`;
    const version = cleanLine(result.stdout, 100);
    return isAtLeast(version, tested)
      ? ok`${version}`
      : warning`${version} is older than ${tested.join(".")}, with which sessions are tested
          → Install a newer ${program}.`;
  };
  return Promise.all([check("tmux", "-V", [3, 3]), check("git", "--version", [2, 38])]);
}

function isAtLeast(text: string, [major, minor]: Version): boolean {
  const [foundMajor = 0, foundMinor = 0] = /(\d+)\.(\d+)/.exec(text)?.slice(1).map(Number) ?? [];
  return foundMajor > major || (foundMajor === major && foundMinor >= minor);
}

/** Checks everything that sessions of a runner need. */
export async function checkHost(context: RunnerContext): Promise<HostCheck[]> {
  const { settings, env } = context;
  const checks = await Promise.all([
    checkPrograms(env),
    ...checkClis(context),
    ...[...settings.repositories].map(([project, repository]) => checkRepository(context, project, repository)),
  ]);
  return [...checks.flat(), checkSpace(settings.folder)].map(({ name, status, detail, todo }) => ({
    ...{ name, status: status === "skipped" ? "warning" : status, detail: cleanLine(detail, 500) },
    ...(todo === undefined ? {} : { todo: cleanLine(todo, 500) }),
  }));
}

async function checkRepository(context: RunnerContext, project: string, repository: RunnerRepository) {
  const { path, policy, problem } = repository;
  return [
    await checkBase(context, project, repository),
    ...(problem === undefined ? [] : [createReport("policy").failed`${problem} → ${POLICY_TODO}`]),
    await checkBox(context, project, policy),
    ...checkTrust(context.env, project, path, policy.cli),
    ...(policy.publish === "none" ? [] : [await checkPublication(context, project, repository)]),
  ];
}

/** Checks each CLI that the repositories name. */
function checkClis(context: RunnerContext): Promise<Finding[]>[] {
  const { settings, env } = context;
  const clis = [
    ...[...settings.repositories.values()].map(({ policy }) => policy.cli),
    ...settings.cliByLabel.values(),
  ];
  return [
    ...(["claude", "codex"] as const).filter((kind) => clis.includes(kind)).map((kind) => checkCli(kind, context)),
    ...clis.flatMap((cli) => (typeof cli === "object" ? [Promise.resolve([checkCommand(cli, env)])] : [])),
  ];
}

function checkCommand(cli: { command: string[] }, env: Env): Finding {
  const { warning, failed } = createReport("command");
  const [name = ""] = cli.command;
  const program = findExecutable(name, env["PATH"]);
  const limits = describeCliLimits(cli, getTexts("en").comments.ticket) ?? "";
  return program === undefined
    ? failed`${name} is not an executable file → Check cli of tickets.repositories.`
    : warning`${program}: ${limits} → Approve only tickets that it may do unasked.`;
}

/** Checks a CLI: that it can be run, that its version is one with which sessions work, and what else it needs. */
async function checkCli(kind: "claude" | "codex", { settings, env }: RunnerContext): Promise<Finding[]> {
  const isClaude = kind === "claude";
  const { ok, warning, failed } = createReport(isClaude ? "Claude Code" : "Codex");
  const bin = isClaude ? settings.claudeBin : settings.codexBin;
  const program = findExecutable(bin, env["PATH"]);
  if (program === undefined)
    return [failed`${bin} is not an executable file → Install it, or set ${kind.toUpperCase()}_BIN to its path.`];
  const picked = pickEnvironment(env, kind);
  const run = (...args: string[]) => runProgram(program, args, { env: picked });
  const [version, help, login] = await Promise.all([
    run("--version"),
    isClaude && run("--help"),
    isClaude && run("auth", "status"),
  ]);
  if (version.status !== 0)
    return [failed`${program} cannot be run: ${describeFailure(kind, version)} → Install it again.`];
  const name = `${cleanLine(version.stdout, 100)} (${program})`;
  const missing = CLAUDE_OPTIONS.filter((option) => help && !help.stdout.includes(option)).join(", ");
  const isOld = !isClaude && !isAtLeast(version.stdout, CODEX_VERSION);
  const problem = isOld
    ? `is older than ${CODEX_VERSION.join(".")}`
    : missing && `lacks options that sessions need: ${missing}`;
  const found = problem ? warning`${name} ${problem} → Install a tested version.` : ok`${name}`;
  if (login) return [found, checkClaudeLogin(login.stdout, env)];
  const limits = createReport("Codex's limits").warning`it reports tokens and no money. Without a box, a command that a
    person allows outside its sandbox could answer the session's next requests → Allow only commands that you know.`;
  return [found, await checkCodexLogin(program, picked), limits];
}

function checkClaudeLogin(status: string, env: Env): Finding {
  const { ok, warning, failed } = createReport("log-in");
  const login = loginSchema.safeParse(tryParseJson(status)).data;
  if (login?.loggedIn === false) return failed`Claude Code is not signed in → ${LOGIN_TODO}.`;
  if (readAnswers(env)?.hasCompletedOnboarding !== true)
    return warning`Claude Code will ask its first questions at the start of a session → ${LOGIN_TODO}.`;
  return login
    ? ok`signed in (${cleanLine(login.authMethod, 40)})`
    : warning`this version does not say whether it is signed in → ${LOGIN_TODO}.`;
}

async function checkCodexLogin(program: string, env: Record<string, string>): Promise<Finding> {
  const { ok, warning, failed } = createReport("Codex log-in");
  const found = await readCodexAccount(program, env);
  if (!found) return warning`this version does not say whether it is signed in → Run \`codex login\` once.`;
  if (!found.requiresOpenaiAuth) return ok`its model provider needs none`;
  return (found.account ?? null) === null
    ? failed`Codex is not signed in → Run \`codex login\` as the runner's user.`
    : ok`signed in`;
}

/** Asks Codex for its account; undefined when it does not answer. */
async function readCodexAccount(program: string, env: Record<string, string>) {
  const server = spawn(program, ["app-server"], { env, stdio: ["pipe", "pipe", "ignore"] });
  const timer = setTimeout(() => server.kill("SIGKILL"), ACCOUNT_TIMEOUT_MS);
  server.on("error", () => undefined);
  server.stdin.on("error", () => undefined);
  const clientInfo = { name: "groundcrew", title: "Groundcrew", version: VERSION };
  const messages = [
    { id: 1, method: "initialize", params: { clientInfo } },
    { method: "initialized" },
    { id: 2, method: "account/read", params: {} },
  ];
  server.stdin.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(""));
  try {
    for await (const line of createInterface({ input: server.stdout })) {
      const answer = accountSchema.safeParse(tryParseJson(line)).data;
      if (answer) return answer.result;
    }
    return undefined;
  } finally {
    clearTimeout(timer);
    server.kill("SIGKILL");
  }
}

/**
 * Says whether a repository is trusted. To Claude Code, worktrees and clones count as their repository; sessions of
 * Codex trust none, so that they leave out what it has for them.
 */
function checkTrust(env: Env, project: string, path: string, cli: RunnerRepository["policy"]["cli"]): Finding[] {
  const { ok, warning } = createReport("trust");
  if (cli === "claude")
    return [
      isTrusted(readAnswers(env), path)
        ? ok`${project}: Claude Code trusts ${path}`
        : warning`${project}: Claude Code will ask at the start of a session whether ${path} is trusted
            → Run \`claude\` there once as the runner's user.`,
    ];
  if (cli !== "codex") return [];
  const folder = join(path, ".codex");
  return [
    existsSync(folder)
      ? warning`${project}: sessions do not read ${folder}, because they trust no repository
          → Put what they need into the config.toml of the runner's user.`
      : ok`${project}: sessions of Codex trust no repository`,
  ];
}

async function checkBase({ worktrees }: RunnerContext, project: string, { path, policy }: RunnerRepository) {
  const { ok, failed } = createReport("repository");
  try {
    const { main } = await worktrees.findBase(path, policy.base);
    return ok`${project}: branches of tickets begin at ${main} of ${path}`;
  } catch (thrown) {
    return failed`${project}: ${path} has no base branch: ${getErrorMessage(thrown)}
      → Check tickets.repositories, and that the repository has a commit.`;
  }
}

/** Checks the remote, and for pull requests that `gh`, `glab` or `tea` is installed and signed in at its server. */
async function checkPublication(context: RunnerContext, project: string, { path, policy }: RunnerRepository) {
  const { ok, failed } = createReport("publish");
  const what = policy.publish === "pull-request" ? "pull requests for" : "branches pushed beside";
  try {
    return ok`${project}: ${what} ${await describeDestination(context, path, policy)}`;
  } catch (thrown) {
    return failed`${project}: ${getErrorMessage(thrown)} → Repair that as the runner's user, or change publish.`;
  }
}

/** Says whether sessions of a repository are boxed; its name and its first word are known to Groundcrew. */
async function checkBox(context: RunnerContext, project: string, { cli, sandbox }: RunnerRepository["policy"]) {
  const { ok, warning, failed } = createReport(BOX_CHECK);
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
