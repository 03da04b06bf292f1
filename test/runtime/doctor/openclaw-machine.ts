import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { checkSkill } from "../../../functions/doctor/openclaw-skill.ts";
import { createSkillProbe } from "../../../runtime/doctor/openclaw-probe.ts";
import { runDoctor } from "../../../runtime/doctor/run-doctor.ts";
import { createTestSettings, PLANE_ENV } from "../../support/settings.ts";
import { createTestFolder, writeScripts } from "../../support/test-folder.ts";

const responseSchema = z.object({ output: z.record(z.string(), z.unknown()).optional() });
const recordingsSchema = z.array(z.object({ name: z.string(), version: z.string(), response: responseSchema }));

/** The recorded answer of a real OpenClaw of this version to `skills info plane-bridge --json`. */
export function readRecordedInfo(version: string): Record<string, unknown> {
  return readRecording("skills info, eligible", version);
}

/** The recorded answer of a real OpenClaw, of any version if none is given. */
export function readRecording(name: string, version?: string): Record<string, unknown> {
  const file = new URL("../../fixtures/openclaw-contract/recordings.json", import.meta.url);
  const all = recordingsSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  const found = all.find(
    (recording) => recording.name === name && (version ?? recording.version) === recording.version,
  );
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
  const root = createTestFolder("openclaw");
  const home = join(root, "home");
  mkdirSync(home);
  if (script !== undefined) writeScripts(join(root, "bin"), { openclaw: script });
  const env: Record<string, string> = { PATH: `${join(root, "bin")}:/usr/bin:/bin`, HOME: home };
  const callLog = join(root, "calls");
  return {
    ...{ root, home, env },
    /** File to which scripts append the arguments of each call: `echo "$@" >> "${callLog}"`. */
    callLog,
    readCalls: () => (existsSync(callLog) ? readFileSync(callLog, "utf8").trim().split("\n") : []),
    /** The doctor's findings about the skill. */
    async checkSkill(team: { name: string; agent?: string }[] = [{ name: "Imhotep" }]) {
      const agents = team.map(({ name, ...wake }) => ({
        ...{ name, email: `${name.toLowerCase()}@crew.test`, wake: { kind: "openclaw", ...wake } },
      }));
      const openclaw = { OPENCLAW_URL: "http://127.0.0.1:18789", OPENCLAW_HOOK_TOKEN: "marked-secret-hook-token" };
      const given = { ...PLANE_ENV, ...openclaw, GROUNDCREW_CONFIG: "crew.json" };
      const settings = createTestSettings(given, { "crew.json": JSON.stringify({ agents }) });
      return checkSkill(createSkillProbe({ ...env, ...openclaw }, { limit: 10_000 }), settings);
    },
  };
}

/** A script that prints `answer` as JSON in OpenClaw's formatting. */
export const createAnsweringScript = (answer: unknown, more = "") =>
  `cat <<'EOF'\n${JSON.stringify(answer, null, 2)}\nEOF\n${more}`;

/** Each finding as `status: detail → todo`. */
export const formatFindings = (checks: readonly { status: string; detail: string; todo?: string }[]) =>
  checks.map(({ status, detail, todo }) => `${status}: ${detail}${todo === undefined ? "" : ` → ${todo}`}`).join("\n");

/** Runs the doctor with these arguments. */
export async function runDoctorHere(env: Record<string, string>, ...args: string[]) {
  let [out, err] = ["", ""];
  const exit = await runDoctor(args, { env, out: (part) => (out += part), err: (part) => (err += part) });
  return { exit, out, err };
}

const findingsSchema = z.object({
  ok: z.boolean(),
  checks: z.array(
    z.strictObject({
      name: z.string(),
      status: z.enum(["ok", "warning", "failed"]),
      detail: z.string(),
      todo: z.string().optional(),
    }),
  ),
});

/** Parses what the doctor prints with --json. */
export const parseFindings = (out: string) => findingsSchema.parse(JSON.parse(out)).checks;
