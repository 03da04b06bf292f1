import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../../../../runtime/stores/sqlite-store.ts";
import type { NewDeliverable } from "../../../../shared/tasks/deliverables/file-check.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";
import { type CrashPoint, createCrashSimulator } from "../../../support/crash-simulator.ts";

const CONTENT = "the whole report";
const FILES = {
  "inside the call": () => new Blob([CONTENT]),
  streamed: () => ({ size: CONTENT.length, stream: () => new Blob([CONTENT]).stream() }),
} satisfies Record<string, () => NewDeliverable["file"]>;

/** Kills the call at a crash point and repeats it in the next process. False when the call was complete before. */
async function deliverWithCrash(
  version: "1.3.1" | "1.2.2",
  file: () => NewDeliverable["file"],
  crash: CrashPoint,
): Promise<boolean> {
  const simulator = createCrashSimulator();
  const app = await createAgentTestApp({
    version,
    fetch: simulator.fetch,
    store: (clock) => simulator.store(createMemoryStore({ clock })),
  });
  const item = app.addTask("Write the report", "Imhotep");
  await app.runFirstPoll();
  const deliver = () =>
    app.actAs("Imhotep").deliver({ task: app.toTaskKey(item), name: "report.md", file: file(), text: "Here." });
  const outcome = await simulator.runUntilCrash(crash, deliver);
  simulator.reset();
  await app.restart();
  const answer = await deliver();
  const rows = app.plane.attachments(item).map(({ id, is_uploaded, bytes }) => {
    return { id, is_uploaded, text: new TextDecoder().decode(bytes) };
  });
  expect(rows).toEqual([{ id: answer.attachment, is_uploaded: true, text: CONTENT }]);
  expect(app.readComments(item).filter((html) => html.includes("Deliverable"))).toHaveLength(1);
  return outcome === "died";
}

const ALL = Object.entries(FILES);
const [WHOLE, STREAMED] = ALL;
/** Each kind of file once; with FULL each on both versions. */
const FILES_BY_VERSION = {
  "1.3.1": process.env["FULL"] ? ALL : [WHOLE],
  "1.2.2": process.env["FULL"] ? ALL : [STREAMED],
};

describe.each(["1.3.1", "1.2.2"] as const)("reliability 2 on Plane %s", (version) => {
  test.each(FILES_BY_VERSION[version].flatMap((variant) => (variant ? [variant] : [])))(
    "upload_deliverable (%s) killed before or after any commit or request and repeated leaves one attachment and one comment",
    async (_, file) => {
      for (const when of ["before", "after"] as const) {
        let nth = 1;
        while (await deliverWithCrash(version, file, { nth, when })) nth += 1;
        // The steps are: claim, record, create, record, storage, record, confirm, record, comment, records.
        expect(nth).toBeGreaterThan(10);
      }
    },
    60_000,
  );
});
