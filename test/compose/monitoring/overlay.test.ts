import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { findChoice, OVERLAY_CHOICES, prepareChoice } from "../choices.ts";
import { type ComposeProject, listMounts } from "../compose-files.ts";
import { MONITORING } from "./queries.ts";

const WHOLE = "plane,embedded-data,caddy,monitoring";
const ALL = OVERLAY_CHOICES.filter(({ overlays }) => overlays.includes("monitoring"));
const MONITORED = process.env["FULL"] ? ALL : ALL.slice(-1);
const SERVICES = [
  "prometheus",
  "alertmanager",
  "grafana",
  "loki",
  "alloy",
  "docker-reader",
  "cadvisor",
  "node-exporter",
];
const EXPORTERS = ["postgres-exporter", "redis-exporter"];

const whole = () => prepareChoice(findChoice(WHOLE));
const networksOf = (project: ComposeProject, name: string) => Object.keys(project.services[name]?.networks ?? {});

/** The targets of Prometheus in a choice: those of its configuration and of the files that the overlays mount. */
function listTargets(project: ComposeProject): string[] {
  const files = [`${MONITORING}/prometheus.yaml`];
  for (const { source, target } of project.services["prometheus"]?.configs ?? []) {
    expect(target).toMatch(/^\/etc\/prometheus\/targets\/\w+\.yaml$/);
    files.push(join("compose", project.configs[source]?.file ?? ""));
  }
  return files.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/^[^#\n]*targets: \[(.*)\]$/gm)].flatMap(([, list = ""]) =>
      list.split(", ").filter((target) => /:\d+$/.test(target)),
    ),
  );
}

describe.each(MONITORED)("MONITOR-03 the overlay monitoring in $overlays, $answers", (choice) => {
  test("gives Prometheus the targets that exist, on networks that it shares with them", () => {
    const { project } = prepareChoice(choice);
    const targets = listTargets(project);
    const expected = [
      "groundcrew:9464",
      "alertmanager:9093",
      "cadvisor:8080",
      "node-exporter:9100",
      "loki:3100",
      "grafana:3000",
    ];
    if (choice.overlays.includes("caddy")) expected.push("caddy:9180");
    if (choice.overlays.includes("plane"))
      expected.push("postgres-exporter:9187", "redis-exporter:9121", "rabbitmq:15692");
    expect(targets.sort()).toEqual(expected.sort());
    const own = networksOf(project, "prometheus");
    for (const target of targets) {
      const shared = networksOf(project, target.split(":")[0] ?? "").filter((network) => own.includes(network));
      expect(shared.length, target).toBeGreaterThan(0);
    }
  });

  test("publishes nothing and has no way out", () => {
    const { project } = prepareChoice(choice);
    for (const name of [...SERVICES, ...EXPORTERS]) {
      expect(project.services[name]?.ports, name).toBeUndefined();
      for (const network of networksOf(project, name)) {
        const { internal, external } = project.networks[network] as { internal?: boolean; external?: boolean };
        expect(internal ?? external, `${name} in ${network}`).toBe(true);
        expect(network, name).not.toBe("egress");
      }
    }
  });

  test("gives the server's own files to as few containers as possible, read-only", () => {
    const { project } = prepareChoice(choice);
    const mounts = Object.entries(project.services).flatMap(([name, service]) =>
      listMounts(service).flatMap(({ source, isReadOnly }) => {
        if (!source.startsWith("/")) return [];
        expect(isReadOnly, `${name} ${source}`).toBe(true);
        return [`${name} ${source}`];
      }),
    );
    expect(mounts.sort()).toEqual([
      "cadvisor /dev/null",
      "cadvisor /proc",
      "cadvisor /sys/fs/cgroup",
      "cadvisor /var/lib/docker/image",
      "docker-reader /var/run/docker.sock",
    ]);
    const readers = Object.keys(project.services).filter((name) => networksOf(project, name).includes("docker-api"));
    expect(readers.sort()).toEqual(["alloy", "cadvisor", "docker-reader"]);
    expect(project.services["docker-reader"]?.user).toBe("1000:998");
  });
});

describe("MONITOR-03 the overlay monitoring", () => {
  test("gives the exporter the password with which its user is made, and Grafana one of its own", () => {
    const { project, env } = whole();
    const { services } = project;
    const password = env["POSTGRES_MONITOR_PASSWORD"];
    expect(services["monitor-user"]?.environment?.["MONITOR_PASSWORD"]).toBe(password);
    expect(services["postgres-exporter"]?.environment?.["DATA_SOURCE_PASS"]).toBe(password);
    expect(services["postgres-exporter"]?.environment?.["DATA_SOURCE_USER"]).toBe(
      services["monitor-user"]?.environment?.["MONITOR_USER"],
    );
    expect(services["grafana"]?.environment).toMatchObject({
      GF_SECURITY_ADMIN_PASSWORD: env["GRAFANA_ADMIN_PASSWORD"],
      GF_SERVER_ROOT_URL: "https://grafana.javisi.test",
    });
    // cAdvisor could otherwise make labels of containers' variables.
    expect(services["cadvisor"]?.command).toContain("--store_container_labels=false");
  });

  test("has addresses of services in Grafana's data sources and in Alloy, and dashboards where Grafana looks for them", () => {
    const { services } = whole().project;
    const provisioning = `${MONITORING}/grafana/provisioning`;
    const read = (file: string) => parse(readFileSync(file, "utf8"));
    const urls = read(`${provisioning}/datasources/groundcrew.yaml`).datasources.map(({ url }: { url: string }) => url);
    const alloy = readFileSync(`${MONITORING}/config.alloy`, "utf8");
    urls.push(...[...alloy.matchAll(/"((?:tcp|http):\/\/[^"]+)"/g)].map(([, url]) => url));
    expect(urls.length).toBe(5);
    for (const url of urls) expect(services, url).toHaveProperty(new URL(url).hostname);
    const { path } = read(`${provisioning}/dashboards/groundcrew.yaml`).providers[0].options;
    const mounts = listMounts(services["grafana"] ?? { image: "" });
    expect(mounts.find(({ target }) => target === path)?.source).toBe("./monitoring/grafana/dashboards");
  });
});
