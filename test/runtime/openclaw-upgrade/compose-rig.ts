import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { runCli } from "../../../runtime/cli/run-cli.ts";
import { closeLocalServer, listenLocally } from "../../../simulators/local-server.ts";
import { answerHook } from "../../../simulators/openclaw/answer-hook.ts";
import { type CliResult, runCli as spawnCli } from "../cli/cli-process.ts";

export const HOOK_TOKEN = "marked-secret-hook-token";
export const MODEL_KEY = "marked-secret-model-key";
export const ENV_SECRET = "marked-secret-database-password";

const RECORDINGS = JSON.parse(readFileSync("test/fixtures/openclaw-contract/recordings.json", "utf8")) as {
  name: string;
  response: { output: unknown };
}[];
const getRecording = (name: string) => RECORDINGS.find((one) => one.name === name)?.response.output;

/** A process of the container as the kernel reports it: user 1000, no capability, a filter. */
export const PROCESS_STATUS = [
  "Name:\tnode",
  "Umask:\t0022",
  "Pid:\t1",
  "Uid:\t1000\t1000\t1000\t1000",
  "Gid:\t1000\t1000\t1000\t1000",
  "CapInh:\t0000000000000000",
  "CapPrm:\t0000000000000000",
  "CapEff:\t0000000000000000",
  "CapBnd:\t00000000000000c1",
  "NoNewPrivs:\t1",
  "Seccomp:\t2",
  "",
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

/** A whole upgrade calls 40 programs, which takes long where many tests run at once. */
export const UPGRADE_TIMEOUT = 100_000;

/**
 * A machine with OpenClaw as a Compose service: a stand-in for docker on the PATH, a container whose root is a folder,
 * and a gateway that answers as the version that runs does.
 */
export async function createComposeRig(change: { settings?: object; service?: object } = {}) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "groundcrew-openclaw-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const world = join(folder, "world");
  const state = join(world, "root/home/node/.openclaw");
  for (const path of [
    state,
    join(world, "root/workspace/imhotep/session"),
    join(world, "transcripts"),
    join(folder, "bin"),
    join(folder, "project"),
  ])
    mkdirSync(path, { recursive: true });
  copyFileSync("test/runtime/openclaw-upgrade/docker-stand-in.sh", join(folder, "bin/docker"));
  copyFileSync("test/runtime/openclaw-upgrade/record-call.sh", join(folder, "bin/record-call.sh"));
  const put = (name: string, content: string | object) =>
    writeFileSync(join(world, name), typeof content === "string" ? content : JSON.stringify(content, undefined, 2));
  const remove = (name: string) => rmSync(join(world, name), { force: true });
  const read = (name: string) => (existsSync(join(world, name)) ? readFileSync(join(world, name), "utf8") : undefined);
  const envFile = join(folder, "project/.env");
  writeFileSync(envFile, ENV_FILE);
  chmodSync(envFile, 0o640);
  writeFileSync(
    join(state, "openclaw.json"),
    `{ // JSON5\n channels: {telegram: {dmPolicy: "allowlist", allowFrom: [42]}},\n models: {providers: {x: {apiKey: "${MODEL_KEY}"}}} }`,
  );
  writeFileSync(join(state, "memory.txt"), "what the agents know");
  writeFileSync(join(world, "root/workspace/imhotep/session/result.txt"), "work");
  put("config.json", { services: { "openclaw-gateway": { ...SERVICE, ...change.service } } });
  put("status", PROCESS_STATUS);
  put("find", "");
  put("running", "2026.2.23");
  put("skill.json", getRecording("skills info, eligible") as object);
  put("mcp.json", getRecording("mcp probe") as object);
  put("tasks.json", { tasks: [] });
  let wakes = 0;
  const server = createServer(async (request, response) => {
    const version = read("running")?.trim();
    const body = await text(request);
    if (version === undefined || read("gateway-silent") === version) return void request.socket.destroy();
    if (request.headers.authorization !== `Bearer ${HOOK_TOKEN}`)
      return void response.writeHead(401).end("Unauthorized");
    const isNew = !version.startsWith("2026.2.");
    const gateway = { agents: ["imhotep"], mappings: [], allowed: undefined, sessionKeys: false };
    const answer = answerHook(
      { ...gateway, version: isNew ? "2026.9.6" : "2026.2.26" },
      request.url?.split("/").at(-1) ?? "",
      JSON.parse(body),
    );
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
  const gateway = `http://127.0.0.1:${await listenLocally(server, 0)}`;
  onTestFinished(() => closeLocalServer(server));
  const records = join(folder, "records");
  const settings = {
    driver: "compose",
    folder: join(folder, "project"),
    agent: "imhotep",
    mcp: ["plane"],
    gateway,
    records,
  };
  writeFileSync(join(folder, "openclaw-upgrade.json"), JSON.stringify({ ...settings, ...change.settings }));
  const env = {
    PATH: `${join(folder, "bin")}:${process.env["PATH"]}`,
    HOME: folder,
    DOCKER_STAND_IN: world,
    OPENCLAW_HOOK_TOKEN: HOOK_TOKEN,
  };
  return {
    ...{ folder, world, envFile, records, env, put, remove, read },
    countWakes: () => wakes,
    readCalls: () => (read("calls") ?? "").split("\n").filter((line) => line !== ""),
    readRecord: () => JSON.parse(readFileSync(join(records, "upgrade.json"), "utf8")),
    /** The command, in this process. */
    async run(...args: string[]): Promise<CliResult> {
      const result = { exit: -1, out: "", err: "" };
      result.exit = await runCli(["openclaw", ...args], {
        ...{ env, cwd: folder, stdin: Readable.from([]) },
        out: (line) => {
          result.out += line;
        },
        err: (line) => {
          result.err += line;
        },
      });
      return result;
    },
    /** The command in a process of its own, which the stand-in for docker can kill. */
    spawn: (...args: string[]): Promise<CliResult> =>
      spawnCli(["openclaw", ...args], { cwd: folder, env, timeout: UPGRADE_TIMEOUT }),
    /** What an upgrade changes and a rollback restores: the environment file and the container's files. */
    snapshotInstallation: () => [readFileSync(envFile, "utf8"), ...snapshotTree(join(world, "root"))],
    snapshotAll: () => snapshotTree(folder).filter((line) => !line.includes("world/calls ")),
  };
}

/** Every path below a folder with type, mode, size and content. */
export function snapshotTree(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const stats = lstatSync(join(folder, name));
      const hash = stats.isFile()
        ? createHash("sha256")
            .update(readFileSync(join(folder, name)))
            .digest("hex")
        : "";
      return `${name} ${stats.mode.toString(8)} ${hash}`;
    });
}
