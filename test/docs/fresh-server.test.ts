import { expect, test } from "vitest";
import { createServer } from "./fresh-server.ts";

test("A block that ends before it has read its answers is reported as it ended", async () => {
  const { folder, run } = createServer();
  // More than a pipe holds, so that writing goes on when nobody reads any more.
  const answers = "yes\n".repeat(100_000);
  await expect(run("exec <&-; exit 3", { cwd: folder, answers })).rejects.toMatchObject({ code: 3 });
  expect((await run("exec <&-; echo done", { cwd: folder, answers })).stdout).toBe("done\n");
});
