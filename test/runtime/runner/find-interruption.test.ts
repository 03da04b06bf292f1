import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findInterruption } from "../../../runtime/runner/observe-session.ts";

/** The entry that Claude Code has stored when Escape closed a dialog. */
const { interruption } = JSON.parse(readFileSync("test/fixtures/claude/recorded-2.1.330.json", "utf8"));
const PROMPT = { ...interruption, message: { role: "user", content: interruption.message.content[0].text } };
const ANSWER = { ...interruption, type: "assistant", message: { role: "assistant", content: [] } };
const toLines = (entries: readonly unknown[]) => entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");

/** What is found in a session whose conversation is this text. */
function findIn(text: string, { isLinked = false } = {}): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "gcr-transcript-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [sessionStart, file, link] = ["start.json", "transcript.jsonl", "link.jsonl"].map((name) => join(folder, name));
  if (!sessionStart || !file || !link) throw new Error("three paths");
  writeFileSync(file, text);
  symlinkSync(file, link);
  const start = { session_id: interruption.session_id, transcript_path: isLinked ? link : file };
  writeFileSync(sessionStart, JSON.stringify(start));
  return findInterruption({ sessionStart });
}

test.each([
  ["is the last entry", [ANSWER, interruption]],
  ["is followed by a title and a mode", [interruption, { type: "custom-title" }, { type: "mode", mode: "normal" }]],
  ["is followed by an entry of a sub-agent", [interruption, { ...ANSWER, isSidechain: true }]],
  ["follows a long conversation", [{ ...ANSWER, text: "€".repeat(100_000) }, interruption]],
])("An interruption is found where it %s", (_, entries) => {
  expect(findIn(toLines(entries))).toBe(interruption.uuid);
});

test.each([
  ["something was typed after it", [interruption, PROMPT]],
  ["Claude has answered after it", [interruption, ANSWER]],
  ["a person has only typed its text", [ANSWER, PROMPT]],
  ["a longer entry than is read follows", [interruption, { ...ANSWER, text: "x".repeat(100_000) }]],
])("No interruption is found where %s", (_, entries) => {
  expect(findIn(toLines(entries))).toBeUndefined();
});

test("Neither a link in place of the conversation nor text that is not JSON is read as an interruption", () => {
  expect(findIn(toLines([interruption]), { isLinked: true })).toBeUndefined();
  expect(findIn("[Request interrupted by user]\n{\n")).toBeUndefined();
});
