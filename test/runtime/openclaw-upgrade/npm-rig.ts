import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { findFreePort } from "../../support/redis-server.ts";
import { runCli as spawnCli } from "../cli/cli-process.ts";
import { snapshotTree, UPGRADE_TIMEOUT } from "./compose-rig.ts";

export const NPM_FROM = "2026.8.1";
export const NPM_TO = "2026.9.6";
const FIXTURES = "test/runtime/openclaw-upgrade";

const RECORDINGS = JSON.parse(readFileSync("test/fixtures/openclaw-contract/recordings.json", "utf8")) as {
  name: string;
  response: { output: unknown };
}[];

/** A machine with OpenClaw from npm: stand-ins for npm, for OpenClaw and its gateway, and the real tar. */
export async function createNpmRig() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "groundcrew-npm-rig-")));
  const [world, prefix, state, workspace] = ["world", "prefix", "state", "workspace"].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  const bin = join(folder, "bin");
  const put = (name: string, text: string) => writeFileSync(join(world, name), text);
  const read = (name: string) => (existsSync(join(world, name)) ? readFileSync(join(world, name), "utf8") : undefined);
  const env: Record<string, string> = {
    PATH: `${bin}:${dirname(process.execPath)}:${process.env["PATH"]}`,
    HOME: folder,
    OPENCLAW_STAND_IN: world,
    OPENCLAW_HOOK_TOKEN: "marked-secret-hook-token",
  };
  onTestFinished(() => {
    for (const pid of (read("gateways") ?? "").split("\n").filter(Boolean)) {
      if (isGateway(pid, prefix)) process.kill(Number(pid), "SIGKILL");
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const packageFolder = join(prefix, NPM_FROM, "node_modules/openclaw");
  for (const path of [world, bin, state, workspace, packageFolder]) mkdirSync(path, { recursive: true });
  for (const name of ["npm", "tar"]) {
    copyFileSync(join(FIXTURES, "npm-stand-in.sh"), join(bin, name));
    chmodSync(join(bin, name), 0o755);
  }
  copyFileSync(join(FIXTURES, "record-call.sh"), join(bin, "record-call.sh"));
  for (const path of [world, packageFolder])
    copyFileSync(join(FIXTURES, "openclaw-stand-in.mjs"), join(path, "openclaw.mjs"));
  writeFileSync(join(packageFolder, "package.json"), JSON.stringify({ name: "openclaw", version: NPM_FROM }));
  symlinkSync(NPM_FROM, join(prefix, "current"));
  writeFileSync(join(state, "openclaw.json"), "{}");
  writeFileSync(join(state, "memory.txt"), "what the agents know");
  writeFileSync(join(workspace, "result.txt"), "work");
  // The way back keeps what the umask would take.
  chmodSync(join(workspace, "result.txt"), 0o664);
  const port = await findFreePort();
  put("port", String(port));
  put("skill.json", JSON.stringify(RECORDINGS.find(({ name }) => name === "skills info, eligible")?.response.output));
  const settings = {
    ...{ driver: "npm", prefix, state, workspaces: [workspace], agent: "imhotep", records: join(folder, "records") },
    ...{ gateway: `http://127.0.0.1:${port}`, overrides: { libsignal: "npm:libsignal@6.0.0" } },
  };
  writeFileSync(join(folder, "openclaw-upgrade.json"), JSON.stringify(settings));
  return {
    ...{ folder, prefix, env, put, read },
    remove: (name: string) => rmSync(join(world, name), { force: true }),
    countCalls: () => (read("calls") ?? "").split("\n").length - 1,
    /** The command in a process of its own, which the stand-ins can kill. */
    run: (...args: string[]) => spawnCli(["openclaw", ...args], { cwd: folder, env, timeout: UPGRADE_TIMEOUT }),
    readPinned: () => readlinkSync(join(prefix, "current")),
    /** The gateways that run, by the version that started them: one at most, unless something was lost. */
    listGateways: () => (read("gateways") ?? "").split("\n").filter((pid) => pid !== "" && isGateway(pid, prefix)),
    readFormat: () => readFileSync(join(state, "format"), "utf8"),
    /** What an upgrade changes and a rollback restores. */
    snapshot: () => [readlinkSync(join(prefix, "current")), ...snapshotTree(state), ...snapshotTree(workspace)],
  };
}

function isGateway(pid: string, prefix: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(prefix);
  } catch {
    return false;
  }
}
