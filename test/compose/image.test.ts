import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { hasProgram } from "../support/has-program.ts";
import { startProgram } from "../support/program.ts";
import { findFreePort } from "../support/redis-server.ts";
import { createTestFolder } from "../support/test-folder.ts";
import { RUNTIME_ENV } from "../support/test-runtime.ts";
import { parseComposeFile } from "./compose-files.ts";
import { readDockerfile, readImageStart } from "./dockerfile.ts";
import { readUnitStart } from "./systemd-unit.ts";

/** Starts a command line with only these variables and a read-only root, in which the state folder alone is writable. */
async function startReadOnly(
  command: readonly string[],
  { cwd, env, state }: { cwd: string; env: Record<string, string>; state: string },
) {
  const port = await findFreePort();
  const binds = ["--ro-bind", "/", "/", "--dev", "/dev", "--tmpfs", "/run", "--bind", state, state];
  const wrap = ["bwrap", ...binds, "--die-with-parent", "--chdir", cwd];
  const own = { ...RUNTIME_ENV, PORT: String(port) };
  const { child, ended, readAll } = startProgram([...wrap, ...command], { env: { ...own, ...env, PORT: own.PORT } });
  await expect.poll(readAll, { timeout: 15_000, interval: 50 }).toContain('"message":"listening"');
  return {
    url: `http://127.0.0.1:${port}`,
    readOutput: readAll,
    /** Runs another command in the same way, next to it. */
    run: (other: readonly string[], otherEnv: Record<string, string>) =>
      startProgram([...wrap, ...other], { env: { ...own, ...otherEnv } }).ended,
    /** Sends SIGTERM to the command's own process; resolves with its exit code. */
    stop: async () => {
      // bwrap passes no signals on, so its only child gets it.
      const pid = execFileSync("ps", ["-o", "pid=", "--ppid", String(child.pid)], { encoding: "utf8" }).trim();
      process.kill(Number(pid), "SIGTERM");
      return (await ended).exit;
    },
  };
}

/** Creates a folder for a tree, of 250 MB in thousands of files, and in it one for the product's state. */
function createTreeFolder(name: string): string {
  const folder = createTestFolder(name, (end) => onTestFinished(end, 60_000));
  mkdirSync(join(folder, "state"), { mode: 0o700 });
  return folder;
}

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
});

test.skipIf(!process.env["FULL"] || !hasProgram("bwrap"))(
  "reliability 34: the production tree runs the unit's and the image's command with a read-only root, holds no development parts, and ends on SIGTERM",
  {
    timeout: 180_000,
  },
  async () => {
    const folder = createTreeFolder("tree");
    const [tree, state] = [join(folder, "tree"), join(folder, "state")];
    // Packages that npm has in its cache, as after `npm ci`, are not downloaded again.
    const npm = { ...process.env, npm_config_prefer_offline: "true" };
    execFileSync("sh", ["compose/build-tree", tree], { env: npm, stdio: ["ignore", "ignore", "pipe"] });
    expect(readdirSync(tree).sort()).toEqual(["LICENSE", "dist", "node_modules", "package-lock.json", "package.json"]);
    // The build has every package that it needs.
    const packages = readdirSync(join(tree, "node_modules")).filter((name) => !name.startsWith("."));
    expect(packages).toEqual([`node-linux-${process.arch}`]);
    expect(existsSync(join(tree, "dist/demo"))).toBe(false);
    const folders = { "/opt/groundcrew": tree, "/var/lib/groundcrew": state };
    const SECRETS_FILE = `${state}/s.json`;
    const unit = readUnitStart("groundcrew.service", folders);
    const product = await startReadOnly(unit.command, { cwd: tree, state, env: { ...unit.env, SECRETS_FILE } });
    expect(await (await fetch(`${product.url}/health`)).json()).toMatchObject({ status: "healthy" });
    expect(existsSync(join(state, "store/groundcrew.db"))).toBe(true);
    // The timer's unit saves the store while the product has it open.
    const backup = readUnitStart("groundcrew-backup.service", folders);
    const saved = await product.run(backup.command, { ...backup.env, SECRETS_FILE });
    expect(saved).toMatchObject({ exit: 0, out: expect.stringContaining("Backup ") });
    const [name = ""] = readdirSync(join(state, "backups")).filter((entry) => !entry.startsWith("."));
    expect(existsSync(join(state, "backups", name, "store/groundcrew.db"))).toBe(true);
    expect(await product.stop()).toBe(0);
    expect(product.readOutput()).not.toMatch(/EROFS|EACCES/);

    const { command: imageCommand, env: imageEnv } = readImageStart();
    const imageState = join(createTreeFolder("image"), "state");
    const ownEnv = Object.entries(imageEnv).map(([key, value]) => [key, value.replace("/data", imageState)]);
    const words = [join(tree, "node_modules/.bin/node"), ...imageCommand.slice(1)];
    const image = await startReadOnly(words, { cwd: tree, state: imageState, env: Object.fromEntries(ownEnv) });
    expect((await fetch(`${image.url}/health`)).status).toBe(200);
    expect(await image.stop()).toBe(0);
    expect(image.readOutput()).not.toMatch(/EROFS|EACCES/);
  },
);
