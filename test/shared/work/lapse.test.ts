import { describe, expect, test } from "vitest";
import { workRules } from "../../../functions/work/rules.ts";
import { claims } from "../../../functions/work/tick.ts";
import { claimOf, holdTask } from "../../../shared/work/claims.ts";
import { findTask } from "../../../shared/work/find.ts";
import { CLAIM_MS } from "../../../shared/work/keys.ts";
import { answerQuestion } from "../../../shared/work/question.ts";
import { createWorkCrew } from "../../work-crew.ts";

const MINUTE = 60_000;
const RULES = { consumers: ({ agents }: { agents: Parameters<typeof workRules>[0] }) => [workRules(agents)] };

async function held(to: string | string[] = "Thot", options: Parameters<typeof createWorkCrew>[0] = {}) {
  const crew = await createWorkCrew({ parts: RULES, ...options });
  const item = crew.task("Write it down", to);
  await crew.begin();
  await crew.work("Thot").setStatus("ONB-1", { status: "in_progress" });
  await crew.settle();
  await crew.poll();
  crew.events();
  /** Minutes pass, each with its tick. */
  const minutes = async (n: number) => {
    for (let i = 0; i < n; i++) {
      crew.pass(MINUTE);
      await claims.run(crew.deps);
      await crew.drain();
    }
  };
  const next = async (agent = "Thot") => {
    const acting = crew.acting(agent);
    return holdTask(acting, await findTask(acting, "ONB-1"));
  };
  await minutes(1);
  return { crew, item, minutes, next };
}

const told = (crew: { actions: { event: { kind: string } }[] }) =>
  crew.actions.map(({ event }) => event).filter(({ kind }) => kind === "claim_lost");

describe("an agent that fell silent", () => {
  test.each(["1.3.1", "1.2.2"] as const)(
    "loses its claim after 15 minutes: the task goes back to todo with a comment, the human is told (Plane %s)",
    async (version) => {
      const { crew, item, minutes, next } = await held("Thot", { version });
      await minutes(13);
      expect(await claimOf(crew.deps, item.id)).toBeDefined();
      await minutes(4);
      expect(crew.inPlane(item).state).toBe("Todo");
      expect(crew.comments(item)).toContainEqual(
        expect.stringMatching(/^Ada: <p><strong>Thot<\/strong> held this task from .* its claim ran out/),
      );
      expect(told(crew)).toEqual([expect.objectContaining({ agent: "Thot", why: "expired" })]);
      await expect(next()).rejects.toThrow("because no call renewed it for 15 minutes");
      await minutes(3);
      expect(crew.comments(item).filter((comment) => comment.includes("ran out"))).toHaveLength(1);
      expect(told(crew)).toHaveLength(1);
    },
  );

  test("is told of also when Plane does not let its task be put back", async () => {
    const { crew, item, minutes } = await held();
    const body = JSON.stringify({ detail: "You do not have permission." });
    crew.plane.faults.add({ method: "PATCH", path: "work-items" }, { kind: "status", status: 403, body });
    await minutes(20);
    expect(crew.inPlane(item).state).toBe("In Progress");
    expect(told(crew)).toEqual([expect.objectContaining({ agent: "Thot", why: "expired" })]);
    expect(crew.logged).toContainEqual(expect.objectContaining({ level: "warn", item: "ONB-1" }));
  });

  test("because it waits for the human's answer keeps its claim until it has one, for a day at most", async () => {
    const { crew, item, minutes } = await held();
    const { id } = await crew.work("Thot").ask("ONB-1", { text: "Which colour?" });
    await minutes(120);
    expect(await claimOf(crew.deps, item.id)).toMatchObject({ agent: "Thot" });
    await answerQuestion(crew.deps, id, { text: "Blue", by: "Ada" });
    await minutes(14);
    expect(await claimOf(crew.deps, item.id)).toMatchObject({ agent: "Thot" });
    await minutes(5);
    expect(await claimOf(crew.deps, item.id)).toBeUndefined();

    await crew.work("Thot").claim("ONB-1");
    await crew.work("Thot").ask("ONB-1", { text: "And which shade of it?" });
    await minutes(24 * 60 + 20);
    expect(await claimOf(crew.deps, item.id)).toBeUndefined();
  });

  test("and whose task was finished by people is not told of, and its task is left alone", async () => {
    const { crew, item, minutes } = await held();
    await minutes(13);
    crew.plane.editItem(item, { state: "Done" });
    crew.lose();
    await minutes(3);
    expect(crew.inPlane(item).state).toBe("Done");
  });

  test("leaves the task to the one who has claimed it meanwhile", async () => {
    const { crew, item, minutes } = await held(["Thot", "Imhotep"]);
    crew.pass(CLAIM_MS);
    await crew.work("Imhotep").claim("ONB-1");
    await minutes(1);
    expect(crew.inPlane(item).state).toBe("In Progress");
    expect(await claimOf(crew.deps, item.id)).toMatchObject({ agent: "Imhotep" });
    expect(told(crew)).toEqual([expect.objectContaining({ agent: "Thot", why: "expired" })]);
  });

  test("keeps its claim for 15 more minutes when Groundcrew itself was away", async () => {
    const { crew, item, minutes, next } = await held();
    crew.pass(60 * MINUTE);
    await crew.restart();
    await minutes(1);
    expect(crew.inPlane(item).state).toBe("In Progress");
    await expect(next()).resolves.toMatchObject({ agent: "Thot" });
    await minutes(16);
    expect(crew.inPlane(item).state).toBe("Todo");
  });

  test("nobody claims the task in the moment in which it is put back", async () => {
    let during = async () => {};
    const watched: typeof fetch = async (input, init) => {
      if (init?.method === "PATCH") await during();
      return fetch(input, init);
    };
    const { crew, item, minutes } = await held(["Thot", "Imhotep"], { fetch: watched });
    await minutes(13);
    const refusals: unknown[] = [];
    during = async () => {
      await crew
        .work("Imhotep")
        .claim("ONB-1")
        .catch((thrown: unknown) => refusals.push(thrown));
    };
    await minutes(3);
    expect(refusals[0]).toMatchObject({ message: expect.stringContaining("just being put back to todo") });
    expect(crew.inPlane(item).state).toBe("Todo");
    await expect(crew.work("Imhotep").claim("ONB-1")).resolves.toMatchObject({ agent: "Imhotep" });
  });
});

