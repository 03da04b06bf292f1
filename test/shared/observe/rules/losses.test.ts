import { describe, expect, test } from "vitest";
import { poll } from "../../../../functions/poll/project-pass.ts";
import { known, MINUTE } from "./known.ts";

/** Each test fails when its rule is taken out of the code: it says what would be lost or doubled then. */

describe("rule 4: removed or unassigned only on two reads at least 2 s apart", () => {
  test("a poll in the middle of an edit unassigns nobody", async () => {
    const { crew, plane, item, thot } = await known();
    const edit = plane.beginEdit(item, { assignees: [crew.human, thot] });
    plane.addComment(item, "<p>moves updated_at</p>");
    crew.meanwhile(() => edit.finish());
    await crew.poll();
    await crew.settle();
    expect(crew.events().filter((event) => event.includes("assigned"))).toEqual(["ONB-1 assigned thot"]);
  });

  test("a webhook written in the middle of an edit unassigns nobody", async () => {
    const { crew, plane, item, thot } = await known();
    plane.editItem(item, { name: "Manual" });
    const edit = plane.beginEdit(item, { assignees: [thot] });
    await crew.deliver();
    edit.finish();
    await crew.deliver();
    await crew.settle();
    expect(crew.events()).toEqual(["ONB-1 renamed", "ONB-1 assigned thot", "ONB-1 unassigned ada"]);
  });

  test("who was unassigned is told in the same tick", async () => {
    const { crew, plane, item } = await known();
    plane.editItem(item, { assignees: [] });
    crew.lose();
    await poll.run({ ...crew.deps, kick: () => {} });
    expect((await crew.kept(item))?.snapshot.assignees).toEqual([]);
    await crew.drain();
    expect(crew.events()).toEqual(["ONB-1 unassigned ada"]);
  });

  test("and also when the process dies between the two reads and the cursor has gone on", async () => {
    const { crew, plane, project, item } = await known();
    const other = plane.addItem(project, { name: "Other" });
    await crew.poll();
    crew.events();
    plane.editItem(item, { assignees: [] });
    crew.pass(30 * MINUTE);
    plane.editItem(other, { name: "Another" });
    crew.lose();
    crew.meanwhile(() => {
      throw new Error("killed");
    });
    await expect(crew.poll()).rejects.toThrow("killed");
    await crew.restart();
    crew.pass(5 * MINUTE);
    await crew.poll();
    expect(crew.events()).toEqual(["ONB-2 renamed", "ONB-1 unassigned ada"]);
  });

  test("an item that one look missed is not removed", async () => {
    const { crew, plane, item } = await known();
    plane.archiveItem(item);
    crew.meanwhile(() => plane.restoreItem(item));
    await crew.poll();
    await crew.settle();
    expect(crew.events()).toEqual([]);
  });

  test("an archived item is removed, its return restored; a deleted one stays removed whatever webhook comes late", async () => {
    const { crew, plane, item } = await known();
    plane.archiveItem(item);
    await crew.poll();
    expect(crew.events()).toEqual(["ONB-1 removed"]);
    plane.restoreItem(item);
    await crew.poll();
    expect(crew.events()).toEqual(["ONB-1 restored"]);
    crew.pass(1_000);
    plane.editItem(item, { state: "Done" });
    plane.settle();
    const bodies = plane.deliveries.pending.map(({ body }) => body);
    plane.deliveries.dropAll();
    plane.deleteItem(item);
    await crew.poll();
    expect(crew.events()).toEqual(["ONB-1 removed"]);
    for (const body of bodies) await crew.feed(body);
    await crew.settle();
    expect(crew.events()).toEqual([]);
  });

  test("an item that waits for triage is not there yet; accepted, it is new", async () => {
    const { crew, plane, project } = await known();
    plane.addState(project, { name: "Triage", group: "triage" });
    const asked = plane.addItem(project, { name: "A wish", state: "Triage" });
    const draft = plane.addItem(project, { name: "A draft", is_draft: true });
    await crew.deliver();
    await crew.poll();
    await crew.settle();
    expect(crew.events()).toEqual([]);
    expect(await crew.kept(draft)).toBeUndefined();
    plane.editItem(asked, { state: "Todo" });
    await crew.deliver();
    expect(crew.events()).toEqual(["ONB-2 created"]);
  });
});
