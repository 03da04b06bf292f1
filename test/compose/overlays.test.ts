import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { DCLinter } from "dclint";
import { describe, expect, test } from "vitest";
import { parseSettings } from "../../shared/config/settings.ts";
import { OVERLAY_CHOICES, prepareChoice } from "./choices.ts";
import { type ComposeService, copyComposeFolder, isJob, listMounts, parseComposeFile } from "./compose-files.ts";

const FILES = globSync("*.yaml", { cwd: "compose" });

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

describe.each(OVERLAY_CHOICES)(
  "INFRA-01 to INFRA-04, INFRA-06, MONITOR-03: the overlays $overlays, $answers",
  (choice) => {
    test("are valid together by the Compose specification's schema, with every variable set", () => {
      const { project } = prepareChoice(choice);
      expect(findSchemaErrors(project)).toEqual([]);
      expect(findSchemaErrors({ ...project, services: { x: { image: "x:1", cap_drp: ["ALL"] } } })).toHaveLength(1);
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
          if (source.startsWith(".")) expect(existsSync(join("compose", source)), `${name} ${source}`).toBe(true);
          else if (!source.startsWith("/")) expect(volumes, name).toHaveProperty(source);
        }
      }
    });

    test("limit and harden every container", () => {
      for (const [name, service] of Object.entries(prepareChoice(choice).project.services)) {
        const capabilities = { caddy: "NET_BIND_SERVICE", "docker-reader": "NET_BIND_SERVICE" }[name];
        const added = isJob(service) && name.endsWith("-owner") ? "CHOWN" : capabilities;
        expect(service.cap_add, name).toEqual(added === undefined ? undefined : [added]);
        expect(service, name).toMatchObject({
          read_only: true,
          cap_drop: ["ALL"],
          security_opt: ["no-new-privileges:true"],
          logging: { driver: "json-file", options: { "max-size": "10m", "max-file": "3" } },
        });
        const limits = service.deploy?.resources.limits;
        expect(limits?.memory, name).toMatch(/^\d+M$/);
        expect(limits?.cpus, name).toMatch(/^\d\.\d\d$/);
        expect(limits?.pids, name).toBeGreaterThan(0);
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

    test("pin every image by a version from the one file of versions", () => {
      const versions = parseEnv(readFileSync("compose/versions.env", "utf8"));
      for (const file of choice.overlays === "none" ? ["compose.yaml"] : FILES) {
        const services = parseComposeFile(file)["services"] as Record<string, Partial<ComposeService>>;
        for (const { image } of Object.values(services)) {
          if (image === undefined) continue;
          expect(image).toMatch(/^[a-z0-9_./-]+:\$\{[A-Z_]+_VERSION\}$/);
          const version = versions[/\$\{(\w+)\}/.exec(image)?.[1] ?? ""];
          expect(version, image).toMatch(/\d/);
          expect(version, image).not.toMatch(/latest|stable/);
        }
      }
    });

    test("give Groundcrew settings that it accepts once it is provisioned", () => {
      const { project } = prepareChoice(choice);
      const env = {
        ...project.services["groundcrew"]?.environment,
        PLANE_API_KEY: "plane_api_x",
        ADMIN_TOKEN: "b8a61f0c5d27e94312f7",
      };
      const files = { read: () => undefined };
      const parsed = parseSettings({ PLANE_URL: "https://plane.javisi.test", ...omitEmpty(env) }, files);
      expect(parsed.ok, JSON.stringify(parsed)).toBe(true);
      // Provision makes the webhook's secret and the file; Telegram is the operator's choice.
      const expected = /^(SECRETS_FILE names|PLANE_WEBHOOK_SECRET is not set|TELEGRAM_BOT_TOKEN and)/;
      expect((parsed.ok ? parsed.warnings : []).filter((warning) => !expected.test(warning))).toEqual([]);
    });
  },
);
