import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

const FOLDER = "compose/monitoring/rules";

const rulesSchema = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          annotations: z.object({ description: z.string() }),
        }),
      ),
    }),
  ),
});

/** A reference to a document in a description: `text (docs/page.md#heading)`. */
const REFERENCE = /\((?:docs\/)([\w.-]+\.md(?:#[\w-]+)?)\)/g;

/** A paragraph for each alert of Prometheus' rules: what it means and what to do, from its description. */
export function renderAlerts(): string {
  const files = readdirSync(FOLDER).map((file) => rulesSchema.parse(parse(readFileSync(`${FOLDER}/${file}`, "utf8"))));
  const rules = files.flatMap(({ groups }) => groups.flatMap((group) => group.rules));
  return rules
    .map(({ alert, annotations }) => `#### ${alert}\n\n${linkDocuments(annotations.description)}`)
    .join("\n\n");
}

function linkDocuments(description: string): string {
  return description.replaceAll(REFERENCE, (_, target: string) => {
    const address = target.replace(/^operations\.md(?=#)/, "");
    return `([more](${address}))`;
  });
}
