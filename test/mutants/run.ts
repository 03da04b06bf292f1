/**
 * `npm run mutants`: applies the mistakes of `core.mutants` one by one, in memory, and tells which of them no test
 * notices. Ends with 1 when one survives that is not marked as a survivor, or when a test fails without a mutant.
 *
 * - `npm run mutants -- TEXT…`: only mutants whose name or file contains one of the texts
 * - `--sample N`: only every Nth mutant, another part each day
 * - `--survivors`: also those that are marked
 * - `--new`: only those of which `hints.json` knows no test file
 * - `--workers N`: processes at once (default: 2)
 * - `--seconds N`: how long the tests of a mutant's area are tried when the one that noticed it last does not (default: 60)
 */
import { fork } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { type Mutant, placeMutant, ROOT, readMutants, readSources } from "./mutant-list.ts";
import type { TestAnswer, TestRequest } from "./tester.ts";

interface Tester {
  run(request: TestRequest): Promise<TestAnswer>;
  stop(): void;
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: "string" },
    survivors: { type: "boolean" },
    new: { type: "boolean" },
    workers: { type: "string" },
    seconds: { type: "string" },
  },
});

/** By a mutant's name the test file that noticed it last: it runs first. */
const HINTS_PATH = join(import.meta.dirname, "hints.json");
const hints = new Map<string, string>(Object.entries(JSON.parse(readFileSync(HINTS_PATH, "utf8"))));

/** Limit of one mutant in one process: 5 min. A mutant that runs without end is noticed by it. */
const RUN_LIMIT_MS = 300_000;

const DAY_MS = 86_400_000;

/** Test files that run together: 10, so that they load the product once and a hang costs little. */
const GROUP_SIZE = 10;

const sources = readSources();
const testFiles = readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" })
  .map((path) => `test/${path}`)
  .filter((path) => path.endsWith(".test.ts"))
  .sort();
const testTexts = new Map(testFiles.map((path) => [path, readFileSync(join(ROOT, path), "utf8")]));

const mutants = selectMutants();
const waiting = [...mutants];
const survivors: Mutant[] = [];
const broken = new Set<string>();
const passed = new Set<string>();
const triedFor = Number(options.seconds ?? 60) * 1000;
const startedAt = Date.now();
await Promise.all(Array.from({ length: Number(options.workers ?? 2) }, runMutants));
const caught = mutants.length - survivors.length;
const seconds = Math.round((Date.now() - startedAt) / 1000);
process.stdout.write(`${caught} of ${mutants.length} mutants caught in ${seconds} s\n`);
for (const { name, survives } of survivors) process.stdout.write(`survived: ${name}${survives ? ` (known)` : ""}\n`);
for (const file of broken) process.stdout.write(`fails without a mutant: ${file}\n`);
process.exit(survivors.some(({ survives }) => !survives) || broken.size > 0 ? 1 : 0);

function selectMutants(): Mutant[] {
  const step = Number(options.sample ?? 1);
  const day = Math.floor(Date.now() / DAY_MS);
  return readMutants()
    .filter(({ survives }) => options.survivors || !survives)
    .filter(
      ({ name, file }) => positionals.length === 0 || positionals.some((text) => `${file} ${name}`.includes(text)),
    )
    .filter(({ name }) => !options.new || !hints.has(name))
    .filter((_, i) => (i + day) % step === 0);
}

async function runMutants(): Promise<void> {
  let tester = await startTester();
  for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
    const change = placeMutant(mutant, sources);
    const began = Date.now();
    let failed: TestAnswer["failed"];
    for (const files of listTestFiles(mutant)) {
      if (Date.now() - began > triedFor) break;
      try {
        failed = (await tester.run({ change, files })).failed;
        if (failed && (await isBroken(tester, failed.file))) failed = undefined;
      } catch (thrown) {
        tester = await startTester();
        failed = { file: files[0] ?? "", test: String(thrown) };
      }
      if (failed) break;
    }
    const { name } = mutant;
    if (failed && hints.get(name) !== failed.file) saveHint(name, failed.file);
    if (!failed) survivors.push(mutant);
    const outcome = failed ? `caught by ${failed.file} (${failed.test.slice(0, 160)})` : "SURVIVED";
    process.stdout.write(`${((Date.now() - began) / 1000).toFixed(1)} s  ${name}\n        ${outcome}\n`);
  }
  tester.stop();
}

/** Whether a test file fails without a mutant as well: then its failure proves nothing. */
async function isBroken(tester: Tester, file: string): Promise<boolean> {
  if (!broken.has(file) && !passed.has(file))
    ((await tester.run({ files: [file] })).failed ? broken : passed).add(file);
  return broken.has(file);
}

/**
 * Lists the test files for a mutant in groups that run together: the one that noticed it last, then those that import
 * its file or name its function, then the others of its area in the order in which it names files and folders.
 */
function listTestFiles({ name, file, functionName, area }: Mutant): string[][] {
  const baseName = file.slice(file.lastIndexOf("/"));
  const score = (path: string) => {
    const text = testTexts.get(path) ?? "";
    const place = area.findIndex((part) => path === part || path.startsWith(`${part}/`));
    const isNamed = Number(text.includes(functionName)) + Number(text.includes(baseName));
    return place < 0 ? undefined : 1e6 * (place - 2 * isNamed) + text.length;
  };
  const scores = new Map(testFiles.map((path) => [path, score(path)]));
  const files = testFiles.filter((path) => scores.get(path) !== undefined && !broken.has(path));
  files.sort((a, b) => (scores.get(a) ?? 0) - (scores.get(b) ?? 0));
  const groups = listHintedFiles(hints.get(name));
  for (let i = 0; i < files.length; i += GROUP_SIZE) groups.push(files.slice(i, i + GROUP_SIZE));
  return groups;
}

/** The file that noticed a mutant last; when it is gone, those of its folder, to which its tests have moved. */
function listHintedFiles(hint = ""): string[][] {
  if (testTexts.has(hint)) return [[hint]];
  const neighbours = testFiles.filter((path) => hint !== "" && dirname(path) === dirname(hint));
  return neighbours.length === 0 ? [] : [neighbours];
}

function saveHint(name: string, file: string) {
  hints.set(name, file);
  const names = readMutants().map((mutant) => mutant.name);
  const entries = names.flatMap((known) => (hints.has(known) ? [[known, hints.get(known)] as const] : []));
  writeFileSync(HINTS_PATH, `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`);
}

async function startTester(): Promise<Tester> {
  const child = fork(join(import.meta.dirname, "tester.ts"), {
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    // What tests print of failures is expected here.
    env: { ...process.env, MUTANTS: "1" },
  });
  const receive = () =>
    new Promise<TestAnswer>((resolve, reject) => {
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        reject(new Error(`no end after ${RUN_LIMIT_MS / 1000} s`));
      }, RUN_LIMIT_MS);
      child.once("message", (answer) => {
        clearTimeout(timer);
        child.removeAllListeners("exit");
        resolve(answer as TestAnswer);
      });
      child.once("exit", (code) => {
        clearTimeout(timer);
        reject(new Error(`the process ended with ${code}`));
      });
    });
  await receive();
  return {
    async run(request) {
      const answer = receive();
      child.send(request);
      return answer;
    },
    stop: () => child.disconnect(),
  };
}
