import { describe, expect, it } from "vitest";
import { canary } from "../../../functions/canary/tick.ts";
import { isCanary, readCanary } from "../../../shared/canary/kept.ts";
import { projects } from "../../../shared/plane/projects.ts";
import type { CrewOptions } from "../../crew.ts";
import { createAviary } from "./aviary.ts";

const HOUR = 3_600_000;

type Aviary = Awaited<ReturnType<typeof createAviary>>;

/** What the log says of a canary that could not be sent. */
const complaints = ({ crew }: Aviary) =>
  crew.logged.flatMap(({ level, message }) =>
    String(message).startsWith("no canary") ? [`${level}: ${message}`] : [],
  );

async function placeOf({ crew }: Aviary) {
  const kept = await readCanary(crew.store);
  if (!kept) throw new Error("no canary is kept");
  return kept;
}

/** The tick an hour later, whose webhook comes. */
async function nextHour(aviary: Aviary) {
  aviary.crew.pass(HOUR);
  return aviary.heard();
}

/** Provision's first project, as it marks it. */
async function provisioned({ crew }: Aviary, identifier: string) {
  const json = { name: `Ours ${identifier}`, identifier, external_source: "groundcrew" };
  const mark = { external_id: "provision:first-project" };
  return (await crew.deps.plane.call(projects.create, { json: { ...json, ...mark } })).data;
}

/** A Plane that refuses edits of these comments, as it would if it went by whether an item is archived. */
function createRefusals() {
  const refused = new Map<string, Response>();
  const edits: string[] = [];
  const fetching: NonNullable<CrewOptions["fetch"]> = async (input, init) => {
    const path = new URL(input instanceof Request ? input.url : input).pathname;
    if (init?.method === "PATCH" && path.includes("/comments/")) {
      edits.push(path);
      for (const [part, response] of refused) if (path.includes(part)) return response.clone();
    }
    return fetch(input, init);
  };
  return { refused, edits, fetching };
}

const missing = () => Response.json({ error: "The requested resource does not exist." }, { status: 404 });
const forbidden = () =>
  Response.json({ detail: "You do not have permission to perform this action." }, { status: 403 });

