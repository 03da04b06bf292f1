import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ADMIN, callTool, createDoors, tokenOf } from "../../doors.ts";
import { bearer, ADMIN as OPERATOR, started } from "../../runtime/started.ts";

type Doors = Awaited<ReturnType<typeof createDoors>>;

const lines = z.object({
  calls: z.array(
    z.object({
      at: z.iso.datetime(),
      agent: z.string(),
      tool: z.string(),
      item: z.string().optional(),
      outcome: z.string(),
      ms: z.number(),
      via: z.enum(["mcp", "http"]),
      correlation: z.string(),
    }),
  ),
  next: z.string().optional(),
});

async function read(doors: Doors, query = "") {
  return lines.parse(await (await doors.ask(`/audit${query}`, ADMIN)).json());
}

async function told(doors: Doors, query = "") {
  const { calls } = await read(doors, query);
  return calls.map(({ agent, tool, item, outcome, via }) => [agent, tool, item ?? "-", outcome, via].join(" "));
}

describe("GET /audit", () => {
  it("has every call, newest first: who, which tool, about what, how it ended", async () => {
    const doors = await createDoors();
    const task = doors.task("Write the menu", "Imhotep");
    await doors.begin();
    await doors.post("Imhotep", "claim_task", { task: "onb-1" });
    await callTool(await doors.client("Imhotep"), "claim_task", { task: task.id });
    await doors.post("Thot", "claim_task", { task: "ONB-1" });
    await doors.post("Thot", "claim_task", {});
    await doors.post("Thot", "delete_everything", { task: "ONB-1" });
    expect(await told(doors)).toEqual([
      "Thot delete_everything ONB-1 not_found http",
      "Thot claim_task - bad_request http",
      "Thot claim_task ONB-1 forbidden http",
      "Imhotep claim_task ONB-1 ok mcp",
      "Imhotep claim_task ONB-1 ok http",
    ]);
    expect(await told(doors, "?agent=Imhotep")).toHaveLength(2);
    expect(await told(doors, "?task=onb-1")).toHaveLength(4);
    const { calls, next } = await read(doors, "?agent=Imhotep&limit=1");
    expect([calls, (await read(doors, `?agent=Imhotep&after=${encodeURIComponent(next ?? "")}`)).calls]).toEqual([
      [expect.objectContaining({ via: "mcp" })],
      [expect.objectContaining({ via: "http" })],
    ]);
    expect(await told(doors, "?task=ONB-1&agent=Thot")).toEqual([
      "Thot delete_everything ONB-1 not_found http",
      "Thot claim_task ONB-1 forbidden http",
    ]);
  });

  it("is read in pages", async () => {
    const doors = await createDoors();
    for (const task of ["A-1", "A-2", "A-3", "A-4", "A-5"]) await doors.post("Thot", "claim_task", { task, x: 1 });
    const items: (string | undefined)[] = [];
    let query = "?limit=2";
    for (let page = 0; page < 5; page += 1) {
      const { calls, next } = await read(doors, query);
      items.push(...calls.map(({ item }) => item));
      if (next === undefined) break;
      query = `?limit=2&after=${encodeURIComponent(next)}`;
    }
    expect(items).toEqual(["A-5", "A-4", "A-3", "A-2", "A-1"]);
  });

  it("keeps a call for 30 days", async () => {
    const doors = await createDoors();
    await doors.post("Thot", "claim_task", {});
    doors.pass(30 * 86_400_000 - 1_000);
    expect(await told(doors)).toHaveLength(1);
    doors.pass(2_000);
    expect(await told(doors)).toHaveLength(0);
  });

  it("holds names, never what was written", async () => {
    const doors = await createDoors();
    await doors.post("Thot", "claim_task", { task: "marked text of a task", text: "marked" });
    await doors.post("Thot", `marked\u202e${"x".repeat(200)}`, {});
    const { calls } = await read(doors);
    expect(calls[1]).not.toHaveProperty("item");
    expect(calls[0]?.tool).toBe(`marked${"x".repeat(57)}…`);
  });

  it("is for ADMIN_TOKEN only and refuses a query it does not know how to read", async () => {
    const doors = await createDoors();
    expect((await doors.ask("/audit", tokenOf("Concierge"))).status).toBe(403);
    expect((await doors.ask("/audit?limit=0", ADMIN)).status).toBe(400);
  });
});

describe("A call", () => {
  it("does not wait for its line in the audit", async () => {
    const doors = await createDoors();
    const { store } = doors;
    const commit = store.commit.bind(store);
    const written = Promise.withResolvers<void>();
    store.commit = async (given) => {
      if (given.put?.some(({ key }) => key.startsWith("audit:"))) await written.promise;
      return commit(given);
    };
    expect(await doors.post("Thot", "claim_task", {})).toMatchObject({ status: 400 });
    expect(await told(doors)).toEqual([]);
    written.resolve();
    await expect.poll(() => told(doors)).toHaveLength(1);
  });

  it("is counted, and timed, by tool and outcome; what is no tool is one word", async () => {
    const { url } = await started({ env: { AGENT_TOKEN_CONCIERGE: "bridge-token-of-the-concierge" } });
    const call = (tool: string) =>
      fetch(`${url}/agent/${tool}`, { method: "POST", ...bearer("bridge-token-of-the-concierge") });
    for (const tool of ["claim_task", "claim_task", "marked_one", "marked_two"]) await call(tool);
    const metrics = async () => (await fetch(`${url}/metrics`, bearer(OPERATOR))).text();
    await expect.poll(metrics).toContain('groundcrew_agent_calls_total{tool="unknown",outcome="not_found"} 2');
    const text = await metrics();
    expect(text).toContain('groundcrew_agent_calls_total{tool="claim_task",outcome="bad_request"} 2');
    expect(text).toContain('groundcrew_agent_call_duration_seconds_count{tool="claim_task"} 2');
    expect(text).not.toContain("marked");
  });

  it("leaves its token nowhere: not in the log, not in an answer, not in the store (reliability 21)", async () => {
    const doors = await createDoors();
    const token = tokenOf("Thot");
    const answers = [
      await doors.post("Thot", "claim_task", { task: token }),
      await doors.post("Thot", "claim_task", { [token]: 1 }),
      await doors.post("Thot", token, {}),
    ];
    await expect.poll(() => told(doors)).toHaveLength(3);
    const written = JSON.stringify([answers, doors.logged, (await read(doors)).calls]);
    expect(written).not.toContain(token);
  });

  it("is a line of the log; one that is not the agent's to make is a warning (reliability 20)", async () => {
    const doors = await createDoors();
    doors.task("Write the menu", "Imhotep");
    await doors.begin();
    await doors.post("Imhotep", "claim_task", { task: "ONB-1" });
    await doors.post("Thot", "claim_task", { task: "ONB-1" });
    await expect
      .poll(() => doors.logged.filter(({ message }) => message === "agent call"))
      .toMatchObject([
        { level: "info", agent: "Imhotep", tool: "claim_task", item: "ONB-1", outcome: "ok", via: "http" },
        { level: "warn", agent: "Thot", outcome: "forbidden", reason: expect.stringContaining("is Imhotep's") },
      ]);
  });
});
