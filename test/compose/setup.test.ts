import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { copyComposeFolder, readDotEnv, readProject, runSetup, SETUP_FILES, trySetup } from "./compose-files.ts";
import { createStandIns } from "./docker-stand-in.ts";

const ANSWERS = ["DOMAIN=javisi.test", "ACME_EMAIL=ada@javisi.test"];
const MONITORED = [...ANSWERS, "OVERLAYS=plane,embedded-data,caddy,monitoring", "DOCKER_GROUP=998"];
const SHARED = [...ANSWERS, "OVERLAYS=plane,shared-data,caddy", "SHARED_NETWORK=data"];

/** Runs setup, which refuses; returns its reason. */
function refuse(folder: string, answers: readonly string[], env: Record<string, string> = {}): string {
  const { status, stderr, stdout } = trySetup(folder, ["--yes", ...answers], { env });
  expect([status, stdout], stderr).toEqual([64, ""]);
  return stderr;
}

const readText = (folder: string) => readFileSync(join(folder, ".env"), "utf8");

describe("compose/setup", () => {
  test("changes nothing in a second run, with or without the answers", () => {
    const folder = copyComposeFolder();
    runSetup(folder, ANSWERS);
    const [text, { mtimeMs }] = [readText(folder), statSync(join(folder, ".env"))];
    expect(runSetup(folder, ANSWERS)).toEqual({ changed: 0, names: [] });
    expect(runSetup(folder, [])).toEqual({ changed: 0, names: [] });
    expect(readText(folder)).toBe(text);
    expect(statSync(join(folder, ".env")).mtimeMs).toBe(mtimeMs);
  });

  test("changes what an answer changes, and keeps secrets and lines of the operator", () => {
    const folder = copyComposeFolder();
    runSetup(folder, ANSWERS);
    const before = readDotEnv(folder);
    writeFileSync(join(folder, ".env"), `${readText(folder)}# mine\nTIMEZONE=Europe/Paris\n`);
    const { names } = runSetup(folder, ["DOMAIN=other.test", "VPN_CIDR=10.9.0.0/16, fd00::/64"]);
    expect(names.sort()).toEqual(["ALLOWED_HOSTS", "DOMAIN", "PLANE_URL", "PUBLIC_URL", "VPN_CIDR"]);
    expect(readText(folder)).toContain("# mine\nTIMEZONE=Europe/Paris\n");
    expect(readDotEnv(folder)).toMatchObject({
      VPN_CIDR: "10.9.0.0/16 fd00::/64",
      PUBLIC_URL: "https://crew.other.test",
      POSTGRES_PASSWORD: before["POSTGRES_PASSWORD"],
    });
  });

  const REFUSED: [string[], string][] = [
    [["DOMAIN=javisi.test\nADMIN_TOKEN=x"], "not printable"],
    [[...ANSWERS, "PLANE_SUBDOMAIN=crew"], "GROUNDCREW_SUBDOMAIN makes two sites of crew.javisi.test"],
    [[...ANSWERS, "GROUNDCREW_SUBDOMAIN=crew."], "GROUNDCREW_SUBDOMAIN is not a name"],
    [[...MONITORED, "GRAFANA_SUBDOMAIN=*"], "GRAFANA_SUBDOMAIN is not a name"],
    [["DOMAIN=$(touch pwned).test"], "dollar sign"],
    [["DOMAIN=localhost"], "not a domain"],
    [["DOMAIN="], "DOMAIN is missing"],
    [["DOMAIN=javisi.test", "ACME_EMAIL=ada"], "not an e-mail"],
    [[...ANSWERS, "VPN_CIDR=0.0.0.0/0"], "too much of the Internet"],
    [[...ANSWERS, "VPN_CIDR=10.8.0.0/24 import /etc"], "list of address ranges"],
    [[...ANSWERS, "DOCKER_CIDR=8.8.8.0/24"], "private range"],
    [[...ANSWERS, "DOCKER_CIDR=10.8.0.128/25"], "overlaps VPN_CIDR"],
    [[...ANSWERS, "OVERLAYS=plane,embedded-data,shared-data"], "OVERLAYS is none"],
    [[...ANSWERS, "PLANE_VERSION=latest"], "known to work"],
    [[...ANSWERS, "POSTGRES_CLIENT_VERSION=14.9-alpine"], "older than 15"],
    [[...ANSWERS, "PLANE_WORKSPACE=a/b"], "not a slug"],
    [[...ANSWERS, "POSTGRES_PASSWORD=visible-in-ps"], "not an answer"],
    [[...ANSWERS, "OVERLAYS=caddy,monitoring", "DOCKER_GROUP=docker"], "number of a group"],
    [SHARED, "POSTGRES_ADMIN_PASSWORD is missing"],
    [[...SHARED, "POSTGRES_HOST=db;id"], "not a host"],
  ];

  test("names Plane, Groundcrew and Grafana below the domain as the answers say, in every address and in Caddy", () => {
    const folder = copyComposeFolder();
    const names = ["PLANE_SUBDOMAIN=plane", "GROUNDCREW_SUBDOMAIN=agents.office", "GRAFANA_SUBDOMAIN=charts"];
    runSetup(folder, [...MONITORED, ...names]);
    const env = readDotEnv(folder);
    expect(env).toMatchObject({
      ...{ PLANE_URL: "https://plane.javisi.test", PUBLIC_URL: "https://agents.office.javisi.test" },
      ALLOWED_HOSTS: expect.stringMatching(/^agents\.office\.javisi\.test,/),
      GRAFANA_URL: "https://charts.javisi.test",
    });
    const { caddy, api } = readProject(env).services;
    expect(api?.environment).toMatchObject({ WEB_URL: "https://plane.javisi.test" });
    expect(caddy?.networks?.["frontend"]?.aliases).toEqual(["plane.javisi.test", "agents.office.javisi.test"]);
    expect(caddy?.environment).toMatchObject(Object.fromEntries(names.map((line) => line.split("="))));
  });

  test("refuses answers that no server could use or that a shell would run, and writes nothing", () => {
    const folder = copyComposeFolder();
    for (const [answers, reason] of REFUSED) expect(refuse(folder, answers), answers.join()).toContain(reason);
    expect(readdirSync(folder).sort()).toEqual(SETUP_FILES);
  });

  test("refuses a workspace that Plane reserves, and one whose path Caddy gives to another service", () => {
    const folder = copyComposeFolder();
    // The first segments that sites.caddy names in its matchers.
    const lines =
      readFileSync("caddy/sites.caddy", "utf8").match(/^\s*(@\w+ path|handle|redir|reverse_proxy) .*$/gm) ?? [];
    const paths = lines.flatMap((line) => [...line.matchAll(/ \/([a-z-]+)/g)].map(([, word = ""]) => word));
    const routed = new Set([...paths, "uploads"]);
    expect([...routed].sort()).toEqual(["api", "auth", "god-mode", "live", "spaces", "static", "uploads", "webhooks"]);
    for (const slug of process.env["FULL"] ? [...routed, "404", "admin"] : ["webhooks", "uploads", "admin"])
      expect(refuse(folder, [...ANSWERS, `PLANE_WORKSPACE=${slug}`])).toContain(`PLANE_WORKSPACE cannot be ${slug}`);
    // Where Plane is elsewhere, its own proxy decides.
    runSetup(folder, ["OVERLAYS=none", "PLANE_WORKSPACE=webhooks"]);
    runSetup(folder, [...ANSWERS, "OVERLAYS=plane,embedded-data,caddy", "PLANE_WORKSPACE=liverpool"]);
    expect(readDotEnv(folder)["PLANE_WORKSPACE"]).toBe("liverpool");
  });

  test("refuses a .env that is a link", () => {
    const folder = copyComposeFolder();
    symlinkSync(join(folder, "elsewhere"), join(folder, ".env"));
    expect(trySetup(folder, ["--yes", ...ANSWERS]).stderr).toContain("not a regular file");
    expect(existsSync(join(folder, "elsewhere"))).toBe(false);
  });
});

