import { expect, test } from "vitest";
import { closeWish, readOpenWishes } from "../../../shared/tasks/wishes.ts";
import { createPlanSetup } from "../../functions/work/plan-setup.ts";

test("open wishes are listed oldest first, and a wish is closed once", async () => {
  const { app, addWish, plan, readWish } = await createPlanSetup();
  const first = await addWish("a website", "1");
  app.advance(1_000);
  const second = await addWish("a shop", "2");
  const listOpen = async () => (await readOpenWishes(app.deps, "Concierge")).map(({ id }) => id);
  expect(await listOpen()).toEqual([first, second]);
  await plan({ wish: first });
  expect(await listOpen()).toEqual([second]);
  expect(await closeWish(app.deps, first)).toBe("closed");
  expect(await closeWish(app.deps, first)).toBe("already");
  expect(await closeWish(app.deps, "asked-for:9")).toBe("unknown");
  expect(await closeWish(app.deps, "not a key")).toBe("unknown");
  expect(await readWish(first)).toMatchObject({ state: "closed" });
  await expect(plan({ wish: first, project: "Shop" })).rejects.toThrow("conflict: The wish");
});
