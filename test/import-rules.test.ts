import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";

/** A file's folder, and what it may not import because of the layers of folders: import-layers.grit, a plugin of Biome. */
const ABOVE: [string, string][] = [
  ["shared", "../functions/health.ts ./tasks/claims.ts"],
  ["shared/plane", "../../functions/health.ts"],
  ["functions", "./health.ts ./poll/jobs.ts"],
  ["functions/poll", "../telegram/send.ts ../health.ts"],
  ["functions/telegram/commands", "../../poll/jobs.ts ../live-messages/plans.ts"],
  ["shared/task", "../store/port.ts"],
  ["shared/store", "./sql/jobs.ts"],
  ["shared/markdown", "../i18n/en.ts"],
  ["shared/plane/app", "../../config/settings.ts"],
  ["shared/telegram", "../jobs/work-jobs.ts"],
  ["shared/app", "../records/store-keys.ts"],
  ["shared/records", "../accounting/time-entries.ts"],
  ["shared/accounting", "../sync/names.ts"],
  ["shared/tasks", "../tickets/ticket.ts ./views/task-list.ts"],
  ["shared/tasks/planning", "../../tickets/ticket.ts"],
  ["shared/tasks/people", "../lifecycle/reviews.ts"],
  ["shared/tasks/lifecycle", "../views/task-list.ts"],
  ["shared/tickets", "../http/access.ts"],
  ["functions/provision", "./steps/tokens.ts"],
  ["functions/telegram/presentation", "../delivery/context.ts"],
  ["functions/telegram/delivery", "../digest/digest.ts"],
  ["functions/telegram/live-messages", "../updates/free-text.ts"],
  ["functions/telegram/updates", "../rules.ts"],
  ["runtime", "./workers/worker.ts"],
  ["runtime/node", "../stores/open-store.ts ../create-deps.ts"],
  ["runtime/stores", "../backup/files.ts"],
  ["runtime/backup", "../cli/output.ts"],
  ["runtime/doctor", "../cli/output.ts"],
  ["runtime/cli", "../provision/run-provision.ts"],
];

/** A file's folder, and what it may not import because of biome.json. */
const RESTRICTED: [string, string][] = [
  ["shared/plane", "../../runtime/node.ts ../../demo/start.ts ../../test/redis.ts ../../simulators/plane/rows.ts"],
  ["shared", "node:fs ioredis"],
  ["shared/task", "../config.ts hono"],
  ["functions", "../runtime/start-runtime.ts node:fs"],
  ["functions/poll", "../../runtime/node.ts ../../demo/start.ts node:crypto ../../simulators/plane/rows.ts"],
  ["runtime", "../demo/start.ts ../bench/intake.ts ../simulators/plane/rows.ts"],
  ["runtime/stores", "../../test/redis.ts"],
  ["simulators", "../shared/plane/schemas.ts"],
  ["simulators/plane", "../../shared/plane/schemas.ts ../../functions/health.ts ../../runtime/start-runtime.ts"],
  ["simulators/plane/api", "../../../functions/poll/jobs.ts"],
  ["simulators/telegram", "../../demo/seed.ts ../../test/support/redis-server.ts ../../bench/figures.ts"],
];

function listImports(rows: [string, string][]): [string, string][] {
  return rows.flatMap(([at, sources]) =>
    sources.split(" ").map((source): [string, string] => [at, `import "${source}";`]),
  );
}

/** A file's folder, one statement in it, and the rule that refuses it. */
const REFUSED: [string, string, string][] = [
  ...listImports(ABOVE).map(([at, code]): [string, string, string] => [at, code, "plugin"]),
  ...listImports(RESTRICTED).map(([at, code]): [string, string, string] => [at, code, "noRestrictedImports"]),
  ["shared", 'export { join } from "node:path";', "noRestrictedImports"],
  ["shared", 'export const fs = await import("node:fs");', "noRestrictedImports"],
  [
    "shared",
    'import type { Runtime } from "../runtime/start-runtime.ts";\nexport type Kept = Runtime;',
    "noRestrictedImports",
  ],
  ["runtime", 'export const rows = await import("../simulators/plane/rows.ts");', "noRestrictedImports"],
  ["shared/config", 'import type { Deps } from "../app/deps.ts";\nexport type Kept = Deps;', "plugin"],
  ["shared/jobs", 'export { Deps } from "../app/deps.ts";', "plugin"],
  ["shared/sync", 'export const claims = await import("../tasks/claims.ts");', "plugin"],
  ["shared", "export const port = process.env;", "noRestrictedGlobals"],
  ["functions/poll", 'export const bytes = Buffer.from("x");', "noRestrictedGlobals"],
];

/** Statements in the one file of runtime/ that may start the demo, and nothing else of it: the first six are refused. */
const MAIN_FILE = "runtime/main.ts";
const MAIN = [
  'import "../simulators/plane/rows.ts";',
  'export const telegram = await import("../simulators/telegram/telegram-simulator.ts");',
  'import "../demo/seed.ts";',
  'export const tally = await import("../demo/console/tally.ts");',
  'import "../test/redis.ts";',
  'import "../bench/intake.ts";',
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

function writeSource(path: string, text: string) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), `${text}\n`);
}

beforeAll(async () => {
  for (const file of ["biome.json", "import-layers.grit"]) copyFileSync(file, join(folder, file));
  for (const [i, [at, code]] of REFUSED.entries()) writeSource(`${at}/refused-${i}.ts`, code);
  // Two modules that import each other; an import of a type counts, too.
  writeSource("shared/sync/circle-a.ts", 'import type { B } from "./circle-b.ts";\nexport type A = { b?: B };');
  writeSource("shared/sync/circle-b.ts", 'import type { A } from "./circle-a.ts";\nexport type B = { a?: A };');
  writeSource(MAIN_FILE, MAIN.join("\n"));
  const biome = resolve("node_modules/.bin/biome");
  const report = await new Promise<string>((done) => {
    execFile(biome, ["lint", "--reporter=json", "--max-diagnostics=none"], { cwd: folder }, (_, out) => done(out));
  });
  for (const { category, location } of reportSchema.parse(JSON.parse(report)).diagnostics) {
    const path = JSON.stringify(location.path);
    const name = path.includes(MAIN_FILE)
      ? `line-${location.start?.line}`
      : (/(refused|circle)-\w+/.exec(path)?.[0] ?? path);
    rules.set(name, [...(rules.get(name) ?? []), category.split("/").at(-1) ?? category]);
  }
});

afterAll(() => rmSync(folder, { recursive: true }));

test.each(REFUSED.map((one, i) => [...one, i] as const))("The import rules refuse in %s: %s", (_at, _code, rule, i) => {
  expect(rules.get(`refused-${i}`)).toContain(rule);
});

test.each(MAIN.map((code, i) => [code, i] as const))("The import rules on runtime/main.ts: %s", (_code, i) => {
  expect(rules.get(`line-${i + 1}`)).toEqual(i < 6 ? expect.arrayContaining(["noRestrictedImports"]) : undefined);
});

test("The import rules refuse modules that import each other", () => {
  for (const name of ["circle-a", "circle-b"]) expect(rules.get(name)).toEqual(["noImportCycles"]);
});
