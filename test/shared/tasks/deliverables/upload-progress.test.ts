import { expect, test } from "vitest";
import { readUploads, trackUpload, type UploadProgress } from "../../../../shared/tasks/deliverables/transfer-file.ts";
import { MINUTE, SECOND } from "../../../../shared/time.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

const PIECE = 1_000;

/** Delivers a file of four pieces, each after `pause` milliseconds, and reads before each how far the upload is. */
async function deliverInPieces(pause: number, { fails = false } = {}) {
  const app = await createAgentTestApp();
  app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  const seen: UploadProgress[][] = [];
  let pieces = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        seen.push(await readUploads(app.deps));
        app.advance(pause);
        if (fails && pieces === 2) return controller.error(new Error("the agent has hung up"));
        if (pieces === 4) return controller.close();
        pieces += 1;
        controller.enqueue(new Uint8Array(PIECE));
      },
    },
    { highWaterMark: 0 },
  );
  const file = { size: 4 * PIECE, stream: () => stream };
  const delivery = app.actAs("Thot").deliver({ task: "ONB-1", name: "notes.txt", file });
  const outcome = await delivery.then(
    ({ sha256 }) => sha256.length,
    () => "failed",
  );
  return { app, outcome, sent: seen.map((uploads) => uploads.map(({ sent }) => sent)), seen };
}

test("OPENCLAW-07: while a deliverable is uploaded, its bytes can be read, and afterwards it is not listed", async () => {
  const { app, outcome, sent, seen } = await deliverInPieces(2 * SECOND);
  expect(outcome).toBe(64);
  const counts = sent.map(([count = 0]) => count);
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  expect(counts.at(-1)).toBeGreaterThanOrEqual(3 * PIECE);
  expect(seen.at(-1)).toEqual([
    { task: "ONB-1", name: "notes.txt", agent: "Thot", sent: counts.at(-1), size: 4 * PIECE, at: expect.any(Number) },
  ]);
  expect(await readUploads(app.deps)).toEqual([]);
});

test("an upload that fails is not listed any more", async () => {
  const { app, outcome, sent } = await deliverInPieces(2 * SECOND, { fails: true });
  expect(outcome).toBe("failed");
  expect(sent.flat()).not.toEqual([]);
  expect(await readUploads(app.deps)).toEqual([]);
});

test("the progress of an upload whose process was killed disappears after two minutes", async () => {
  const app = await createAgentTestApp();
  const progress = trackUpload(app.deps, { task: "ONB-1", name: "a.txt", agent: "Thot", size: 10 }, "1");
  app.advance(2 * SECOND);
  await progress.record(20);
  expect(await readUploads(app.deps)).toMatchObject([{ sent: 10, size: 10 }]);
  app.advance(2 * MINUTE + 1);
  expect(await readUploads(app.deps)).toEqual([]);
});

test("an upload continues when its progress cannot be recorded", async () => {
  const app = await createAgentTestApp();
  const failing = { ...app.deps, store: { ...app.deps.store, commit: () => Promise.reject(new Error("disk full")) } };
  const progress = trackUpload(failing, { task: "ONB-1", name: "a.txt", agent: "Thot", size: 10 }, "1");
  app.advance(2 * SECOND);
  await expect(progress.record(5)).resolves.toBeUndefined();
  await expect(progress.end()).resolves.toBeUndefined();
});
