/** What Codex needs on a runner's machine: its version, and a log-in. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { createReport, type Finding } from "../../../functions/doctor/findings.ts";
import { cleanLine, tryParseJson } from "../../../shared/text.ts";
import { type Ms, SECOND } from "../../../shared/time.ts";
import { VERSION } from "../../../shared/version.ts";
import { describeFailure, findExecutable, runProgram } from "../../node/programs.ts";
import { pickEnvironment } from "../session-processes.ts";

type Env = Record<string, string | undefined>;

/** The oldest version with which sessions are tested. */
const TESTED_VERSION = [0, 169] as const;

/** Timeout for what Codex says of its log-in: 20 s. */
const ACCOUNT_TIMEOUT_MS: Ms = 20 * SECOND;

const answerSchema = z.looseObject({
  id: z.literal(2),
  result: z.looseObject({ account: z.unknown().optional(), requiresOpenaiAuth: z.boolean() }),
});

/** Says what of a repository its sessions leave out, because they never trust it. */
export function checkCodexTrust(project: string, path: string): Finding {
  const { ok, warning } = createReport("trust");
  return existsSync(join(path, ".codex"))
    ? warning`${project}: sessions do not read ${join(path, ".codex")}, because they trust no repository
        → Put what they need into the config.toml of the runner's user.`
    : ok`${project}: sessions of Codex trust no repository`;
}

/** Checks the version of Codex, that it is signed in, and what it cannot do. */
export async function checkCodex(codexBin: string, env: Env): Promise<Finding[]> {
  const { ok, warning, failed } = createReport("Codex");
  const program = findExecutable(codexBin, env["PATH"]);
  if (program === undefined)
    return [failed`${codexBin} is not an executable file → Install it, or set CODEX_BIN to its path.`];
  const environment = pickEnvironment(env, "codex");
  const version = await runProgram(program, ["--version"], { env: environment });
  if (version.status !== 0)
    return [failed`${program} cannot be run: ${describeFailure("codex", version)} → Install it again.`];
  const name = `${cleanLine(version.stdout, 100)} (${program})`;
  const [major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(version.stdout)?.slice(1).map(Number) ?? [];
  const [testedMajor, testedMinor] = TESTED_VERSION;
  const isTested = major > testedMajor || (major === testedMajor && minor >= testedMinor);
  const found = isTested
    ? ok`${name}`
    : warning`${name} is older than ${testedMajor}.${testedMinor} → Install a tested version.`;
  const limits = createReport("Codex's limits").warning`it reports tokens and no money. Without a box, a command that a
    person allows outside its sandbox could answer the session's next requests → Allow only commands that you know.`;
  return [found, await checkAccount(program, environment), limits];
}

async function checkAccount(program: string, env: Record<string, string>): Promise<Finding> {
  const { ok, warning, failed } = createReport("Codex log-in");
  const account = await readAccount(program, env);
  if (!account) return warning`this version does not say whether it is signed in → Run \`codex login\` once.`;
  if (!account.requiresOpenaiAuth) return ok`its model provider needs none`;
  if ((account.account ?? null) === null)
    return failed`Codex is not signed in → Run \`codex login\` as the runner's user.`;
  return ok`signed in`;
}

/** Asks Codex for its account; undefined when it does not answer. */
async function readAccount(program: string, env: Record<string, string>) {
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
      const answer = answerSchema.safeParse(tryParseJson(line)).data;
      if (answer) return answer.result;
    }
    return undefined;
  } finally {
    clearTimeout(timer);
    server.kill("SIGKILL");
  }
}
