import { expect, test } from "vitest";
import { readOpenWishes, toWishPut } from "../../../shared/tasks/wishes.ts";
import { createPlanSetup } from "../../functions/work/plan-setup.ts";

test("open wishes are listed oldest first, and a closed wish gets no plan", async () => {
  const { app, addWish, plan, readWish } = await createPlanSetup();
  const first = await addWish("a website", "1");
  app.advance(1_000);
  const second = await addWish("a shop", "2");
  const listOpen = async () => (await readOpenWishes(app.deps, "Concierge")).map(({ id }) => id);
  expect(await listOpen()).toEqual([first, second]);
  await plan({ wish: first });
  expect(await listOpen()).toEqual([second]);
  const wish = await readWish(first);
  if (wish) await app.deps.store.commit({ put: [toWishPut({ ...wish, state: "closed" })] });
  expect(await readWish(first)).toMatchObject({ state: "closed" });
  await expect(plan({ wish: first, project: "Shop" })).rejects.toThrow("conflict: The wish");
});
