import { createHash } from "node:crypto";
import { copyFileSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { expect } from "vitest";
import { answerHook } from "../../../simulators/openclaw/answer-hook.ts";
import { type CliResult, runCli, runCliHere } from "../../support/program.ts";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";
import { startServer } from "../../support/test-server.ts";
import { readRecording } from "../doctor/openclaw-machine.ts";

export const HOOK_TOKEN = "marked-secret-hook-token";
export const MODEL_KEY = "marked-secret-model-key";
export const ENV_SECRET = "marked-secret-database-password";

/** A folder with the stand-in programs in `bin`, the files that control them, and the files that they write. */
export function createWorld() {
  const folder = createTestFolder("openclaw");
  const world = join(folder, "world");
  mkdirSync(join(folder, "bin"));
  copyFileSync("test/runtime/openclaw-upgrade/record-call.sh", join(folder, "bin/record-call.sh"));
  const read = (name: string) => (existsSync(join(world, name)) ? readFileSync(join(world, name), "utf8") : undefined);
  const env: Record<string, string> = {
    PATH: `${join(folder, "bin")}:${dirname(process.execPath)}:${process.env["PATH"]}`,
    ...{ HOME: folder, OPENCLAW_HOOK_TOKEN: HOOK_TOKEN },
  };
  return {
    ...{ folder, world, env, read },
    put: (name: string, content: string | object) => writeFiles(world, { [name]: content }),
    remove: (name: string) => rmSync(join(world, name), { force: true }),
    readCalls: () => (read("calls") ?? "").split("\n").filter((line) => line !== ""),
    /** The command in a process of its own, which the stand-ins can kill. */
    spawn: (...args: string[]) => runCli(["openclaw", ...args], { cwd: folder, env }),
  };
}

/** A process of the container as the kernel reports it: user 1000, no capability, a filter. */
export const PROCESS_STATUS = [
  ...["Name:\tnode", "Umask:\t0022", "Pid:\t1", "Uid:\t1000\t1000\t1000\t1000", "Gid:\t1000\t1000\t1000\t1000"],
  ...["CapInh", "CapPrm", "CapEff"].map((name) => `${name}:\t0000000000000000`),
  ...["CapBnd:\t00000000000000c1", "NoNewPrivs:\t1", "Seccomp:\t2", ""],
].join("\n");

export const SERVICE = {
  image: "IMAGE",
  user: "1000:1000",
  cap_drop: ["ALL"],
  cap_add: ["CHOWN", "SETGID", "SETUID"],
  security_opt: ["no-new-privileges:true"],
  networks: { sandbox: null, backend: null, egress: null },
  volumes: [
    { type: "bind", source: "/srv/openclaw/state", target: "/home/node/.openclaw" },
    { type: "volume", source: "workspace", target: "/workspace" },
  ],
};

const ENV_FILE = `# Kept as it is.\nPOSTGRES_PASSWORD=${ENV_SECRET}\nOPENCLAW_IMAGE=ghcr.io/openclaw/openclaw:2026.2.23\nOTHER="a b"\n`;

/**
 * A machine with OpenClaw as a Compose service: a stand-in for docker on the PATH, a container whose root is a folder,
 * and a gateway that answers as the version that runs does.
 */
export async function createComposeRig(change: { settings?: object; service?: object } = {}) {
  const own = createWorld();
  const { folder, world, env, read, put } = own;
  env["DOCKER_STAND_IN"] = world;
  copyFileSync("test/runtime/openclaw-upgrade/docker-stand-in.sh", join(folder, "bin/docker"));
  const envFile = join(folder, "project/.env");
  writeFiles(folder, { "project/.env": ENV_FILE }, 0o640);
  writeFiles(world, {
    "root/home/node/.openclaw/openclaw.json": `{ // JSON5\n channels: {telegram: {dmPolicy: "allowlist", allowFrom: [42]}},\n models: {providers: {x: {apiKey: "${MODEL_KEY}"}}} }`,
    "root/home/node/.openclaw/memory.txt": "what the agents know",
    "root/workspace/imhotep/session/result.txt": "work",
    "config.json": { services: { "openclaw-gateway": { ...SERVICE, ...change.service } } },
    ...{ status: PROCESS_STATUS, find: "", running: "2026.2.23", "tasks.json": { tasks: [] } },
    ...{ "skill.json": readRecording("skills info, eligible"), "mcp.json": readRecording("mcp probe") },
  });
  let wakes = 0;
  const gateway = await startServer(async (request, response) => {
    const version = read("running")?.trim();
    const body = await text(request);
    if (version === undefined || read("gateway-silent") === version) return void request.socket.destroy();
    if (request.headers.authorization !== `Bearer ${HOOK_TOKEN}`)
      return void response.writeHead(401).end("Unauthorized");
    const isNew = !version.startsWith("2026.2.");
    const options = { agents: ["imhotep"], mappings: [], allowed: undefined, sessionKeys: false };
    const hook = request.url?.split("/").at(-1) ?? "";
    const answer = answerHook({ ...options, version: isNew ? "2026.9.6" : "2026.2.26" }, hook, JSON.parse(body));
    if ("reply" in answer) return void response.writeHead(answer.reply[0]).end(JSON.stringify(answer.reply[1]));
    wakes += 1;
    const { message: content } = JSON.parse(body);
    const messages = [
      { role: "user", content },
      { role: "assistant", stopReason: read("wake-ends") ?? "stop" },
    ];
    put(`transcripts/${wakes}.jsonl`, messages.map((message) => `${JSON.stringify({ message })}\n`).join(""));
    const completion = isNew ? { completion: { status: "ok" } } : {};
    response.writeHead(isNew ? 200 : 202).end(JSON.stringify({ ok: true, runId: `r${wakes}`, ...completion }));
  });
  const records = join(folder, "records");
  const settings = { driver: "compose", folder: join(folder, "project"), agent: "imhotep", mcp: ["plane"] };
  writeFiles(folder, { "openclaw-upgrade.json": { ...settings, gateway, records, ...change.settings } });
  return {
    ...{ ...own, envFile, records },
    countWakes: () => wakes,
    readRecord: () => JSON.parse(readFileSync(join(records, "upgrade.json"), "utf8")),
    /** The command, in this process. */
    run: (...args: string[]) => runCliHere(["openclaw", ...args], { cwd: folder, env }),
    /** What an upgrade changes and a rollback restores: the environment file and the container's files. */
    snapshotInstallation() {
      own.remove("root/home/node/.openclaw/opened");
      return [readFileSync(envFile, "utf8"), ...snapshotTree(join(world, "root"))];
    },
    snapshotAll: () => snapshotTree(folder).filter((line) => !line.includes("world/calls ")),
  };
}

/** Checks how a command with --json has ended, and returns its answer. */
export function expectEnd({ exit, out, err }: CliResult, ...expected: [exit: number, state: string]) {
  const answer = JSON.parse(out);
  expect([exit, answer.state], err).toEqual(expected);
  return answer;
}

/** Every path below a folder with type, mode, size and content. */
export function snapshotTree(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const stats = lstatSync(join(folder, name));
      const content = stats.isFile() ? readFileSync(join(folder, name)) : "";
      return `${name} ${stats.mode.toString(8)} ${createHash("sha256").update(content).digest("hex")}`;
    });
}
