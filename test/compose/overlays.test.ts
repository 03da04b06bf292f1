import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, globSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { DCLinter } from "dclint";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { ENVIRONMENT_NAMES } from "../../shared/config/environment.ts";
import { PROVISION_SECRET_NAMES, SECRET_NAMES } from "../../shared/config/secrets.ts";
import { parseSettings } from "../../shared/config/settings.ts";
import { writeScripts } from "../support/test-folder.ts";
import {
  type ComposeService,
  copyComposeFolder,
  findChoice,
  isJob,
  listMounts,
  listVariables,
  OVERLAY_CHOICES,
  parseComposeFile,
  prepareChoice,
  readDotEnv,
  readProject,
  runSetup,
} from "./compose-files.ts";
import { createDockerLines, createStandIns, writeComposeConfig } from "./docker-stand-in.ts";

const FILES = globSync("*.yaml", { cwd: "compose" });

const FULL = Boolean(process.env["FULL"]);
const SAMPLE = ["none", "plane,embedded-data,caddy", "plane,shared-data,caddy,monitoring"];
const CHOICES = FULL ? OVERLAY_CHOICES : SAMPLE.map(findChoice);

const omitEmpty = (env: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value === "" ? [] : [[name, String(value)]])));

/** What the JSON schema of the Compose specification says about a project; empty when it is valid. */
function findSchemaErrors(project: object): string[] {
  const path = join(copyComposeFolder(), "project.yaml");
  writeFileSync(path, JSON.stringify(project));
  const linter = new DCLinter({ rules: {}, quiet: true, debug: false, exclude: [] });
  const results: { messages: { rule: string; message: string }[] }[] = linter.lintFiles([path], false);
  const messages = results.flatMap((result) => result.messages);
  return messages.flatMap(({ rule, message }) => (rule.startsWith("invalid") ? [message] : []));
}

