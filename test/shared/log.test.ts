import { expect, test } from "vitest";
import { createLog } from "../../shared/log.ts";

test("A log line contains no control, direction or invisible characters", () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", write: (line) => lines.push(line), clock: () => 0 });
  log
    .with({ agent: "\u200fThot\u202e" })
    .info("a\u2066b\u009b\u0085", { reason: "c\u200bd\u007f\u2028e", item: "été 👩‍👩‍👧\n" });
  expect(lines).toEqual([
    '{"time":"1970-01-01T00:00:00.000Z","level":"info","message":"ab","agent":"Thot","reason":"cd e","item":"été 👩‍👩‍👧\\n"}',
  ]);
});

test("A log line hides a secret that invisible characters divide", () => {
  const lines: string[] = [];
  const log = createLog({
    level: "info",
    write: (line) => lines.push(line),
    clock: () => 0,
    secrets: ["marked-secret-of-a-test"],
  });
  log.info("marked-\u200bsecret-of-a-test");
  expect(lines.join()).not.toContain("of-a-test");
});
