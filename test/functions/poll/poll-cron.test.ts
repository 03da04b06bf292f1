import { expect, test } from "vitest";
import { getPollCron } from "../../../functions/poll/poll-tick.ts";
import { createTestSettings, PLANE_ENV } from "../../support/settings.ts";

function getCron(tickets: object | undefined, env: Record<string, string> = {}): string {
  const file = JSON.stringify(tickets ? { tickets: { repositories: { ONB: "/srv/onb" }, ...tickets } } : {});
  return getPollCron(createTestSettings({ ...PLANE_ENV, ...env, GROUNDCREW_CONFIG: "c" }, { c: file }));
}

test.each([
  [undefined, "*/5 * * * *"],
  [{}, "*/1 * * * *"],
  [{ poll_seconds: 15 }, "*/15 * * * * *"],
  [{ poll_seconds: 120 }, "*/2 * * * *"],
])("With tickets %j Plane is polled at %s", (tickets, cron) => {
  expect(getCron(tickets)).toBe(cron);
});

test("POLL_CRON wins over tickets.poll_seconds", () => {
  expect(getCron({}, { POLL_CRON: "*/3 * * * *" })).toBe("*/3 * * * *");
});

test.each([7, 90, 3_600])("tickets.poll_seconds of %i is refused", (poll_seconds) => {
  expect(() => getCron({ poll_seconds })).toThrow(/poll_seconds/);
});
