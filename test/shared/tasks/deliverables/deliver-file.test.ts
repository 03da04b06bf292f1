import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { createTaskOperations } from "../../../../functions/agent/tool.ts";
import { omitUndefined } from "../../../../shared/omit-undefined.ts";
import { readDeliverables } from "../../../../shared/records/task-records.ts";
import { FILE_TYPES, type NewDeliverable } from "../../../../shared/tasks/deliverables/file-check.ts";
import { MINUTE } from "../../../../shared/time.ts";
import { ATTACHMENT_TYPES } from "../../../../simulators/plane/attachments.ts";
import { type AgentTestAppOptions, createAgentTaskApp } from "../../../support/agent-test-app.ts";
import { crashAfterChange } from "../../../support/crash-after-change.ts";

const toSha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** A streamed file, which unlike a Blob can be read only once. */
const createStreamedFile = (text: string) => ({ size: text.length, stream: () => new Blob([text]).stream() });

/** A streamed file whose content comes from `pull`, and which breaks off where that returns nothing. */
function createFile(size: number, pull: () => Promise<Uint8Array | undefined>) {
  let sent = 0;
  const pullPiece = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    if (sent === size) return controller.close();
    const piece = await pull();
    if (!piece) return controller.error(new Error("gone"));
    sent += piece.length;
    controller.enqueue(piece);
  };
  return { size, stream: () => new ReadableStream<Uint8Array>({ pull: pullPiece }, { highWaterMark: 0 }) };
}

/** An app with a task, ONB-1, of Imhotep and Thot, for which Imhotep delivers `# Report` as `report.md` by default. */
async function createDeliverablesApp(options: AgentTestAppOptions = {}) {
  const { app, item } = await createAgentTaskApp(["Imhotep", "Thot"], options);
  const deliver = (change: Partial<NewDeliverable> = {}) => {
    const file = new Blob(["# Report"]);
    return app.actAs("Imhotep").deliver({ task: "ONB-1", name: "report.md", file, ...change });
  };
  return {
    ...{ app, item, deliver },
    /** The files of the task in Plane and its storage. */
    readFiles: () =>
      app.plane
        .attachments(item)
        .map(({ name, is_uploaded, bytes }) => [name, is_uploaded, new TextDecoder().decode(bytes)]),
    getLinks: () => app.readComments(item).filter((text) => text.includes("Deliverable:")),
    /** A delivery whose comment Plane does not accept. */
    async deliverWithoutComment() {
      const undo = app.plane.faults.add({ method: "POST", path: "/comments/" }, { kind: "status", status: 503 });
      await expect(deliver({ text: "Here." })).rejects.toMatchObject({ code: "unavailable" });
      undo();
    },
  };
}

const REPORT = [["report.md", true, "# Report"]];

test.each(["1.3.1", "1.2.2"] as const)("OPENCLAW-07 on Plane %s a file is attached and linked", async (version) => {
  const { app, item, deliver, readFiles, getLinks } = await createDeliverablesApp({ version });
  const answer = await deliver({ text: "It is **done**." });
  const [row] = app.plane.attachments(item);
  expect(answer).toEqual({
    ...{ task: "ONB-1", name: "report.md", size: 8, sha256: toSha256("# Report"), type: "text/markdown" },
    attachment: row?.id,
  });
  expect(row).toMatchObject({ created_by: app.getUser("Imhotep").id, type: "text/markdown" });
  expect(readFiles()).toEqual(REPORT);
  const place = `projects/${item.project}/issues/${item.id}/attachments/${row?.id}/`;
  const link = `Imhotep: <p>Deliverable: <a href="${app.plane.url}/api/assets/v2/workspaces/javisi/${place}">`;
  const [comment = "", ...more] = getLinks();
  expect(more).toEqual([]);
  for (const part of [link, "report.md</a> (8 bytes)", "<strong>done</strong>"]) expect(comment).toContain(part);
});

