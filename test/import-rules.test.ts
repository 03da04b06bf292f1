import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";

/** The layers of folders are a plugin of Biome: import-layers.grit. */
const LAYERS = "plugin";

/** A file's place, one statement in it, and the rule that refuses it. */
const REFUSED: [string, string, string][] = [
  ["shared", 'import "../functions/health.ts";', LAYERS],
  ["shared/plane", 'import "../../functions/health.ts";', LAYERS],
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
  ["shared/task", 'import "hono";', "noRestrictedImports"],
  ["functions", 'import "./health.ts";', LAYERS],
  ["functions", 'import "./poll/jobs.ts";', LAYERS],
  ["functions", 'import "../runtime/start-runtime.ts";', "noRestrictedImports"],
  ["functions", 'import "node:fs";', "noRestrictedImports"],
  ["functions/poll", 'import "../telegram/send.ts";', LAYERS],
  ["functions/poll", 'import "../health.ts";', LAYERS],
  ["functions/poll", 'import "../../runtime/node.ts";', "noRestrictedImports"],
  ["functions/poll", 'import "../../demo/start.ts";', "noRestrictedImports"],
  ["functions/poll", 'import "node:crypto";', "noRestrictedImports"],
  ["functions/telegram/commands", 'import "../../poll/jobs.ts";', LAYERS],
  ["runtime", 'import "../demo/start.ts";', "noRestrictedImports"],
  ["runtime/stores", 'import "../../test/redis.ts";', "noRestrictedImports"],
  ["runtime", 'import "../bench/intake.ts";', "noRestrictedImports"],
  ["shared/plane", 'import "../../simulators/plane/rows.ts";', "noRestrictedImports"],
  ["functions/poll", 'import "../../simulators/plane/rows.ts";', "noRestrictedImports"],
  ["runtime", 'import "../simulators/plane/rows.ts";', "noRestrictedImports"],
  ["runtime", 'export const rows = await import("../simulators/plane/rows.ts");', "noRestrictedImports"],
  ["simulators", 'import "../shared/plane/schemas.ts";', "noRestrictedImports"],
  ["simulators/plane", 'import "../../shared/plane/schemas.ts";', "noRestrictedImports"],
  ["simulators/plane", 'import "../../functions/health.ts";', "noRestrictedImports"],
  ["simulators/plane", 'import "../../runtime/start-runtime.ts";', "noRestrictedImports"],
  ["simulators/plane/api", 'import "../../../functions/poll/jobs.ts";', "noRestrictedImports"],
  ["simulators/telegram", 'import "../../demo/seed.ts";', "noRestrictedImports"],
  ["simulators/telegram", 'import "../../test/support/redis-server.ts";', "noRestrictedImports"],
  ["simulators/telegram", 'import "../../bench/figures.ts";', "noRestrictedImports"],
  ["shared", 'import "./tasks/claims.ts";', LAYERS],
  ["shared/task", 'import "../store/port.ts";', LAYERS],
  ["shared/store", 'import "./sql/jobs.ts";', LAYERS],
  ["shared/markdown", 'import "../i18n/en.ts";', LAYERS],
  ["shared/config", 'import type { Deps } from "../app/deps.ts";\nexport type Kept = Deps;', LAYERS],
  ["shared/plane/app", 'import "../../config/settings.ts";', LAYERS],
  ["shared/telegram", 'import "../jobs/work-jobs.ts";', LAYERS],
  ["shared/jobs", 'export { Deps } from "../app/deps.ts";', LAYERS],
  ["shared/app", 'import "../records/store-keys.ts";', LAYERS],
  ["shared/records", 'import "../accounting/time-entries.ts";', LAYERS],
  ["shared/accounting", 'import "../sync/names.ts";', LAYERS],
  ["shared/sync", 'export const claims = await import("../tasks/claims.ts");', LAYERS],
  ["shared/tasks", 'import "../tickets/ticket.ts";', LAYERS],
  ["shared/tasks", 'import "./views/task-list.ts";', LAYERS],
  ["shared/tasks/planning", 'import "../../tickets/ticket.ts";', LAYERS],
  ["shared/tasks/people", 'import "../lifecycle/reviews.ts";', LAYERS],
  ["shared/tasks/lifecycle", 'import "../views/task-list.ts";', LAYERS],
  ["shared/tickets", 'import "../http/access.ts";', LAYERS],
  ["functions/provision", 'import "./steps/tokens.ts";', LAYERS],
  ["functions/telegram/presentation", 'import "../delivery/context.ts";', LAYERS],
  ["functions/telegram/delivery", 'import "../digest/digest.ts";', LAYERS],
  ["functions/telegram/commands", 'import "../live-messages/plans.ts";', LAYERS],
  ["functions/telegram/live-messages", 'import "../updates/free-text.ts";', LAYERS],
  ["functions/telegram/updates", 'import "../rules.ts";', LAYERS],
  ["runtime", 'import "./workers/worker.ts";', LAYERS],
  ["runtime/node", 'import "../stores/open-store.ts";', LAYERS],
  ["runtime/node", 'import "../create-deps.ts";', LAYERS],
  ["runtime/stores", 'import "../backup/files.ts";', LAYERS],
  ["runtime/backup", 'import "../cli/output.ts";', LAYERS],
  ["runtime/doctor", 'import "../cli/output.ts";', LAYERS],
  ["runtime/cli", 'import "../provision/run-provision.ts";', LAYERS],
  ["shared", "export const port = process.env;", "noRestrictedGlobals"],
  ["functions/poll", 'export const bytes = Buffer.from("x");', "noRestrictedGlobals"],
];

