import { describe, expect, test } from "vitest";
import { readDeliverables } from "../../../../shared/records/task-records.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";
import {
  createBlob,
  createDeliverablesApp,
  createStreamedFile,
  getLinkComments,
  readAttachments,
  toSha256,
  uploadedFile,
} from "./deliverables-app.ts";

describe.each(["1.3.1", "1.2.2"] as const)("a deliverable on Plane %s", (version) => {
  test("OPENCLAW-07 becomes an attachment created by the agent, with a comment that links it", async () => {
    const { app, item, task, deliverFile } = await createDeliverablesApp({ version });
    const answer = await deliverFile({ text: "It is **done**." });
    const [row] = app.plane.attachments(item);
    expect(answer).toEqual({
      task,
      name: "report.md",
      size: 8,
      sha256: toSha256("# Report"),
      type: "text/markdown",
      attachment: row?.id,
    });
    expect(row).toMatchObject({ is_uploaded: true, created_by: app.getUser("Imhotep").id, type: "text/markdown" });
    expect(readAttachments(app, item)).toEqual([uploadedFile("report.md", "# Report")]);
    const [comment = "", ...more] = getLinkComments(app, item);
    expect(more).toEqual([]);
    const place = `projects/${item.project}/issues/${item.id}/attachments/${row?.id}/`;
    expect(comment).toContain(
      `Imhotep: <p>Deliverable: <a href="${app.plane.url}/api/assets/v2/workspaces/javisi/${place}">`,
    );
    expect(comment).toContain("report.md</a> (8 bytes)");
    expect(comment).toContain("<strong>done</strong>");
  });
});

test("a deliverable is one attachment and one comment when the call is repeated, also later or after the store was lost", async () => {
  const { app, item, task, deliverFile } = await createDeliverablesApp();
  const first = await deliverFile({});
  expect(await deliverFile({})).toEqual({ ...first, already: true });
  app.advance(86_400_000);
  await app.actAs("Imhotep").claim(task);
  expect(await deliverFile({})).toEqual({ ...first, already: true });
  await app.restart({ store: "lost" });
  await app.runFirstPoll();
  expect(await deliverFile({})).toEqual({ ...first, already: true });
  expect(readAttachments(app, item)).toEqual([uploadedFile("report.md", "# Report")]);
  expect(getLinkComments(app, item)).toHaveLength(1);
});

test("a deliverable is one attachment and one comment when the same call runs twice concurrently", async () => {
  const { app, item, deliverFile } = await createDeliverablesApp();
  const [one, two] = await Promise.all([deliverFile({}), deliverFile({})]);
  expect(two.attachment).toBe(one.attachment);
  expect(readAttachments(app, item)).toEqual([uploadedFile("report.md", "# Report")]);
  expect(getLinkComments(app, item)).toHaveLength(1);
});

test("a streamed deliverable with another SHA-256 than announced is not stored", async () => {
  const { app, item, deliverFile } = await createDeliverablesApp();
  const delivery = deliverFile({ file: createStreamedFile("other"), sha256: toSha256("this") });
  await expect(delivery).rejects.toMatchObject({ code: "bad_request", message: expect.stringContaining("SHA-256") });
  expect(app.plane.attachments(item)).toEqual([]);
  expect(getLinkComments(app, item)).toEqual([]);
});

test("a streamed deliverable is read to its end even when it is attached already, and refused when it differs from what was announced", async () => {
  const { deliverFile } = await createDeliverablesApp();
  await deliverFile({ file: createStreamedFile("this"), sha256: toSha256("this") });
  const other = deliverFile({ file: createStreamedFile("that"), sha256: toSha256("this") });
  await expect(other).rejects.toMatchObject({
    code: "bad_request",
    message: expect.stringContaining(toSha256("that")),
  });
});

test("a streamed deliverable that broke off is sent again with the same ticket", async () => {
  const { app, item, deliverFile } = await createDeliverablesApp();
  const brokenBody = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("gone")) });
  await expect(deliverFile({ file: { size: 5, stream: () => brokenBody } })).rejects.toMatchObject({
    code: "unavailable",
  });
  const requests = await app.recordRequests(() => deliverFile({ file: createStreamedFile("whole") }));
  expect(requests).not.toContain("POST work-items/:id/attachments");
  expect(readAttachments(app, item)).toEqual([uploadedFile("report.md", "whole")]);
});

