import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { createProductRig } from "./product-rig.ts";

vi.setConfig({ testTimeout: 300_000 });

test("a session goes on while the store is moved away and after a restart with an empty one, until its ticket is approved again", async () => {
  const rig = await createProductRig({ isApart: true });
  const { key, item } = await rig.addTicket(["run echo started >> $HOME/started.txt", "permission true"]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  await rig.waitFor(async () => (await rig.readSession(key))?.questions).toMatchObject([{ kind: "permission" }]);
  const readPanes = () => rig.host.tmux("list-panes", "-a", "-F", "#{session_name} #{pane_pid} #{pane_dead}");
  const before = readPanes();
  expect(before).toMatch(/^claude-ONB-\d+ \d+ 0\n$/);

  renameSync(join(rig.host.folder, "data"), join(rig.host.folder, "moved"));
  await rig.waitFor(() => rig.output.join("")).toContain('"message":"exchange failed"');
  expect(readPanes()).toBe(before);

  await rig.stop("groundcrew", "SIGKILL");
  expect(existsSync(join(rig.host.folder, "data"))).toBe(false);
  rig.start("groundcrew");
  const listRunners = async () => (await rig.call("/api/sessions")).runners.map(({ name }: { name: string }) => name);
  await rig.waitFor(listRunners).toEqual(["test-host"]);
  await rig.waitFor(() => rig.output.join("")).toContain("Groundcrew answers again");
  await rig.waitFor(() => rig.output.join("")).toMatch(/does not know this session|"session ended"/);
  expect(rig.output.join("")).not.toContain('"session ended"');
  await rig.call("/ticks/poll", "POST");
  expect(readPanes()).toBe(before);

  // Only a person's new approval replaces it.
  rig.simulators.plane.editItem(item, { state: "In Progress" });
  const listPending = async () => {
    await rig.call("/ticks/poll", "POST");
    return (await rig.call("/api/pending-tickets")).tickets.map(({ id }: { id: string }) => id);
  };
  await rig.waitFor(listPending).toContain(key);
  expect(readPanes()).toBe(before);
  await rig.call(`/api/approve/${key}`, "POST", {});
  await rig.waitFor(() => rig.host.readHome("started.txt")).toBe("started\nstarted\n");
  expect(readPanes()).not.toBe(before);
  expect(readPanes()).toMatch(/^claude-ONB-\d+ \d+ 0\n$/);
});
