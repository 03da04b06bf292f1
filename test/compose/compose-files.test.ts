import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ENVIRONMENT_NAMES } from "../../shared/config/environment.ts";
import { PROVISION_SECRET_NAMES, SECRET_NAMES } from "../../shared/config/secrets.ts";
import { hasCaddy, validateCaddyfile } from "../caddy/start-caddy.ts";
import { findChoice, OVERLAY_CHOICES, prepareChoice, SHARED_SECRETS } from "./choices.ts";
import { type ComposeService, isJob, listVariables, parseComposeFile } from "./compose-files.ts";

const FILES = globSync("*.yaml", { cwd: "compose" });

describe("The compose files", { timeout: 60_000 }, () => {
  const whole = () => prepareChoice(findChoice("plane,embedded-data,caddy"));

  test("pass every setting to Groundcrew, and no variable that is none", () => {
    const services = parseComposeFile("compose.yaml")["services"] as Record<string, ComposeService>;
    const passed = Object.keys(services["groundcrew"]?.environment ?? {});
    expect(passed.sort()).toEqual([...ENVIRONMENT_NAMES, ...SECRET_NAMES, ...PROVISION_SECRET_NAMES].sort());
    for (const file of FILES) {
      const overlaid = (parseComposeFile(file)["services"] as typeof services)["groundcrew"]?.environment ?? {};
      for (const name of Object.keys(overlaid)) expect(passed, file).toContain(name);
    }
  });

  test("pass each setting under its own name", () => {
    const services = parseComposeFile("compose.yaml")["services"] as Record<string, ComposeService>;
    const fixed = ["HOST", "PORT", "METRICS_PORT", "SECRETS_FILE", "BACKUP_FOLDER", "BACKUP_AFTER"];
    for (const [name, value] of Object.entries(services["groundcrew"]?.environment ?? {}))
      if (!fixed.includes(name)) expect(value, name).toMatch(new RegExp(`^\\$\\{${name}:-`));
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

  test("let Plane call Groundcrew inside, at a rate that both know", () => {
    const { services } = whole().project;
    const [groundcrew, worker] = [services["groundcrew"]?.environment, services["worker"]?.environment];
    expect(groundcrew?.["PLANE_WEBHOOK_TARGET"]).toBe("http://groundcrew.internal:8787/webhooks/plane");
    expect(worker?.["WEBHOOK_ALLOWED_HOSTS"]).toBe("groundcrew.internal");
    expect(services["groundcrew"]?.networks?.["backend"]?.aliases).toContain("groundcrew.internal");
    expect(services["worker"]?.networks).toHaveProperty("backend");
    expect(groundcrew?.["ALLOWED_HOSTS"]).toContain("groundcrew.internal");
    expect(groundcrew?.["PLANE_RATE_LIMIT"]).toBe("600");
    expect(worker?.["API_KEY_RATE_LIMIT"]).toBe("600/minute");
    expect(worker?.["FILE_SIZE_LIMIT"]).toBe("52428800");
    expect(services["caddy"]?.environment?.["FILE_SIZE_LIMIT"]).toBe("52428800");
  });

  test("give Caddy every variable of its configuration that has no default, and the range of its network", () => {
    const { project, env } = whole();
    const text = globSync("caddy/*")
      .map((file) => readFileSync(file, "utf8"))
      .join("");
    const known = new Set([...text.matchAll(/\{\$(\w+)/g)].map(([, name]) => name));
    const given = Object.keys(project.services["caddy"]?.environment ?? {});
    expect(given.filter((name) => !known.has(name))).toEqual([]);
    expect(given).toContain("DOMAIN");
    expect(project.services["caddy"]?.environment?.["DOCKER_CIDR"]).toBe(env["DOCKER_CIDR"]);
    expect(project.networks["frontend"]).toMatchObject({ ipam: { config: [{ subnet: env["DOCKER_CIDR"] }] } });
    expect(env["TRUSTED_PROXIES"]).toBe(env["DOCKER_CIDR"]);
  });

  test.skipIf(!hasCaddy())("give Caddy a configuration that it accepts, with Grafana's site and without", () => {
    for (const overlays of ["plane,embedded-data,caddy", "plane,embedded-data,caddy,monitoring"]) {
      const variables = prepareChoice(findChoice(overlays)).project.services["caddy"]?.environment ?? {};
      expect(validateCaddyfile("Caddyfile", variables)).toContain("Valid configuration");
    }
  });

  test("contain none of the secrets that Plane's own files publish", () => {
    const text = FILES.map((file) => readFileSync(join("compose", file), "utf8")).join("");
    for (const secret of [
      "60gp0byfz2dvffa45cxl20p1scy9xbpf6d8c5y0geejgkyp1b5",
      "2FiJk1U2aiVPEQtzLehYGlTSnTnrs7LW",
      "secret-key",
    ])
      expect(text).not.toContain(secret);
    const values = Object.values(whole().env).filter((value) => /^[0-9a-f]{48}$/.test(value));
    expect(new Set(values).size).toBe(7);
  });

  test("encode a shared password for addresses, and pass it unchanged to the job that creates the database", () => {
    const choice = OVERLAY_CHOICES.at(-1);
    if (!choice) throw new Error("no choice");
    const { services } = prepareChoice(choice).project;
    const address = new URL(services["api"]?.environment?.["DATABASE_URL"] ?? "");
    expect(decodeURIComponent(address.password)).toBe(SHARED_SECRETS.POSTGRES_PASSWORD);
    expect(address).toMatchObject({ hostname: "postgresql", port: "5432", pathname: "/plane_production" });
    expect(services["api"]?.environment?.["REDIS_URL"]).toBe("redis://:r%3Ae%20d%2Fis@redis:6379/1");
    expect(services["shared-database"]?.environment).toMatchObject({
      PGPASSWORD: SHARED_SECRETS.POSTGRES_ADMIN_PASSWORD,
      PLANE_PASSWORD: SHARED_SECRETS.POSTGRES_PASSWORD,
    });
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
