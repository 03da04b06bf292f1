import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../../support/has-program.ts";
import { ALERT_CASES } from "./alert-series.ts";
import { RULE_FILES, readAlertRules, runPromtool, writeYaml } from "./queries.ts";

const DEFAULT_MINUTES = 40;
const BEAT = 'container_health_state{name="groundcrew-beat-worker-1"}';

/** A series with the same value each minute, for values that promtool's `x` does not take. */
const repeat = (value: string, minutes: number) => Array(minutes).fill(value).join(" ");

/** One test of promtool: whether the alert fires with these series. */
function createRuleTest(alert: string, values: Record<string, string>, minutes: number, fires: boolean) {
  const expr = `count(ALERTS{alertname="${alert}",alertstate="firing"})`;
  return {
    interval: "1m",
    input_series: Object.entries(values).map(([series, text]) => ({ series, values: text })),
    promql_expr_test: [{ expr, eval_time: `${minutes}m`, exp_samples: fires ? [{ labels: "{}", value: 1 }] : [] }],
  };
}

type RuleTest = ReturnType<typeof createRuleTest>;

/** Joins tests that have no metric in common into one, because promtool makes a database for each, which takes most of the time. */
function joinRuleTests(tests: readonly RuleTest[]): RuleTest[] {
  const joined: { test: RuleTest; metrics: Set<string> }[] = [];
  for (const test of tests) {
    const metrics = test.input_series.map(({ series }) => series.split("{")[0] ?? "");
    const free = joined.find((group) => metrics.every((metric) => !group.metrics.has(metric)));
    const group = free ?? { test: { ...test, input_series: [], promql_expr_test: [] }, metrics: new Set() };
    if (!free) joined.push(group);
    group.test.input_series.push(...test.input_series);
    group.test.promql_expr_test.push(...test.promql_expr_test);
    for (const metric of metrics) group.metrics.add(metric);
  }
  return joined.map(({ test }) => test);
}

const runRuleTests = (tests: readonly RuleTest[]) =>
  runPromtool("test", "rules", writeYaml({ rule_files: RULE_FILES, evaluation_interval: "1m", tests }));

describe.skipIf(!hasProgram("promtool"))("MONITOR-04 the alerts", { timeout: 120_000 }, () => {
  test("are valid, and so is Prometheus' configuration", () => {
    expect(runPromtool("check", "rules", ...RULE_FILES)).toMatchObject({ status: 0 });
    const syntax = runPromtool("check", "config", "--syntax-only", "prometheus.yaml");
    expect(syntax.output).toContain("SUCCESS");
  });

  test("each have a case that fires and one that does not", () => {
    const alerts = readAlertRules().map(({ alert }) => alert);
    expect(new Set(alerts).size).toBe(alerts.length);
    expect(Object.keys(ALERT_CASES).sort()).toEqual(alerts.sort());
  });

  test("fire when they should, and only then", () => {
    const tests = Object.entries(ALERT_CASES).flatMap(([alert, { fires, quiet, after = DEFAULT_MINUTES }]) => [
      createRuleTest(alert, fires, after, true),
      createRuleTest(alert, quiet, after, false),
    ]);
    expect(runRuleTests(joinRuleTests(tests))).toEqual({ status: 0, output: expect.stringContaining("SUCCESS") });
  });

  test("fire as well for what was never there: a Groundcrew that was never scraped, a first backup", () => {
    const tests = [
      createRuleTest("GroundcrewDown", { 'up{job="caddy"}': "1x40" }, DEFAULT_MINUTES, true),
      createRuleTest("BackupOld", { groundcrew_backup_age_seconds: repeat("Inf", 41) }, DEFAULT_MINUTES, true),
      // Without BACKUP_FOLDER there is nothing to watch.
      createRuleTest("BackupOld", { 'up{job="groundcrew"}': "1x40" }, DEFAULT_MINUTES, false),
      createRuleTest("BackupCopyOld", { groundcrew_backup_copy_age_seconds: repeat("Inf", 181) }, 180, true),
      // The first copy of a large installation takes its time.
      createRuleTest("BackupCopyOld", { groundcrew_backup_copy_age_seconds: repeat("Inf", 181) }, 110, false),
      // A container that is stopped has no health.
      createRuleTest("PlaneBeatDown", { [BEAT]: "1x20 stale" }, DEFAULT_MINUTES, true),
    ];
    expect(runRuleTests(tests)).toEqual({ status: 0, output: expect.stringContaining("SUCCESS") });
  });

  test("are noticed by promtool when they do not behave", () => {
    const wrong = createRuleTest("PlaneDown", { groundcrew_plane_up: "0x40" }, DEFAULT_MINUTES, false);
    expect(runRuleTests([wrong])).toMatchObject({ status: 1 });
  });

  test("each link to their own paragraph in docs/operations.md", () => {
    const document = readFileSync("docs/operations.md", "utf8");
    const headings = new Set([...document.matchAll(/^#### (\w+)$/gm)].map(([, heading]) => heading));
    const rules = readAlertRules();
    expect(rules.map(({ alert, runbook }) => [alert, runbook])).toEqual(
      rules.map(({ alert }) => [alert, `docs/operations.md#${alert.toLowerCase()}`]),
    );
    expect([...headings].sort()).toEqual(rules.map(({ alert }) => alert).sort());
  });
});
