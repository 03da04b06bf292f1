import { expect, test } from "vitest";
import { isStopWord } from "../../../../shared/tasks/remark-record.ts";

test.each(["stop", "STOP", " Stop! ", "“stop”", "stop.", "arrête", "Arrête !", "ARRETE", "arrêtez.", "arre\u0302te"])(
  "%j alone is a word that stops the work",
  (text) => {
    expect(isStopWord(text)).toBe(true);
  },
);

test.each([
  "",
  "stop it",
  "do not stop",
  "stopp",
  "stopping",
  "arrêt",
  "non-stop",
  "s t o p",
  "/stop now",
  `stop${"!".repeat(50)}`,
])("%j does not stop the work", (text) => {
  expect(isStopWord(text)).toBe(false);
});
