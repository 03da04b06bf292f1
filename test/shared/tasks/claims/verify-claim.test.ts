import { expect, test } from "vitest";
import { findClaim } from "../../../../shared/records/claim-record.ts";
import { MIN_WRITE_MS, verifyClaim } from "../../../../shared/tasks/claim-lease.ts";
import { CLAIM_MS, createAppWithTask } from "./claims-app.ts";

test("verifying a claim right before a write renews a valid claim for its full time", async () => {
  const { app, item, createTaskContext, claim } = await createAppWithTask();
  const heldClaim = await claim();
  app.advance(CLAIM_MS - 1);
  await verifyClaim(...(await createTaskContext("Thot")), heldClaim);
  expect(await findClaim(app.deps, item.id)).toMatchObject({
    fence: heldClaim.fence,
    until: app.time.now + CLAIM_MS,
  });
});

test("verifying a claim right before a write refuses an expired claim, which stays lost even when no other agent has claimed the task", async () => {
  const { app, item, createTaskContext, claim } = await createAppWithTask();
  const heldClaim = await claim();
  app.advance(CLAIM_MS);
  await expect(verifyClaim(...(await createTaskContext("Thot")), heldClaim)).rejects.toThrow(": the claim expired");
  expect(await findClaim(app.deps, item.id)).toBeUndefined();
  await app.drain();
  expect(await claim()).toMatchObject({ agent: "Thot" });
});

test("verifying a claim right before a write refuses a claim on a task that another agent holds now, naming the holder", async () => {
  const { app, createTaskContext, claim } = await createAppWithTask(["Thot", "Imhotep"]);
  const heldClaim = await claim("Thot");
  app.advance(CLAIM_MS);
  await claim("Imhotep");
  await expect(verifyClaim(...(await createTaskContext("Thot")), heldClaim)).rejects.toThrow("the claim expired");
  await expect(verifyClaim(...(await createTaskContext("Thot")), heldClaim)).rejects.toThrow(
    "ONB-1 is held by Imhotep",
  );
});

test("verifying a claim right before a write refuses a call that began under an earlier claim, even when the same agent has claimed the task again", async () => {
  const { app, createTaskContext, claim } = await createAppWithTask();
  const old = await claim();
  app.advance(CLAIM_MS);
  const now = await claim();
  await expect(verifyClaim(...(await createTaskContext("Thot")), old)).rejects.toThrow(": the claim expired");
  await expect(verifyClaim(...(await createTaskContext("Thot")), now)).resolves.toBeUndefined();
});

test("verifying a claim right before a write repeats after a suspension, so that no write starts with less than 35 s left", async () => {
  const { app, createTaskContext, claim } = await createAppWithTask();
  const heldClaim = await claim();
  const [acting, task] = await createTaskContext("Thot");
  let stops = 1;
  const stopping: typeof acting = {
    ...acting,
    deps: {
      ...acting.deps,
      store: {
        ...acting.deps.store,
        async now() {
          if (stops-- > 0) app.time.now += CLAIM_MS - MIN_WRITE_MS + 1;
          return acting.deps.store.now();
        },
      },
    },
  };
  await verifyClaim(stopping, task, heldClaim);
  expect(await findClaim(app.deps, task.id)).toMatchObject({ until: app.time.now + CLAIM_MS });
});
