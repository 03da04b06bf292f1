import { expect, test } from "vitest";
import { isStopWord } from "../../../shared/tasks/remark-record.ts";
import { mergeWakeTasks, type WakeTask } from "../../../shared/tasks/wakes.ts";

test("one word alone stops the work, in English and French, and no other text does", () => {
  const stops = ["stop", "STOP", " Stop! ", "“stop”", "arrête", "Arrête !", "ARRETE", "arrêtez.", "arre\u0302te"];
  const others = ["", "stop it", "do not stop", "stopp", "arrêt", "non-stop", "s t o p", `stop${"!".repeat(50)}`];
  for (const text of stops) expect(isStopWord(text), text).toBe(true);
  for (const text of others) expect(isStopWord(text), text).toBe(false);
});

const task = (reason: WakeTask["reason"], text?: string): WakeTask => ({
  id: "item-1",
  key: "ONB-1",
  reason,
  ...(text === undefined ? {} : { text }),
});

test("a person's words stay in a wake beside every other reason, in whichever order they come", () => {
  expect(mergeWakeTasks([task("addressed", "Ada: why?")], [task("assigned")])).toEqual([
    task("addressed", "Ada: why?"),
    task("assigned"),
  ]);
  expect(mergeWakeTasks([task("assigned")], [task("addressed", "Ada: why?")])).toHaveLength(2);
  expect(mergeWakeTasks([task("addressed", "Ada: why?")], [task("stopped")])).toHaveLength(2);
});

test("the words of several remarks are one entry, and repeating them adds nothing", () => {
  const both = mergeWakeTasks([task("addressed", "Ada: why?")], [task("addressed", "Bob: when?")]);
  expect(both).toEqual([task("addressed", "Ada: why?\nBob: when?")]);
  expect(mergeWakeTasks(both, [task("addressed", "Bob: when?")])).toEqual(both);
});

test("a wake has the 20 tasks that were added last", () => {
  const tasks = Array.from({ length: 22 }, (_, i) => ({ ...task("assigned"), id: `item-${i}` }));
  const ids = mergeWakeTasks(tasks.slice(0, 5), tasks.slice(5)).map(({ id }) => id);
  expect(ids).toEqual(tasks.slice(2).map(({ id }) => id));
});
