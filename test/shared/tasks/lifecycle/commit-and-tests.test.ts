import { expect, test } from "vitest";
import { findMissingProof, testsSchema } from "../../../../shared/tasks/lifecycle/done-criteria.ts";

const checkTests = (tests: string) => findMissingProof({ commit: false, tests: true }, { tests });
const checkCommit = (commit: string) => findMissingProof({ commit: true, tests: false }, { commit });

const PASSED = String.raw`12 passed|all pass|12 passed, 1 skipped|0 failed, 12 passed|12 passed 0 failed|failed: 0, passed: 12
# pass 12\n# fail 0|none failed, all passed|All tests passed. No tests failed.|exit 0: all tests passed
did not fail: 12 passed|12/12 passed|12 of 12 tests passed|100% passed|OK (12 tests, 30 assertions)
test result: ok. 12 passed; 0 failed; 0 ignored|5 examples, 0 failures|Ran 5 tests in 0.01s\n\nOK
Tests run: 5, Failures: 0, Errors: 0, Skipped: 0|Passed! - Failed: 0, Passed: 12, Skipped: 0
npx vitest run test/errors.test.ts: 12 passed|12 réussis, 0 échec|tous les tests passent, aucun échec
{"passed": 12, "failed": 0}`;

const FAILED = String.raw`3 failed, 0 passed|1 failed, 12 passed|12 passed 3 failed|12 passing\n 1 failing|passed: 12, failed: 3
Failures: 1, Errors: 0, Tests run: 5|some failed|FAIL src/index.test.ts|5 passed, 2 errors|9/12 passed|95% passed
not all tests passed|tests do not pass|didn't pass|ok 1 - a\nnot ok 2 - b|1 échec, 11 réussis
{"passed": 0, "failed": 3}`;

const UNCLEAR = `0 passed|0 passed, 0 failed|none|n/a|not run|skipped|ok|build successful|12 tests|0 tests, 0 failures
none failed|passed: none|tests passed: false|all but 2 passed|all tests passed except one|should pass|bypassed`;

/** The results of one list, whose line breaks are written as `\n`. */
const toResults = (list: string) => list.split(/[|\n]/).map((text) => text.replaceAll("\\n", "\n"));

test("OPENCLAW-18 results of tests in many forms say that some passed and none failed, that some failed, or neither", () => {
  for (const tests of toResults(PASSED)) expect(checkTests(tests), tests).toEqual([]);
  for (const tests of toResults(FAILED))
    expect(checkTests(tests), tests).toEqual([expect.stringContaining("say that some failed")]);
  for (const tests of toResults(UNCLEAR))
    expect(checkTests(tests), tests).toEqual([expect.stringContaining("do not say that any passed")]);
});

test("OPENCLAW-18 results as counts become a text, and words of their command are no results", () => {
  const toText = (counts: object) => testsSchema.parse(counts);
  expect(toText({ passed: 12, failed: 0, command: "npm run fail" })).toBe("12 passed, 0 failed [npm run fail]");
  expect(checkTests(toText({ passed: 12, failed: 0, command: "npm run fail" }))).toEqual([]);
  expect(checkTests(toText({ passed: 0, failed: 0, command: "echo 5 passed" }))).toHaveLength(1);
  expect(checkTests(toText({ passed: 0, failed: 3 }))).toHaveLength(1);
});

test.each([{ passed: 1 }, { passed: -1, failed: 0 }, { passed: 1.5, failed: 0 }, 12])(
  "results as %j are refused with the accepted forms",
  (tests) => {
    expect(() => testsSchema.parse(tests)).toThrow("must be {passed, failed, command?} or a text");
  },
);

test("OPENCLAW-18 a commit is its hexadecimal digits or a link to it, and nothing else", () => {
  const link = "https://github.com/o/r";
  for (const commit of ["a1b2c3d", "A1B2C3D4E5", "a".repeat(40), `${link}/commit/0a1b2c3d`])
    expect(checkCommit(commit), commit).toEqual([]);
  for (const path of ["pull/5/commits/0a1b2c3", "-/commit/0a1b2c3d?iid=1", "commit/?id=0a1b2c3d", "+/0a1b2c3d"])
    expect(checkCommit(`https://git.test/o/r/${path}`), path).toEqual([]);
  for (const commit of ["none", "abc", "HEAD", "a".repeat(41), "a1b2c3d fix", link, `${link}/commits/main`])
    expect(checkCommit(commit), commit).toEqual([expect.stringContaining("is no commit")]);
  for (const commit of [`${link}/issues/1234567`, "javascript:/commit/0a1b2c3d"])
    expect(checkCommit(commit), commit).toEqual([expect.stringContaining("is no commit")]);
});