describe.each(["1.3.1", "1.2.2"] as const)("The canary's place on Plane %s", (version) => {
  it("stays when people archive the item: Plane still takes and tells edits of its comment", async () => {
    const aviary = await createAviary({ version });
    await aviary.heard();
    const before = await placeOf(aviary);
    aviary.crew.plane.archiveItem(before.item);
    expect(await nextHour(aviary)).toMatchObject({ sent: 1, ms: expect.any(Number) });
    await aviary.crew.poll();
    await aviary.crew.settle();
    expect(await nextHour(aviary)).toMatchObject({ sent: 1, ms: expect.any(Number) });
    expect(await placeOf(aviary)).toMatchObject({ item: before.item, comment: before.comment });
    expect(aviary.crew.events()).toEqual([]);
    expect(complaints(aviary)).toEqual([]);
  });

  it("is found again under its archived item, also without the store and without the comment", async () => {
    const aviary = await createAviary({ version });
    await aviary.heard();
    const before = await placeOf(aviary);
    aviary.crew.plane.archiveItem(before.item);
    await aviary.crew.restart({ store: "lost" });
    await aviary.crew.begin();
    expect(await nextHour(aviary)).toMatchObject({ ms: expect.any(Number) });
    expect(await placeOf(aviary)).toMatchObject({ item: before.item, comment: before.comment });
    aviary.crew.plane.deleteComment(before.comment);
    expect(await nextHour(aviary)).toMatchObject({ ms: expect.any(Number) });
    expect((await placeOf(aviary)).item).toBe(before.item);
    expect((await placeOf(aviary)).comment).not.toBe(before.comment);
    expect(aviary.crew.events()).toEqual([]);
  });

  it("is none while the project that canary.project names is archived, which is said plainly and asks no more than for the projects", async () => {
    const aviary = await createAviary({ version });
    await aviary.heard();
    const before = await placeOf(aviary);
    aviary.crew.plane.archiveProject(aviary.onb);
    for (const hour of [1, 2]) {
      aviary.crew.pass(HOUR);
      expect(await aviary.crew.requests(async () => expect(await canary.run(aviary.crew.deps)).toEqual({}))).toEqual([
        "GET projects",
        "GET projects",
      ]);
      expect(complaints(aviary)).toHaveLength(hour);
    }
    expect(complaints(aviary)[0]).toBe("warn: no canary: there is no open project ONB with us as a member");
    aviary.crew.plane.restoreProject(aviary.onb);
    expect(await nextHour(aviary)).toMatchObject({ ms: expect.any(Number) });
    expect((await placeOf(aviary)).item).toBe(before.item);
  });

  it("moves to provision's new project when the old one was deleted; between the two it says so", async () => {
    const aviary = await createAviary({ version, config: {} });
    const first = await provisioned(aviary, "OLD");
    await aviary.heard();
    expect((await placeOf(aviary)).project).toBe(first.id);
    aviary.crew.plane.deleteProject(first.id);
    aviary.crew.pass(HOUR);
    for (const _ of [1, 2]) expect(await canary.run(aviary.crew.deps)).toEqual({});
    expect(complaints(aviary)).toEqual([
      "warn: no canary: its project is deleted, archived or closed to us; canary.project can name another",
      "warn: no canary: its project is deleted, archived or closed to us; canary.project can name another",
    ]);
    const second = await provisioned(aviary, "NEW");
    expect(await nextHour(aviary)).toMatchObject({ ms: expect.any(Number) });
    expect((await placeOf(aviary)).project).toBe(second.id);
  });

  it("is made beside an item that Plane knows but lets nobody edit, told to nobody either, and stays there", async () => {
    const { refused, fetching } = createRefusals();
    const aviary = await createAviary({ version, fetch: fetching });
    await aviary.heard();
    const before = await placeOf(aviary);
    aviary.crew.plane.archiveItem(before.item);
    refused.set(before.comment, missing());
    expect(await nextHour(aviary)).toMatchObject({ ms: expect.any(Number) });
    const after = await placeOf(aviary);
    expect(after.item).not.toBe(before.item);
    const requests = await aviary.crew.requests(() => nextHour(aviary));
    expect(requests).toEqual(["GET projects", "PATCH work-items/:id/comments/:id"]);
    expect((await placeOf(aviary)).item).toBe(after.item);
    await aviary.crew.poll();
    await aviary.crew.settle();
    expect(aviary.crew.events()).toEqual([]);
    expect(complaints(aviary)).toEqual([]);
  });
});

describe("The canary's place", () => {
  it.each([
    ["404", missing],
    ["400", () => Response.json({ error: "Archived" }, { status: 400 })],
    ["403", forbidden],
  ])("where each edit is refused with %s no more than one a day is made, and it is said", async (status, refusal) => {
    const { refused, fetching } = createRefusals();
    const aviary = await createAviary({ fetch: fetching });
    await aviary.heard();
    refused.set("/comments/", refusal());
    for (const hour of [1, 2, 3]) {
      aviary.crew.pass(HOUR);
      expect(await canary.run(aviary.crew.deps)).toEqual({});
      expect(complaints(aviary)).toHaveLength(hour);
    }
    expect(aviary.crew.plane.items(aviary.onb).filter(isCanary)).toHaveLength(2);
    expect(complaints(aviary).at(-1)).toMatch(/^warn: no canary: Plane lets us edit none: /);
    expect(complaints(aviary).at(-1)).toContain(status);
    refused.clear();
    expect(await nextHour(aviary)).toMatchObject({ ms: expect.any(Number) });
    expect(aviary.crew.plane.items(aviary.onb).filter(isCanary)).toHaveLength(2);
  });

  it("is left alone when the key is wrong or Plane does not answer: then the tick fails as others do", async () => {
    const { refused, fetching } = createRefusals();
    const aviary = await createAviary({ fetch: fetching });
    await aviary.heard();
    const before = await placeOf(aviary);
    refused.set("/comments/", Response.json({ detail: "Given API token is not valid" }, { status: 403 }));
    await expect(canary.run(aviary.crew.deps)).rejects.toMatchObject({ code: "auth" });
    refused.set("/comments/", new Response("<h1>Bad Gateway</h1>", { status: 502 }));
    await expect(canary.run(aviary.crew.deps)).rejects.toMatchObject({ code: "unavailable" });
    expect(await placeOf(aviary)).toMatchObject({ item: before.item, comment: before.comment });
    expect(aviary.crew.plane.items(aviary.onb).filter(isCanary)).toHaveLength(1);
  });
});
