import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ComposeProject, listMounts, OVERLAY_CHOICES, prepareChoice } from "../compose-files.ts";
import { MONITORING } from "./queries.ts";

const ALL = OVERLAY_CHOICES.filter(({ overlays }) => overlays.includes("monitoring"));
const MONITORED = process.env["FULL"] ? ALL : ALL.slice(-1);
const SERVICES = [
  ...["prometheus", "alertmanager", "grafana", "loki", "alloy", "docker-reader", "cadvisor", "node-exporter"],
  ...["postgres-exporter", "redis-exporter"],
];

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
    const expected = ["groundcrew:9464", "alertmanager:9093", "cadvisor:8080", "node-exporter:9100"];
    expected.push("loki:3100", "grafana:3000");
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
    for (const name of SERVICES) {
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
