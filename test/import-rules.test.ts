import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

/** A file's place, one statement in it, and the rule that refuses it. */
const REFUSED: [string, string, string][] = [
  ["shared", 'import "../functions/health.ts";', "noRestrictedImports"],
  ["shared/plane", 'import "../../functions/health.ts";', "noRestrictedImports"],
  ["shared/plane", 'import "../../runtime/node.ts";', "noRestrictedImports"],
  ["shared/plane", 'import "../../demo/start.ts";', "noRestrictedImports"],
  ["shared/plane", 'import "../../test/redis.ts";', "noRestrictedImports"],
  ["shared", 'import "node:fs";', "noRestrictedImports"],
  ["shared", 'export { join } from "node:path";', "noRestrictedImports"],
  ["shared", 'export const fs = await import("node:fs");', "noRestrictedImports"],
  ["shared", 'import "ioredis";', "noRestrictedImports"],
  [
    "shared",
    'import type { Runtime } from "../runtime/start-runtime.ts";\nexport type Kept = Runtime;',
    "noRestrictedImports",
  ],
  ["shared/task", 'import "../config.ts";', "noRestrictedImports"],
  ["shared/task", 'import "zod";', "noRestrictedImports"],
  ["functions", 'import "./health.ts";', "noRestrictedImports"],
  ["functions", 'import "./poll/jobs.ts";', "noRestrictedImports"],
  ["functions", 'import "../runtime/start-runtime.ts";', "noRestrictedImports"],
  ["functions", 'import "node:fs";', "noRestrictedImports"],
  ["functions/poll", 'import "../telegram/send.ts";', "noRestrictedImports"],
  ["functions/poll", 'import "../health.ts";', "noRestrictedImports"],
  ["functions/poll", 'import "../../runtime/node.ts";', "noRestrictedImports"],
  ["functions/poll", 'import "../../demo/start.ts";', "noRestrictedImports"],
  ["functions/poll", 'import "node:crypto";', "noRestrictedImports"],
  ["functions/telegram/locales", 'import "../../poll/jobs.ts";', "noRestrictedImports"],
  ["runtime", 'import "../demo/start.ts";', "noRestrictedImports"],
  ["runtime/stores", 'import "../../test/redis.ts";', "noRestrictedImports"],
  ["runtime", 'import "../bench/intake.ts";', "noRestrictedImports"],
  ["shared", "export const port = process.env;", "noRestrictedGlobals"],
  ["functions/poll", 'export const bytes = Buffer.from("x");', "noRestrictedGlobals"],
];

const ALLOWED: [string, string][] = [
  ["shared", 'import "./store/port.ts";'],
  ["shared/observe", 'import "../task/diff.ts";'],
  ["shared", 'import "zod";'],
  ["shared/task", 'import "./snapshot.ts";\nimport "../omit-undefined.ts";\nimport "../time.ts";'],
  ["functions", 'import "../shared/config/settings.ts";'],
  ["functions/poll", 'import "../../shared/config.ts";'],
  ["functions/poll", 'import "./jobs.ts";'],
  ["functions/telegram/locales", 'import "../text.ts";'],
  ["functions/telegram/locales", 'import "../../../shared/config.ts";'],
  ["runtime", 'import "../functions/index.ts";\nimport "../shared/config/settings.ts";\nimport "node:fs";'],
  ["runtime/stores", 'import "../../shared/store/port.ts";\nimport "ioredis";\nexport const env = process.env;'],
  ["demo", 'import "../runtime/start-runtime.ts";\nimport "../functions/index.ts";\nimport "node:fs";'],
  ["test/shared", 'import "../../demo/start.ts";\nimport "../../shared/config.ts";'],
  ["bench", 'import "./support/redis-server.ts";'],
];

const reportSchema = z.object({
  diagnostics: z.array(z.object({ category: z.string(), location: z.looseObject({ path: z.unknown() }) })),
});

const folder = mkdtempSync(join(tmpdir(), "groundcrew-rules-"));
const rules = new Map<string, string[]>();

function toFilePath(folderName: string, name: string): string {
  return `${folderName}/${name}.ts`;
}

function writeSource(path: string, text: string) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), `${text}\n`);
}

beforeAll(async () => {
  copyFileSync("biome.json", join(folder, "biome.json"));
  for (const [i, [folderName, code]] of REFUSED.entries()) writeSource(toFilePath(folderName, `refused-${i}`), code);
  for (const [i, [folderName, code]] of ALLOWED.entries()) writeSource(toFilePath(folderName, `allowed-${i}`), code);
  const biome = resolve("node_modules/.bin/biome");
  const output = await new Promise<string>((done) => {
    execFile(biome, ["lint", "--reporter=json", "--max-diagnostics=none"], { cwd: folder }, (_, out) => done(out));
  });
  for (const { category, location } of reportSchema.parse(JSON.parse(output)).diagnostics) {
    const path = JSON.stringify(location.path);
    const name = /(refused|allowed)-\d+/.exec(path)?.[0] ?? path;
    rules.set(name, [...(rules.get(name) ?? []), category.split("/").at(-1) ?? category]);
  }
});

afterAll(() => rmSync(folder, { recursive: true }));

describe("The import rules", () => {
  it.each(REFUSED.map((entry, i) => [...entry, i] as const))("refuse in %s: %s", (_folder, _code, rule, i) => {
    expect(rules.get(`refused-${i}`)).toContain(rule);
  });

  it.each(ALLOWED.map((entry, i) => [...entry, i] as const))("allow in %s: %s", (_folder, _code, i) => {
    expect(rules.get(`allowed-${i}`) ?? []).toEqual([]);
  });
});
