import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { copyComposeFolder, readDotEnv, runSetup, SETUP_FILES, trySetup } from "./compose-files.ts";
import { createStandIns } from "./docker-stand-in.ts";

const ANSWERS = ["OVERLAYS=caddy", "DOMAIN=javisi.test", "ACME_EMAIL=ada@javisi.test"];
const RUN = ["--yes", ...ANSWERS];
const PATH = process.env["PATH"] ?? "";

/** Starts setup, which asks, and waits for its first question. */
async function startAsking(folder: string) {
  const running = spawn(join(folder, "setup"), [], { env: { PATH }, stdio: ["pipe", "pipe", "pipe"] });
  onTestFinished(() => void running.kill("SIGKILL"));
  await once(running.stderr, "data");
  return running;
}

const listWork = (folder: string) => readdirSync(folder).filter((name) => name.startsWith(".env."));

describe("compose/setup, interrupted and run twice", () => {
  test("a second run during the first is refused, so that only one set of secrets is made", async () => {
    const folder = copyComposeFolder();
    const first = await startAsking(folder);
    const second = trySetup(folder, RUN);
    expect(second.stderr).toContain("Another program is changing compose/.env");
    expect(second.status).toBe(75);
    expect(existsSync(join(folder, ".env"))).toBe(false);
    first.stdin.end("caddy\njavisi.test\n\nada@javisi.test\n\n");
    expect(await once(first, "exit")).toEqual([0, null]);
    expect(runSetup(folder, [])).toEqual({ changed: 0, names: [] });
  });

  test("one that is killed at a question leaves no .env; the next run removes what it left, and goes on", async () => {
    const folder = copyComposeFolder();
    const first = await startAsking(folder);
    first.kill("SIGKILL");
    await once(first, "exit");
    expect(listWork(folder).length).toBe(1);
    writeFileSync(join(folder, ".env.backup"), "# mine\n");
    expect(trySetup(folder, RUN).status).toBe(0);
    expect(listWork(folder)).toEqual([".env.backup"]);
    expect(readDotEnv(folder)).toMatchObject({ DOMAIN: "javisi.test" });
  });

  test("one that is killed before it puts the new .env in place leaves the old one, byte for byte", () => {
    const folder = copyComposeFolder();
    const { path } = createStandIns(folder, { mv: "kill -9 $PPID" });
    expect(trySetup(folder, RUN, { env: { PATH: path } }).signal).toBe("SIGKILL");
    expect(existsSync(join(folder, ".env"))).toBe(false);
    runSetup(folder, ANSWERS);
    const text = readFileSync(join(folder, ".env"), "utf8");
    expect(trySetup(folder, ["--yes", "DOMAIN=other.test"], { env: { PATH: path } }).signal).toBe("SIGKILL");
    expect(readFileSync(join(folder, ".env"), "utf8")).toBe(text);
    expect(runSetup(folder, ["DOMAIN=other.test"]).names).toContain("DOMAIN");
    expect(listWork(folder)).toEqual([]);
  });
});

describe("compose/setup beside another installation", () => {
  const PLANE = ["--yes", "DOMAIN=javisi.test", "ACME_EMAIL=ada@javisi.test"];
  /** A docker that has this volume only. */
  const knowVolume = (folder: string, name: string) =>
    createStandIns(folder, { docker: `[ "$*" = "volume inspect ${name}" ]` }).path;

  test("writes the project's name, so that another folder's name or another file of Compose changes no volumes", () => {
    const folder = copyComposeFolder();
    runSetup(folder, ANSWERS);
    expect(readDotEnv(folder)["COMPOSE_PROJECT_NAME"]).toBe("groundcrew");
    // One that Compose has had from the environment until now stays.
    const named = copyComposeFolder();
    runSetup(named, ANSWERS, { COMPOSE_PROJECT_NAME: "crew-3" });
    expect(runSetup(named, [])).toEqual({ changed: 0, names: [] });
    expect(readDotEnv(named)["COMPOSE_PROJECT_NAME"]).toBe("crew-3");
    expect(runSetup(folder, ["COMPOSE_PROJECT_NAME=crew-2"])).toMatchObject({ names: ["COMPOSE_PROJECT_NAME"] });
    expect(runSetup(folder, [])).toEqual({ changed: 0, names: [] });
    expect(trySetup(folder, ["--yes", "COMPOSE_PROJECT_NAME=Crew"]).stderr).toContain("is not a name");
  });

  test("makes no new secrets for data that another installation made, and goes on with the .env of that one", () => {
    const [folder, other] = [copyComposeFolder(), copyComposeFolder()];
    const env = { PATH: knowVolume(folder, "groundcrew_rabbitmq-data") };
    const refused = trySetup(folder, PLANE, { env });
    expect(refused.stderr).toContain("(volume groundcrew_rabbitmq-data)");
    expect(refused.status).toBe(64);
    expect(existsSync(join(folder, ".env"))).toBe(false);
    expect(trySetup(other, [...PLANE, "COMPOSE_PROJECT_NAME=crew-2"], { env }).status).toBe(0);
    copyFileSync(join(other, ".env"), join(folder, ".env"));
    expect(trySetup(folder, ["--yes", "COMPOSE_PROJECT_NAME=groundcrew"], { env })).toMatchObject({ status: 0 });
  });
});

describe.runIf(process.getuid?.() === 0)("compose/setup as root", () => {
  const readOwner = (folder: string) => {
    const { uid, gid, mode } = statSync(join(folder, ".env"));
    return { uid, gid, mode: mode & 0o777 };
  };

  test("under sudo .env belongs to who called sudo, who can then use it without sudo", () => {
    const folder = copyComposeFolder();
    expect(trySetup(folder, RUN, { env: { SUDO_UID: "4711", SUDO_GID: "4712" } }).status).toBe(0);
    expect(readOwner(folder)).toEqual({ uid: 4711, gid: 4712, mode: 0o600 });
    chmodSync(folder, 0o755);
    chownSync(folder, 4711, 4712);
    const again = spawnSync(join(folder, "setup"), ["--yes", "DOMAIN=other.test"], {
      env: { PATH },
      encoding: "utf8",
      uid: 4711,
      gid: 4712,
    });
    expect(again.stderr).toBe("");
    expect(readDotEnv(folder)).toMatchObject({ DOMAIN: "other.test" });
  });

  test("a .env that exists keeps its owner, whoever changes it", () => {
    const folder = copyComposeFolder();
    runSetup(folder, ANSWERS);
    chownSync(join(folder, ".env"), 4711, 4711);
    for (const env of [{}, { SUDO_UID: "4713", SUDO_GID: "4713" }]) {
      const domain = `DOMAIN=${Object.keys(env).length}.javisi.test`;
      expect(trySetup(folder, ["--yes", domain], { env }).status).toBe(0);
      expect(readOwner(folder)).toEqual({ uid: 4711, gid: 4711, mode: 0o600 });
    }
  });

  test("for a user who may not read .env, or not write in the folder, the error says what to do", () => {
    const folder = copyComposeFolder();
    runSetup(folder, ANSWERS);
    chmodSync(folder, 0o755);
    const run = () =>
      spawnSync(join(folder, "setup"), ["--yes"], { env: { PATH }, encoding: "utf8", uid: 4711, gid: 4711 });
    expect(run()).toMatchObject({ status: 64, stderr: expect.stringContaining("compose/ cannot be written by") });
    chownSync(folder, 4711, 4711);
    expect(run()).toMatchObject({ status: 64, stderr: expect.stringContaining("belongs to the user root") });
    expect(readdirSync(folder).sort()).toEqual([".env", ...SETUP_FILES]);
  });
});
