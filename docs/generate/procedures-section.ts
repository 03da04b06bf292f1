import { PROCEDURES } from "../../functions/work.ts";
import { renderCode, renderTable } from "./markdown.ts";

/** The steps of each kind of procedure, and why each may be repeated after a `kill -9`. */
export function renderProcedures(): string {
  const rows = PROCEDURES.flatMap(({ name, steps }) =>
    steps.map((step) => [renderCode(name), renderCode(step.name), ...step.does.split("; ")]),
  );
  return renderTable(["Procedure", "Step", "What it does", "When it is repeated"], rows);
}