test("a deliverable is one attachment and one comment when the call is repeated, also at once, later or after the store was lost", async () => {
  const { app, deliver, readFiles, getLinks } = await createDeliverablesApp();
  const [first, { attachment }] = await Promise.all([deliver(), deliver()]);
  expect(attachment).toBe(first.attachment);
  const again = { ...first, already: true };
  app.advance(86_400_000);
  await app.actAs("Imhotep").claim("ONB-1");
  expect(await deliver()).toEqual(again);
  await app.restart({ store: "lost" });
  await app.runFirstPoll();
  expect(await deliver()).toEqual(again);
  expect([readFiles(), getLinks().length]).toEqual([REPORT, 1]);
});

test("a streamed deliverable with another SHA-256 than announced is not stored, and refused also when it is attached already", async () => {
  const { deliver, readFiles, getLinks } = await createDeliverablesApp();
  const sha256 = toSha256("this");
  const sendOther = () => deliver({ file: createStreamedFile("that"), sha256 });
  const message = expect.stringMatching(new RegExp(`SHA-256.*${toSha256("that")}|${toSha256("that")}.*SHA-256`, "s"));
  await expect(sendOther()).rejects.toMatchObject({ code: "bad_request", message });
  expect([readFiles(), getLinks()]).toEqual([[], []]);
  await deliver({ file: createStreamedFile("this"), sha256 });
  await expect(sendOther()).rejects.toMatchObject({ code: "bad_request", message });
});

test("a streamed deliverable that broke off leaves nothing in Plane, and is sent by the next call", async () => {
  const { deliver, readFiles } = await createDeliverablesApp();
  const breakOff = deliver({ file: createFile(5, async () => undefined) });
  await expect(breakOff).rejects.toMatchObject({ code: "unavailable" });
  expect(readFiles()).toEqual([]);
  await deliver({ file: createStreamedFile("whole") });
  expect(readFiles()).toEqual([["report.md", true, "whole"]]);
});

test("another streamed file of the same name and size is refused for ten minutes when no hash was announced", async () => {
  const { deliver, readFiles } = await createDeliverablesApp();
  await deliver({ file: createStreamedFile("first") });
  await expect(deliver({ file: createStreamedFile("other") })).rejects.toThrow(toSha256("first"));
  expect(readFiles()).toEqual([["report.md", true, "first"]]);
});

test("a deliverable whose comment was not written is linked by the next call, and attached again when it was deleted", async () => {
  const { app, item, deliver, deliverWithoutComment, readFiles, getLinks } = await createDeliverablesApp();
  await deliverWithoutComment();
  app.advance(5_000);
  expect(await deliver({ text: "Here." })).toMatchObject({ already: true });
  expect([readFiles(), getLinks().length]).toEqual([REPORT, 1]);
  app.plane.deleteAttachment(app.plane.attachments(item)[0]?.id ?? "");
  app.advance(5_000);
  await deliver();
  expect([readFiles(), getLinks().length]).toEqual([REPORT, 2]);
});

test.each([
  ["in one piece", () => new Blob(["# Report"])],
  ["as a stream", () => createStreamedFile("# Report")],
])("reliability 2: a deliverable %s, killed at any change and repeated, is one with one comment", async (_, toFile) => {
  for (let change = 1; ; change += 1) {
    const { app, item, deliver, readFiles, getLinks } = await createDeliverablesApp();
    const process = crashAfterChange(app.deps, change);
    const work = createTaskOperations(process.deps, app.getCaller("Imhotep"));
    const outcome = await process.orCrash(work.deliver({ task: "ONB-1", name: "report.md", file: toFile() }));
    await deliver({ file: toFile() });
    await app.runUntilIdle();
    expect([readFiles(), getLinks().length], `change ${change}`).toEqual([REPORT, 1]);
    expect(await readDeliverables(app.deps, item.id)).toEqual([{ name: "report.md", size: 8 }]);
    if (outcome === "over") continue;
    expect(change).toBeGreaterThan(6);
    return;
  }
});

