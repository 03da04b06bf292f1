import { join } from "node:path";
import { expect, test } from "vitest";
import { openStore } from "../../runtime/stores/open-store.ts";
import { findFaults, NO_FAULTS } from "../reliability/completions.ts";
import { IS_FULL_RUN } from "../reliability/random-source.ts";
import { RELIABILITY_ADMIN_TOKEN, toItemKey } from "../reliability/simulators.ts";
import { createBackupMachine } from "../runtime/backup/backup-machine.ts";
import { openObjectHost } from "./hosts.ts";
import { type PortableTeam, startPortableTeam } from "./portable-team.ts";

const LIMIT_MS = 120_000;

/** Completes a task and waits until that, and nothing but the tasks before it, is reported. */
async function complete({ plane, telegram, ...team }: PortableTeam, index: number) {
  if (team.items[index]) plane.editItem(team.items[index], { state: "Done" });
  for (const body of team.takeWebhookBodies()) await team.sendWebhook(body);
  const keys = team.items.slice(0, index + 1).map((item) => toItemKey(team.project, item));
  await team.waitFor(() => expect(findFaults(telegram, keys)).toEqual(NO_FAULTS));
  await team.waitUntilIdle();
}

test.runIf(IS_FULL_RUN)(
  "a store moves from Workers to a file and back, with its history, and nothing old is said",
  async () => {
    const team = await startPortableTeam(openObjectHost, { tasks: 3, shared: 0 });
    await team.runTick("poll");
    await complete(team, 0);
    const machine = createBackupMachine({ ADMIN_TOKEN: RELIABILITY_ADMIN_TOKEN });
    const worker = ["--store", team.host.url];
    const saved = await machine.runHere(["backup", "--json", ...worker]);
    expect(saved, saved.err).toMatchObject({ exit: 0 });
    const { name } = JSON.parse(saved.out);

    // To a server: the same command as for any backup.
    const moved = await machine.runHere(["restore", name, "--yes"]);
    expect(moved, moved.err).toMatchObject({ exit: 0 });
    const store = await openStore(`file:${join(machine.folder, "data")}`, { prefix: "groundcrew" });
    expect(await store.count("projects")).toBe(0);
    expect(Math.min(await store.count("messages"), await store.count("decisions"))).toBeGreaterThan(0);
    await store.close();

    // Back again, over what the Worker has stored meanwhile.
    await complete(team, 1);
    const readStore = async () => (await team.request("/api/store")).text();
    const before = await readStore();
    const body = before.slice(0, before.trimEnd().lastIndexOf("\n") + 1);
    const headers = { "content-type": "application/json" };
    const refused = await team.request("/api/store", { method: "PUT", headers, body });
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining("before they are complete")]);
    expect(await readStore()).toContain("ONB-2");
    const restored = await machine.runHere(["restore", name, "--yes", "--without", "secrets", ...worker]);
    expect(restored, restored.err).toMatchObject({ exit: 0 });
    await team.waitFor(async () => expect(await readStore()).not.toContain("ONB-2"));
    expect(await readStore()).toContain("ONB-1");
    await team.runTick("poll");
    await complete(team, 2);
  },
  LIMIT_MS,
);

test("a Worker's store is refused without ADMIN_TOKEN, and its address must begin with https", async () => {
  const machine = createBackupMachine();
  const { exit, err } = await machine.runHere(["backup", "--store", "http://crew.example.com"]);
  expect([exit, err]).toEqual([2, expect.stringContaining("must begin with https:")]);
  machine.write("data/secrets.json", "{}");
  const refused = await machine.runHere(["backup", "--store", "https://127.0.0.1:1"]);
  expect([refused.exit, refused.err]).toEqual([78, expect.stringContaining("ADMIN_TOKEN")]);
});
