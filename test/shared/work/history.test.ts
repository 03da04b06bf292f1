import { describe, expect, it } from "vitest";
import { findTask } from "../../../shared/work/find.ts";
import { finishedBy, noteFinished, pastOf } from "../../../shared/work/history.ts";
import { sizeOf } from "../../../shared/work/size.ts";
import { createWorkCrew } from "../../work-crew.ts";

describe("An agent's history (OPENCLAW-11)", () => {
  it("keeps what each finished task took: time, cost, confidence, size and project", async () => {
    const crew = await createWorkCrew();
    crew.task("Write it down", "Thot", { description_html: "<p>Size: L</p>" });
    await crew.begin();
    await crew.work("Thot").startTimer("ONB-1");
    crew.pass(600_000);
    await crew.work("Thot").report("ONB-1", { cost: 1.5, confidence: 0.9 });
    const task = await findTask(crew.acting("Thot"), "ONB-1");
    for (let i = 0; i < 2; i++) await noteFinished(crew.deps, task, "Thot");
    expect(await finishedBy(crew.deps, "Thot")).toEqual([
      {
        ...{ task: "ONB-1", agent: "Thot", project: "ONB", size: "large", at: crew.time.now },
        ...{ ms: 600_000, cost: 1.5, confidence: 0.9 },
      },
    ]);
    expect(await pastOf(crew.deps, "Thot")).toEqual({ finished: 1, ms: 600_000, cost: 1.5, confidence: 0.9 });
  });

  it("of an agent that has finished nothing says nothing", async () => {
    const crew = await createWorkCrew();
    expect(await pastOf(crew.deps, "Thot")).toEqual({ finished: 0 });
  });
});

describe("The size of a task", () => {
  it("is what its description names", () => {
    expect(sizeOf({ description: "<ul><li>Done when: it is</li><li><b>Size:</b> medium</li></ul>" })).toBe("medium");
    expect(sizeOf({ description: `Size: s. ${"x ".repeat(2000)}` })).toBe("small");
    expect(sizeOf({ description: "The size: unknown" })).toBe("small");
  });

  it("else follows from how much there is to read", () => {
    expect(sizeOf({ description: "" })).toBe("small");
    expect(sizeOf({ description: `<p>${"word ".repeat(100)}</p>` })).toBe("medium");
    expect(sizeOf({ description: `<p>${"word ".repeat(400)}</p>` })).toBe("large");
  });
});
