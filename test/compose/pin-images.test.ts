import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { copyComposeFolder, readDotEnv, readProject, runSetup } from "./compose-files.ts";
import { createDockerLines, createStandIns, writeComposeConfig } from "./docker-stand-in.ts";

const ANSWERS = ["DOMAIN=javisi.test", "ACME_EMAIL=ada@javisi.test"];

/** A folder after setup, in which pin-images runs with a stand-in for docker. */
function prepare(answers = ANSWERS, docker?: string) {
  const folder = copyComposeFolder();
  cpSync("compose/pin-images", join(folder, "pin-images"));
  runSetup(folder, answers);
  writeComposeConfig(folder);
  const standIns = createStandIns(folder, { docker: docker ?? createDockerLines(folder) });
  const run = () => spawnSync(join(folder, "pin-images"), { env: { PATH: standIns.path }, encoding: "utf8" });
  return { folder, run, readCalls: standIns.readCalls };
}

const digestOf = (image: string) => `sha256:${createHash("sha256").update(image).digest("hex")}`;

describe("compose/pin-images", () => {
  test("pins every image of the chosen overlays but Groundcrew's own to the digest of its tag", () => {
    const { folder, run, readCalls } = prepare();
    const before = readDotEnv(folder);
    const { status, stderr, stdout } = run();
    expect(status, stderr).toBe(0);
    const { services } = readProject(before);
    const expected = Object.entries(services)
      .filter(([name]) => name !== "groundcrew")
      .map(([name, { image }]) => [name, { image: `${image}@${digestOf(image)}` }]);
    expect(expected.length).toBeGreaterThan(12);
    expect(parse(readFileSync(join(folder, "pinned.yaml"), "utf8"))).toEqual({
      services: Object.fromEntries(expected),
    });
    const after = readDotEnv(folder);
    expect(after).toEqual({ ...before, COMPOSE_FILE: `${before["COMPOSE_FILE"]}:pinned.yaml` });
    expect(statSync(join(folder, ".env")).mode & 0o777).toBe(0o600);
    const inspected = readCalls().flatMap(([, command, , , image = ""]) => (command === "buildx" ? [image] : []));
    expect(new Set(inspected).size).toBe(inspected.length);
    expect(stdout).toContain(`Pinned ${inspected.length} images`);
    // setup keeps the file, and nothing temporary stays.
    expect(runSetup(folder, [])).toEqual({ changed: 0, names: [] });
    expect(readdirSync(folder).filter((name) => name.startsWith("pinned"))).toEqual(["pinned.yaml"]);
  });

  test("is not used any more after another choice, where it would start services that are not chosen", () => {
    const { folder, run } = prepare();
    run();
    runSetup(folder, ["OVERLAYS=plane,embedded-data"]);
    expect(readDotEnv(folder)["COMPOSE_FILE"]).toBe("compose.yaml:plane.yaml:embedded-data.yaml");
  });

  test("asks again for the tags, not for what is pinned, and then changes nothing", () => {
    const { folder, run, readCalls } = prepare();
    run();
    const [text, env] = ["pinned.yaml", ".env"].map((name) => readFileSync(join(folder, name), "utf8"));
    const { status, stderr } = run();
    expect(status, stderr).toBe(0);
    expect(readFileSync(join(folder, "pinned.yaml"), "utf8")).toBe(text);
    expect(readFileSync(join(folder, ".env"), "utf8")).toBe(env);
    expect(readCalls().flat().join(" ")).not.toContain("@sha256");
  });

  test.each([
    ["fails", 'case "$1" in compose) cat "$CONFIG" ;; *) exit 1 ;; esac'],
    ["answers something else", 'case "$1" in compose) cat "$CONFIG" ;; *) echo "not found" ;; esac'],
  ])("changes nothing when the registry %s", (_how, docker) => {
    const { folder, run } = prepare(ANSWERS, docker);
    writeFileSync(join(folder, "stand-ins/docker"), `#!/bin/sh\nCONFIG=${join(folder, "config.yaml")}\n${docker}\n`);
    const env = readFileSync(join(folder, ".env"), "utf8");
    expect(run().status).toBe(1);
    expect(existsSync(join(folder, "pinned.yaml"))).toBe(false);
    expect(readFileSync(join(folder, ".env"), "utf8")).toBe(env);
    expect(readdirSync(folder).filter((name) => name.startsWith("pinned"))).toEqual([]);
  });

  test("has nothing to do for Groundcrew alone, and refuses to run before setup", () => {
    const { folder, run } = prepare(["OVERLAYS=none", "PLANE_WORKSPACE=crew"]);
    expect(run()).toMatchObject({ status: 0, stdout: expect.stringContaining("no image") });
    expect(existsSync(join(folder, "pinned.yaml"))).toBe(false);
    rmSync(join(folder, ".env"));
    expect(run()).toMatchObject({ status: 78, stderr: expect.stringContaining("setup first") });
  });
});
