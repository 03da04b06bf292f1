import { readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { HOUR, MINUTE } from "../shared/time.ts";
import { benchAdoption } from "./adoption.ts";
import { benchAgents } from "./agents.ts";
import { benchBusyBoard } from "./busy-board.ts";
import { benchBusyTeam } from "./busy-team.ts";
import { benchClaims } from "./claims.ts";
import { benchContainer } from "./container.ts";
import { benchEngines } from "./engines.ts";
import { formatCount } from "./figures.ts";
import { benchFlood } from "./flood.ts";
import { benchIntake, benchIntakeAgainst } from "./intake.ts";
import { benchLatency } from "./latency.ts";
import { benchMemory } from "./memory.ts";
import { benchObject } from "./object.ts";
import { benchPage } from "./page.ts";
import { benchProcesses } from "./processes.ts";
import { benchProcessor } from "./processor.ts";
import { benchRequests } from "./requests.ts";
import { type BenchLine, renderTable } from "./table.ts";
import { benchTerminals } from "./terminals.ts";
import { benchTexts } from "./texts.ts";
import { benchTickets } from "./tickets.ts";
import { benchTokens } from "./tokens.ts";
import { benchTools } from "./tools.ts";
import { benchWakes } from "./wakes.ts";

/**
 * `npm run bench`: runs all benches, or those that the arguments name, and prints one table. `--write` stores the table
 * in docs/benchmarks.md, `--quick` uses small sizes to try the benches, `intake --against CHECKOUT` compares the intake
 * with that of another checkout, FULL=1 sends a million events in the memory bench.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    write: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    against: { type: "string" },
  },
});
const { quick, write, against } = values;
const full = process.env["FULL"] === "1";

const benches: Record<string, () => Promise<BenchLine[]>> = {
  intake: () => {
    const sizes = quick ? { rounds: 2, count: 1_000, steady: 2 } : { rounds: 15, count: 3_000, steady: 15 };
    return against === undefined ? benchIntake(sizes) : benchIntakeAgainst(sizes, against);
  },
  processes: () => benchProcesses({ counts: [1, 2, 4], rounds: quick ? 2 : 7, count: quick ? 1_000 : 3_000 }),
  object: () =>
    benchObject(
      quick ? { rates: [5, 20], seconds: 5, items: 100 } : { rates: [5, 10, 20, 40, 80], seconds: 20, items: 500 },
    ),
  flood: () => benchFlood(quick ? { rounds: 2, seconds: 4 } : { rounds: 5, seconds: 15 }),
  requests: () => benchRequests({ agents: 10, projects: 20, items: quick ? 60 : 1_000, changed: quick ? 20 : 100 }),
  adoption: async () => [
    ...(await benchAdoption({ projects: 9, items: 1_200, blockedTasks: [20, ...Array<number>(9).fill(10)] })),
    ...(quick ? [] : await benchAdoption({ projects: 9, items: 1_200, blockedTasks: Array<number>(10).fill(20) })),
    // 139 open tasks each: 50 blocked ones, 88 free ones, and one after a cancelled task.
    ...(quick
      ? []
      : await benchAdoption({ projects: 9, items: 1_203, blockedTasks: Array<number>(4).fill(50), freeTasks: 88 })),
  ],
  "busy-team": async () => [
    ...(await benchBusyTeam({
      agents: 5,
      pollInterval: MINUTE,
      ...(quick ? { tasks: 90, duration: 3 * MINUTE } : { tasks: 120, duration: 6 * MINUTE }),
    })),
    ...(quick ? [] : await benchBusyTeam({ agents: 5, pollInterval: 5 * MINUTE, tasks: 200, duration: 10 * MINUTE })),
  ],
  busy: () =>
    benchBusyBoard({
      agents: 3,
      itemsPerMinute: 8,
      ...(quick
        ? { duration: 3 * MINUTE, remarks: 18, stops: 4, kills: 1 }
        : { duration: 10 * MINUTE, remarks: 60, stops: 12, kills: 5 }),
    }),
  wakes: () => benchWakes({ agents: 10, duration: (quick ? 4 : 24) * HOUR, tasksPerHour: 1.5 }),
  latency: () => benchLatency({ rates: [50, 25], seconds: quick ? 4 : 30 }),
  memory: () =>
    benchMemory({
      projects: 20,
      items: quick ? 60 : 1_000,
      idle: quick ? 2 : 60,
      events: full ? 1_000_000 : quick ? 5_000 : 100_000,
      starts: quick ? 2 : 5,
    }),
  container: () => benchContainer({ projects: 20, items: quick ? 60 : 1_000, events: quick ? 2_000 : 12_000 }),
  processor: () =>
    benchProcessor({ agents: 10, cores: quick ? [0.25] : [undefined, 0.5, 0.25], seconds: quick ? 10 : 180 }),
  agents: () => benchAgents({ agents: 10, projects: 8, items: quick ? 60 : 150 }),
  tools: () => benchTools(quick ? { agents: 4, rounds: 1 } : { agents: 10, rounds: 3 }),
  tokens: benchTokens,
  tickets: () => benchTickets({ tickets: quick ? 3 : 20 }),
  terminals: () =>
    benchTerminals(
      quick ? { terminals: 3, seconds: 5, pictures: 1_000 } : { terminals: 20, seconds: 30, pictures: 36_000 },
    ),
  page: () =>
    benchPage(
      quick
        ? { agents: 5, projects: 2, items: 50, rounds: 2, changes: 5, hour: 30 }
        : { agents: 50, projects: 5, items: 250, rounds: 9, changes: 40, hour: 900 },
    ),
  claims: () => benchClaims(quick ? { rounds: 1, count: 200 } : { rounds: 5, count: 1_000 }),
  texts: benchTexts,
  engines: () => benchEngines(quick ? { rounds: 1, count: 500 } : { rounds: 5, count: 5_000 }),
};

// Started processes are killed on `exit`, which Node emits only for an orderly end, not for a signal.
for (const [signal, code] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const])
  process.once(signal, () => process.exit(code));

const names = positionals.length > 0 ? positionals : Object.keys(benches);
const lines: BenchLine[] = [];
for (const name of names) {
  const bench = benches[name];
  if (!bench) throw new Error(`Unknown bench ${name}. Use one of: ${Object.keys(benches).join(", ")}.`);
  process.stderr.write(`${name} …\n`);
  lines.push(...(await bench()));
}

const [processor] = cpus();
const machine = `${cpus().length} × ${processor?.model ?? "unknown"}, ${Math.round(totalmem() / 1024 ** 3)} GiB`;
const environmentLine = `${new Date().toISOString().slice(0, 10)}, ${machine}, ${process.platform}, Node ${process.versions.node}`;
process.stdout.write(`\n${environmentLine}\n\n${renderTable(lines)}\n`);
const sizes = quick
  ? "Small sizes (`--quick`), not to judge by"
  : `${full ? "A million" : formatCount(100_000)} events`;
if (write) writeFigures(`${environmentLine}. ${sizes}.\n\n${renderTable(lines)}\n`);
process.exit(0);

/** Writes the figures into their section of the page. */
function writeFigures(text: string) {
  const page = new URL("../docs/benchmarks.md", import.meta.url);
  const section = /(?<=-- --write`: figures -->\n\n).*(?=\n<!-- end of figures -->)/s;
  writeFileSync(
    page,
    readFileSync(page, "utf8").replace(section, () => text),
  );
}
