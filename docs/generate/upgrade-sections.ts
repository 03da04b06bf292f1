import { homedir } from "node:os";
import { z } from "zod";
import { formatTitle, UPGRADE_STEPS } from "../../runtime/openclaw-upgrade/run-upgrade.ts";
import { upgradeSettingsSchema } from "../../runtime/openclaw-upgrade/upgrade-driver.ts";
import { MINUTE } from "../../shared/time.ts";
import { formatType, listAlternatives, listFields } from "./json-schema.ts";
import { escapeProse, renderCode, renderTable } from "./markdown.ts";

/** The steps of an upgrade as `--dry-run` shows them, and how long each may take. */
export function renderUpgradeSteps(): string {
  const versions = { from: "the old version", to: "the new version" };
  const rows = UPGRADE_STEPS.map((step) => [
    renderCode(step.name),
    formatTitle(step, versions),
    `${step.timeout / MINUTE} min`,
  ]);
  return renderTable(["Step", "What it does", "At most"], rows);
}

/** The settings of upgrades: a table for each driver. */
export function renderUpgradeSettings(): string {
  const schema = z.toJSONSchema(upgradeSettingsSchema, { io: "input", unrepresentable: "any" });
  const tables = listAlternatives(schema).map((driver) => {
    const rows = listFields(driver).map(({ name, schema: field, required }) => [
      renderCode(name),
      required ? "required" : renderCode(JSON.stringify(field.default ?? "").replaceAll(homedir(), "~")),
      field.const === undefined ? escapeProse(field.description ?? "") : formatType(field),
    ]);
    return renderTable(["Key", "Default", "Meaning"], rows);
  });
  return tables.join("\n\n");
}
