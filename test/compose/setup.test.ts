import {
  chmodSync,
  existsSync,
  globSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, test } from "vitest";
import {
  copyComposeFolder,
  parseComposeFile,
  readDotEnv,
  readProject,
  runSetup,
  SETUP_FILES,
  trySetup,
} from "./compose-files.ts";

const ANSWERS = ["DOMAIN=javisi.test", "ACME_EMAIL=ada@javisi.test"];
const SHARED = [...ANSWERS, "OVERLAYS=plane,shared-data,caddy", "SHARED_NETWORK=data"];

const readText = (folder: string) => readFileSync(join(folder, ".env"), "utf8");

describe("compose/setup", () => {
  test("makes every secret, for the owner's eyes only, and leaves nothing else behind", () => {
    const folder = copyComposeFolder();
    const { changed, names } = runSetup(folder, ANSWERS);
    expect(changed).toBe(names.length);
    expect(changed).toBeGreaterThan(20);
    expect(statSync(join(folder, ".env")).mode & 0o777).toBe(0o600);
    expect(readDotEnv(folder)["PLANE_SECRET_KEY"]).toMatch(/^[0-9a-f]{48}$/);
    expect(readdirSync(folder).sort()).toEqual([".env", ...SETUP_FILES]);
    expect(names.join()).not.toContain(readDotEnv(folder)["PLANE_SECRET_KEY"]);
  });

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

  test("prepares Groundcrew alone for provision with a Plane elsewhere", () => {
    const folder = copyComposeFolder();
    const answers = [
      "PLANE_WORKSPACE=crew",
      "PLANE_URL=https://plane.javisi.test",
      "PLANE_ADMIN_EMAIL=ada@javisi.test",
    ];
    runSetup(folder, ["OVERLAYS=none", ...answers]);
    expect(readDotEnv(folder)).toMatchObject({ COMPOSE_FILE: "compose.yaml", PLANE_ADMIN_EMAIL: "ada@javisi.test" });
    expect(readText(folder)).not.toMatch(/PASSWORD|SECRET/);
    expect(runSetup(folder, [])).toEqual({ changed: 0, names: [] });
  });

  test("restores the mode of .env, and counts that as a change", () => {
    const folder = copyComposeFolder();
    runSetup(folder, ANSWERS);
    chmodSync(join(folder, ".env"), 0o644);
    expect(runSetup(folder, [])).toEqual({ changed: 1, names: ["mode"] });
    expect(statSync(join(folder, ".env")).mode & 0o777).toBe(0o600);
  });

  test("takes over new versions, and keeps a version of Plane that was chosen", () => {
    const folder = copyComposeFolder();
    runSetup(folder, [...ANSWERS, "PLANE_VERSION=v1.2.2"]);
    const versions = readFileSync(join(folder, "versions.env"), "utf8");
    writeFileSync(join(folder, "versions.env"), versions.replace(/^CADDY_VERSION=.*$/m, "CADDY_VERSION=2.11.0-alpine"));
    expect(runSetup(folder, [])).toEqual({ changed: 1, names: ["CADDY_VERSION"] });
    expect(readDotEnv(folder)).toMatchObject({ PLANE_VERSION: "v1.2.2", CADDY_VERSION: "2.11.0-alpine" });
    expect(runSetup(folder, ["PLANE_VERSION=v1.3.1"]).names).toContain("PLANE_VERSION");
  });

  test("INFRA-05: keeps the version of pg_dump that was chosen for a shared PostgreSQL", () => {
    const folder = copyComposeFolder();
    const env = { POSTGRES_ADMIN_PASSWORD: "shared" };
    const chosen = ["--yes", ...SHARED, "POSTGRES_CLIENT_VERSION=17.10-alpine"];
    expect(trySetup(folder, chosen, { env }).stderr).toBe("");
    expect(runSetup(folder, [])).toEqual({ changed: 0, names: [] });
    expect(readDotEnv(folder)["POSTGRES_CLIENT_VERSION"]).toBe("17.10-alpine");
    const image = JSON.stringify(parseComposeFile("shared-data.yaml")["services"]);
    expect(image).toMatch(/"shared-database":\{"image":"postgres:\$\{POSTGRES_CLIENT_VERSION\}"/);
    // A newer pg_dump reads an older server, and an older one refuses a newer server.
    const { POSTGRES_VERSION = "", POSTGRES_CLIENT_VERSION = "" } = parseEnv(
      readFileSync("compose/versions.env", "utf8"),
    );
    expect(Number.parseInt(POSTGRES_CLIENT_VERSION, 10)).toBeGreaterThanOrEqual(Number.parseInt(POSTGRES_VERSION, 10));
  });

  test("keeps the choice of overlays, also of files that it does not know", () => {
    const folder = copyComposeFolder();
    runSetup(folder, [...ANSWERS, "OVERLAYS=plane,embedded-data"]);
    const text = readText(folder).replace(/^(COMPOSE_FILE=.*)$/m, "$1:mine.yaml");
    writeFileSync(join(folder, ".env"), text);
    expect(runSetup(folder, [])).toEqual({ changed: 0, names: [] });
    runSetup(folder, ["OVERLAYS=plane,embedded-data,caddy"]);
    expect(readDotEnv(folder)["COMPOSE_FILE"]).toBe("compose.yaml:plane.yaml:embedded-data.yaml:caddy.yaml:mine.yaml");
  });

  test("chooses monitoring with its secrets and the parts for the other overlays, and leaves it out again", () => {
    const folder = copyComposeFolder();
    runSetup(folder, [...ANSWERS, "OVERLAYS=plane,embedded-data,caddy,monitoring", "DOCKER_GROUP=998"]);
    expect(readDotEnv(folder)).toMatchObject({
      COMPOSE_FILE:
        "compose.yaml:plane.yaml:embedded-data.yaml:caddy.yaml:monitoring.yaml:monitoring-caddy.yaml:monitoring-plane.yaml:monitoring-embedded-data.yaml",
      DOCKER_GROUP: "998",
      GRAFANA_URL: "https://grafana.javisi.test",
      GRAFANA_ADMIN_PASSWORD: expect.stringMatching(/^[0-9a-f]{48}$/),
      POSTGRES_MONITOR_PASSWORD: expect.stringMatching(/^[0-9a-f]{48}$/),
    });
    expect(runSetup(folder, [])).toEqual({ changed: 0, names: [] });
    expect(runSetup(folder, ["OVERLAYS=plane,embedded-data,caddy"]).names).toEqual(["COMPOSE_FILE"]);
  });

  test("names Plane, Groundcrew and Grafana below the domain as the answers say, in every address and in Caddy", () => {
    const folder = copyComposeFolder();
    const names = ["PLANE_SUBDOMAIN=plane", "GROUNDCREW_SUBDOMAIN=agents.office", "GRAFANA_SUBDOMAIN=charts"];
    const overlays = "OVERLAYS=plane,embedded-data,caddy,monitoring";
    runSetup(folder, [...ANSWERS, ...names, overlays, "DOCKER_GROUP=998"]);
    const env = readDotEnv(folder);
    expect(env).toMatchObject({
      PLANE_URL: "https://plane.javisi.test",
      PUBLIC_URL: "https://agents.office.javisi.test",
      ALLOWED_HOSTS: expect.stringMatching(/^agents\.office\.javisi\.test,/),
      GRAFANA_URL: "https://charts.javisi.test",
    });
    const { caddy, api } = readProject(env).services;
    expect(api?.environment).toMatchObject({ WEB_URL: "https://plane.javisi.test" });
    expect(caddy?.networks?.["frontend"]?.aliases).toEqual(["plane.javisi.test", "agents.office.javisi.test"]);
    expect(caddy?.environment).toMatchObject({
      PLANE_SUBDOMAIN: "plane",
      GROUNDCREW_SUBDOMAIN: "agents.office",
      GRAFANA_SUBDOMAIN: "charts",
    });
    expect(runSetup(folder, [])).toEqual({ changed: 0, names: [] });
  });

  test.each([
    ["PLANE_SUBDOMAIN=crew", /GROUNDCREW_SUBDOMAIN makes two sites of crew\.javisi\.test/],
    ["GRAFANA_SUBDOMAIN=work", /GRAFANA_SUBDOMAIN makes two sites of work\.javisi\.test/],
    ["PLANE_SUBDOMAIN=Work", /PLANE_SUBDOMAIN is not a name in lower case such as plane/],
    ["GROUNDCREW_SUBDOMAIN=crew.", /GROUNDCREW_SUBDOMAIN is not a name/],
    ["GRAFANA_SUBDOMAIN=*", /GRAFANA_SUBDOMAIN is not a name/],
  ])("refuses the name %s, with which Caddy would not start", (answer, reason) => {
    const folder = copyComposeFolder();
    const overlays = ["OVERLAYS=plane,embedded-data,caddy,monitoring", "DOCKER_GROUP=998"];
    const { status, stderr } = trySetup(folder, ["--yes", ...ANSWERS, ...overlays, answer]);
    expect(status).toBe(64);
    expect(stderr).toMatch(reason);
    expect(existsSync(join(folder, ".env"))).toBe(false);
  });

  test("asks for overlays, domain, ranges, e-mail and workspace, and offers the present values", () => {
    const folder = copyComposeFolder();
    const first = trySetup(folder, [], { input: "\njavisi.test\n\nada@javisi.test\ncrew\n" });
    expect(first.status, first.stderr).toBe(0);
    expect(first.stderr).toContain("[plane,embedded-data,caddy]");
    expect(readDotEnv(folder)).toMatchObject({
      DOMAIN: "javisi.test",
      VPN_CIDR: "10.8.0.0/24",
      PLANE_WORKSPACE: "crew",
    });
    const second = trySetup(folder, [], { input: "\n\n\n\n\n" });
    expect(second.stderr).toContain("[javisi.test]");
    expect(second.stdout).toBe("compose/.env is up to date.\n");
  });

  test("refuses to guess when nobody answers, and then writes nothing", () => {
    const folder = copyComposeFolder();
    const { status, stderr } = trySetup(folder, []);
    expect(status).toBe(64);
    expect(stderr).toContain("--yes");
    expect(existsSync(join(folder, ".env"))).toBe(false);
  });

  test.each([
    [["DOMAIN=javisi.test\nADMIN_TOKEN=x"], "not printable"],
    [["DOMAIN=$(touch pwned).test"], "dollar sign"],
    [["DOMAIN=`id`.test"], "backtick"],
    [["DOMAIN=a'b.test"], "quotes"],
    [["DOMAIN=exämple.test"], "not printable"],
    [["DOMAIN=localhost"], "not a domain"],
    [["DOMAIN=JAVISI.TEST"], "lower case"],
    [["DOMAIN="], "DOMAIN is missing"],
    [["DOMAIN=javisi.test", "ACME_EMAIL=ada"], "not an e-mail"],
    [[...ANSWERS, "VPN_CIDR=0.0.0.0/0"], "too much of the Internet"],
    [[...ANSWERS, "VPN_CIDR=::/0"], "16 to 128"],
    [[...ANSWERS, "VPN_CIDR=10.8.0.0"], "list of address ranges"],
    [[...ANSWERS, "VPN_CIDR=10.8.0.300/24"], "not an address range"],
    [[...ANSWERS, "VPN_CIDR=10.8.0.0/24 import /etc"], "list of address ranges"],
    [[...ANSWERS, "DOCKER_CIDR=8.8.8.0/24"], "private range"],
    [[...ANSWERS, "DOCKER_CIDR=172.15.0.0/24"], "private range"],
    [[...ANSWERS, "DOCKER_CIDR=10.8.0.128/25"], "overlaps VPN_CIDR"],
    [[...ANSWERS, "DOCKER_CIDR=172.28.87.1/24"], "multiple of its size"],
    [[...ANSWERS, "OVERLAYS=embedded-data"], "OVERLAYS is none"],
    [[...ANSWERS, "OVERLAYS=plane,embedded-data,shared-data"], "OVERLAYS is none"],
    [[...ANSWERS, "PLANE_VERSION=latest"], "known to work"],
    [[...ANSWERS, "POSTGRES_CLIENT_VERSION=latest"], "not a tag of the image postgres"],
    [[...ANSWERS, "POSTGRES_CLIENT_VERSION=14.9-alpine"], "older than 15"],
    [[...ANSWERS, "PLANE_WORKSPACE=a/b"], "not a slug"],
    [[...ANSWERS, "PATH=/tmp"], "not an answer"],
    [[...ANSWERS, "POSTGRES_PASSWORD=visible-in-ps"], "not an answer"],
    [[...ANSWERS, "OVERLAYS=plane,embedded-data,monitoring,caddy"], "OVERLAYS is none"],
    [[...ANSWERS, "OVERLAYS=caddy,monitoring", "DOCKER_GROUP=docker"], "number of a group"],
    [["--force"], "Unknown option"],
    [SHARED, "POSTGRES_ADMIN_PASSWORD is missing"],
    [[...SHARED, "REDIS_DATABASE=one"], "POSTGRES_ADMIN_PASSWORD is missing"],
    [[...SHARED, "POSTGRES_PORT=70000"], "not a port"],
    [[...SHARED, "POSTGRES_HOST=db;id"], "not a host"],
  ])("refuses %j and writes nothing", (answers, reason) => {
    const folder = copyComposeFolder();
    const { status, stderr, stdout } = trySetup(folder, ["--yes", ...answers]);
    expect(stderr).toContain(reason);
    expect(status).toBe(64);
    expect(stdout).toBe("");
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
    for (const slug of [...routed, "404", "admin", "workspace-invitations", "m"]) {
      const { status, stderr } = trySetup(folder, ["--yes", ...ANSWERS, `PLANE_WORKSPACE=${slug}`]);
      expect(stderr, slug).toContain(`PLANE_WORKSPACE cannot be ${slug}`);
      expect(status).toBe(64);
    }
    expect(trySetup(folder, ["--yes", "DOMAIN=live.test", "ACME_EMAIL=ada@live.test"]).stderr).toContain(
      "cannot be live",
    );
    // Where Plane is elsewhere, its own proxy decides.
    runSetup(folder, ["OVERLAYS=none", "PLANE_WORKSPACE=webhooks"]);
    runSetup(folder, [...ANSWERS, "OVERLAYS=plane,embedded-data,caddy", "PLANE_WORKSPACE=liverpool"]);
    expect(readDotEnv(folder)["PLANE_WORKSPACE"]).toBe("liverpool");
  });

  test("refuses a .env that is a link", () => {
    const folder = copyComposeFolder();
    symlinkSync(join(folder, "elsewhere"), join(folder, ".env"));
    expect(trySetup(folder, ["--yes", ...ANSWERS]).stderr).toContain("not a regular file");
    expect(globSync(join(folder, "elsewhere"))).toEqual([]);
  });

  test("refuses files that containers could not read, as after a clone under a strict umask", () => {
    const folder = copyComposeFolder();
    writeFileSync(join(folder, "rabbitmq.conf"), "", { mode: 0o600 });
    const { status, stderr } = trySetup(folder, ["--yes", ...ANSWERS]);
    expect(status).toBe(64);
    expect(stderr).toContain("chmod -R go+rX compose caddy");
  });

  test("explains its answers with --help", () => {
    const { status, stdout } = trySetup(copyComposeFolder(), ["--help"]);
    expect(status).toBe(0);
    for (const name of ["OVERLAYS", "DOMAIN", "VPN_CIDR", "ACME_EMAIL", "SHARED_NETWORK"])
      expect(stdout).toContain(name);
  });
});
