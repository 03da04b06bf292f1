/**
 * What doctor finds of OpenClaw on this machine: its configuration, its installed skill, and the versions that
 * Groundcrew was tested with.
 */

import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { z } from "zod";
import type { OpenclawConfigFiles } from "../../functions/doctor/openclaw-access.ts";
import {
  findAnswer,
  type OpenclawOutput,
  SKILL_NAME,
  type SkillReader,
  toOpenclawOutput,
} from "../../functions/doctor/openclaw-skill.ts";
import type { KnownVersions } from "../../functions/doctor/run-checks.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import type { Ms } from "../../shared/time.ts";
import { getProductFile } from "../node/files.ts";
import { runOpenclawCommand } from "../node/programs.ts";

/** Answer of the gateway's method `sessions.list`. */
const sessionsSchema = z.object({ sessions: z.array(z.object({ key: z.string() })).min(1) });

type Env = Record<string, string | undefined>;

/** Timeout for one OpenClaw command: 20 s. It loads all of OpenClaw first, which takes seconds on a small machine. */
const PROGRAM_TIMEOUT_MS: Ms = 20_000;

/** Limit of a file of OpenClaw in bytes: 1 MB, where settings for ten agents have 7 KB and the shipped skill 3 KB. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Reads the skill with the `openclaw` command on the PATH of `env`, and from OpenClaw's folders. */
export function createSkillProbe(env: Env, { limit = PROGRAM_TIMEOUT_MS }: { limit?: Ms } = {}): SkillReader {
  const home = findOpenClawHome(env);
  async function runOpenClaw(args: readonly string[]): Promise<OpenclawOutput | undefined> {
    try {
      const result = await runOpenclawCommand(env, args, limit);
      return result && toOpenclawOutput(result);
    } catch (thrown) {
      return { failure: getErrorMessage(thrown) };
    }
  }
  return {
    readInfo(agent) {
      // OpenClaw would parse an id that begins with a dash as an option.
      const agentArguments = agent === undefined || agent.startsWith("-") ? [] : ["--agent", agent];
      return runOpenClaw(["skills", "info", SKILL_NAME, "--json", ...agentArguments]);
    },
    async readTools(agent) {
      const call = (method: string, params: object) =>
        runOpenClaw(["gateway", "call", method, "--json", "--params", JSON.stringify(params)]);
      // The gateway tells the tools of a session only, and each wake has one of its own.
      const sessions = await call("sessions.list", { agentId: agent, limit: 1 });
      if (!sessions || "failure" in sessions) return sessions;
      const key = findAnswer(sessionsSchema, sessions.out);
      return key && call("tools.effective", { sessionKey: key.sessions[0]?.key });
    },
    readVersion: () => runOpenClaw(["--version"]),
    readMcpStatus: () => runOpenClaw(["mcp", "status", "--json"]),
    readFile: (path = join(home ?? "~/.openclaw", "skills", SKILL_NAME, "SKILL.md")) => ({
      path,
      hasHome: home !== undefined && existsSync(home),
      // The path may come from OpenClaw's answer, so it must be a file of this skill.
      text:
        isAbsolute(path) && path.endsWith(`/${SKILL_NAME}/SKILL.md`)
          ? readIfPossible(() => readOpenclawFile(path))
          : undefined,
    }),
    shippedText: readFileSync(getProductFile(`skills/${SKILL_NAME}/SKILL.md`), "utf8"),
  };
}

/** The state folder of OpenClaw, found by the same rules as OpenClaw's own. */
function findOpenClawHome(env: Env): string | undefined {
  const home = env["OPENCLAW_HOME"] || env["HOME"];
  const stateFolder = env["OPENCLAW_STATE_DIR"]?.trim();
  if (stateFolder && !stateFolder.startsWith("~")) return stateFolder;
  if (!home) return undefined;
  return stateFolder ? join(home, stateFolder.slice(1)) : join(home, ".openclaw");
}

/** Returns what `read` does; undefined where the system refuses it or a text has another form. */
export function readIfPossible<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/**
 * OpenClaw's settings on this machine: the file that OPENCLAW_CONFIG names, else the one that OpenClaw itself would
 * read. Undefined when OpenClaw's folder is unknown.
 */
export function findOpenclawConfig(env: Record<string, string | undefined>): OpenclawConfigFiles | undefined {
  const configured = env["OPENCLAW_CONFIG"]?.trim();
  const home = findOpenClawHome(env);
  const path = configured || env["OPENCLAW_CONFIG_PATH"]?.trim() || (home && join(home, "openclaw.json"));
  if (!path) return undefined;
  return {
    path,
    isConfigured: Boolean(configured),
    read: readOpenclawFile,
    resolve: (from, included) => resolve(dirname(from), included),
  };
}

/** Reads a file of OpenClaw; undefined when it does not exist. Throws for another kind of file and for a larger one. */
function readOpenclawFile(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return undefined;
  if (!stats.isFile() || stats.size > MAX_FILE_BYTES) throw new Error("it is not a file of at most 1 MB");
  return readFileSync(path, "utf8");
}

/** Reads `compose/versions.env` of this installation. A tree without it knows no versions, and nothing is said of them. */
export function readKnownVersions(path: URL | string = getProductFile("compose/versions.env")): KnownVersions {
  const values = readIfPossible(() => parseEnv(readFileSync(path, "utf8"))) ?? {};
  const readList = (name: string) => {
    const list = (values[name] ?? "").split(",").flatMap((version) => version.trim() || []);
    return list.length > 0 ? list : undefined;
  };
  return { plane: readList("PLANE_KNOWN_VERSIONS"), openclaw: readList("OPENCLAW_KNOWN_VERSIONS") };
}
