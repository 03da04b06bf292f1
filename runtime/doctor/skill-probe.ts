import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import type { Readable } from "node:stream";
import type { SkillReader } from "../../functions/doctor/openclaw-skill.ts";
import { type OpenclawOutput, SKILL_NAME } from "../../functions/doctor/skill-verdict.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import type { Ms } from "../../shared/time.ts";

type Env = Record<string, string | undefined>;

/** OpenClaw's command loads all of it before it answers: seconds on a small machine. */
const PROGRAM_TIMEOUT_MS: Ms = 20_000;
/** An answer has 2 KB; what is longer is no answer. Bytes, of each of its two outputs. */
const MAX_OUTPUT_BYTES = 256 * 1024;
/** Ours has 3 KB. */
const MAX_SKILL_BYTES = 1024 * 1024;

/** All that it needs to find itself and its settings. Groundcrew's secrets are none of its business. */
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

/** Looks for the skill with the `openclaw` on this environment's PATH, and in its folders. */
export function createSkillProbe(env: Env, { limit = PROGRAM_TIMEOUT_MS }: { limit?: Ms } = {}): SkillReader {
  const home = findOpenClawHome(env);
  async function askOpenClaw(args: readonly string[]): Promise<OpenclawOutput | undefined> {
    const program = findProgram("openclaw", env["PATH"]);
    if (program === undefined) return undefined;
    const started = runProgram(program, args, env, limit);
    return started.catch((thrown: unknown): OpenclawOutput => ({ kind: "not started", why: getErrorMessage(thrown) }));
  }
  return {
    readInfo(agent) {
      // An id that looks like an option would be taken for one.
      const agentArguments = agent === undefined || agent.startsWith("-") ? [] : ["--agent", agent];
      return askOpenClaw(["skills", "info", SKILL_NAME, "--json", ...agentArguments]);
    },
    readMcpStatus: () => askOpenClaw(["mcp", "status", "--json"]),
    readFile: (path = join(home ?? "~/.openclaw", "skills", SKILL_NAME, "SKILL.md")) => ({
      path,
      hasHome: home !== undefined && existsSync(home),
      text: isSkillPath(path) ? readSkillFile(path) : undefined,
    }),
    shippedText: readFileSync(new URL(`../../skills/${SKILL_NAME}/SKILL.md`, import.meta.url), "utf8"),
  };
}

/**
 * Runs it without a shell, in a process group of its own (OpenClaw starts itself anew, and with it what could hang), and
 * not in our folder, whose `.env` OpenClaw would read.
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
      killGroup(child.pid);
      // It may have answered, and left somebody behind who holds its outputs open.
      finish(code === undefined ? { kind: "late", ms: limit } : { kind: "said", code, ...output });
    }, limit);
    child.on("exit", (exitCode) => {
      code = exitCode;
    });
    child.on("close", (exitCode) => finish({ kind: "said", code: exitCode, ...output }));
    child.on("error", (thrown) => finish({ kind: "not started", why: getErrorMessage(thrown) }));
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody of it is left.
  }
}

/** Only absolute folders: what lies in the working directory is nobody's OpenClaw. */
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

/** OpenClaw's state folder. */
function findOpenClawHome(env: Env): string | undefined {
  const home = env["OPENCLAW_HOME"] || env["HOME"];
  const stateFolder = env["OPENCLAW_STATE_DIR"]?.trim();
  if (stateFolder && !stateFolder.startsWith("~")) return stateFolder;
  if (!home) return undefined;
  return stateFolder ? join(home, stateFolder.slice(1)) : join(home, ".openclaw");
}

/** A path may come from OpenClaw's answer: nothing but a skill's file is read for it. */
function isSkillPath(path: string): boolean {
  return isAbsolute(path) && path.endsWith(`/${SKILL_NAME}/SKILL.md`);
}

function readSkillFile(path: string): string | undefined {
  try {
    const found = statSync(path);
    return found.isFile() && found.size <= MAX_SKILL_BYTES ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined;
  }
}
