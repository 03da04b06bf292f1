import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { createTelegramSimulator } from "../../../simulators/telegram/telegram-simulator.ts";
import { getBuiltProgram } from "../../support/built-program.ts";
import { createTestFolder } from "../../support/test-folder.ts";
import { createProcessSetup, type ProvisionSetup } from "./provision-setup.ts";

const MARKED_SECRETS = {
  PLANE_ADMIN_PASSWORD: "marked-Secret-1-of-the-admin",
  TELEGRAM_BOT_TOKEN: "1000:marked-secret-two-of-the-bot",
  TELEGRAM_WEBHOOK_SECRET: "marked-secret-three-of-telegram",
  ADMIN_TOKEN: "marked-secret-four-of-the-page",
  AGENT_TOKEN_THOT: "marked-secret-five-of-thot",
};

/**
 * The real command in its own process and an empty folder; `ps` is the process's line in the process list while it
 * runs.
 */
async function createCommandProcess(setup: ProvisionSetup, args: string[], more: Record<string, string> = {}) {
  const cwd = createTestFolder("provision");
  const { GROUNDCREW_CONFIG: name = "", ...env } = setup.env;
  writeFileSync(join(cwd, name), setup.files.get(name)?.text ?? "", { mode: 0o600 });
  const run = async () => {
    const flags = ["--disable-warning=ExperimentalWarning", getBuiltProgram("provision"), ...args];
    const child = spawn(process.execPath, flags, { cwd, env: { ...env, ...more, GROUNDCREW_CONFIG: name } });
    let ps = "";
    setup.plane.faults.beforeRequest(({ path }) => {
      if (!ps && path.includes("/work-items/"))
        ps = execFileSync("ps", ["-ww", "-o", "args", "-p", String(child.pid)], { encoding: "utf8" });
    });
    const [out, err] = await Promise.all([readAll(child.stdout), readAll(child.stderr)]);
    const [exit] = child.exitCode === null ? await once(child, "exit") : [child.exitCode];
    return { exit: Number(exit), out, err, ps };
  };
  return { cwd, run, read: (path: string) => readFileSync(join(cwd, path), "utf8") };
}

const getFileMode = (path: string) => (statSync(path).mode & 0o777).toString(8);

test("reliability 21: provision shows no configured or generated secret in its output or the process list, and its files have mode 0600", async () => {
  const telegram = createTelegramSimulator({ clock: Date.now, token: MARKED_SECRETS.TELEGRAM_BOT_TOKEN, chats: [1] });
  const apiRoot = await telegram.start();
  onTestFinished(() => telegram.stop());
  const setup = await createProcessSetup();
  // A careless proxy that repeats what it received.
  const echoedSecrets = { error: `no: ${MARKED_SECRETS.PLANE_ADMIN_PASSWORD} ${MARKED_SECRETS.ADMIN_TOKEN}` };
  const echo = { kind: "status", status: 400, body: JSON.stringify(echoedSecrets) } as const;
  setup.plane.faults.add({ method: "POST", path: "/labels/" }, echo, 1);
  const env = { ...MARKED_SECRETS, TELEGRAM_API_ROOT: apiRoot, TELEGRAM_CHAT_ID: "1" };
  const command = await createCommandProcess(setup, ["--yes"], env);
  const first = await command.run();
  expect(first.exit).toBe(1);
  expect(first.out).toContain("failed  labels: Plane refused labels_create (400: no: [secret] [secret])");
  const second = await command.run();
  expect(second).toMatchObject({ exit: 0 });

  const notes = JSON.parse(command.read("data/provision-secrets.json"));
  const generated = [
    ...Object.values<string | string[]>(JSON.parse(command.read("data/secrets.json"))).flat(),
    ...Object.values<{ password?: string }>(notes.accounts).flatMap(({ password }) => password ?? []),
    command.read("data/agents/concierge/token").trim(),
  ];
  expect(generated.length).toBeGreaterThan(8);
  expect(Object.keys(notes.accounts)).toHaveLength(4);
  expect(first.ps).toContain("provision.js");
  const outputs = [first.out, first.err, first.ps, second.out, second.err, command.read("data/connection.env")];
  for (const secret of [...Object.values(MARKED_SECRETS), ...generated])
    for (const output of outputs) expect(output).not.toContain(secret);
  expect(command.read("data/provision-secrets.json")).not.toContain(MARKED_SECRETS.PLANE_ADMIN_PASSWORD);

  const openclaw = ["2026.9", "2026.9-list", "2026.2"].map((version) => `data/openclaw/openclaw-${version}.json`);
  const others = ["secrets.json", "provision-secrets.json", "agents/concierge/token", "connection.env"];
  for (const path of [...openclaw, ...others.map((name) => `data/${name}`)])
    expect([path, getFileMode(join(command.cwd, path))]).toEqual([path, "600"]);
  for (const folder of ["data", "data/openclaw"]) expect(getFileMode(join(command.cwd, folder)), folder).toBe("700");
  expect(readdirSync(join(command.cwd, "data")).filter((name) => name.startsWith("."))).toEqual([]);
});
