import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { checkSkill } from "../../../functions/doctor/openclaw-skill.ts";
import { createSkillProbe } from "../../../runtime/doctor/openclaw-probe.ts";
import { createTestSettings, PLANE_ENV } from "../../support/settings.ts";

const recordingsSchema = z.array(
  z.object({
    name: z.string(),
    version: z.string(),
    response: z.object({ output: z.record(z.string(), z.unknown()).optional() }),
  }),
);

/** The recorded answer of a real OpenClaw of this version to `skills info plane-bridge --json`. */
export function readRecordedInfo(version: string): Record<string, unknown> {
  return readRecording("skills info, eligible", version);
}

function readRecording(name: string, version: string): Record<string, unknown> {
  const file = new URL("../../fixtures/openclaw-contract/recordings.json", import.meta.url);
  const all = recordingsSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  const found = all.find((recording) => recording.name === name && recording.version === version);
  if (!found?.response.output) throw new Error(`no recording of ${name} of ${version}`);
  return found.response.output;
}

/** The recorded answer of a real OpenClaw 2026.9 to `mcp status --json`, with `change` applied to its only entry. */
export function readRecordedMcp(change: Record<string, unknown> = {}): Record<string, unknown> {
  const status = readRecording("mcp status", "2026.9.6");
  const [entry] = z.array(z.record(z.string(), z.unknown())).parse(status["servers"]);
  return { ...status, servers: [{ ...entry, name: "groundcrew", launch: "http://127.0.0.1:8787/mcp", ...change }] };
}

/**
 * A machine with its own home folder and, if `script` is given, a shell script with that body as `openclaw` on its
 * PATH.
 */
export function createOpenClawMachine(script?: string) {
  const root = mkdtempSync(join(tmpdir(), "groundcrew-openclaw-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const home = join(root, "home");
  mkdirSync(home);
  const put = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  };
  if (script !== undefined) chmodSync(put(join(root, "bin/openclaw"), `#!/bin/sh\n${script}\n`), 0o700);
  const env: Record<string, string> = { PATH: `${join(root, "bin")}:/usr/bin:/bin`, HOME: home };
  const skillPath = join(home, ".openclaw/skills/plane-bridge/SKILL.md");
  const callLog = join(root, "calls");
  return {
    root,
    home,
    env,
    put,
    skillPath,
    /** File to which scripts append the arguments of each call: `echo "$@" >> "${callLog}"`. */
    callLog,
    readCalls: () => (existsSync(callLog) ? readFileSync(callLog, "utf8").trim().split("\n") : []),
    /** The doctor's findings about the skill. */
    async checkSkill({
      agents = ["Imhotep"],
      url = "http://127.0.0.1:18789",
      limit = 10_000,
    }: {
      agents?: (string | { name: string; agent: string })[];
      url?: string;
      limit?: number;
    } = {}) {
      const agentList = agents.map((agent) => {
        const { name, wake } =
          typeof agent === "string"
            ? { name: agent, wake: "openclaw" }
            : { name: agent.name, wake: { kind: "openclaw", agent: agent.agent } };
        return { name, email: `${name.toLowerCase()}@crew.test`, wake };
      });
      const config = { "crew.json": JSON.stringify({ agents: agentList }) };
      const openclaw = { OPENCLAW_URL: url, OPENCLAW_HOOK_TOKEN: "marked-secret-hook-token" };
      const settings = createTestSettings({ ...PLANE_ENV, ...openclaw, GROUNDCREW_CONFIG: "crew.json" }, config);
      return checkSkill(createSkillProbe({ ...env, ...openclaw }, { limit }), settings);
    },
  };
}

/** A script that prints `answer` as JSON in OpenClaw's formatting. */
export const createAnsweringScript = (answer: unknown, more = "") =>
  `cat <<'EOF'\n${JSON.stringify(answer, null, 2)}\nEOF\n${more}`;

/** Each finding as `status: detail → todo`. */
export const formatFindings = (checks: readonly { status: string; detail: string; todo?: string }[]) =>
  checks.map(({ status, detail, todo }) => `${status}: ${detail}${todo === undefined ? "" : ` → ${todo}`}`).join("\n");
