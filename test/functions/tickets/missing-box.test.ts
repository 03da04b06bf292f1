import { expect, test } from "vitest";
import { createTicketsApp } from "./tickets-app.ts";

const MISSING = "sessions run without a box: bubblewrap (bwrap) is not installed";

test("the approval of a ticket says whether its runner has no box for its project", async () => {
  const app = await createTicketsApp();
  const checks = [
    { name: "box", status: "warning" as const, detail: `OPS: ${MISSING}` },
    { name: "box", status: "ok" as const, detail: "ONB: sessions run in bubblewrap 0.8.0" },
    { name: "box", status: "warning" as const, detail: `ONB: ${MISSING}` },
  ];
  const shown: string[][] = [];
  for (const check of checks) {
    await app.exchange([], { checks: [check] });
    await app.requestTicket();
    const { requests } = await app.read("/api/requests");
    const input = requests.at(-1).input as { label: string; value: string }[] | undefined;
    shown.push((input ?? []).filter(({ label }) => label === "box").map(({ value }) => value));
  }
  expect(shown).toEqual([[], [], [MISSING]]);
});
