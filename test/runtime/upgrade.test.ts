import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { VERSION } from "../../shared/version.ts";
import { findDuplicated, findMissing, readCompletions } from "../reliability/completions.ts";
import {
  NO_TELEGRAM_LIMITS,
  RELIABILITY_ADMIN_TOKEN,
  SIMULATED_CHAT,
  startSimulators,
  toItemKey,
} from "../reliability/simulators.ts";
import { getBuiltProgram } from "../support/built-program.ts";
import { findFreePort } from "../support/redis-server.ts";

/** Copies the build as it is installed, with another number of the version where one is given. */
function installBuild(root: string, version: string): string {
  const folder = join(root, version);
  cpSync(join(getBuiltProgram("start"), ".."), join(folder, "dist"), { recursive: true });
  cpSync("package.json", join(folder, "package.json"));
  const stated = new RegExp(`(["'\`])${VERSION.replaceAll(".", "[.]")}\\1`, "g");
  const files = globSync(join(folder, "dist/**/*.js")).filter((file) => stated.test(readFileSync(file, "utf8")));
  expect(files).not.toEqual([]);
  for (const file of files) writeFileSync(file, readFileSync(file, "utf8").replaceAll(stated, JSON.stringify(version)));
  return folder;
}

test("INFRA-06 A release is replaced by the next one and comes back: both go on with one store, and nothing is lost or sent twice", async () => {
  const root = mkdtempSync(join(tmpdir(), "groundcrew-upgrade-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const project = simulators.addProject();
  const items = simulators.addItems(project, 6);
  simulators.addItems(project, 1, "Left open");
  simulators.takeWebhookBodies();
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const headers = { authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}` };
  const config = { notifications: [{ events: ["completed"] }] };
  writeFileSync(join(root, "config.json"), JSON.stringify(config), { mode: 0o600 });
  const { PATH = "" } = process.env;
  const paths = { STORE_URL: `file:${root}/store`, GROUNDCREW_CONFIG: `${root}/config.json` };
  const env = { PATH, ...simulators.env, ...paths, PORT: String(port) };

  let shown = 0;
  /** Runs one build until it is stopped as Docker stops it; completes two items and repeats the webhook before. */
  async function run(version: string, completed: typeof items, repeated: string | undefined): Promise<string> {
    const folder = installBuild(root, version);
    const program = ["--disable-warning=ExperimentalWarning", "dist/start.js"];
    const child = spawn(process.execPath, program, { cwd: folder, env, stdio: ["ignore", "ignore", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const exited = once(child, "exit");
    const health = async () => {
      const answer = await fetch(`${url}/health`, { headers }).catch(() => undefined);
      return answer?.ok ? ((await answer.json()) as { version: string }) : undefined;
    };
    await expect.poll(async () => (await health())?.version, { timeout: 60_000 }).toBe(version);
    expect((await fetch(`${url}/ticks/poll`, { method: "POST", headers })).status).toBe(200);
    for (const item of completed) simulators.plane.editItem(item, { state: "Done" });
    const bodies = simulators.takeWebhookBodies();
    for (const body of [...bodies, ...(repeated === undefined ? [] : [repeated])]) {
      const sent = { method: "POST", headers: simulators.createDeliveryHeaders(body), body };
      expect((await fetch(`${url}/webhooks/plane`, sent)).status).toBe(200);
    }
    shown += completed.length;
    const countShown = () => readCompletions(simulators.telegram, SIMULATED_CHAT).total;
    await expect.poll(countShown, { timeout: 60_000 }).toBe(shown);
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
    rmSync(folder, { recursive: true });
    return bodies.at(-1) ?? "";
  }

  const first = await run(VERSION, items.slice(0, 2), undefined);
  const second = await run("99.0.0", items.slice(2, 4), first);
  await run(VERSION, items.slice(4), second);
  const completions = readCompletions(simulators.telegram, SIMULATED_CHAT);
  const wanted = items.map((item) => toItemKey(project, item));
  const [lost, doubled] = [findMissing(completions, wanted), findDuplicated(completions)];
  expect({ lost, doubled, total: completions.total }).toEqual({ lost: [], doubled: [], total: items.length });
}, 240_000);
