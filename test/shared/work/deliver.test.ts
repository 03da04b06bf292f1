import { describe, expect, test } from "vitest";
import { deliverablesOf } from "../../../shared/work/deliver.ts";
import { createWorkCrew } from "../../work-crew.ts";
import { attached, begin, blob, linking, sha256, stream, whole } from "./deliver-rig.ts";

describe.each(["1.3.1", "1.2.2"] as const)("a deliverable, Plane %s", (version) => {
  test("OPENCLAW-07 becomes an attachment by the agent, with a comment that links it", async () => {
    const { crew, item, task, hand } = await begin({ version });
    const answer = await hand({ text: "It is **done**." });
    const [row] = crew.plane.attachments(item);
    expect(answer).toEqual({
      ...{ task, name: "report.md", size: 8, sha256: sha256("# Report"), type: "text/markdown" },
      attachment: row?.id,
    });
    expect(row).toMatchObject({ is_uploaded: true, created_by: crew.user("Imhotep").id, type: "text/markdown" });
    expect(attached(crew, item)).toEqual([whole("report.md", "# Report")]);
    const [comment = "", ...more] = linking(crew, item);
    expect(more).toEqual([]);
    const place = `projects/${item.project}/issues/${item.id}/attachments/${row?.id}/`;
    expect(comment).toContain(
      `Imhotep: <p>Deliverable: <a href="${crew.plane.url}/api/assets/v2/workspaces/javisi/${place}">`,
    );
    expect(comment).toContain("report.md</a> (8 bytes)");
    expect(comment).toContain("<strong>done</strong>");
  });

  test("the same call again is one attachment and one comment, and says that it was there", async () => {
    const { crew, item, task, hand } = await begin({ version });
    const first = await hand({});
    expect(await hand({})).toEqual({ ...first, already: true });
    crew.pass(86_400_000);
    await crew.work("Imhotep").claim(task);
    expect(await hand({})).toEqual({ ...first, already: true });
    expect(attached(crew, item)).toEqual([whole("report.md", "# Report")]);
    expect(linking(crew, item)).toHaveLength(1);
  });

  test("the same call twice, side by side, is one attachment and one comment", async () => {
    const { crew, item, hand } = await begin({ version });
    const [one, two] = await Promise.all([hand({}), hand({})]);
    expect(two.attachment).toBe(one.attachment);
    expect(attached(crew, item)).toEqual([whole("report.md", "# Report")]);
    expect(linking(crew, item)).toHaveLength(1);
  });

  test("the same call again after the store was lost is one attachment and one comment", async () => {
    const { crew, item, hand } = await begin({ version });
    const first = await hand({});
    await crew.restart({ store: "lost" });
    await crew.begin();
    expect(await hand({})).toEqual({ ...first, already: true });
    expect(crew.plane.attachments(item)).toHaveLength(1);
    expect(linking(crew, item)).toHaveLength(1);
  });
});

describe("a deliverable that streams", () => {
  test("is hashed on its way", async () => {
    const { crew, item, hand } = await begin();
    expect(await hand({ file: stream("by and by") })).toMatchObject({ sha256: sha256("by and by"), size: 9 });
    expect(attached(crew, item)).toEqual([whole("report.md", "by and by")]);
  });

  test("with another SHA-256 than announced is not kept", async () => {
    const { crew, item, hand } = await begin();
    const handed = hand({ file: stream("other"), sha256: sha256("this") });
    await expect(handed).rejects.toMatchObject({ code: "bad_request", message: expect.stringContaining("SHA-256") });
    expect(crew.plane.attachments(item)).toEqual([]);
    expect(linking(crew, item)).toEqual([]);
  });

  test("is read to its end also when it is there already, and refused when it is another than announced", async () => {
    const { hand } = await begin();
    await hand({ file: stream("this"), sha256: sha256("this") });
    const other = hand({ file: stream("that"), sha256: sha256("this") });
    await expect(other).rejects.toMatchObject({
      code: "bad_request",
      message: expect.stringContaining(sha256("that")),
    });
  });

  test("again within ten minutes is the same call repeated", async () => {
    const { crew, item, hand } = await begin();
    const first = await hand({ file: stream("one") });
    expect(await hand({ file: stream("one") })).toEqual({ ...first, already: true });
    expect(crew.plane.attachments(item)).toHaveLength(1);
  });

  test("with other bytes of the same length right after is refused, and taken with its SHA-256", async () => {
    const { crew, item, hand } = await begin();
    await hand({ file: stream("one") });
    const second = hand({ file: stream("two") });
    await expect(second).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining(sha256("one")) });
    await hand({ file: stream("two"), sha256: sha256("two") });
    expect(attached(crew, item)).toEqual([whole("report.md", "one"), whole("report.md", "two")]);
  });

  test("that broke off is sent again under the same ticket", async () => {
    const { crew, item, hand } = await begin();
    const torn = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("gone")) });
    await expect(hand({ file: { size: 5, stream: () => torn } })).rejects.toMatchObject({ code: "unavailable" });
    const requests = await crew.requests(() => hand({ file: stream("whole") }));
    expect(requests).not.toContain("POST work-items/:id/attachments");
    expect(attached(crew, item)).toEqual([whole("report.md", "whole")]);
  });
});

