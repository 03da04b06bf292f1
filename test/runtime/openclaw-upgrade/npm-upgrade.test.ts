import { chmodSync, readFileSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { findFreePort } from "../../support/redis-server.ts";
import { writeFiles } from "../../support/test-folder.ts";
import { readRecording } from "../doctor/openclaw-machine.ts";
import { createWorld, expectEnd, snapshotTree } from "./compose-rig.ts";

const NPM_FROM = "2026.8.1";
const NPM_TO = "2026.9.6";
const FIXTURES = "test/runtime/openclaw-upgrade";

/** A machine with OpenClaw from npm: stand-ins for npm, for OpenClaw and its gateway, and the real tar. */
async function createNpmRig() {
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

const FULL = process.env["FULL"] !== undefined;
/** Limit of a test with two whole upgrades, in milliseconds: many of them run at once on a busy machine. */
const KILL_TEST_LIMIT = 180_000;
const UPGRADE = ["upgrade", "--from", NPM_FROM, "--to", NPM_TO, "--json"];

/** Calls of npm, tar and OpenClaw in a whole upgrade; the first test checks the number. */
const CALLS = 23;
const ALL_KILLS = Array.from({ length: CALLS }, (_, i) => [`kill-before ${i + 1}`, `kill-after ${i + 1}`]).flat();

async function startRig() {
  const rig = await createNpmRig();
  const started = await rig.spawn("start");
  expect(started.exit, started.out + started.err).toBe(0);
  rig.put("calls", "");
  return { rig, before: rig.snapshot() };
}

async function killUpgrade(kill: string) {
  const { rig, before } = await startRig();
  const [file = "", call = ""] = kill.split(" ");
  rig.put(file, call);
  const killed = await rig.spawn(...UPGRADE);
  expect([rig.read(file), killed.out]).toEqual([undefined, ""]);
  return { rig, before };
}

describe("groundcrew openclaw upgrade with npm", () => {
  test("UPG: an upgrade installs, backs up, starts and tests the new version, and rollback brings the old one back", async () => {
    const { rig, before } = await startRig();
    rig.env["NODE_EXTRA_CA_CERTS"] = "/etc/ssl/certs/ca-certificates.crt";
    rig.env["DATABASE_URL"] = "postgres://ada:marked-secret@db/x";
    expectEnd(await rig.spawn(...UPGRADE), 0, "completed");
    expect(rig.readCalls().length).toBe(CALLS);
    expect([rig.readPinned(), rig.readFormat(), rig.listGateways().length]).toEqual([NPM_TO, NPM_TO, 1]);
    const installed = JSON.parse(readFileSync(join(rig.prefix, NPM_TO, "package.json"), "utf8"));
    expect(installed).toEqual({
      ...{ private: true, dependencies: { openclaw: NPM_TO }, overrides: { libsignal: "npm:libsignal@6.0.0" } },
    });
    // npm gets the certificates of a company's own authority, and no secret.
    expect(rig.read("npm-environment")).toContain("NODE_EXTRA_CA_CERTS=/etc/ssl");
    expect(rig.read("npm-environment")).not.toContain("marked-secret");
    expectEnd(await rig.spawn("rollback", "--json"), 0, "rolled_back");
    expect([rig.snapshot(), rig.listGateways().length]).toEqual([before, 1]);
  });

  test("UPG: an install that npm refuses ends the upgrade with npm's reason before anything is changed", async () => {
    const { rig, before } = await startRig();
    // What npm 11 prints with --json.
    const detail = `git --no-replace-objects ls-remote ssh://git@github.com/x/y.git\nfatal: Could not read from remote repository. 401 https://ada:hunter22@npm.test/ _authToken=abcdef npm_${"a1".repeat(18)} Bearer abcdef123\n\nPlease make sure you have the correct access rights`;
    rig.put("install-fails", { error: { code: 128, summary: "An unknown git error occurred", detail } });
    const { steps } = expectEnd(await rig.spawn(...UPGRADE), 1, "refused");
    const { problem } = steps.at(-1);
    expect(problem).toContain("401 https://ada:[secret]@npm.test/ _authToken=[secret] npm_[secret] Bearer [secret]");
    // No general advice.
    expect(problem).not.toContain("Please make sure");
    expect(problem).toMatch(
      /A package comes from Git.*"overrides".*ssh:\/\/git@github\.com\/x\/y\.git fatal: Could not/,
    );
    expect([rig.snapshot(), rig.listGateways().length]).toEqual([before, 1]);
  });

  describe.skipIf(!FULL).each(ALL_KILLS)("after %s", { timeout: KILL_TEST_LIMIT }, (kill) => {
    test("UPG: the same command continues npm's upgrade", async () => {
      const { rig } = await killUpgrade(kill);
      expectEnd(await rig.spawn(...UPGRADE), 0, "completed");
      expect([rig.readPinned(), rig.readFormat(), rig.listGateways().length]).toEqual([NPM_TO, NPM_TO, 1]);
    });

    test("UPG: rollback restores what was there before npm's upgrade", async () => {
      const { rig, before } = await killUpgrade(kill);
      const result = await rig.spawn("rollback", "--json");
      expect(result.exit, result.out + result.err).toBe(0);
      expect([rig.snapshot(), rig.listGateways().length]).toEqual([before, 1]);
    });
  });
});
