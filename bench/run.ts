import { readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { agents } from "./agents.ts";
import { claims } from "./claims.ts";
import { engines } from "./engines.ts";
import { whole } from "./figures.ts";
import { intake } from "./intake.ts";
import { latency } from "./latency.ts";
import { memory } from "./memory.ts";
import { requests } from "./requests.ts";
import { type Line, table } from "./table.ts";

/**
 * `npm run bench`: measures and prints one table. With names it runs only those; `--write` keeps the table in
 * docs/benchmarks.md; `--quick` is for trying the bench itself; FULL=1 sends a million events where memory is measured.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: "boolean", default: false }, quick: { type: "boolean", default: false } },
});
const { quick, write } = values;
const full = process.env["FULL"] === "1";

const benches: Record<string, () => Promise<Line[]>> = {
  intake: () => intake(quick ? { rounds: 2, count: 1_000, steady: 2 } : { rounds: 15, count: 3_000, steady: 15 }),
  requests: () => requests({ agents: 10, projects: 20, items: quick ? 60 : 1_000, changed: quick ? 20 : 100 }),
  latency: () => latency({ rates: [50, 25], seconds: quick ? 4 : 30 }),
  memory: () =>
    memory({
      projects: 20,
      items: quick ? 60 : 1_000,
      idle: quick ? 2 : 60,
      events: full ? 1_000_000 : quick ? 5_000 : 100_000,
      starts: quick ? 2 : 5,
    }),
  agents: () => agents({ agents: 10, projects: 8, items: quick ? 60 : 150 }),
  claims: () => claims(quick ? { rounds: 1, count: 200 } : { rounds: 5, count: 1_000 }),
  engines: () => engines(quick ? { rounds: 1, count: 500 } : { rounds: 5, count: 5_000 }),
};

const names = positionals.length > 0 ? positionals : Object.keys(benches);
const lines: Line[] = [];
for (const name of names) {
  const bench = benches[name];
  if (!bench) throw new Error(`There is no bench ${name}; there are ${Object.keys(benches).join(", ")}`);
  process.stderr.write(`${name} …\n`);
  lines.push(...(await bench()));
}

const [processor] = cpus();
const machine = `${cpus().length} × ${processor?.model ?? "unknown"}, ${Math.round(totalmem() / 1024 ** 3)} GiB`;
const where = `${new Date().toISOString().slice(0, 10)}, ${machine}, ${process.platform}, Node ${process.versions.node}`;
process.stdout.write(`\n${where}\n\n${table(lines)}\n`);
const sizes = quick ? "Small sizes (`--quick`), not to judge by" : `${full ? "A million" : whole(100_000)} events`;
if (write) keep(`${where}. ${sizes}.\n\n${table(lines)}\n`);
process.exit(0);

/** Puts the figures under the last heading of the page. */
function keep(text: string) {
  const page = new URL("../docs/benchmarks.md", import.meta.url);
  const heading = "## Figures\n";
  const [before = ""] = readFileSync(page, "utf8").split(heading);
  writeFileSync(page, `${before}${heading}\n${text}`);
}
