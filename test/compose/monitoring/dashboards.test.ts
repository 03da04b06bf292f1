import { readFileSync } from "node:fs";
import { parser } from "@grafana/lezer-logql";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { DOCKER_CLIENT, hasCaddy, startCaddy, startUpstream, VPN_CLIENT, WORK } from "../../caddy/start-caddy.ts";
import { hasProgram } from "../../support/has-program.ts";
import { findChoice, prepareChoice } from "../compose-files.ts";
import { findMetrics, listDashboardQueries, listRuleQueries, MONITORING, runPromtool, writeYaml } from "./queries.ts";

/** Checks queries by wrapping each in a recording rule; returns promtool's complaints. */
function checkQueries(expressions: string[]): string {
  const rules = expressions.map((expr, i) => ({ record: `query_${i}`, expr }));
  const { status, output } = runPromtool("check", "rules", writeYaml({ groups: [{ name: "queries", rules }] }));
  return status === 0 ? "" : output;
}

const readAlloy = () => readFileSync(`${MONITORING}/config.alloy`, "utf8");

/** Whether a query has no syntax error. */
function isLogQl(query: string): boolean {
  const errors: boolean[] = [];
  parser.parse(query).iterate({ enter: ({ type }) => void errors.push(type.isError) });
  return !errors.includes(true);
}

describe("MONITOR-03 the dashboards", () => {
  test.skipIf(!hasProgram("promtool"))("contain valid PromQL only", () => {
    const expressions = listDashboardQueries("prometheus").map(({ expression }) => expression);
    expect(expressions.length).toBeGreaterThan(60);
    expect(checkQueries(expressions)).toBe("");
    expect(checkQueries(["sum by (queue (groundcrew_queue_depth)"])).toContain("parse error");
  });

  test("and docs/operations.md contain valid LogQL only, by the grammar of Grafana's own editor", () => {
    const [, section = ""] = /^### Logs\n(.*?)^The log also/ms.exec(readFileSync("docs/operations.md", "utf8")) ?? [];
    const cells = [...section.matchAll(/^\| .* \| `(\{.*)` \|$/gm)];
    const documented = cells.map(([, query = ""]) => query.replaceAll("\\|", "|"));
    const queries = listDashboardQueries("loki").map(({ expression }) => expression);
    expect(documented.length).toBeGreaterThan(5);
    expect(queries.length).toBeGreaterThan(5);
    expect([...queries, ...documented].filter((query) => !isLogQl(query))).toEqual([]);
    const wrong = ['{service="groundcrew"} |= ', '{service="groundcrew" | json', '{service="caddy"} | status > 500 x'];
    expect(wrong.filter(isLogQl)).toEqual([]);
  });

  test.skipIf(!hasCaddy())(
    "and alerts name metrics and labels that the real Caddy reports, with the label host or without it",
    async () => {
      const web = await startUpstream("web");
      const caddy = await startCaddy({ PLANE_WEB_UPSTREAM: web.address });
      await caddy.send({ host: WORK, path: "/javisi/", from: VPN_CLIENT });
      const metrics = (await caddy.sendPlain("metrics", "/metrics", DOCKER_CLIENT))?.body ?? "";
      const named = [...listDashboardQueries("prometheus"), ...listRuleQueries()].flatMap(({ expression }) =>
        findMetrics(expression, /^caddy_/),
      );
      expect(named.length).toBeGreaterThan(5);
      for (const { name, labels, values } of named) {
        const samples = metrics.split("\n").filter((line) => line.startsWith(`${name}{`));
        const pairs = values.map(([label, value]) => `${label}="${value}"`);
        expect(samples.filter((line) => pairs.every((pair) => line.includes(pair))).length, name).toBeGreaterThan(0);
        // Caddy has the label host only with metrics per host; the query then also matches its absence.
        const required = labels.filter((label) => label !== "host");
        const missing = required.filter((label) => !samples.some((line) => line.includes(`${label}="`)));
        expect([name, missing]).toEqual([name, []]);
      }
    },
  );
});

describe("MONITOR-02 the examples for Loki", () => {
  test("keep lines for 7 days and delete them afterwards", () => {
    const loki = readFileSync(`${MONITORING}/loki.yaml`, "utf8");
    expect(loki).toMatch(/^limits_config:\n {2}retention_period: 168h$/m);
    expect(loki).toMatch(/^compactor:\n(?: {2}.*\n)* {2}retention_enabled: true$/m);
  });

  test("take the logs of Groundcrew, Caddy, every container of Plane, and OpenClaw, and of nothing else on the server", () => {
    const [, pattern = ""] = /regex += "(.*)"\n +action += "keep"/.exec(readAlloy()) ?? [];
    // Prometheus' relabelling compares the whole text.
    const keep = new RegExp(`^(?:${pattern})$`);
    const { services } = prepareChoice(findChoice("plane,embedded-data,caddy,monitoring")).project;
    const readCompose = (file: string) => parse(readFileSync(`compose/${file}`, "utf8"));
    const { name } = readCompose("compose.yaml");
    const ofPlane = Object.keys(readCompose("plane.yaml").services);
    const expected = [...ofPlane, "groundcrew", "caddy"].filter((service) => service !== "storage-owner");
    const kept = Object.keys(services).filter((service) => keep.test(`${name};${service}`));
    expect(kept.sort()).toEqual([...new Set(expected)].sort());
    for (const target of ["openclaw;openclaw-gateway", "proxy;caddy"]) expect(keep.test(target), target).toBe(true);
    for (const target of ["shop;api", "shop;web", ";worker", "groundcrew;postgres", "openclaw;openclaw-cli"])
      expect(keep.test(target), target).toBe(false);
    // The dashboard's query names the same containers of Plane.
    const query = listDashboardQueries("loki").find(({ place }) => place.endsWith("Errors of Plane"));
    const [, named = ""] = /service=~"(.*?)"/.exec(query?.expression ?? "") ?? [];
    const containers = expected.filter((one) => !["groundcrew", "caddy", "backup"].includes(one));
    expect(named.split("|").sort()).toEqual(containers.sort());
  });

  test.each([
    ['"GET /auth/magic?code=123&email=a@b.c HTTP/1.1" 200', '"GET /auth/magic?[removed] HTTP/1.1" 200'],
    ["PUT /uploads/a.png?X-Amz-Signature=abc 200", "PUT /uploads/a.png?[removed] 200"],
    ["{'x-api-key': 'plane_api_1', 'a': 1}", "{'x-api-key': [removed], 'a': 1}"],
    ["DATABASE_PASSWORD=hunter2 retry", "DATABASE_PASSWORD=[removed] retry"],
    ["Task plane.bgtasks.webhook succeeded in 0.2s", "Task plane.bgtasks.webhook succeeded in 0.2s"],
  ])("remove secrets from lines that are not ours: %s", (line, expected) => {
    const expressions = [...readAlloy().matchAll(/^ +expression = (".*")\n +replace += "(.*)"$/gm)];
    expect(expressions.length).toBe(2);
    const cleaned = expressions.reduce((text, [, quoted = "", replacement = ""]) => {
      const source: string = JSON.parse(quoted);
      const expression = new RegExp(source.replace("(?i)", ""), source.startsWith("(?i)") ? "gi" : "g");
      // As Alloy does: what the group has matched is replaced.
      return text.replace(expression, (match, group: string) => match.replace(group, replacement));
    }, line);
    expect(cleaned).toBe(expected);
  });
});
