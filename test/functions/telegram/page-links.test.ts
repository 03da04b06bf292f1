import { expect, test } from "vitest";
import { createMessagesApp } from "./messages-app.ts";

const PUBLIC_URL = "https://crew.example.com";

test("messages and comments link to the page of what they name where PUBLIC_URL is set", async () => {
  const app = await createMessagesApp({ env: { PUBLIC_URL } });
  const key = await app.startTask("Imhotep", "Paint the door");
  await app.askQuestion("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
  await app.sendMessage("/plane task ONB-1");
  await app.sendMessage("/plane new add dark mode to the website");
  await app.callAsConcierge("plan_project", { project: "Dark mode", tasks: [{ id: "a", title: "Draw it" }] });
  const links = app.getBotMessages().flatMap(({ entities = [] }) => entities.flatMap(({ url }) => url ?? []));
  expect(links.length).toBeGreaterThan(2);
  expect(new Set(links.map((url) => url.replace(/request=.+/, "request=…")))).toEqual(
    new Set([`${PUBLIC_URL}/task/ONB-1`, `${PUBLIC_URL}/inbox?request=…`]),
  );
  const [item] = app.plane.items(app.onb.id);
  const comments = item ? app.readComments(item).join("\n") : "";
  expect(comments).toContain(`<a href="${PUBLIC_URL}/task/ONB-1">Agent card</a>`);
  expect(comments).toMatch(
    /<a href="https:\/\/crew\.example\.com\/inbox\?request=[^"]+"><strong>Question<\/strong><\/a>/,
  );
});
