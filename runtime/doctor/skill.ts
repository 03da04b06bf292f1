import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import type { Readable } from "node:stream";
import type { SkillProbe } from "../../functions/doctor/openclaw-skill.ts";
import { type CliAnswer, SKILL } from "../../functions/doctor/skill-said.ts";
import { messageOf } from "../../shared/errors.ts";
import type { Ms } from "../../shared/store/port.ts";

type Env = Record<string, string | undefined>;

/** OpenClaw's command loads all of it before it answers: seconds on a small machine. */
const LIMIT_MS: Ms = 20_000;
/** An answer has 2 KB; what is longer is no answer. Bytes, of each of its two outputs. */
const LONGEST = 256 * 1024;
/** Ours has 3 KB. */
const LONGEST_FILE = 1024 * 1024;

/** All that it needs to find itself and its settings. Groundcrew's secrets are none of its business. */
const PASSED = [
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
export function createSkillProbe(env: Env, { limit = LIMIT_MS }: { limit?: Ms } = {}): SkillProbe {
  const home = homeOf(env);
  async function ask(args: readonly string[]): Promise<CliAnswer | undefined> {
    const program = onPath("openclaw", env["PATH"]);
    if (program === undefined) return undefined;
    const started = run(program, args, env, limit);
    return started.catch((thrown: unknown): CliAnswer => ({ kind: "not started", why: messageOf(thrown) }));
  }
  return {
    info(agent) {
      // An id that looks like an option would be taken for one.
      const of = agent === undefined || agent.startsWith("-") ? [] : ["--agent", agent];
      return ask(["skills", "info", SKILL, "--json", ...of]);
    },
    mcp: () => ask(["mcp", "status", "--json"]),
    file: (path = join(home ?? "~/.openclaw", "skills", SKILL, "SKILL.md")) => ({
      path,
      home: home !== undefined && existsSync(home),
      text: isSkillPath(path) ? readSkill(path) : undefined,
    }),
    shipped: readFileSync(new URL(`../../skills/${SKILL}/SKILL.md`, import.meta.url), "utf8"),
  };
}

/**
 * Runs it without a shell, in a process group of its own (OpenClaw starts itself anew, and with it what could hang), and
 * not in our folder, whose `.env` OpenClaw would read.
 */
function run(program: string, args: readonly string[], env: Env, limit: Ms): Promise<CliAnswer> {
  return new Promise((resolve) => {
    const passed = PASSED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
    const child = spawn(program, args, {
      cwd: "/",
      detached: true,
      env: { ...Object.fromEntries(passed), NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = { out: "", err: "" };
    let code: number | null | undefined;
    const hear = (stream: Readable, to: keyof typeof said) => {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said[to] = (said[to] + text).slice(0, LONGEST);
      });
    };
    hear(child.stdout, "out");
    hear(child.stderr, "err");
    const end = (answer: CliAnswer) => {
      clearTimeout(timer);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => {
      killGroup(child.pid);
      // It may have answered, and left somebody behind who holds its outputs open.
      end(code === undefined ? { kind: "late", ms: limit } : { kind: "said", code, ...said });
    }, limit);
    child.on("exit", (ended) => {
      code = ended;
    });
    child.on("close", (ended) => end({ kind: "said", code: ended, ...said }));
    child.on("error", (thrown) => end({ kind: "not started", why: messageOf(thrown) }));
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
function onPath(name: string, path = ""): string | undefined {
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
function homeOf(env: Env): string | undefined {
  const home = env["OPENCLAW_HOME"] || env["HOME"];
  const stated = env["OPENCLAW_STATE_DIR"]?.trim();
  if (stated && !stated.startsWith("~")) return stated;
  if (!home) return undefined;
  return stated ? join(home, stated.slice(1)) : join(home, ".openclaw");
}

/** A path may come from OpenClaw's answer: nothing but a skill's file is read for it. */
function isSkillPath(path: string): boolean {
  return isAbsolute(path) && path.endsWith(`/${SKILL}/SKILL.md`);
}

function readSkill(path: string): string | undefined {
  try {
    const found = statSync(path);
    return found.isFile() && found.size <= LONGEST_FILE ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined;
  }
}
