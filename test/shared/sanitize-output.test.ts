import { expect, test } from "vitest";
import { sanitizeOutput } from "../../shared/text.ts";

test.each([
  ["an escape sequence", "\u001b[31mred\u001b[0m", "[31mred[0m"],
  ["a mark that turns text around", "invoice\u202efdp.exe", "invoicefdp.exe"],
  ["invisible tags", `a\u{e0041}\u{e0042}b`, "ab"],
  ["NUL, a bell and a carriage return", "a\u0000b\u0007c\rd", "abc\nd"],
])("Sanitized output (reliability 18) contains no %s", (_, text, shown) => {
  expect(sanitizeOutput(text)).toBe(shown);
});

test("Sanitized output (reliability 18) keeps lines, tabs, accents and family emoji", () => {
  const text = "un\tété\n👩‍👩‍👧 $(id) `x` <b>";
  expect(sanitizeOutput(text)).toBe(text);
});

test("Sanitized output (reliability 18) is sanitized at every depth of an answer", () => {
  const answer = { tasks: [{ title: "a\u202eb", percent: 1, blocked_by: [{ key: "A\u0000-1" }] }], none: null };
  expect(sanitizeOutput(answer)).toEqual({
    tasks: [{ title: "ab", percent: 1, blocked_by: [{ key: "A-1" }] }],
    none: null,
  });
});