const CADDY_ANSWERS = ["OVERLAYS=caddy", ...ANSWERS];
const RUN = ["--yes", ...CADDY_ANSWERS];
const PATH = process.env["PATH"] ?? "";

/** Starts setup, which asks, and waits for its first question. */
async function startAsking(folder: string) {
  const running = spawn(join(folder, "setup"), [], { env: { PATH }, stdio: ["pipe", "pipe", "pipe"] });
  onTestFinished(() => void running.kill("SIGKILL"));
  await once(running.stderr, "data");
  return running;
}

describe("compose/setup, interrupted and run twice", () => {
  test("a second run during the first is refused, so that only one set of secrets is made", async () => {
    const folder = copyComposeFolder();
    const first = await startAsking(folder);
    const second = trySetup(folder, RUN);
    expect(second.stderr).toContain("Another program is changing compose/.env");
    expect(second.status).toBe(75);
    expect(existsSync(join(folder, ".env"))).toBe(false);
    first.stdin.end("caddy\njavisi.test\n\nada@javisi.test\n\n");
    expect(await once(first, "exit")).toEqual([0, null]);
    expect(runSetup(folder, [])).toEqual({ changed: 0, names: [] });
  });

  test("one that is killed before it puts the new .env in place leaves the old one, byte for byte", () => {
    const folder = copyComposeFolder();
    const { path } = createStandIns(folder, { mv: "kill -9 $PPID" });
    expect(trySetup(folder, RUN, { env: { PATH: path } }).signal).toBe("SIGKILL");
    expect(existsSync(join(folder, ".env"))).toBe(false);
    runSetup(folder, CADDY_ANSWERS);
    const text = readFileSync(join(folder, ".env"), "utf8");
    expect(trySetup(folder, ["--yes", "DOMAIN=other.test"], { env: { PATH: path } }).signal).toBe("SIGKILL");
    expect(readFileSync(join(folder, ".env"), "utf8")).toBe(text);
    expect(runSetup(folder, ["DOMAIN=other.test"]).names).toContain("DOMAIN");
    expect(readdirSync(folder).filter((name) => name.startsWith(".env."))).toEqual([]);
  });
});

