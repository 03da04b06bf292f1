import fc from "fast-check";
import { expect, test } from "vitest";
import { createLog } from "../../shared/log.ts";
import { findNearestName, identifierSchema, parseTaskKey, taskKeySchema } from "../../shared/names.ts";
import { cleanLine, cleanText, sanitizeOutput } from "../../shared/text.ts";
import { DAY, formatIsoTime, HOUR, SECOND, splitByDay, toZonedDate } from "../../shared/time.ts";

test("a cleaned line or text has no characters that control, reorder or hide text, and is truncated between characters", () => {
  const hostile = "a\u0000b\u001b[31mc\u202ed\u2066e\u200bf\ud800g";
  expect(cleanLine(`${hostile}\r\nh\ti`, 100)).toBe("a b [31mcdef\ufffdg h i");
  expect(cleanText(`${hostile}\r\nh\ti\u2028j\u0085k\rl`, 100)).toBe("ab[31mcdef\ufffdg\nh\ti\nj\nk\nl");
  for (const cut of [cleanLine, cleanText])
    expect([cut("12345", 5), cut("123456", 5), cut("123😀6", 5)]).toEqual(["12345", "1234…", "123…"]);
});

test("A log line contains no control, direction or invisible characters, also where they divide a secret", () => {
  const lines: string[] = [];
  const secrets = ["marked-secret-of-a-test"];
  const log = createLog({ level: "info", write: (line) => lines.push(line), clock: () => 0, secrets });
  log
    .with({ agent: "\u200fThot\u202e" })
    .info("a\u2066b\u009b\u0085", { reason: "c\u200bd\u007f\u2028e", item: "été 👩‍👩‍👧\n" });
  const fields = '"message":"ab","agent":"Thot","reason":"cd e","item":"été 👩‍👩‍👧\\n"';
  expect(lines).toEqual([`{"time":"1970-01-01T00:00:00.000Z","level":"info",${fields}}`]);
  log.info("marked-\u200bsecret-of-a-test");
  expect(lines.join()).not.toContain("of-a-test");
});

const COMMANDS = ["status", "statut", "task", "tasks", "new", "add", "approve", "ok", "unblock", "help", "mute", "?"];
const SETTINGS = ["PLANE_URL", "PLANE_API_KEY", "TELEGRAM_BOT_TOKEN", "GROUNDCREW_CONFIG"];

test("a mistyped command or setting means the nearest one, and other words mean none", () => {
  const commands = { aprove: "approve", stauts: "status", STATUSS: "status", tsk: "task", nwe: "new", hekp: "help" };
  for (const [input, name] of Object.entries(commands)) expect(findNearestName(input, COMMANDS), input).toBe(name);
  const others = "foo bar hi oh yes no hello thanks please start stop weather merci".split(" ");
  for (const input of [...others, ""]) expect(findNearestName(input, COMMANDS), input).toBeUndefined();
  const settings = { PLANE_ULR: "PLANE_URL", TELEGRAM_TOKEN: "TELEGRAM_BOT_TOKEN", PLANE_FOO: undefined };
  for (const [input, name] of Object.entries(settings)) expect(findNearestName(input, SETTINGS), input).toBe(name);
  expect(findNearestName("tasl", ["tasks", "task"])).toBe("task");
  expect(findNearestName("project_name_long", ["project", "project_name"])).toBe("project_name");
  expect(findNearestName("newspaper", ["new"])).toBeUndefined();
});

test("a task's key is read whatever its case and script, and other texts are none", () => {
  const keys = { " onb-12\n": ["ONB", 12], "O\u0308ko_2-15": ["ÖKO_2", 15], "项目1-7": ["项目1", 7] } as const;
  for (const [text, [identifier, number]] of Object.entries(keys))
    expect(parseTaskKey(text)).toEqual({ key: `${identifier}-${number}`, identifier, number });
  const wrong = ["", "../x", "ONB-0", "ONB-01", "ONB-1/..", "onb 1", "-1", "ONB", "O\0B-1", "ON:B-1"];
  for (const text of [...wrong, `${"A".repeat(13)}-1`]) expect(parseTaskKey(text), text).toBeUndefined();
  for (const text of ["ONB-12\n", " ONB-12", "ONB-1.", "ONB-1/.."])
    expect(taskKeySchema.safeParse(text).success, text).toBe(false);
  expect(identifierSchema.parse("öko_2")).toBe("ÖKO_2");
});

