import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { VERSION } from "../../shared/version.ts";
import { findDuplicated, findMissing, readCompletions } from "../reliability/completions.ts";
import {
  NO_TELEGRAM_LIMITS,
  RELIABILITY_ADMIN_TOKEN,
  SIMULATED_CHAT,
  startSimulators,
  toItemKey,
} from "../reliability/simulators.ts";
import { installBuild, startProgram } from "../support/program.ts";
import { findFreePort } from "../support/redis-server.ts";
import { createTestFolder, writeFiles } from "../support/test-folder.ts";

/** Installs the build as that of another version. */
function installVersion(version: string): string {
  const folder = installBuild();
  const stated = new RegExp(`(["'\`])${VERSION.replaceAll(".", "[.]")}\\1`, "g");
  const files = globSync(join(folder, "dist/**/*.js")).filter((file) => stated.test(readFileSync(file, "utf8")));
  expect(files).not.toEqual([]);
  for (const file of files) writeFileSync(file, readFileSync(file, "utf8").replaceAll(stated, JSON.stringify(version)));
  return folder;
}

test("INFRA-06 A release is replaced by the next one and comes back: both go on with one store, and nothing is lost or sent twice", async () => {
  const root = createTestFolder("upgrade");
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const project = simulators.addProject();
  const items = simulators.addItems(project, 6);
  simulators.addItems(project, 1, "Left open");
  simulators.takeWebhookBodies();
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const headers = { authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}` };
  writeFiles(root, { "config.json": { notifications: [{ events: ["completed"] }] } });
  const paths = { STORE_URL: `file:${root}/store`, GROUNDCREW_CONFIG: `${root}/config.json` };
  const env = { ...simulators.env, ...paths, PORT: String(port) };

  let shown = 0;
  /** Runs one build until it is stopped as Docker stops it; completes two items and repeats the webhook before. */
  async function run(version: string, completed: typeof items, repeated: string | undefined): Promise<string> {
    const cwd = installVersion(version);
    const program = [process.execPath, "--disable-warning=ExperimentalWarning", "dist/start.js"];
    const { signal, ended } = startProgram(program, { cwd, env });
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
    signal("SIGTERM");
    expect(await ended).toMatchObject({ exit: 0, err: "" });
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
