import { describe, expect, test } from "vitest";
import { memoryStore } from "../../../shared/store/memory.ts";
import type { Handed } from "../../../shared/work/deliverable.ts";
import { type Death, dying } from "../../dying.ts";
import { createWorkCrew } from "../../work-crew.ts";

const CONTENT = "the whole report";
const FILES = {
  "whole in the call": () => new Blob([CONTENT]),
  streamed: () => ({ size: CONTENT.length, stream: () => new Blob([CONTENT]).stream() }),
} satisfies Record<string, () => Handed["file"]>;

/** The call dies there, and is repeated by the next process. False when it was through before. */
async function killed(version: "1.3.1" | "1.2.2", file: () => Handed["file"], death: Death): Promise<boolean> {
  const life = dying();
  const crew = await createWorkCrew({
    version,
    fetch: life.fetch,
    store: (clock) => life.store(memoryStore({ clock })),
  });
  const item = crew.task("Write the report", "Imhotep");
  await crew.begin();
  const hand = () =>
    crew.work("Imhotep").deliver({ task: crew.keyOf(item), name: "report.md", file: file(), text: "Here." });
  const outcome = await life.until(death, hand);
  life.revive();
  await crew.restart();
  const answer = await hand();
  const rows = crew.plane.attachments(item).map(({ id, is_uploaded, bytes }) => {
    return { id, is_uploaded, text: new TextDecoder().decode(bytes) };
  });
  expect(rows).toEqual([{ id: answer.attachment, is_uploaded: true, text: CONTENT }]);
  expect(crew.comments(item).filter((html) => html.includes("Deliverable"))).toHaveLength(1);
  return outcome === "died";
}

const ALL = Object.entries(FILES);
const [WHOLE, STREAMED] = ALL;
/** Each way once; with FULL each on both versions. */
const WAYS = { "1.3.1": process.env["FULL"] ? ALL : [WHOLE], "1.2.2": process.env["FULL"] ? ALL : [STREAMED] };

describe.each(["1.3.1", "1.2.2"] as const)("reliability 2, Plane %s", (version) => {
  test.each(WAYS[version].flatMap((way) => (way ? [way] : [])))(
    "upload_deliverable (%s) killed before or after any commit or request, then called again: one attachment, one comment",
    async (_, file) => {
      for (const when of ["before", "after"] as const) {
        let nth = 1;
        while (await killed(version, file, { nth, when })) nth += 1;
        // Claim, record, create, record, storage, record, confirm, record, comment, records.
        expect(nth).toBeGreaterThan(10);
      }
    },
    60_000,
  );
});