test.each([
  ["UTC", "2026-11-21T08:00:00.900Z", "2026-11-21T08:00:00Z"],
  ["Europe/Paris", "2026-07-01T08:00:00Z", "2026-07-01T10:00:00+02:00"],
  ["Asia/Kolkata", "2026-11-21T20:00:00Z", "2026-11-22T01:30:00+05:30"],
  ["America/St_Johns", "2026-01-01T00:00:00Z", "2025-12-31T20:30:00-03:30"],
])("a time for agents in %s has that zone's offset, and is the same time: %s", (timeZone, at, text) => {
  expect(formatIsoTime(Date.parse(at), timeZone)).toBe(text);
  expect(Date.parse(text)).toBe(Math.floor(Date.parse(at) / 1000) * 1000);
});

test("A period is split at midnight of the time zone, also on days of 23 and 25 hours; its parts add up and lie on their days", () => {
  const split = (from: string, to: string) =>
    splitByDay("Europe/Paris", { from: Date.parse(from), to: Date.parse(to) });
  expect(split("2026-03-28T22:00:00Z", "2026-03-29T22:30:00Z")).toEqual([
    { day: "2026-03-28", ms: HOUR },
    { day: "2026-03-29", ms: 23 * HOUR },
    { day: "2026-03-30", ms: HOUR / 2 },
  ]);
  expect(split("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")).toEqual([{ day: "2026-10-25", ms: 25 * HOUR }]);
  const time = fc.integer({ min: Date.parse("2026-01-01T00:00:00Z"), max: Date.parse("2027-01-01T00:00:00Z") });
  const zone = fc.constantFrom("UTC", "Europe/Paris", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu");
  fc.assert(
    fc.property(zone, time, fc.integer({ min: 0, max: 3 * DAY }), (timeZone, from, length) => {
      const parts = splitByDay(timeZone, { from, to: from + length });
      const sum = parts.reduce((total, { ms }) => total + ms, 0);
      expect(sum).toBe(Math.floor(length / SECOND) * SECOND);
      expect(parts.every(({ ms }) => ms > 0 && ms <= 25 * HOUR)).toBe(true);
      // Each day comes once; a second over midnight counts on the day on which it ends.
      const days = parts.map(({ day }) => day);
      expect(days).toEqual([...new Set(days)].sort());
      const all = [toZonedDate(timeZone, from), ...days, toZonedDate(timeZone, from + length)];
      expect(all).toEqual([...all].sort());
    }),
    { numRuns: 40 },
  );
});

test.each([
  ["an escape sequence", "\u001b[31mred\u001b[0m", "[31mred[0m"],
  ["a mark that turns text around", "invoice\u202efdp.exe", "invoicefdp.exe"],
  ["invisible tags", `a\u{e0041}\u{e0042}b`, "ab"],
  ["NUL, a bell and a carriage return", "a\u0000b\u0007c\rd", "abc\nd"],
])("Sanitized output (reliability 18) contains no %s", (_, text, shown) => {
  expect(sanitizeOutput(text)).toBe(shown);
});

test("Sanitized output (reliability 18) keeps lines, tabs, accents and family emoji, at every depth of an answer", () => {
  const text = "un\tété\n👩‍👩‍👧 $(id) `x` <b>";
  expect(sanitizeOutput(text)).toBe(text);
  const answer = { tasks: [{ title: "a\u202eb", percent: 1, blocked_by: [{ key: "A\u0000-1" }] }], none: null };
  const tasks = [{ title: "ab", percent: 1, blocked_by: [{ key: "A-1" }] }];
  expect(sanitizeOutput(answer)).toEqual({ tasks, none: null });
});