describe("people take a task away", () => {
  test.each([
    [
      "give it to somebody else",
      "reassigned",
      (crew, item) => crew.plane.editItem(item, { assignees: [crew.user("Imhotep")] }),
    ],
    ["finish it", "moved", (crew, item) => crew.plane.editItem(item, { state: "Done" })],
    ["cancel it", "moved", (crew, item) => crew.plane.editItem(item, { state: "Cancelled" })],
    ["delete it", "moved", (crew, item) => crew.plane.deleteItem(item)],
  ] satisfies [string, string, (crew: Awaited<ReturnType<typeof createWorkCrew>>, item: { id: string }) => unknown][])(
    "when they %s, its claim ends at once, and its agent is refused with the reason at its next call",
    async (_, why, take) => {
      const { crew, item } = await held();
      take(crew, item);
      await crew.poll();
      await crew.settle();
      expect(await claimOf(crew.deps, item.id)).toBeUndefined();
      expect(told(crew)).toEqual([expect.objectContaining({ agent: "Thot", why })]);
      expect(crew.comments(item).filter((comment) => comment.includes("ran out"))).toEqual([]);
    },
  );

  test("when they put it back to todo, which no event tells, the tick finds it", async () => {
    const { crew, item, minutes, next } = await held();
    crew.plane.editItem(item, { state: "Todo" });
    await crew.deliver();
    await minutes(1);
    expect(told(crew)).toEqual([expect.objectContaining({ why: "moved" })]);
    await expect(next()).rejects.toThrow("then it was moved away in Plane");
  });

  test("when they start it for its agent and put it back later, it is lost then", async () => {
    const crew = await createWorkCrew({ parts: RULES });
    const item = crew.task("Write it down", "Thot");
    await crew.begin();
    await crew.work("Thot").claim("ONB-1");
    for (const state of ["In Progress", "Backlog"]) {
      expect(await claimOf(crew.deps, item.id)).toBeDefined();
      crew.plane.editItem(item, { state });
      await crew.poll();
      await claims.run(crew.deps);
    }
    expect(await claimOf(crew.deps, item.id)).toBeUndefined();
  });

  test.each(["done", "blocked", "todo", "cancelled"] as const)(
    "what its agent sets to %s itself is no loss",
    async (status) => {
      const { crew, item, minutes } = await held();
      await crew.work("Thot").setStatus("ONB-1", { status, text: "So it is." });
      await crew.settle();
      await crew.poll();
      await minutes(2);
      expect(await claimOf(crew.deps, item.id)).toBeUndefined();
      expect(told(crew)).toEqual([]);
    },
  );
});

test("after the store was lost, a task in progress is held by the agent its card names: alive it goes on", async () => {
  const { crew, item, minutes, next } = await held();
  await crew.restart({ store: "lost" });
  await crew.poll();
  await minutes(1);
  await crew.settle();
  expect(await claimOf(crew.deps, item.id)).toMatchObject({ agent: "Thot" });
  await expect(next()).resolves.toMatchObject({ agent: "Thot" });
  await minutes(17);
  expect(crew.inPlane(item).state).toBe("Todo");
});

test("after the store was lost, a task in progress that no card names a holder of stays as it is", async () => {
  const crew = await createWorkCrew({ parts: RULES });
  const item = crew.task("By hand", "Thot", { state: "In Progress" });
  await crew.begin();
  await claims.run(crew.deps);
  await crew.settle();
  expect(await claimOf(crew.deps, item.id)).toBeUndefined();
  expect(crew.inPlane(item).state).toBe("In Progress");
});
