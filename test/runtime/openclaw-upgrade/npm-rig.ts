import { chmodSync, readFileSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { findFreePort } from "../../support/redis-server.ts";
import { writeFiles } from "../../support/test-folder.ts";
import { createWorld, readRecording, snapshotTree } from "./compose-rig.ts";

export const NPM_FROM = "2026.8.1";
export const NPM_TO = "2026.9.6";
const FIXTURES = "test/runtime/openclaw-upgrade";

/** A machine with OpenClaw from npm: stand-ins for npm, for OpenClaw and its gateway, and the real tar. */
export async function createNpmRig() {
  const own = createWorld();
  const { folder, world, env, read } = own;
  const toPath = (name: string) => join(folder, name);
  const [prefix, state, workspace] = [toPath("prefix"), toPath("state"), toPath("workspace")];
  env["OPENCLAW_STAND_IN"] = world;
  /** The gateways that run, by the version that started them: one at most, unless something was lost. */
  const listGateways = () => (read("gateways") ?? "").split("\n").filter((pid) => pid !== "" && isGateway(pid, prefix));
  onTestFinished(() => {
    for (const pid of listGateways()) process.kill(Number(pid), "SIGKILL");
  });
  for (const name of ["npm", "tar"])
    writeFiles(folder, { [`bin/${name}`]: readFileSync(join(FIXTURES, "npm-stand-in.sh")) }, 0o755);
  const port = await findFreePort();
  const installed = `prefix/${NPM_FROM}/node_modules/openclaw`;
  const standIn = readFileSync(join(FIXTURES, "openclaw-stand-in.mjs"));
  writeFiles(folder, {
    ...{ "world/openclaw.mjs": standIn, [`${installed}/openclaw.mjs`]: standIn },
    [`${installed}/package.json`]: { name: "openclaw", version: NPM_FROM },
    ...{ "state/openclaw.json": "{}", "state/memory.txt": "what the agents know", "workspace/result.txt": "work" },
    ...{ "world/port": String(port), "world/skill.json": readRecording("skills info, eligible") },
  });
  symlinkSync(NPM_FROM, join(prefix, "current"));
  // The way back keeps what the umask would take.
  chmodSync(join(workspace, "result.txt"), 0o664);
  const settings = {
    ...{ driver: "npm", prefix, state, workspaces: [workspace], agent: "imhotep", records: join(folder, "records") },
    ...{ gateway: `http://127.0.0.1:${port}`, overrides: { libsignal: "npm:libsignal@6.0.0" } },
  };
  writeFiles(folder, { "openclaw-upgrade.json": settings });
  return {
    ...{ ...own, prefix, listGateways },
    readPinned: () => readlinkSync(join(prefix, "current")),
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
