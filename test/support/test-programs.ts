import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join, resolve } from "node:path";

/** Programs that tests start, by the name of their bundle: the product with a part replaced, and what imports much of it. */
const PROGRAMS = {
  product: "test/reliability/child.ts",
  store: "test/runtime/stores/child.ts",
  claims: "test/shared/tasks/claims/claims-child.ts",
  claude: "simulators/claude/claude.ts",
  codex: "simulators/codex/codex.ts",
};

const FOLDER = resolve("node_modules/.cache/groundcrew-tests");

/** The files that the product reads, by their folder in a build; they lie beside its chunks. */
const FILES = {
  runtime: "runtime",
  skills: "skills",
  compose: "compose",
  page: "dist/files/page",
  packages: "node_modules",
};

/** Where compiled code is kept, so that a later start of a program needs less. */
export const COMPILE_CACHE = resolve("node_modules/.cache/groundcrew");

/** Bundles the programs that tests start, because a bundle starts several times as fast as a thousand sources. */
export async function buildTestPrograms(): Promise<void> {
  const { bundlePrograms } = await import("../../runtime/build/bundle.js");
  const draft = `${FOLDER}.${process.pid}`;
  const inputs = Object.entries(PROGRAMS).map(([name, path]) => [`chunks/${name}`, path]);
  try {
    await bundlePrograms(Object.fromEntries(inputs), draft);
    mkdirSync(join(draft, "files"));
    for (const [name, path] of Object.entries(FILES)) symlinkSync(resolve(path), join(draft, "files", name));
    rmSync(FOLDER, { recursive: true, force: true });
    renameSync(draft, FOLDER);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** The path of a program's bundle, which the run of the tests has made of its sources. */
export function getTestProgram(name: keyof typeof PROGRAMS): string {
  const path = join(FOLDER, "chunks", `${name}.js`);
  if (!existsSync(path)) throw new Error(`${path} is missing: run the tests with vitest, which makes it first.`);
  return path;
}

/**
 * A copy of Node.js that can be executed and not read, as the runner makes one of Codex: a program that it runs is closed
 * to other processes in its box.
 */
export function getHiddenNode(): string {
  const path = resolve(`node_modules/.cache/node-${process.version}-${statSync(process.execPath).size}`);
  if (existsSync(path)) return path;
  const draft = `${path}.${process.pid}`;
  mkdirSync(resolve("node_modules/.cache"), { recursive: true });
  copyFileSync(process.execPath, draft, constants.COPYFILE_FICLONE);
  chmodSync(draft, 0o111);
  renameSync(draft, path);
  return path;
}
