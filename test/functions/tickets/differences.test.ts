import { expect, test } from "vitest";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createAppWithSession } from "./tickets-app.ts";

/** A diff of git with core.quotePath=false, of files that are called and contain what a diff says. */
const DIFF = `diff --git a/a b/é file.txt b/a b/é file.txt
index 1111111..2222222 100644
--- a/a b/é file.txt\t
+++ b/a b/é file.txt\t
@@ -1,3 +1,3 @@
 line 0
-line 1
+changed 1
 line 2
@@ -59,2 +59,2 @@ line 57
 line 58
-line 59
+line 59
\\ No newline at end of file
diff --git a/bytes b/bytes
index 3333333..4444444 100644
Binary files a/bytes and b/bytes differ
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
index 5555555..0000000
--- a/gone.txt
+++ /dev/null
@@ -1,4 +0,0 @@
---- a/evil
-+++ b/evil
-@@ -1 +1 @@
-diff --git a/x b/x
diff --git a/made.txt b/made.txt
new file mode 100644
index 0000000..6666666
--- /dev/null
+++ b/made.txt
@@ -0,0 +1,3 @@
+-- x
+++++ b/evil
+diff --git a/y b/y
diff --git a/old name.txt b/new name.txt
similarity index 100%
rename from old name.txt
rename to new name.txt
`;

test("the difference of a ticket is a unified diff as text, and files with counts as JSON, whatever they are called and contain; what cannot be seen is a code point", async () => {
  const { app } = await createAppWithSession();
  const readText = async (headers: Record<string, string> = {}) => {
    const response = await app.request("/api/tickets/ONB-1/diff", HTTP_ADMIN_TOKEN, { headers });
    return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
  };
  const readJson = async () => JSON.parse((await readText({ accept: "application/json" })).text);
  expect((await readText()).status).toBe(404);
  expect(await app.sendDifference(DIFF, { run: 2 })).toBe(409);
  expect(await app.sendDifference(DIFF, { left_out: 3 })).toBe(204);
  expect(await readText()).toEqual({ status: 200, type: expect.stringContaining("text/plain"), text: DIFF });
  const none = { insertions: 0, deletions: 0 };
  expect(await readJson()).toEqual({
    ...{ run: 1, round: 1, commit: "abc1234def", insertions: 5, deletions: 6, left_out: 3 },
    files: [
      { path: "a b/é file.txt", status: "changed", insertions: 2, deletions: 2 },
      { path: "bytes", status: "changed", ...none, binary: true },
      { path: "gone.txt", status: "deleted", insertions: 0, deletions: 4 },
      { path: "made.txt", status: "added", insertions: 3, deletions: 0 },
      { path: "new name.txt", from: "old name.txt", status: "renamed", ...none },
    ],
  });
  const line = '+if (role != "user\u202e \u2066// admin\u2069 \u2066")\u200b {\r';
  const shown = '+if (role != "user⟨U+202E⟩ ⟨U+2066⟩// admin⟨U+2069⟩ ⟨U+2066⟩")⟨U+200B⟩ {␍\n';
  await app.sendDifference(DIFF.replace("+changed 1", line));
  expect((await readText()).text).toContain(shown);
});
