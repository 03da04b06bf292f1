import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { copyComposeFolder, readDotEnv } from "./compose-files.ts";
import { readDockerfile } from "./dockerfile.ts";

const [, section = ""] = /^## Compose\n(.*?)^## /ms.exec(readFileSync("docs/operations.md", "utf8")) ?? [];
/** The blocks of commands, with continued lines joined and without comments. */
const commands = [...section.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = ""]) =>
  block
    .replaceAll("\\\n", "")
    .replaceAll(/ +#.*$/gm, "")
    .trim()
    .split("\n"),
);

test("docs/operations.md, Compose: the command for shared data services works as it is written", () => {
  const shared = commands.filter((command) => command.includes("shared-data"));
  expect(shared).toHaveLength(1);
  const folder = copyComposeFolder();
  const options = { cwd: folder, env: { PATH: process.env["PATH"] ?? "" }, stdio: "pipe" } as const;
  execFileSync("sh", ["-c", (shared[0] ?? "").replaceAll("…", "theirs")], options);
  expect(readDotEnv(folder)["COMPOSE_FILE"]).toBe(
    "compose.yaml:plane.yaml:shared-data.yaml:shared-redis-network.yaml:caddy.yaml",
  );
});

test("docs/operations.md, Compose: the command for Ansible works as it is written", () => {
  const [, command = ""] = /`setup (--yes --json [^`]+)`/.exec(section) ?? [];
  const options = { cwd: copyComposeFolder(), env: { PATH: process.env["PATH"] ?? "" }, encoding: "utf8" } as const;
  expect(JSON.parse(execFileSync("sh", ["setup", ...command.split(" ")], options))).toMatchObject({ changed: 36 });
});

test("docs/operations.md, Compose: every command that runs in the container exists in the image", () => {
  const run = commands.flatMap((command) => /^docker compose run --rm groundcrew (\S+)/.exec(command)?.[1] ?? []);
  expect(run).toEqual(["provision", "doctor"]);
  const image = readDockerfile()
    .map(({ value }) => value)
    .join("\n");
  for (const name of run) expect(image).toContain(`/usr/local/bin/${name}`);
});

test("docs/operations.md, Compose: the first commands are in the order of use", () => {
  const first = commands.slice(0, 5).map((command) => command.split(" ").slice(0, 3).join(" "));
  expect(first).toEqual(["git clone <this", "./setup", "docker compose up", "docker compose up", "docker compose run"]);
});
