import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, normalize } from "node:path";
import { expect, test } from "vitest";
import { createCommandsApp } from "./commands-app.ts";

test("each command has a French name, which answers as the English one", async () => {
  const app = await createCommandsApp({ env: { LOCALE: "fr" } });
  await app.runFirstPoll();
  const names = Object.entries({
    ...{ statut: "status", état: "status", projet: "project", tâche: "task", resume: "digest", aide: "help" },
    ...{ nouveau: "new", terminé: "done", commenter: "comment", bloquer: "block", debloquer: "unblock" },
    ...{ annuler: "cancel", attribuer: "assign", échéance: "due", priorite: "priority", muet: "mute" },
    annoncer: "unmute",
  });
  for (const [french, english] of names) {
    const own = await app.sendAndGetReply(`/plane ${french}`);
    const other = await app.sendAndGetReply(`/plane ${english}`);
    expect(own, french).not.toContain("inconnue");
    expect(own.split("\n")[0], french).toBe(other.split("\n")[0]);
  }
});

/** Modules whose errors only agents get: people have no claims, and upload nothing. */
const FOR_AGENTS = [
  /^shared\/tasks\/claim(?:s|-lease)\.ts$/,
  /^shared\/tasks\/deliverables\//,
  /^shared\/tasks\/people\/brakes\.ts$/,
];

/**
 * Errors of the other modules that nobody gets in Telegram: a part of their message. They are of an agent's access to a
 * task, its claims, changes of status, questions and wishes, of tickets that the API approves and completes, and of the
 * queue, which writes agent cards; a command only reads one.
 */
const NOT_FOR_PEOPLE = [
  ...["A change had already been sent", "but is not stored", "waits for a human's review", "has been written."],
  ...["changed while it was being written", "This session is for", "only its own agent may do this", "task.key} $"],
  ...["is blocked: ", "is not done yet", "thrown instanceof PlaneAuthError", "Ask only about open task"],
  ...["There is no wish", "The wish", "is not the key of a ticket", "has no repository f", "exists with another uuid"],
  ...["was removed in Plane. Restore it", "does not follow the project of", "does not see the work item of"],
  ...["The agent card of", "is the template of recurring work, which"],
];

test("every error that a command in Telegram can cause has a text in the languages of people", () => {
  const files = new Set<string>();
  const visit = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    for (const [, path = ""] of readFileSync(file, "utf8").matchAll(
      /^(?:import|export) (?!type)[^;]*?from "(\.[^"]+)"/gms,
    ))
      visit(normalize(join(file, "..", path)));
  };
  const listFiles = (path: string): string[] =>
    statSync(path).isDirectory() ? readdirSync(path).flatMap((name) => listFiles(join(path, name))) : [path];
  for (const file of listFiles("functions/telegram")) visit(file);
  const untranslated = [...files]
    .filter((file) => !FOR_AGENTS.some((pattern) => pattern.test(file)))
    .flatMap((file) =>
      readFileSync(file, "utf8")
        .split("new GroundcrewError(")
        .slice(1)
        .map((rest) => rest.slice(0, rest.search(/^ {0,6}\}?\)?;$|\);\n/m)))
        .filter((call) => !call.includes("refusal") && !NOT_FOR_PEOPLE.some((text) => call.includes(text)))
        .map((call) => `${file}: ${call.trim().slice(0, 80)}`),
    );
  expect(untranslated).toEqual([]);
});