test("a partial upload that no call finishes is removed and logged after half an hour", async () => {
  const { app, item, deliverFile } = await createDeliverablesApp();
  const brokenBody = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("gone")) });
  await expect(deliverFile({ file: { size: 8, stream: () => brokenBody } })).rejects.toThrow();
  expect(app.plane.attachments(item)).toHaveLength(1);
  app.advance(1_900_000);
  await app.poll();
  expect(app.plane.attachments(item)).toEqual([]);
  expect(app.logged).toContainEqual(expect.objectContaining({ message: "procedure given up", kind: "upload" }));
});

test("a deliverable without its comment is linked once after half an hour when the call is not repeated", async () => {
  const { app, item, task, deliverFile } = await createDeliverablesApp();
  const undo = app.plane.faults.add({ method: "POST", path: "/comments/" }, { kind: "status", status: 503 });
  await expect(deliverFile({ text: "Here." })).rejects.toMatchObject({ code: "unavailable" });
  undo();
  app.advance(1_700_000);
  await app.poll();
  expect(getLinkComments(app, item)).toEqual([]);
  app.advance(3_600_000);
  await app.poll();
  expect(getLinkComments(app, item)).toEqual([expect.stringMatching(/^Ada: <p><strong>Imhotep<.*>report\.md<\/a>/)]);
  expect(await readDeliverables(app.deps, item.id)).toEqual([{ name: "report.md", size: 8 }]);
  await app.actAs("Imhotep").claim(task);
  app.advance(5_000);
  expect(await deliverFile({ text: "Here." })).toMatchObject({ already: true });
  expect(getLinkComments(app, item)).toHaveLength(1);
  expect(readAttachments(app, item)).toHaveLength(1);
});

test("a deliverable that a person deleted before its comment was written is not linked", async () => {
  const { app, item, deliverFile } = await createDeliverablesApp();
  const undo = app.plane.faults.add({ method: "POST", path: "/comments/" }, { kind: "status", status: 503 });
  await expect(deliverFile({ text: "Here." })).rejects.toMatchObject({ code: "unavailable" });
  undo();
  app.plane.deleteAttachment(app.plane.attachments(item)[0]?.id ?? "");
  app.advance(3_600_000);
  await app.poll();
  app.advance(3_600_000);
  await app.poll();
  expect(getLinkComments(app, item)).toEqual([]);
  expect(await readDeliverables(app.deps, item.id)).toEqual([]);
});

test("when Plane's size limit was lowered after it was read, the error names the new limit, and no partial upload is left", async () => {
  const { app, item, deliverFile } = await createDeliverablesApp({ fileSizeLimit: 100 });
  await app.deps.cache.setItem("plane:file_size_limit", { plane: 1_000, at: app.time.now });
  const delivery = deliverFile({ file: createBlob("x".repeat(500)) });
  await expect(delivery).rejects.toMatchObject({
    code: "too_large",
    message: expect.stringMatching(/100.*FILE_SIZE_LIMIT/),
  });
  expect(app.plane.attachments(item)).toEqual([]);
});

test("reliability 8: when the claim is lost while a deliverable is sent, it is not confirmed and no comment is written", async () => {
  const app = await createAgentTestApp();
  const item = app.addTask("Write the report", ["Imhotep", "Thot"]);
  await app.runFirstPoll();
  const task = app.toTaskKey(item);
  const slow = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        app.advance(16 * 60_000);
        await app.actAs("Thot").claim(task);
        controller.enqueue(new TextEncoder().encode("late"));
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  const file = { size: 4, stream: () => slow };
  const delivery = app.actAs("Imhotep").deliver({ task, name: "report.md", file });
  await expect(delivery).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("You lost ONB-1"),
  });
  expect(app.plane.attachments(item).filter(({ is_uploaded }) => is_uploaded)).toEqual([]);
  expect(getLinkComments(app, item)).toEqual([]);
});
