import { expect, test } from "vitest";
import { findMissingProof, parseDoneWhen, testsSchema } from "../../../../shared/tasks/lifecycle/done-criteria.ts";
import { type AgentTestAppOptions, createAgentTestApp } from "../../../support/agent-test-app.ts";

async function createStartedTask(description_html: string, labels: string[] = [], options: AgentTestAppOptions = {}) {
  const app = await createAgentTestApp(options);
  for (const label of labels) app.plane.addLabel(app.onb, label);
  const item = app.addTask("Build it", "Imhotep", { description_html, labels });
  await app.runFirstPoll();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await app.runUntilIdle();
  const finish = (change: { text?: string; commit?: string; tests?: string } = {}) =>
    app.actAs("Imhotep").setStatus("ONB-1", { status: "done", ...change });
  const deliver = (name: string, by = "Imhotep") =>
    app.actAs(by).deliver({ task: item.id, name, file: new Blob(["%PDF-1.4"]) });
  return { app, item, finish, deliver };
}

test.each([
  ["Do it.\n\n**Done when:**\n\n- summary\n* a commit\n1. [ ] It rains\n\nThanks\n- no", "summary|a commit|It rains"],
  ["Done when: summary, deliverable report\\_v1.pdf; tests", "summary|deliverable report_v1.pdf|tests"],
  ["It is done when it is done.", ""],
  // Plane's editor stores line breaks and dashes outside lists like this.
  ["Done when:\\\n\\- summary\\\n\\- file [report.pdf](http://report.pdf)", "summary|file report.pdf"],
  ["Done when:\n\n\\- summary\n\n1\\. commit\n\nThanks", "summary|commit"],
  ["- Done when: summary", "summary"],
])("the done criteria of %j are %j", (description, criteria) => {
  expect(parseDoneWhen(description).join("|")).toBe(criteria);
});

test("OPENCLAW-18 done is refused with all missing criteria at once", async () => {
  const list = "<ul><li>deliverable report.pdf</li><li>commit and tests</li></ul>";
  const { app, item, finish } = await createStartedTask(`<p>Done when:</p>${list}`);
  await expect(finish()).rejects.toMatchObject({
    code: "conflict",
    message:
      "ONB-1 is not done yet: no deliverable report.pdf: add it with upload_deliverable; no summary: give it as text; " +
      "no commit reported: give it as commit; no tests reported: give the results as tests. It stays in progress.",
  });
  expect(app.readPlaneItem(item).state).toBe("In Progress");
});

test("OPENCLAW-18 a task labelled code requires a commit and tests, reported now or before, of which the last report counts", async () => {
  const { app, finish } = await createStartedTask("<p>x</p>", ["Code"]);
  await expect(finish({ text: "Ready." })).rejects.toMatchObject({ message: expect.stringMatching(/commit.*tests/) });
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress", commit: "abc1234" });
  await expect(finish({ text: "Ready." })).rejects.toMatchObject({ message: expect.not.stringContaining("commit") });
  await app.actAs("Imhotep").report("ONB-1", { tests: "12 passed" });
  await expect(finish({ text: "x", tests: "1 failed, 11 passed" })).rejects.toThrow("say that some failed");
  expect(await finish({ text: "Ready.", tests: "all pass" })).toMatchObject({ status: "done" });
});

test("OPENCLAW-18 the settings define criteria for every task", async () => {
  const done = { summary: false, deliverable: true, commit_and_tests: "never" };
  const { app, finish, deliver } = await createStartedTask("<p>x</p>", ["code"], { config: { done } });
  await expect(finish()).rejects.toMatchObject({
    message: "ONB-1 is not done yet: no deliverable: add one with upload_deliverable. It stays in progress.",
  });
  await deliver("report.pdf");
  const asked = await app.recordRequests(async () => expect(await finish()).toMatchObject({ status: "done" }));
  expect(asked).not.toContain("GET work-items/:id/attachments");
});

test.each([
  ["files a.pdf, data/b.tar.gz and “c d.md”.", ["a.pdf", "b.tar.gz", "c d.md"]],
  ["deliverable: the final report as report.pdf", ["Report.pdf"]],
  ["deliverable e\u0301te\u0301 finale.md", ["\u00e9t\u00e9 finale.md"]],
  ["a file with the notes of v1.2", ["any.md"]],
])("OPENCLAW-18 of %j the files that it names are required, else any, also a person's", async (criterion, names) => {
  const { app, item, finish, deliver } = await createStartedTask(`<p>Done when:</p><ul><li>${criterion}</li></ul>`);
  if (names[0] !== "any.md") await deliver("other.pdf");
  for (const [i, name] of names.entries()) {
    await expect(finish({ text: "x" })).rejects.toThrow("ONB-1 is not done yet: no deliverable");
    await deliver(name, i === 0 ? "Imhotep" : "Ada");
  }
  await finish({ text: "They are." });
  await app.runUntilIdle();
  expect(app.readComments(item).join()).toContain("<p><strong>Done</strong></p>");
});

const checkTests = (tests: string) => findMissingProof({ commit: false, tests: true }, { tests });

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

test("OPENCLAW-18 results of tests in many forms say that some passed and none failed, that some failed, or neither", () => {
  for (const [list, problems] of [
    [PASSED, []],
    [FAILED, [expect.stringContaining("say that some failed")]],
    [UNCLEAR, [expect.stringContaining("do not say that any passed")]],
  ] as const)
    for (const text of list.split(/[|\n]/)) expect(checkTests(text.replaceAll("\\n", "\n")), text).toEqual(problems);
});

test("OPENCLAW-18 results as counts become a text, words of their command are no results, and other forms are refused", () => {
  const toText = (counts: unknown) => testsSchema.parse(counts);
  expect(toText({ passed: 12, failed: 0, command: "npm run fail" })).toBe("12 passed, 0 failed [npm run fail]");
  expect(checkTests(toText({ passed: 12, failed: 0, command: "npm run fail" }))).toEqual([]);
  expect(checkTests(toText({ passed: 0, failed: 0, command: "echo 5 passed" }))).toHaveLength(1);
  for (const tests of [{ passed: 1 }, { passed: -1, failed: 0 }, { passed: 1.5, failed: 0 }, 12])
    expect(() => toText(tests)).toThrow("must be {passed, failed, command?} or a text");
});

test("OPENCLAW-18 a commit is its hexadecimal digits or a link to it, and nothing else", () => {
  const check = (commit: string) => findMissingProof({ commit: true, tests: false }, { commit });
  const link = "https://github.com/o/r";
  const paths = ["pull/5/commits/0a1b2c3", "-/commit/0a1b2c3d?iid=1", "commit/?id=0a1b2c3d", "+/0a1b2c3d"];
  for (const commit of ["a1b2c3d", "A1B2C3D4E5", "a".repeat(40), ...paths.map((path) => `${link}/${path}`)])
    expect(check(commit), commit).toEqual([]);
  const others = [link, `${link}/commits/main`, `${link}/issues/1234567`, "javascript:/commit/0a1b2c3d"];
  for (const commit of ["none", "abc", "HEAD", "a".repeat(41), "a1b2c3d fix", ...others])
    expect(check(commit), commit).toEqual([expect.stringContaining("is no commit")]);
});
