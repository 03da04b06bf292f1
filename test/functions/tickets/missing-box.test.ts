import { expect, test } from "vitest";
import { createTicketsApp } from "./tickets-app.ts";

const NAME = { name: "box", detail: "ONB: sessions run without a box: bubblewrap (bwrap) is not installed" };

test.each([
  [
    "no box",
    [{ ...NAME, status: "warning" as const }],
    ["sessions run without a box: bubblewrap (bwrap) is not installed"],
  ],
  ["a box", [{ ...NAME, detail: "ONB: sessions run in bubblewrap 0.8.0", status: "ok" as const }], []],
  [
    "no box for another project",
    [{ ...NAME, detail: NAME.detail.replace("ONB", "OPS"), status: "warning" as const }],
    [],
  ],
])("the approval of a ticket says whether its runner has %s", async (_, checks, wanted) => {
  const app = await createTicketsApp();
  await app.exchange([], { checks });
  await app.requestTicket();
  const { requests } = await app.read("/api/requests");
  const [ticket] = requests.filter(({ kind }: { kind: string }) => kind === "ticket");
  const input = (ticket.input ?? []) as { label: string; value: string }[];
  expect(input.filter(({ label }) => label === "box").map(({ value }) => value)).toEqual(wanted);
});
