import { expect, test } from "vitest";
import { isStopWord } from "../../../../shared/tasks/remark-record.ts";

test("one word alone stops the work, in English and French, and no other text does", () => {
  const stops = ["stop", "STOP", " Stop! ", "“stop”", "arrête", "Arrête !", "ARRETE", "arrêtez.", "arre\u0302te"];
  const others = ["", "stop it", "do not stop", "stopp", "arrêt", "non-stop", "s t o p", `stop${"!".repeat(50)}`];
  for (const text of stops) expect(isStopWord(text), text).toBe(true);
  for (const text of others) expect(isStopWord(text), text).toBe(false);
});
