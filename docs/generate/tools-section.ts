import { createOutputSchema, getToolDefinition } from "../../functions/agent/tool.ts";
import { TOOLS } from "../../functions/agent/tools.ts";
import { formatLimits, formatType, formatTypeLines, type JsonSchema, listFields } from "./json-schema.ts";
import { escapeProse, renderCode, renderTable } from "./markdown.ts";

/** Every tool of the agents: what it takes and what it answers. */
export function renderTools(): string {
  return TOOLS.map((tool) => {
    const { name, description, inputSchema } = getToolDefinition(tool);
    const fields = listFields(inputSchema);
    const rows = fields.map((field) => [
      renderCode(field.name),
      formatInputType(field.schema),
      field.required ? "yes" : "",
      escapeProse(field.schema.description ?? ""),
    ]);
    const input = rows.length > 0 ? renderTable(["Input", "Type", "Required", "Meaning"], rows) : "It takes no input.";
    const output = `\`\`\`ts\n${formatTypeLines(createOutputSchema(tool))}\n\`\`\``;
    const callers = tool.allow === "concierge" ? " *Concierge only.*" : "";
    return `### ${name}\n\n${escapeProse(description)}${callers}\n\n${input}\n\n${output}`;
  }).join("\n\n");
}

function formatInputType(schema: JsonSchema): string {
  const limits = formatLimits(schema);
  return `${renderCode(formatType(schema))}${limits === "" ? "" : `, ${limits}`}`;
}
