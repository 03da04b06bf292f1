import { expect, test } from "vitest";
import { readMonthlySpending } from "../../../shared/accounting/spending.ts";
import type { Deps, TaskDeps } from "../../../shared/app/deps.ts";
import { approveTicket, requestTicket } from "../../../shared/tickets/approval.ts";
import { updatePlane } from "../../../shared/tickets/completion.ts";
import { observeSessions, placeTickets, readDesiredState } from "../../../shared/tickets/runners.ts";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import { crashAtStep } from "../../support/crash-after-change.ts";
import { createSession, createTicketsApp } from "./tickets-app.ts";

type App = Awaited<ReturnType<typeof createTicketsApp>>;

/**
 * Runs `act` in a process that ends at its nth step, before or after that step, and `check` after another process has
 * started: for each step in the full run, for every third one otherwise. Returns the number of steps.
 */
async function killAtEachStep(
  prepare: () => Promise<App>,
  act: (deps: TaskDeps & Pick<Deps, "terminals">) => Promise<unknown>,
  check: (app: App) => Promise<void>,
): Promise<number> {
  let most = Number.POSITIVE_INFINITY;
  for (let nth = 1; nth <= most; nth += IS_FULL_RUN ? 1 : 3) {
    const app = await prepare();
    const crash = crashAtStep(app.deps, nth, nth % 2 === 0 ? "before" : "after");
    const [ended] = await Promise.allSettled([crash.orCrash(act({ ...crash.deps, terminals: app.deps.terminals }))]);
    if (ended.status === "fulfilled") most = crash.state.steps;
    app.advance(61_000);
    await app.restart();
    await app.listenAgain();
    await check(app);
  }
  return most;
}

async function createRequestedApp(): Promise<App> {
  const app = await createTicketsApp();
  await app.requestTicket();
  return app;
}

async function createCompletedApp(): Promise<App> {
  const app = await createRequestedApp();
  await app.runSession();
  await app.complete();
  return app;
}

const countResults = (app: App) => {
  const comments = app.plane.items(app.onb).flatMap((item) => app.readComments(item));
  return comments.filter((text) => text.includes("All is done")).length;
};

test("An approval killed at any step and repeated starts one session", async () => {
  const steps = await killAtEachStep(
    createRequestedApp,
    (deps) => approveTicket(deps, "ONB-1", { by: "Ada" }, "c"),
    async (app) => {
      const first = await app.call("/api/approve/ONB-1");
      expect(await app.call("/api/approve/ONB-1")).toEqual(first);
      expect((await app.exchange()).sessions).toMatchObject([{ run: 1, session_id: first.json.conversation_id }]);
      expect((await app.exchange([createSession()])).sessions).toHaveLength(1);
    },
  );
  expect(steps).toBeGreaterThanOrEqual(2);
});

test("A request killed at any step becomes one pending ticket", async () => {
  const request = { type: "ticket", trigger: "status", cause: "status", correlation: "c" } as const;
  let item = "";
  await killAtEachStep(
    async () => {
      const app = await createTicketsApp({ triggers: { created: false } });
      item = (await app.requestTicket()).id;
      return app;
    },
    (deps) => requestTicket(deps, { ...request, item }),
    async (app) => {
      await requestTicket(app.deps, { ...request, item });
      expect(await app.read("/api/pending-tickets")).toMatchObject({ count: 1, tickets: [{ id: "ONB-1", run: 0 }] });
    },
  );
});

test("An exchange killed at any step is repeated by the runner and leaves one session, whatever was observed", async () => {
  const instance = "11111111-2222-4333-8444-000000000002";
  const request = { runner: "vps", instance, version: "1", repositories: ["ONB"], seen: "", wait_ms: 0 };
  const steps = await killAtEachStep(
    async () => {
      const app = await createRequestedApp();
      await app.call("/api/approve/ONB-1");
      return app;
    },
    async (deps) => {
      await placeTickets(deps, { ...request, sessions: [] }, "c");
      await observeSessions(deps, { ...request, sessions: [createSession({ cost_usd: 1 })] }, "c");
      await readDesiredState(deps, { ...request, sessions: [createSession()] });
    },
    async (app) => {
      // A runner has a session only of a ticket that was placed.
      if ((await app.read("/api/sessions")).sessions[0].state === "approved") await app.exchange();
      expect((await app.exchange([createSession({ cost_usd: 1 })])).sessions).toMatchObject([
        { ticket: "ONB-1", run: 1 },
      ]);
      const [session, ...others] = (await app.read("/api/sessions")).sessions;
      expect([session.state, others]).toEqual(["running", []]);
      expect((await readMonthlySpending(app.deps)).cost).toBe(1);
    },
  );
  expect(steps).toBeGreaterThanOrEqual(3);
});

test("An update killed at any step is finished by the queue: one comment, and the status", async () => {
  const steps = await killAtEachStep(
    createCompletedApp,
    (deps) => updatePlane(deps, "ONB-1", { by: "Ada" }, "c"),
    async (app) => {
      await app.runUntilIdle();
      const [waiting] = (await app.read("/api/completed-tickets")).tickets;
      // A process that ends before the approval is stored leaves the decision to the person.
      if (waiting) await app.call("/api/update-plane/ONB-1");
      expect((await app.read("/api/completed-tickets")).updated).toMatchObject([
        { state: "done", comment_posted: true, state_updated: true },
      ]);
      expect(countResults(app)).toBe(1);
      expect(app.plane.items(app.onb).map((item) => app.readPlaneItem(item).state)).toEqual(["Done"]);
    },
  );
  expect(steps).toBeGreaterThanOrEqual(6);
});

test("A comment whose answer was lost is not written twice", async () => {
  const app = await createCompletedApp();
  app.plane.faults.add({ method: "POST", path: "/comments/" }, { kind: "drop after" }, 2);
  expect((await app.call("/api/update-plane/ONB-1")).json).toMatchObject({ status: "updated" });
  expect(countResults(app)).toBe(1);
});