describe.each(CHOICES)("INFRA-01 to INFRA-04, INFRA-06, MONITOR-03: the overlays $overlays, $answers", (choice) => {
  test("are valid together by the Compose specification's schema, with every variable set", () => {
    expect(findSchemaErrors(prepareChoice(choice).project)).toEqual([]);
  });

  test("name only services, networks and volumes that exist", () => {
    const { services, networks, volumes, configs } = prepareChoice(choice).project;
    for (const { file } of Object.values(configs)) expect(existsSync(join("compose", file)), file).toBe(true);
    for (const [name, service] of Object.entries(services)) {
      expect(service.image, `${name} is defined`).toBeTypeOf("string");
      for (const other of Object.keys(service.depends_on ?? {})) expect(services, name).toHaveProperty(other);
      for (const network of Object.keys(service.networks ?? {})) expect(networks, name).toHaveProperty(network);
      for (const { source } of service.configs ?? []) expect(configs, name).toHaveProperty(source);
      for (const { source } of listMounts(service)) {
        // setup writes it.
        if (source === "./.env") continue;
        if (source.startsWith(".")) expect(existsSync(join("compose", source)), `${name} ${source}`).toBe(true);
        else if (!source.startsWith("/")) expect(volumes, name).toHaveProperty(source);
      }
    }
  });

  test("limit and harden every container", () => {
    for (const [name, service] of Object.entries(prepareChoice(choice).project.services)) {
      const capabilities = { caddy: "NET_BIND_SERVICE", "docker-reader": "NET_BIND_SERVICE" }[name];
      const added = isJob(service) && name.endsWith("-owner") ? "CHOWN" : capabilities;
      const more = name === "settings-owner" ? ["DAC_READ_SEARCH"] : [];
      expect(service.cap_add, name).toEqual(added === undefined ? undefined : [added, ...more]);
      const logging = { driver: "json-file", options: { "max-size": "10m", "max-file": "3" } };
      const hardening = { read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"], logging };
      expect(service, name).toMatchObject(hardening);
      const limits = service.deploy?.resources.limits;
      expect([limits?.memory, limits?.cpus, limits?.pids].join(" "), name).toMatch(/^\d+M \d\.\d\d [1-9]\d*$/);
      expect(service.privileged, name).toBeUndefined();
      if (isJob(service)) continue;
      // cAdvisor reads a folder that only root may read; it has no capability (docs/decisions/0050-monitoring.md).
      if (name !== "cadvisor") expect(service.user, name).toMatch(/^(?!0|root).+/);
      expect(service.restart, name).toBe("unless-stopped");
      expect(service.healthcheck, name).toMatchObject({ interval: "30s", timeout: "10s", retries: 3 });
    }
  });

  test("publish ports to the world from Caddy only, and Groundcrew's to this machine", () => {
    const { services, networks } = prepareChoice(choice).project;
    const published = Object.entries(services).flatMap(([name, { ports = [] }]) => (ports.length > 0 ? [name] : []));
    expect(published.sort()).toEqual(choice.overlays.includes("caddy") ? ["caddy", "groundcrew"] : ["groundcrew"]);
    expect(services["groundcrew"]?.ports).toEqual(["127.0.0.1:8787:8787"]);
    // What arrives at a published port comes from egress, so it never has an address that Caddy lets in.
    expect(networks["frontend"]).toMatchObject({ internal: true });
    expect(networks["backend"]).toMatchObject({ internal: true });
  });

  test("give Groundcrew settings that it accepts once it is provisioned", () => {
    const { project } = prepareChoice(choice);
    const secrets = { PLANE_API_KEY: "plane_api_x", ADMIN_TOKEN: "b8a61f0c5d27e94312f7" };
    const env = omitEmpty({ ...project.services["groundcrew"]?.environment, ...secrets });
    const parsed = parseSettings({ PLANE_URL: "https://plane.javisi.test", ...env }, { read: () => undefined });
    expect(parsed.ok, JSON.stringify(parsed)).toBe(true);
    // Provision makes the webhook's secret and the file; Telegram is the operator's choice.
    const expected = /^(SECRETS_FILE names|PLANE_WEBHOOK_SECRET is not set|TELEGRAM_BOT_TOKEN and)/;
    expect((parsed.ok ? parsed.warnings : []).filter((warning) => !expected.test(warning))).toEqual([]);
  });
});

describe("The compose files", { timeout: 60_000 }, () => {
  test("are checked against a schema that finds what is not valid", () => {
    expect(findSchemaErrors({ services: { x: { image: "x:1", cap_drp: ["ALL"] } } })).toHaveLength(1);
  });

  test("pin every image by a version from the one file of versions, and have none of the secrets of Plane's files", () => {
    const versions = parseEnv(readFileSync("compose/versions.env", "utf8"));
    for (const file of FILES) {
      const services = parseComposeFile(file)["services"] as Record<string, Partial<ComposeService>>;
      for (const { image } of Object.values(services)) {
        if (image === undefined) continue;
        expect(image).toMatch(/^[a-z0-9_./-]+:\$\{[A-Z_]+_VERSION\}$/);
        const version = versions[/\$\{(\w+)\}/.exec(image)?.[1] ?? ""];
        expect(version, image).toMatch(/\d/);
        expect(version, image).not.toMatch(/latest|stable/);
      }
      const text = readFileSync(join("compose", file), "utf8");
      expect(text).not.toMatch(/60gp0byfz2dvffa45cxl20p1scy9xbpf6d8c5y0geejgkyp1b5|2FiJk1U2aiVPEQtzLehYGlTSnTnrs7LW/);
    }
  });

  test("pass every setting to Groundcrew, and no variable that is none", () => {
    const services = parseComposeFile("compose.yaml")["services"] as Record<string, ComposeService>;
    const passed = Object.keys(services["groundcrew"]?.environment ?? {});
    expect(passed.sort()).toEqual([...ENVIRONMENT_NAMES, ...SECRET_NAMES, ...PROVISION_SECRET_NAMES].sort());
    for (const file of FILES) {
      const overlaid = (parseComposeFile(file)["services"] as typeof services)["groundcrew"]?.environment ?? {};
      for (const name of Object.keys(overlaid)) expect(passed, file).toContain(name);
    }
  });

  test("need no variable that setup does not write, and every variable has a reader", () => {
    const choices = OVERLAY_CHOICES.filter(({ overlays }) => /^none$|plane.*monitoring/.test(overlays));
    const written = new Set(choices.flatMap((choice) => Object.keys(prepareChoice(choice).env)));
    const used = new Set(FILES.flatMap(listVariables));
    const required = FILES.flatMap((file) => {
      const text = readFileSync(join("compose", file), "utf8");
      return [...text.matchAll(/\$\{(\w+)(?::\?[^}]*)?\}/g)].map(([, name = ""]) => name);
    });
    expect(required.filter((name) => !written.has(name))).toEqual([]);
    // setup reads these itself, or Compose does.
    const own = ["COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "REDIS_HOST", "REDIS_PORT", "REDIS_DATABASE"];
    expect([...written].filter((name) => !used.has(name) && !own.includes(name)).sort()).toEqual([]);
  });

  test("INFRA-06: add up to the memory that docs/operations.md states", () => {
    const sum = (overlays: string) => {
      return Object.values(prepareChoice(findChoice(overlays)).project.services)
        .filter((service) => !isJob(service))
        .reduce((total, { deploy }) => total + Number.parseInt(deploy?.resources.limits.memory ?? "", 10), 0);
    };
    const document = readFileSync("docs/operations.md", "utf8");
    const stated = ["none", "caddy", "plane,shared-data,caddy", "plane,embedded-data,caddy"];
    for (const overlays of [...stated, "plane,shared-data,caddy,monitoring", "plane,embedded-data,caddy,monitoring"])
      expect(document, overlays).toContain(`| \`${overlays}\` | ${sum(overlays).toLocaleString("en")} MB |`);
  });
});

test("INFRA-06: compose/second.yaml, a second Groundcrew on the same Redis, is behind Caddy with the first one, which setup keeps chosen", () => {
  const overlay = parseComposeFile("second.yaml")["services"] as Record<string, Record<string, unknown>>;
  expect(Object.keys(overlay).sort()).toEqual(["caddy", "groundcrew-2"]);
  expect(overlay["caddy"]).toEqual({ environment: { GROUNDCREW_UPSTREAM: "groundcrew:8787 groundcrew-2:8787" } });
  const folder = copyComposeFolder();
  runSetup(folder, ANSWERS);
  const env = readFileSync(join(folder, ".env"), "utf8");
  writeFileSync(join(folder, ".env"), env.replace(/^(COMPOSE_FILE=.*)$/m, "$1:second.yaml"));
  runSetup(folder, []);
  const files = "compose.yaml:plane.yaml:embedded-data.yaml:caddy.yaml:second.yaml";
  expect(readDotEnv(folder)["COMPOSE_FILE"]).toBe(files);
});

const ANSWERS = ["DOMAIN=javisi.test", "ACME_EMAIL=ada@javisi.test"];

/** A folder after setup, in which pin-images runs with a stand-in for docker. */
function prepare() {
  const folder = copyComposeFolder();
  cpSync("compose/pin-images", join(folder, "pin-images"));
  runSetup(folder, ANSWERS);
  writeComposeConfig(folder);
  const standIns = createStandIns(folder, { docker: createDockerLines(folder) });
  const run = () => spawnSync(join(folder, "pin-images"), { env: { PATH: standIns.path }, encoding: "utf8" });
  return { folder, run, readCalls: standIns.readCalls };
}

const digestOf = (image: string) => `sha256:${createHash("sha256").update(image).digest("hex")}`;

describe("compose/pin-images", () => {
  test("pins every image of the chosen overlays but Groundcrew's own to the digest of its tag", () => {
    const { folder, run, readCalls } = prepare();
    const before = readDotEnv(folder);
    const { status, stderr, stdout } = run();
    expect(status, stderr).toBe(0);
    const { services } = readProject(before);
    const expected = Object.entries(services)
      .filter(([, { image }]) => !image.startsWith("groundcrew:"))
      .map(([name, { image }]) => [name, { image: `${image}@${digestOf(image)}` }]);
    expect(expected.length).toBeGreaterThan(12);
    const pinned = parse(readFileSync(join(folder, "pinned.yaml"), "utf8"));
    expect(pinned).toEqual({ services: Object.fromEntries(expected) });
    const after = readDotEnv(folder);
    expect(after).toEqual({ ...before, COMPOSE_FILE: `${before["COMPOSE_FILE"]}:pinned.yaml` });
    expect(statSync(join(folder, ".env")).mode & 0o777).toBe(0o600);
    const inspected = readCalls().flatMap(([, command, , , image = ""]) => (command === "buildx" ? [image] : []));
    expect(new Set(inspected).size).toBe(inspected.length);
    expect(stdout).toContain(`Pinned ${inspected.length} images`);
    // setup keeps the file, and nothing temporary stays.
    expect(runSetup(folder, [])).toEqual({ changed: 0, names: [] });
    expect(readdirSync(folder).filter((name) => name.startsWith("pinned"))).toEqual(["pinned.yaml"]);
  });

  test("changes nothing when the registry answers with something else than a digest", () => {
    const { folder, run } = prepare();
    const docker = 'case "$1" in compose) cat "$CONFIG" ;; *) echo "not found" ;; esac';
    writeScripts(join(folder, "stand-ins"), { docker: `CONFIG=${join(folder, "config.yaml")}\n${docker}` });
    const env = readFileSync(join(folder, ".env"), "utf8");
    expect(run().status).toBe(1);
    expect(existsSync(join(folder, "pinned.yaml"))).toBe(false);
    expect(readFileSync(join(folder, ".env"), "utf8")).toBe(env);
    expect(readdirSync(folder).filter((name) => name.startsWith("pinned"))).toEqual([]);
  });
});
