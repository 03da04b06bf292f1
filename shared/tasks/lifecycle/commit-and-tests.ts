/** The commit and the test results that an agent reports: their accepted forms, and whether they are what a task needs. */

import { z } from "zod";
import { keepDefined } from "../../omit-undefined.ts";
import { cleanLine } from "../../text.ts";

/** What is known of a task's commit and tests. */
interface CommitAndTests {
  commit?: string | undefined;
  tests?: string | undefined;
}

export const commitSchema = z.string().trim().max(200).describe("hash or link");

/**
 * Test results as a text or as counts, which become the text of `formatCounts`. Its JSON Schema names the fields only
 * in words, because every agent reads the list of tools at every start.
 */
export const testsSchema = z
  .unknown()
  .meta({ type: ["string", "object"], description: '"12 passed" or {passed, failed, command?}' })
  .pipe(
    z.union(
      [
        z.string().trim().max(500),
        z
          .object({ passed: z.int().min(0), failed: z.int().min(0), command: z.string().max(200).optional() })
          .transform(formatCounts),
      ],
      'must be {passed, failed, command?} or a text of at most 500 characters, such as "12 passed"',
    ),
  );

/** 7 digits are the shortest that git prints, 40 are a whole SHA-1. */
const COMMIT_ID = "[0-9a-f]{7,40}";

/** A commit's id, or a link to one on GitHub, GitLab, Gitea, Bitbucket, cgit (`?id=`) or Gitiles (`/+/`). */
const COMMIT = new RegExp(
  `^(?:${COMMIT_ID}|https?://\\S+/(?:commits?|\\+)/(?:\\?\\S*=)?${COMMIT_ID}(?![\\w-])\\S*)$`,
  "i",
);

/** The text of counts; what is in brackets is a command, which may contain any words. */
const COUNTS = /^(\d+ passed, \d+ failed)(?: \[.*)?$/s;

/** Words that deny what follows them: they count as 0. */
const DENIAL = "no|none|zero|not|never|nothing|without|cannot|\\p{L}+n['’]t|aucune?|sans|pas|ne";

/** Words for failed tests, for passed ones, and for a run in which none failed. */
const WORD =
  "(?:fail(?:ed|ures?|ing|s)?|errors?|échecs?|échou\\p{L}+|erreurs?|pass(?:ed|es|ing|ent|ée?s?)?|réussi\\p{L}*|" +
  "ok|succe(?:ss|eded|ssful)|green)(?![\\p{L}\\p{N}_/-]|\\.\\p{L})";

/** A number, also of a whole (`9/12`, `9 of 12`, `75 %`), or a denial. */
const COUNT = `(?:(?<n>\\d+)(?:\\s*(?:/|of|out of|sur)\\s*(?<whole>\\d+)|\\s*(?<percent>%))?|(?<denial>${DENIAL}))`;

/** A result with its count before it (`12 tests passed`), after it (`failed: 0`) or without one (`all pass`). */
const RESULT = new RegExp(
  [
    `(?<![\\p{L}\\p{N}_/.-])(?:${COUNT}\\s+(?:\\p{L}+\\s+){0,3}?(?<counted>${WORD})`,
    `|(?<word>${WORD})(?:["']?\\s*[:=]?\\s*(?<after>\\d+)(?![\\p{L}\\p{N}.])|["']?\\s*[:=]\\s*(?<denied>${DENIAL}|false)\\b)?)`,
  ].join(""),
  "giu",
);

/** The number of tests that ran, which is that of the passed ones where none failed. */
const RAN = /(?<![\p{L}\p{N}])0*[1-9]\d*\s+(?:tests?|examples?|specs?|scenarios?)\b|\btests run:\s*0*[1-9]/iu;

/** Words after which a text says less, or something else, than its counts. */
const RESERVATION = /\b(?:except|all but|almost|mostly|should|would|will|sauf|presque)\b/i;

function formatCounts({
  passed,
  failed,
  command = "",
}: Record<"passed" | "failed", number> & { command?: string | undefined }) {
  const text = cleanLine(command, 200);
  return `${passed} passed, ${failed} failed${text === "" ? "" : ` [${text}]`}`;
}

/** Lists in a few words what of a required commit and required tests is missing or is none. Pure. */
export function findMissingProof(
  required: { commit: boolean; tests: boolean },
  { commit = "", tests = "" }: CommitAndTests,
): string[] {
  return keepDefined([
    required.commit ? describeCommitProblem(commit) : undefined,
    required.tests ? describeTestProblem(tests) : undefined,
  ]);
}

function describeCommitProblem(commit: string): string | undefined {
  if (commit.trim() === "") return "no commit reported: give it as commit";
  if (COMMIT.test(commit.trim())) return undefined;
  return `commit ${quote(commit)} is no commit: give its 7 to 40 hexadecimal digits or a link to it`;
}

function describeTestProblem(tests: string): string | undefined {
  if (tests.trim() === "") return "no tests reported: give the results as tests";
  const { failed, passed } = readTestResults(tests);
  if (failed) return `tests ${quote(tests)} say that some failed: all must pass, fix them and report the new results`;
  if (passed) return undefined;
  return `tests ${quote(tests)} do not say that any passed: give {passed, failed, command} or a text such as "12 passed"`;
}

function quote(text: string): string {
  return `"${cleanLine(text, 60)}"`;
}

/** Reads from a text whether tests failed and whether any passed. What it does not understand is neither. */
function readTestResults(text: string): { failed: boolean; passed: boolean } {
  const counts = COUNTS.exec(text.trim())?.[1] ?? text;
  const results = [...counts.matchAll(RESULT)].map(({ groups = {} }) => toResult(groups));
  const passes = results.filter(({ kind }) => kind === "passed");
  const failures = results.filter(({ kind }) => kind === "failed");
  const isClean = results.some(({ kind }) => kind !== "passed");
  const hasPassed = passes.length > 0 ? passes.some(({ isZero }) => !isZero) : isClean && RAN.test(counts);
  return {
    failed: failures.some(({ isZero }) => !isZero) || results.some(({ isShort }) => isShort),
    passed: hasPassed && !RESERVATION.test(counts),
  };
}

/** `isZero`: there are none of this kind. `isShort`: not all passed, or it is denied that any did. */
function toResult({ counted, word, n, whole, percent, denial, after, denied }: Record<string, string | undefined>) {
  const key = counted ?? word ?? "";
  const kind = /^(?:fail|err|éch)/i.test(key) ? "failed" : /^(?:pass|réuss)/i.test(key) ? "passed" : "clean";
  const isDenied = (denial ?? denied) !== undefined;
  const isPart = Number(n) < Number(whole ?? (percent && 100));
  return {
    kind,
    isZero: isDenied || Number(n ?? after ?? 1) === 0,
    isShort: kind !== "failed" && (isPart || denial !== undefined),
  };
}