test("compose/setup makes no new secrets for data that another installation made, and goes on with the .env of that one", () => {
  const [folder, other] = [copyComposeFolder(), copyComposeFolder()];
  // A docker that has this volume only.
  const docker = '[ "$*" = "volume inspect groundcrew_rabbitmq-data" ]';
  const env = { PATH: createStandIns(folder, { docker }).path };
  expect(refuse(folder, ANSWERS, env)).toContain("(volume groundcrew_rabbitmq-data)");
  expect(existsSync(join(folder, ".env"))).toBe(false);
  expect(trySetup(other, ["--yes", ...ANSWERS, "COMPOSE_PROJECT_NAME=crew-2"], { env }).status).toBe(0);
  copyFileSync(join(other, ".env"), join(folder, ".env"));
  expect(trySetup(folder, ["--yes", "COMPOSE_PROJECT_NAME=groundcrew"], { env })).toMatchObject({ status: 0 });
});

const ADMIN = { POSTGRES_ADMIN_PASSWORD: "theirs" };

describe("The passwords that compose/setup is given", () => {
  test.each([["p$ss a\\b", "$" + "{HOME}$$ `id` $(id)", 'say "so" #a=b;&|<>*?!~ ']])(
    "%j, %j and %j arrive unchanged at the database and, encoded, in the addresses",
    (admin, own, redis) => {
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
    },
  );

  test("a password with a line break or a single quote is refused with a reason, and not printed", () => {
    const folder = copyComposeFolder();
    for (const password of ["9x\nbreak", "9x'2", "9x\\"]) {
      const reason = refuse(folder, SHARED, { ...ADMIN, POSTGRES_PASSWORD: password });
      expect(reason).toMatch(/^POSTGRES_PASSWORD (contains|ends with) /);
      expect(reason).not.toContain("9x");
      expect(existsSync(join(folder, ".env"))).toBe(false);
    }
  });

  test("a line of .env that Compose expands or cuts is refused instead of being read otherwise", () => {
    const folder = copyComposeFolder();
    runSetup(folder, SHARED, ADMIN);
    const own = readText(folder);
    for (const text of [`"pa$word"`, "two # words"]) {
      const changed = `${own}POSTGRES_PASSWORD=${text}\n`;
      writeFileSync(join(folder, ".env"), changed);
      const reason = refuse(folder, []);
      expect(reason).toContain("Put it in single quotes: POSTGRES_PASSWORD='…'");
      expect(reason).not.toContain(text);
      expect(readText(folder)).toBe(changed);
    }
  });

  test("a STORE_URL with the database of Plane's Redis is refused, because Plane's API empties it", () => {
    const folder = copyComposeFolder();
    const answers = [...SHARED, "REDIS_DATABASE=3"];
    const reason = refuse(folder, answers, { ...ADMIN, STORE_URL: "redis://:secret@redis/3" });
    expect(reason).toMatch(/^STORE_URL is the database of Plane's Redis/m);
    expect(reason).not.toContain("secret");
    expect(existsSync(join(folder, ".env"))).toBe(false);
    runSetup(folder, answers, { ...ADMIN, STORE_URL: "redis://redis/4" });
  });
});