describe("what Plane says", () => {
  test("a person deleted it: the same call brings it again, with a comment that links the new one", async () => {
    const { crew, item, hand } = await begin();
    const first = await hand({});
    crew.plane.deleteAttachment(first.attachment);
    const second = await hand({});
    expect(second.attachment).not.toBe(first.attachment);
    expect(second).not.toHaveProperty("already");
    expect(attached(crew, item)).toEqual([whole("report.md", "# Report")]);
    expect(linking(crew, item)[0]).toContain(second.attachment);
  });

  test("the ticket ran out before the bytes came: another one is taken, and no half is left", async () => {
    const { crew, item, task, hand } = await begin();
    const torn = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("gone")) });
    await expect(hand({ file: { size: 8, stream: () => torn }, sha256: sha256("# Report") })).rejects.toThrow();
    crew.pass(3_590_000);
    await crew.work("Imhotep").claim(task);
    await hand({});
    expect(attached(crew, item)).toEqual([whole("report.md", "# Report")]);
  });

  test("nobody came back to finish it: after half an hour the half one is gone, and the log says so", async () => {
    const { crew, item, hand } = await begin();
    const torn = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("gone")) });
    await expect(hand({ file: { size: 8, stream: () => torn } })).rejects.toThrow();
    expect(crew.plane.attachments(item)).toHaveLength(1);
    crew.pass(1_900_000);
    await crew.drain();
    expect(crew.plane.attachments(item)).toEqual([]);
    expect(crew.logged).toContainEqual(expect.objectContaining({ message: "a deliverable was never finished" }));
  });

  test("nobody came back for its comment: after half an hour it is linked all the same, once", async () => {
    const { crew, item, task, hand } = await begin();
    const undo = crew.plane.faults.add({ method: "POST", path: "/comments/" }, { kind: "status", status: 503 });
    await expect(hand({ text: "Here." })).rejects.toMatchObject({ code: "unavailable" });
    undo();
    crew.pass(1_700_000);
    await crew.drain();
    expect(linking(crew, item)).toEqual([]);
    crew.pass(3_600_000);
    await crew.drain();
    expect(linking(crew, item)).toEqual([expect.stringMatching(/^Ada: <p><strong>Imhotep<.*>report\.md<\/a>/)]);
    expect(await deliverablesOf(crew.deps, item.id)).toEqual([{ name: "report.md", size: 8 }]);
    await crew.work("Imhotep").claim(task);
    crew.pass(5_000);
    expect(await hand({ text: "Here." })).toMatchObject({ already: true });
    expect(linking(crew, item)).toHaveLength(1);
    expect(attached(crew, item)).toHaveLength(1);
  });

  test("a person deleted it before its comment came: nothing is linked", async () => {
    const { crew, item, hand } = await begin();
    const undo = crew.plane.faults.add({ method: "POST", path: "/comments/" }, { kind: "status", status: 503 });
    await expect(hand({ text: "Here." })).rejects.toMatchObject({ code: "unavailable" });
    undo();
    crew.plane.deleteAttachment(crew.plane.attachments(item)[0]?.id ?? "");
    crew.pass(3_600_000);
    await crew.drain();
    crew.pass(3_600_000);
    await crew.drain();
    expect(linking(crew, item)).toEqual([]);
    expect(await deliverablesOf(crew.deps, item.id)).toEqual([]);
  });

  test("its size limit was lowered after we had read it: the error tells it, and no half is left", async () => {
    const { crew, item, hand } = await begin({ fileSizeLimit: 100 });
    await crew.deps.cache.setItem("plane:file_size_limit", { plane: 1_000, at: crew.time.now });
    const handed = hand({ file: blob("x".repeat(500)) });
    await expect(handed).rejects.toMatchObject({
      code: "too_large",
      message: expect.stringMatching(/100.*FILE_SIZE_LIMIT/),
    });
    expect(crew.plane.attachments(item)).toEqual([]);
  });

  test("another agent's task: refused before anything is sent", async () => {
    const { crew, item, hand } = await begin();
    await expect(hand({}, "Thot")).rejects.toMatchObject({ code: "forbidden" });
    expect(crew.plane.attachments(item)).toEqual([]);
  });

  test("reliability 8: a claim lost while the bytes came: nothing is confirmed, no comment is written", async () => {
    const crew = await createWorkCrew();
    const item = crew.task("Write the report", ["Imhotep", "Thot"]);
    await crew.begin();
    const task = crew.keyOf(item);
    const slow = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          crew.pass(16 * 60_000);
          await crew.work("Thot").claim(task);
          controller.enqueue(new TextEncoder().encode("late"));
          controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const file = { size: 4, stream: () => slow };
    const late = crew.work("Imhotep").deliver({ task, name: "report.md", file });
    await expect(late).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("You held ONB-1") });
    expect(crew.plane.attachments(item).filter(({ is_uploaded }) => is_uploaded)).toEqual([]);
    expect(linking(crew, item)).toEqual([]);
  });

  test("a task that is over takes none", async () => {
    const { crew, item, hand } = await begin();
    crew.plane.editItem(item, { state: "Done" });
    await crew.poll();
    await expect(hand({})).rejects.toMatchObject({ code: "conflict" });
  });

  test("what was delivered is known without a request", async () => {
    const { crew, item, hand } = await begin();
    await hand({});
    await hand({ name: "data.csv", file: blob("a,b") });
    expect(await deliverablesOf(crew.deps, item.id)).toEqual([
      { name: "report.md", size: 8 },
      { name: "data.csv", size: 3 },
    ]);
  });
});
