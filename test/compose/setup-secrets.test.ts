import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { copyComposeFolder, readDotEnv, readProject, runSetup, trySetup } from "./compose-files.ts";

const ANSWERS = ["DOMAIN=javisi.test", "ACME_EMAIL=ada@javisi.test"];
const SHARED = [...ANSWERS, "OVERLAYS=plane,shared-data,caddy", "SHARED_NETWORK=data"];
const ADMIN = { POSTGRES_ADMIN_PASSWORD: "theirs" };

const readText = (folder: string) => readFileSync(join(folder, ".env"), "utf8");

describe("The passwords that compose/setup is given", () => {
  test("takes the environment's passwords for shared data only, and then always", () => {
    const folder = copyComposeFolder();
    runSetup(folder, ANSWERS, { POSTGRES_PASSWORD: "from-elsewhere", REDIS_PASSWORD: "from-elsewhere" });
    expect(readText(folder)).not.toContain("from-elsewhere");
    const shared = copyComposeFolder();
    runSetup(shared, SHARED, { POSTGRES_ADMIN_PASSWORD: "x y", POSTGRES_PASSWORD: "theirs" });
    expect(readDotEnv(shared)).toMatchObject({ POSTGRES_ADMIN_PASSWORD: "x y", POSTGRES_PASSWORD: "theirs" });
    const { names } = runSetup(shared, [], { POSTGRES_PASSWORD: "new" });
    expect(names.sort()).toEqual(["PLANE_DATABASE_URL", "POSTGRES_PASSWORD"]);
  });

  test.each([
    ["p$ss", "$" + "{HOME}$$", 'say "so"'],
    ["two words", "a\\b", " padded "],
    ["`id` $(id)", "#a=b;&|<>*?!~", '"quoted"'],
  ])("%j, %j and %j arrive unchanged at the database and, encoded, in the addresses", (admin, own, redis) => {
    const folder = copyComposeFolder();
    runSetup(folder, SHARED, { POSTGRES_ADMIN_PASSWORD: admin, POSTGRES_PASSWORD: own, REDIS_PASSWORD: redis });
    // Compose takes text in single quotes as it is.
    for (const password of [admin, own, redis]) expect(readText(folder)).toContain(`_PASSWORD='${password}'\n`);
    const { services } = readProject(readDotEnv(folder));
    expect(services["shared-database"]?.environment).toMatchObject({ PGPASSWORD: admin, PLANE_PASSWORD: own });
    const { DATABASE_URL = "", REDIS_URL = "" } = services["api"]?.environment ?? {};
    expect(decodeURIComponent(new URL(DATABASE_URL).password)).toBe(own);
    expect(decodeURIComponent(new URL(REDIS_URL).password)).toBe(redis);
    expect(runSetup(folder, [])).toEqual({ changed: 0, names: [] });
  });

  test.each(["9x\nbreak", "9x'2", "9x\tstop", "9xä", "9x\\"])(
    "%j is refused with a reason, and not printed",
    (password) => {
      const folder = copyComposeFolder();
      const env = { ...ADMIN, POSTGRES_PASSWORD: password };
      const { status, stderr, stdout } = trySetup(folder, ["--yes", ...SHARED], { env });
      expect(status).toBe(64);
      expect(stderr).toMatch(/^POSTGRES_PASSWORD (contains|ends with) /);
      expect(stderr + stdout).not.toContain("9x");
      expect(existsSync(join(folder, ".env"))).toBe(false);
    },
  );

  test("a line of .env that Compose expands or cuts is refused instead of being read otherwise", () => {
    const folder = copyComposeFolder();
    runSetup(folder, SHARED, ADMIN);
    const own = readText(folder);
    for (const text of [`"pa$word"`, `pa$word`, `"a\\"b"`, "two # words", " padded"]) {
      const changed = `${own}POSTGRES_PASSWORD=${text}\n`;
      writeFileSync(join(folder, ".env"), changed);
      const { status, stderr } = trySetup(folder, ["--yes"]);
      expect(status, text).toBe(64);
      expect(stderr).toContain("Put it in single quotes: POSTGRES_PASSWORD='…'");
      expect(stderr).not.toContain(text);
      expect(readText(folder)).toBe(changed);
    }
  });

  test("other quotes and line ends of .env are read as Compose reads them", () => {
    const folder = copyComposeFolder();
    runSetup(folder, SHARED, ADMIN);
    const own = readText(folder);
    const lines = { '"two words"': "two words", "'p$ss'": "p$ss", plain: "plain", "windows\r": "windows" };
    for (const [text, password] of Object.entries(lines)) {
      writeFileSync(join(folder, ".env"), `${own}POSTGRES_PASSWORD=${text}\n`);
      runSetup(folder, []);
      const { PLANE_DATABASE_URL = "" } = readDotEnv(folder);
      expect(decodeURIComponent(new URL(PLANE_DATABASE_URL).password), text).toBe(password);
    }
  });

  test("Redis' database 0, where other programs keep their keys, is refused for a shared Redis", () => {
    const folder = copyComposeFolder();
    const { status, stderr } = trySetup(folder, ["--yes", ...SHARED, "REDIS_DATABASE=0"], { env: ADMIN });
    expect(status).toBe(64);
    expect(stderr).toContain("REDIS_DATABASE=1");
    expect(existsSync(join(folder, ".env"))).toBe(false);
    runSetup(folder, [...SHARED, "REDIS_DATABASE=3"], ADMIN);
    expect(readDotEnv(folder)["PLANE_REDIS_URL"]).toBe("redis://redis:6379/3");
  });
});