test("reliability 8: when the claim is lost while a deliverable is sent, it is not confirmed and no comment is written", async () => {
  const { app, deliver, readFiles, getLinks } = await createDeliverablesApp();
  const file = createFile(4, async () => {
    app.advance(16 * MINUTE);
    await app.actAs("Thot").claim("ONB-1");
    return new TextEncoder().encode("late");
  });
  const message = expect.stringContaining("You lost ONB-1");
  await expect(deliver({ file })).rejects.toMatchObject({ code: "conflict", message });
  expect([readFiles().filter(([, isUploaded]) => isUploaded), getLinks()]).toEqual([[], []]);
});

const REFUSED_NAMES = {
  "is empty": [""],
  "contains a path separator": ["../x.md", "a/b.md", "a\\b.md"],
  "starts with a dot": ["..", ".env"],
  "is an absolute path": ["/etc/passwd", "C:\\x.md", "C:x.md"],
  "other invisible characters": ["a\0.md", "a\n.md", "\u001b[31mx.md", "x\u202efdp.md", "\ud800.md"],
  "starts or ends with a space": ["x.md "],
  "is 256 bytes long": [`${"x".repeat(253)}.md`],
  "is a URL": ["http://2130706433/x.md", "file:///etc/passwd", "data:text/plain,x", "//169.254.169.254/x.md"],
};

test("reliability 19: a file with a name that leads elsewhere, hides something or is a URL is refused before anything is sent", async () => {
  const { app, deliver, getLinks } = await createDeliverablesApp();
  const requests = await app.recordRequests(async () => {
    for (const [reason, names] of Object.entries(REFUSED_NAMES)) {
      const message = expect.stringMatching(new RegExp(`${reason}.*report\\.pdf`, "s"));
      for (const name of names)
        await expect(deliver({ name }), name).rejects.toMatchObject({ code: "bad_request", message });
    }
  });
  expect(requests).toEqual([]);
  // It is shown as text.
  const name = `a"<b>$(id);--flag'\`.md`;
  expect(await deliver({ name })).toMatchObject({ name });
  expect(getLinks()[0]).not.toContain("<b>");
});

test("an empty file, one of a type that Plane does not accept and one over a limit are refused before anything is sent", async () => {
  const { app, item, deliver } = await createDeliverablesApp();
  const huge = { size: 50 * 2 ** 20 + 1, stream: () => new ReadableStream<Uint8Array>() };
  const large = createStreamedFile("x".repeat(5 * 2 ** 20 + 1));
  const requests = await app.recordRequests(async () => {
    await expect(deliver({ file: new Blob([]) })).rejects.toMatchObject({ code: "bad_request" });
    const message = expect.stringMatching(/5242880 \(5 MB\).*FILE_SIZE_LIMIT/);
    await expect(deliver({ file: large })).rejects.toMatchObject({ code: "too_large", message });
    const refused = { code: "unsupported_type", message: expect.stringContaining("pdf, ") };
    const types = { "program.exe": undefined, Makefile: "text/html", "program.": "application/pdf" };
    for (const [name, type] of Object.entries(types))
      await expect(deliver({ name, ...omitUndefined({ type }) })).rejects.toMatchObject(refused);
  });
  expect(requests).toEqual([]);
  // The limit was raised after it was read, or lowered.
  await app.deps.cache.setItem("plane:file_size_limit", { plane: 2 ** 30, at: app.time.now });
  await expect(deliver({ file: huge })).rejects.toThrow(/52428800 \(50 MB\).*Groundcrew/);
  await expect(deliver({ file: large })).rejects.toMatchObject({ code: "too_large" });
  expect(app.plane.attachments(item)).toEqual([]);
  expect(Object.values(FILE_TYPES).filter((type) => !ATTACHMENT_TYPES.has(type))).toEqual([]);
});