const ALLOWED: [string, string][] = [
  ["shared", 'import "./time.ts";'],
  ["shared", 'import "zod";'],
  ["shared/plane/app", 'import "../client.ts";\nimport "../../store/port.ts";\nimport "../../time.ts";'],
  ["shared/records", 'import "../app/deps.ts";\nimport "../task/events.ts";'],
  ["shared/sync", 'import "../records/plane-records.ts";\nimport "../accounting/time-entries.ts";'],
  ["shared/tasks/views", 'import "../lifecycle/set-status.ts";\nimport "../claims.ts";\nimport "../../sync/names.ts";'],
  ["shared/http", 'import "../tickets/ticket.ts";'],
  ["functions/telegram", 'import "./live-messages/plans.ts";'],
  ["functions/telegram/updates", 'import "../live-messages/plans.ts";\nimport "../commands/arguments.ts";'],
  ["runtime/cli", 'import "../backup/files.ts";\nimport "../node/files.ts";'],
  ["runtime/workers", 'import "../create-deps.ts";'],
  ["shared/task", 'import "./snapshot.ts";\nimport "../omit-undefined.ts";\nimport "../time.ts";'],
  ["functions", 'import "../shared/config/settings.ts";'],
  ["functions/poll", 'import "../../shared/config.ts";'],
  ["functions/poll", 'import "./jobs.ts";'],
  ["functions/provision/steps", 'import "../context.ts";'],
  ["functions/telegram/commands", 'import "../../../shared/config.ts";'],
  ["runtime", 'import "../functions/index.ts";\nimport "../shared/config/settings.ts";\nimport "node:fs";'],
  ["runtime/stores", 'import "../../shared/store/port.ts";\nimport "ioredis";\nexport const env = process.env;'],
  ["simulators", 'import "../shared/omit-undefined.ts";\nimport "node:http";\nimport "@hono/node-server";'],
  ["simulators/plane", 'import "../../shared/time.ts";\nimport "../seeded-random.ts";\nimport "./test-controls.ts";'],
  [
    "simulators/plane/api",
    'import "../../../shared/omit-undefined.ts";\nimport "../test-controls.ts";\nimport "hono";',
  ],
  ["demo", 'import "../runtime/start-runtime.ts";\nimport "../functions/index.ts";\nimport "node:fs";'],
  ["demo", 'import "../simulators/plane/rows.ts";'],
  ["test/shared", 'import "../../simulators/plane/rows.ts";'],
  ["test/shared", 'import "../../demo/start.ts";\nimport "../../shared/config.ts";'],
  ["bench", 'import "../simulators/plane/rows.ts";'],
  ["bench", 'import "./support/redis-server.ts";'],
];

