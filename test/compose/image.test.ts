import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { parseEnv } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseComposeFile } from "./compose-files.ts";
import { readDockerfile } from "./dockerfile.ts";

const image = readDockerfile();
const { scripts, version } = JSON.parse(readFileSync("package.json", "utf8"));
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

  test("carries this version of Groundcrew as its label", () => {
    expect(versions["GROUNDCREW_VERSION"]).toBe(version);
    const [, argument] = image.filter(({ name }) => name === "ARG");
    expect(argument?.value).toBe(`GROUNDCREW_VERSION=${version}`);
    expect(image.find(({ name }) => name === "LABEL")?.value).toMatch(
      /org\.opencontainers\.image\.version="\$\{GROUNDCREW_VERSION\}"/,
    );
  });

  test("contains production packages only, and no Node of npm's", () => {
    expect(image.find(({ name }) => name === "RUN")?.value).toBe("compose/build-tree /app --omit=optional");
    const copies = image.filter(({ name }) => name === "COPY").map(({ value }) => value);
    expect(copies.slice(1)).toEqual(["--from=build /app /app", "compose/health-check /usr/local/bin/health-check"]);
  });

  test("sends the builder nothing but what the build reads", () => {
    const lines = readFileSync("compose/Dockerfile.dockerignore", "utf8").split("\n");
    const [first, ...included] = lines.filter((line) => line !== "" && !line.startsWith("#"));
    expect(first).toBe("*");
    // What runs is bundled from these folders; a missing one fails the build, which the test of the production tree runs.
    const sources = ["functions", "shared", "runtime", "demo", "simulators", "skills", "compose/versions.env"];
    const packages = ["package.json", "package-lock.json", "LICENSE"];
    expect(included.sort()).toEqual(
      [...sources, ...packages, "compose/build-tree", "compose/health-check"].map((path) => `!${path}`).sort(),
    );
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
  test("succeeds when /health answers 200", async () => {
    const { port, paths } = await listen(200);
    expect(await checkHealth(port)).toBe(0);
    expect(paths).toEqual(["/health localhost"]);
  });

  test("fails when /health answers 503", async () => {
    const { port } = await listen(503);
    expect(await checkHealth(port)).toBe(1);
  });

  test("fails when nothing listens", async () => {
    const { server, port } = await listen(200);
    server.close();
    await once(server, "close");
    expect(await checkHealth(port)).toBe(1);
  });
});

test("The scripts of compose/ can be executed and are valid for sh", () => {
  for (const name of ["setup", "backup", "restore", "create-database", "health-check", "build-tree", "pin-images"])
    expect(statSync(`compose/${name}`).mode & 0o111, name).toBe(0o111);
  for (const name of ["setup", "setup-checks", "dot-env", "backup", "restore", "create-database", "pin-images"])
    expect(spawnSync("sh", ["-n", `compose/${name}`], { encoding: "utf8" }).stderr).toBe("");
});
