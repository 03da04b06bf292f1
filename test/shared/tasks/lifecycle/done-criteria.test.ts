import { expect, test } from "vitest";
import { omitUndefined } from "../../../../shared/omit-undefined.ts";
import { parseDoneWhen } from "../../../../shared/tasks/lifecycle/done-criteria.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

async function createStartedTask(
  description: string,
  options: Parameters<typeof createAgentTestApp>[0] & { label?: string } = {},
) {
  const { label, ...rest } = options;
  const app = await createAgentTestApp(rest);
  if (label) app.plane.addLabel(app.onb, label);
  const item = app.addTask("Build it", "Imhotep", {
    description_html: description,
    ...omitUndefined({ labels: label ? [label] : undefined }),
  });
  await app.runFirstPoll();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await app.runUntilIdle();
  const finish = (change: { text?: string; commit?: string; tests?: string } = {}) =>
    app.actAs("Imhotep").setStatus("ONB-1", { status: "done", ...change });
  return { app, item, finish };
}

test("the done criteria are found below their heading or on its line", () => {
  expect(
    parseDoneWhen("Do it.\n\n**Done when:**\n\n- summary\n* a commit\n1. [ ] It rains\n\nThanks\n- not this"),
  ).toEqual(["summary", "a commit", "It rains"]);
  expect(parseDoneWhen("Done when: summary, deliverable report\\_v1.pdf; tests")).toEqual([
    "summary",
    "deliverable report_v1.pdf",
    "tests",
  ]);
  expect(parseDoneWhen("It is done when it is done.")).toEqual([]);
  // Plane's editor stores line breaks and dashes outside lists like this.
  expect(parseDoneWhen("Done when:\\\n\\- summary\\\n\\- file [report.pdf](http://report.pdf)")).toEqual([
    "summary",
    "file report.pdf",
  ]);
  expect(parseDoneWhen("Done when:\n\n\\- summary\n\n1\\. commit\n\nThanks")).toEqual(["summary", "commit"]);
  expect(parseDoneWhen("- Done when: summary")).toEqual(["summary"]);
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

test("OPENCLAW-18 a task labelled code requires a commit and tests, reported now or before", async () => {
  const { app, finish } = await createStartedTask("<p>x</p>", { label: "Code" });
  await expect(finish({ text: "Ready." })).rejects.toMatchObject({ message: expect.stringMatching(/commit.*tests/) });
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress", commit: "abc1234" });
  await expect(finish({ text: "Ready." })).rejects.toMatchObject({ message: expect.not.stringContaining("commit") });
  expect(await finish({ text: "Ready.", tests: "all pass" })).toMatchObject({ status: "done" });
});

test("OPENCLAW-18 a new report of failed tests counts, not an earlier one of passed tests", async () => {
  const { app, finish } = await createStartedTask("<p>Done when: tests</p>");
  await app.actAs("Imhotep").report("ONB-1", { tests: "12 passed" });
  await expect(finish({ text: "x", tests: "1 failed, 11 passed" })).rejects.toThrow("say that some failed");
  expect(await finish({ text: "x" })).toMatchObject({ status: "done" });
});

test("OPENCLAW-18 the settings define criteria for every task", async () => {
  const done = { summary: false, deliverable: true, commit_and_tests: "never" };
  const { app, finish } = await createStartedTask("<p>x</p>", { label: "code", config: { done } });
  await expect(finish()).rejects.toMatchObject({
    message: "ONB-1 is not done yet: no deliverable: add one with upload_deliverable. It stays in progress.",
  });
  await app.actAs("Imhotep").deliver({ task: "ONB-1", name: "report.pdf", file: new Blob(["%PDF-1.4"]) });
  const asked = await app.recordRequests(async () => expect(await finish()).toMatchObject({ status: "done" }));
  expect(asked).not.toContain("GET work-items/:id/attachments");
});

test("OPENCLAW-18 a required deliverable is matched by name, including a file a person attached in Plane", async () => {
  const { app, item, finish } = await createStartedTask("<p>Done when: deliverable Report.pdf</p>");
  await app.actAs("Imhotep").deliver({ task: "ONB-1", name: "other.pdf", file: new Blob(["%PDF-1.4"]) });
  await expect(finish({ text: "x" })).rejects.toMatchObject({
    message: expect.stringContaining("no deliverable Report.pdf"),
  });
  await app.actAs("Ada").deliver({ task: item.id, name: "report.pdf", file: new Blob(["%PDF-1.4"]) });
  expect(await finish({ text: "x" })).toMatchObject({ status: "done" });
});

test("OPENCLAW-18 the files that a criterion names are required and sufficient; where it names none, any file is", async () => {
  const criteria: [string, string[]][] = [
    ["deliverable étude finale.pdf", ["étude finale.pdf"]],
    ["report_v1.2.pdf", ["report_v1.2.pdf"]],
    ["files a.pdf, data/b.tar.gz and “c d.md”.", ["a.pdf", "b.tar.gz", "c d.md"]],
    ["deliverable: the final report as report.pdf", ["report.pdf"]],
    ["file with the plan (Plan.pdf)", ["plan.pdf"]],
    ["deliverable e\u0301te\u0301.md", ["\u00e9t\u00e9.md"]],
    ["a file with the notes of v1.2", ["any.md"]],
    ["files, uploaded to example.com", ["any.md"]],
  ];
  const app = await createAgentTestApp();
  for (const [line] of criteria)
    app.addTask(line, "Imhotep", { description_html: `<p>Done when:</p><ul><li>${line}</li></ul>` });
  await app.runFirstPoll();
  for (const [i, [, names]] of criteria.entries()) {
    const task = `ONB-${i + 1}`;
    await app.actAs("Imhotep").setStatus(task, { status: "in_progress" });
    const finish = () => app.actAs("Imhotep").setStatus(task, { status: "done", text: "x" });
    for (const name of names) {
      await expect(finish()).rejects.toThrow(`${task} is not done yet: no deliverable${name === "any.md" ? ":" : " "}`);
      await app.actAs("Imhotep").deliver({ task, name, file: new Blob([name]) });
    }
    expect(await finish()).toMatchObject({ status: "done" });
  }
});

test("criteria in the task's own words are quoted in the closing comment", async () => {
  const { app, item, finish } = await createStartedTask("<p>Done when:</p><ul><li>The <b>team</b> likes it</li></ul>");
  await finish({ text: "They do." });
  await app.runUntilIdle();
  expect(app.readComments(item).join()).toContain("<p>Acceptance criteria:</p><ul><li>The team likes it</li></ul>");
});