/** Two modules that import each other; an import of a type counts, too. */
const CIRCLE: [string, string][] = [
  ["shared/sync/circle-a.ts", 'import type { B } from "./circle-b.ts";\nexport type A = { b?: B };'],
  ["shared/sync/circle-b.ts", 'import type { A } from "./circle-a.ts";\nexport type B = { a?: A };'],
];

/** Statements in the one file of runtime/ that may start the demo. */
const MAIN_FILE = "runtime/main.ts";
const MAIN_REFUSED = [
  'import "../simulators/plane/rows.ts";',
  'export const telegram = await import("../simulators/telegram/telegram-simulator.ts");',
  'import "../demo/seed.ts";',
  'export const tally = await import("../demo/console/tally.ts");',
  'import "../test/redis.ts";',
  'import "../bench/intake.ts";',
];
const MAIN_ALLOWED = [
  'export const demo = await import("../demo/start.ts");',
  'import "./start-runtime.ts";',
  'import "../functions/index.ts";',
  'import "../shared/config/settings.ts";',
];

const reportSchema = z.object({
  diagnostics: z.array(
    z.object({
      category: z.string(),
      location: z.looseObject({ path: z.unknown(), start: z.object({ line: z.number() }).optional() }),
    }),
  ),
});

const folder = mkdtempSync(join(tmpdir(), "groundcrew-rules-"));
/** The rules that refused something, by the name of the source; a line of `MAIN_FILE` is `line-<n>`. */
const rules = new Map<string, string[]>();

function toFilePath(sourceFolder: string, name: string): string {
  return `${sourceFolder}/${name}.ts`;
}

function writeSource(path: string, text: string) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), `${text}\n`);
}

beforeAll(async () => {
  for (const file of ["biome.json", "import-layers.grit"]) copyFileSync(file, join(folder, file));
  for (const [i, [sourceFolder, code]] of REFUSED.entries())
    writeSource(toFilePath(sourceFolder, `refused-${i}`), code);
  for (const [i, [sourceFolder, code]] of ALLOWED.entries())
    writeSource(toFilePath(sourceFolder, `allowed-${i}`), code);
  for (const [path, code] of CIRCLE) writeSource(path, code);
  writeSource(MAIN_FILE, [...MAIN_REFUSED, ...MAIN_ALLOWED].join("\n"));
  const biome = resolve("node_modules/.bin/biome");
  const report = await new Promise<string>((done) => {
    execFile(biome, ["lint", "--reporter=json", "--max-diagnostics=none"], { cwd: folder }, (_, out) => done(out));
  });
  for (const { category, location } of reportSchema.parse(JSON.parse(report)).diagnostics) {
    const path = JSON.stringify(location.path);
    const name = path.includes(MAIN_FILE)
      ? `line-${location.start?.line}`
      : (/(refused|allowed|circle)-\w+/.exec(path)?.[0] ?? path);
    rules.set(name, [...(rules.get(name) ?? []), category.split("/").at(-1) ?? category]);
  }
});

afterAll(() => rmSync(folder, { recursive: true }));

test.each(REFUSED.map((one, i) => [...one, i] as const))(
  "The import rules refuse in %s: %s",
  (_folder, _code, rule, i) => {
    expect(rules.get(`refused-${i}`)).toContain(rule);
  },
);

test.each(ALLOWED.map((one, i) => [...one, i] as const))("The import rules allow in %s: %s", (_folder, _code, i) => {
  expect(rules.get(`allowed-${i}`) ?? []).toEqual([]);
});

test.each(MAIN_REFUSED.map((code, i) => [code, i + 1] as const))(
  "The import rules refuse in runtime/main.ts: %s",
  (_code, line) => {
    expect(rules.get(`line-${line}`)).toContain("noRestrictedImports");
  },
);

test.each(MAIN_ALLOWED.map((code, i) => [code, MAIN_REFUSED.length + i + 1] as const))(
  "The import rules allow in runtime/main.ts: %s",
  (_code, line) => {
    expect(rules.get(`line-${line}`) ?? []).toEqual([]);
  },
);

test.each(["circle-a", "circle-b"])("The import rules refuse modules that import each other: %s", (name) => {
  expect(rules.get(name)).toEqual(["noImportCycles"]);
});
