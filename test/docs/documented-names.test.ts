import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { listMountedRoutes } from "../../docs/generate/routes-section.ts";
import { manifest } from "../../functions/index.ts";
import { type ErrorCode, GroundcrewError } from "../../shared/errors.ts";
import { QUEUES } from "../../shared/store/port.ts";

const readDocument = (name: string) => readFileSync(`docs/${name}.md`, "utf8");

test("The documentation explains every route of the manifest in docs/http-api.md", async () => {
  const explanations = readDocument("http-api").split("<!-- end of routes -->")[1] ?? "";
  const routes = (await listMountedRoutes()).map(({ name }) => name);
  expect(routes.length).toBeGreaterThan(20);
  expect(routes.filter((name) => !explanations.includes(`\`${name}\``))).toEqual([]);
});

test("The documentation explains every tick and when it runs in docs/operations.md", () => {
  const document = readDocument("operations");
  expect(manifest.ticks.filter(({ name }) => !document.includes(`| \`${name}\` |`))).toEqual([]);
});

test("The documentation explains every queue in docs/troubleshooting.md", () => {
  const document = readDocument("troubleshooting");
  expect(QUEUES.filter((queue) => !document.includes(`| \`${queue}\` |`))).toEqual([]);
});

test("The documentation tells every error's code and status in docs/http-api.md", () => {
  const rows = [...readDocument("http-api").matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)];
  expect(rows).toHaveLength(12);
  for (const [, code, status] of rows)
    expect(new GroundcrewError(code as ErrorCode, "").status, code).toBe(Number(status));
});

test("README and docs/ state no number of tools, checks, settings or alerts, which would be wrong after the next one", () => {
  const pages = ["README.md", ...globSync("docs/*.md")];
  const stated = pages.flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(/\b\d+ (?:tools|checks|settings|alerts|metrics|routes)\b/g)].map(
      ([text]) => `${path}: ${text}`,
    ),
  );
  expect(stated).toEqual([]);
});
