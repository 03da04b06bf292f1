import { expect, test, vi } from "vitest";
import { toDone } from "../runtime/runner/product-rig.ts";
import { createClaudeRig } from "./claude-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

/** Steps that commit a file of this name and complete the ticket. */
const workOn = (name: string) => [
  `permission echo ${name} > ${name}.txt && git add -A && git commit -qm 'feat: ${name}'`,
  toDone(`Made ${name}`, "ONB-1"),
];

test("two rounds of send back go on in one conversation, with texts that are nothing but text to Claude", async () => {
  const rig = await createClaudeRig();
  const { key } = await rig.addTicket(workOn("one"));
  await rig.approve(key);
  const finishRound = async (name: string) => {
    const findQuestion = async () =>
      (await rig.readQuestions(key))?.find(({ text }: { text: string }) => text.includes(`${name}.txt`));
    await rig.waitFor(findQuestion).toMatchObject({ kind: "permission" });
    await rig.answer(key, (await findQuestion()).id, "allow");
    await rig.waitFor(async () => (await rig.readCompleted(key))?.summary).toBe(`Made ${name}`);
  };
  await finishRound("one");
  const long = "é € $(id) ".repeat(1_500);
  for (const name of ["two", "three"]) {
    const steps = workOn(name).map((step) => `do: ${step}`);
    const text = ["/compact x", "@readme.txt", `-- ${long}`, ...steps].join("\n");
    expect(await rig.call(`/api/sessions/${key}/send-back`, "POST", { text })).toMatchObject({ state: "approved" });
    await finishRound(name);
  }
  const entries = rig.readTranscript(key);
  expect(new Set(entries.flatMap(({ sessionId }) => sessionId ?? [])).size).toBe(1);
  const texts = entries.filter(({ type }) => type === "user").map((entry) => JSON.stringify(entry));
  expect(texts.filter((text) => text.includes(`-- ${long}`) && text.includes("/compact x"))).toHaveLength(2);
  expect(JSON.stringify(entries.filter(({ type }) => type === "attachment"))).not.toContain("readme.txt");
  const { rounds } = await rig.call(`/api/tickets/${key}`, "GET");
  expect(rounds.map(({ round, summary }: { round: number; summary: string }) => [round, summary])).toEqual([
    [3, "Made three"],
    [2, "Made two"],
    [1, "Made one"],
  ]);
});
