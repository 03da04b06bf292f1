import { expect, test, vi } from "vitest";
import { startLocalProduct } from "./local-product.ts";

vi.setConfig({ testTimeout: 120_000 });

test("one process runs an approved ticket from Plane to its comment, with tmux, git and a stand-in for Claude Code", async () => {
  const { host, call, waitFor, addTicket, end } = await startLocalProduct();
  await addTicket([
    "run echo made > made.txt; git add -A; git commit -qm 'feat: made'",
    "run printf 'All is done' > $GROUNDCREW_COMPLETION_FILE",
  ]);
  await waitFor(async () => (await call("/api/pending-tickets")).tickets?.map(({ id }) => id)).toEqual(["ONB-1"]);
  await call("/api/approve/ONB-1", "POST", {});
  await waitFor(async () => (await call("/api/completed-tickets")).tickets).toMatchObject([
    { id: "ONB-1", summary: "All is done" },
  ]);
  expect(await call("/api/update-plane/ONB-1", "POST", {})).toMatchObject({ status: "success", comment_posted: true });
  expect(host.git(["log", "--format=%s", "groundcrew/onb-1"])).toBe("feat: made\nfirst\n");
  await waitFor(async () => host.tmux("list-sessions")).toBe("");
  expect(await end("SIGTERM")).toEqual([0, null]);
});
