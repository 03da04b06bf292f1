import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import type { Readable } from "node:stream";
import type { SkillReader } from "../../functions/doctor/openclaw-skill.ts";
import { type OpenclawOutput, SKILL_NAME } from "../../functions/doctor/skill-verdict.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import type { Ms } from "../../shared/time.ts";
import { killProcessGroup } from "../node/kill-process-group.ts";

type Env = Record<string, string | undefined>;

/** Timeout for one OpenClaw command: 20 s. It loads all of OpenClaw first, which takes seconds on a small machine. */
const PROGRAM_TIMEOUT_MS: Ms = 20_000;
/** Limit of each output stream in bytes: 256 KB, where a normal answer has 2 KB. */
const MAX_OUTPUT_BYTES = 256 * 1024;
/** Limit of a skill's file in bytes: 1 MB, where the shipped one has 3 KB. */
const MAX_SKILL_BYTES = 1024 * 1024;

/**
 * The variables that OpenClaw needs to find itself and its settings. It receives no others, so no secret of Groundcrew.
 */
const PASSED_VARIABLES = [
  "PATH",
  "HOME",
  "LANG",
  "LC_ALL",
  "TMPDIR",
  "OPENCLAW_HOME",
  "OPENCLAW_STATE_DIR",
  "OPENCLAW_CONFIG_PATH",
];

/** Reads the skill with the `openclaw` command on the PATH of `env`, and from OpenClaw's folders. */
export function createSkillProbe(env: Env, { limit = PROGRAM_TIMEOUT_MS }: { limit?: Ms } = {}): SkillReader {
  const home = findOpenClawHome(env);
  async function runOpenClaw(args: readonly string[]): Promise<OpenclawOutput | undefined> {
    const program = findProgram("openclaw", env["PATH"]);
    if (program === undefined) return undefined;
    return runProgram(program, args, env, limit).catch(
      (thrown: unknown): OpenclawOutput => ({ kind: "not started", why: getErrorMessage(thrown) }),
    );
  }
  return {
    readInfo(agent) {
      // OpenClaw would parse an id that begins with a dash as an option.
      const agentArguments = agent === undefined || agent.startsWith("-") ? [] : ["--agent", agent];
      return runOpenClaw(["skills", "info", SKILL_NAME, "--json", ...agentArguments]);
    },
    readVersion: () => runOpenClaw(["--version"]),
    readMcpStatus: () => runOpenClaw(["mcp", "status", "--json"]),
    readFile: (path = join(home ?? "~/.openclaw", "skills", SKILL_NAME, "SKILL.md")) => ({
      path,
      hasHome: home !== undefined && existsSync(home),
      text: isSkillPath(path) ? readSkillFile(path) : undefined,
    }),
    shippedText: readFileSync(new URL(`../../skills/${SKILL_NAME}/SKILL.md`, import.meta.url), "utf8"),
  };
}

/**
 * Runs a program without a shell. It gets its own process group, because OpenClaw starts child processes that could
 * hang and must be ended with it, and another working directory, because OpenClaw would read the `.env` in ours.
 */
function runProgram(program: string, args: readonly string[], env: Env, limit: Ms): Promise<OpenclawOutput> {
  return new Promise((resolve) => {
    const passedVariables = PASSED_VARIABLES.flatMap((name) =>
      env[name] === undefined ? [] : [[name, env[name]] as const],
    );
    const child = spawn(program, args, {
      cwd: "/",
      detached: true,
      env: { ...Object.fromEntries(passedVariables), NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = { out: "", err: "" };
    let code: number | null | undefined;
    const collectOutput = (stream: Readable, to: keyof typeof output) => {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output[to] = (output[to] + text).slice(0, MAX_OUTPUT_BYTES);
      });
    };
    collectOutput(child.stdout, "out");
    collectOutput(child.stderr, "err");
    const finish = (answer: OpenclawOutput) => {
      clearTimeout(timer);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => {
      killProcessGroup(child.pid);
      // The program may have exited and left a child process that keeps its output streams open.
      finish(code === undefined ? { kind: "timeout", ms: limit } : { kind: "exited", code, ...output });
    }, limit);
    child.on("exit", (exitCode) => {
      code = exitCode;
    });
    child.on("close", (exitCode) => finish({ kind: "exited", code: exitCode, ...output }));
    child.on("error", (thrown) => finish({ kind: "not started", why: getErrorMessage(thrown) }));
  });
}

/** Searches only absolute folders, so that a program in the working directory is never run. */
function findProgram(name: string, path = ""): string | undefined {
  const folders = path.split(delimiter).filter((folder) => isAbsolute(folder));
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The state folder of OpenClaw, found by the same rules as OpenClaw's own. */
export function findOpenClawHome(env: Env): string | undefined {
  const home = env["OPENCLAW_HOME"] || env["HOME"];
  const stateFolder = env["OPENCLAW_STATE_DIR"]?.trim();
  if (stateFolder && !stateFolder.startsWith("~")) return stateFolder;
  if (!home) return undefined;
  return stateFolder ? join(home, stateFolder.slice(1)) : join(home, ".openclaw");
}

/** The path may come from OpenClaw's answer, so it must be a file of this skill. */
function isSkillPath(path: string): boolean {
  return isAbsolute(path) && path.endsWith(`/${SKILL_NAME}/SKILL.md`);
}

function readSkillFile(path: string): string | undefined {
  try {
    const stats = statSync(path);
    return stats.isFile() && stats.size <= MAX_SKILL_BYTES ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined;
  }
}
