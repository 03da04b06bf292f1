import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, normalize } from "node:path";
import { expect, test } from "vitest";
import { createCommandsApp } from "./commands-app.ts";

const normalizeSpaces = (text: string) => text.replace(/[\u00a0\u202f]/g, " ").replaceAll("\u2060", "");

async function createFrenchApp(options: Parameters<typeof createCommandsApp>[0] = {}) {
  const app = await createCommandsApp({ ...options, env: { LOCALE: "fr" } });
  app.addTask("Courrier");
  await app.runFirstPoll();
  const ask = async (text: string) => normalizeSpaces(await app.sendAndGetReply(text));
  return { app, ask };
}

const REFUSED_CHANGE =
  "⚠️ Plane a refusé la modification ou n’a pas répondu. Vérifiez dans Plane avant de réessayer. Motif : ";

test("with LOCALE fr each refusal is in French: by Plane, of a title that is too long, of an agent without an account", async () => {
  const { app, ask } = await createFrenchApp({ agents: { Ghost: { role: "worker", email: "ghost@elsewhere.test" } } });
  for (const [status, body, text] of [
    [403, { detail: "You do not have permission." }, /^Plane ne l’autorise pas\./],
    [401, { detail: "Given API token is not valid" }, /^Plane a refusé la clé d’API\./],
    [400, { state: ["Not valid."] }, /^Plane a rejeté la modification \(state: Not valid\.\)\.$/],
  ] as const) {
    const fault = { kind: "status", status, body: JSON.stringify(body) } as const;
    const end = app.plane.faults.add({ method: "PATCH", path: "work-items" }, fault);
    const reply = await ask("/plane annuler ONB-1");
    end();
    expect(reply.slice(0, REFUSED_CHANGE.length)).toBe(REFUSED_CHANGE);
    expect(reply.slice(REFUSED_CHANGE.length)).toMatch(text);
  }
  expect(await ask(`/plane nouvelle ONB ${"a".repeat(300)}`)).toBe(
    "⚠️ Le titre doit compter de 1 à 255 caractères ; celui-ci en compte 300.",
  );
  expect(await ask("/plane attribuer ONB-1 Ghost")).toBe(
    "⚠️ Ghost n’a pas de compte dans l’espace de travail Plane. Invitez d’abord cet agent.",
  );
});

/** Modules whose errors only agents get: people have no claims, and upload nothing. */
const FOR_AGENTS = [
  /^shared\/tasks\/claim(?:s|-lease)\.ts$/,
  /^shared\/tasks\/deliverables\//,
  /^shared\/tasks\/people\/brakes\.ts$/,
];

/** Errors of the other modules that nobody gets in Telegram, but agents and callers of the API: a part of their message. */
const NOT_FOR_PEOPLE = [
  "A change had already been sent",
  "but is not stored",
  "waits for a human's review",
  "has been written.",
  "changed while it was being written",
  // An agent's access to a task, its changes of status, questions and wishes.
  "This session is for",
  "only its own agent may do this",
  "task.key} $",
  "is blocked: ",
  "is not done yet",
  "thrown instanceof PlaneAuthError",
  "Ask only about open task",
  "There is no wish",
  "The wish",
  // Tickets that are approved and completed by the API.
  "is not the key of a ticket",
  "has no repository f",
  "exists with another uuid",
  "was removed in Plane. Restore it",
  "does not follow the project of",
  "does not see the work item of",
  // The queue writes agent cards; a command only reads one.
  "The agent card of",
  // An agent's claim.
  "is the template of recurring work, which",
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
