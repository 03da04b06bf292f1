import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../support/has-program.ts";
import { parseComposeFile } from "./compose-files.ts";
import { readDockerfile, readImageStart } from "./dockerfile.ts";
import { buildProductionTree, createTreeFolder, startReadOnly } from "./production-tree.ts";
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
});

describe.skipIf(!process.env["FULL"] || !hasProgram("bwrap"))("The production tree", () => {
  test("reliability 34: runs the unit's and the image's command with a read-only root, holds no development parts, and ends on SIGTERM", {
    timeout: 180_000,
  }, async () => {
    const folder = createTreeFolder("tree");
    const tree = buildProductionTree(folder);
    const state = join(folder, "state");
    expect(readdirSync(tree).sort()).toEqual(["LICENSE", "dist", "node_modules", "package-lock.json", "package.json"]);
    // The build has every package that it needs.
    const packages = readdirSync(join(tree, "node_modules")).filter((name) => !name.startsWith("."));
    expect(packages).toEqual([`node-linux-${process.arch}`]);
    expect(existsSync(join(tree, "dist/demo"))).toBe(false);
    const folders = { "/opt/groundcrew": tree, "/var/lib/groundcrew": state };
    const { env, command } = readUnitStart("groundcrew.service", folders);
    const product = await startReadOnly(command, {
      cwd: tree,
      state,
      env: { ...env, SECRETS_FILE: `${state}/s.json` },
    });
    expect(await (await fetch(`${product.url}/health`)).json()).toMatchObject({ status: "healthy" });
    expect(existsSync(join(state, "store/groundcrew.db"))).toBe(true);
    // The timer's unit saves the store while the product has it open.
    const backup = readUnitStart("groundcrew-backup.service", folders);
    const saved = await product.run(backup.command, { ...backup.env, SECRETS_FILE: `${state}/s.json` });
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
  });
});
