import { expect, test } from "vitest";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createAppWithSession } from "./tickets-app.ts";

const DIFF = `diff --git a/src/a.ts b/src/a.ts
index 1111111..2222222 100644
--- a/src/a.ts
+++ b/src/a.ts
@@ -1,3 +1,3 @@ function a() {
 same
-old
+new
 end
diff --git a/logo.png b/logo.png
new file mode 100644
index 0000000..3333333
Binary files /dev/null and b/logo.png differ
`;

async function createApp() {
  const { app } = await createAppWithSession();
  const readText = async (query = "", headers: Record<string, string> = {}) => {
    const response = await app.request(`/api/tickets/ONB-1/diff${query}`, HTTP_ADMIN_TOKEN, { headers });
    return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
  };
  const readJson = async () => JSON.parse((await readText("", { accept: "application/json" })).text);
  return { app, readText, readJson };
}

test("the difference of a ticket is a unified diff as text, and files with counts as JSON", async () => {
  const { app, readText, readJson } = await createApp();
  expect((await readText()).status).toBe(404);
  expect(await app.sendDifference(DIFF, { run: 2 })).toBe(409);
  expect(await app.sendDifference(DIFF, { left_out: 3 })).toBe(204);
  expect(await readText()).toEqual({ status: 200, type: expect.stringContaining("text/plain"), text: DIFF });
  expect(await readJson()).toEqual({
    ...{ run: 1, round: 1, commit: "abc1234def", insertions: 1, deletions: 1, left_out: 3 },
    files: [
      { path: "src/a.ts", status: "changed", insertions: 1, deletions: 1 },
      { path: "logo.png", status: "added", insertions: 0, deletions: 0, binary: true },
    ],
  });
});

test("characters that cannot be seen or reorder others are shown as code points in a difference", async () => {
  const { app, readText } = await createApp();
  await app.sendDifference(DIFF.replace("+new", '+if (role != "user\u202e \u2066// admin\u2069 \u2066")\u200b {\r'));
  expect((await readText()).text).toContain(
    '+if (role != "user⟨U+202E⟩ ⟨U+2066⟩// admin⟨U+2069⟩ ⟨U+2066⟩")⟨U+200B⟩ {␍\n',
  );
});

test("each round keeps its difference, and one without a commit of its own has that of the round before", async () => {
  const { app, readText } = await createApp();
  await app.sendDifference(DIFF);
  await app.call("/api/sessions/ONB-1/complete", { summary: "Done" });
  await app.exchange();
  await app.call("/api/sessions/ONB-1/send-back", { text: "Again" });
  expect((await readText()).text).toBe(DIFF);
  await app.sendDifference(DIFF.replace("+new", "+newer"), { round: 2 });
  expect((await readText()).text).toContain("+newer");
  expect((await readText("?round=1")).text).toBe(DIFF);
  expect((await readText("?round=x")).status).toBe(400);
});
