import { expect, test } from "vitest";
import { parseCard } from "../../../shared/tasks/card-text.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

const normalizeSpaces = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

async function createLocalizedApp(locale: string) {
  const app = await createAgentTestApp({ setUpPlane: () => ({ LOCALE: locale }) });
  const item = app.addTask("Write the guide", "Thot");
  await app.runFirstPoll();
  const readComments = () => app.readComments(item).map(normalizeSpaces);
  return { app, item, thot: app.actAs("Thot"), readComments };
}

test("with LOCALE fr the comments in Plane and the agent card are French, and the card can be parsed", async () => {
  const { app, item, thot, readComments } = await createLocalizedApp("fr");
  await thot.setStatus("ONB-1", { status: "in_progress" });
  await thot.comment("ONB-1", { text: "half", percent: 40 });
  await thot.setStatus("ONB-1", { status: "done", text: "Fini.", commit: "a1b2c3", tests: "12", confidence: 0.5 });
  await app.runUntilIdle();
  const comments = readComments();
  expect(comments).toContain("Thot: <p><strong>Commencée</strong></p>");
  expect(comments).toContain("Thot: <p><strong>Avancement : 40 %</strong></p><p>half</p>");
  expect(comments).toContain(
    "Thot: <p><strong>Terminée, en attente de relecture</strong> : confiance de 0,5, inférieure à 0,7</p><p>Fini.</p><p>Commit : <code>a1b2c3</code></p><p>Tests : 12</p>",
  );
  const card = app.plane.comments(item).find(({ comment_html }) => comment_html.includes("Fiche de l’agent"));
  const cardHtml = normalizeSpaces(card?.comment_html ?? "");
  expect(cardHtml).toContain("<strong>Avancement :</strong> 40 %</li>");
  expect(cardHtml).toContain("<strong>Confiance :</strong> 0,5</li>");
  expect(parseCard(card?.comment_html ?? "")?.card).toMatchObject({ agent: "Thot", percent: 40, commit: "a1b2c3" });
});

test("with LOCALE auto a comment is in English, because it has no single recipient", async () => {
  const { app, thot, readComments } = await createLocalizedApp("auto");
  await thot.setStatus("ONB-1", { status: "in_progress" });
  await app.runUntilIdle();
  expect(readComments()).toContain("Thot: <p><strong>Started</strong></p>");
});
