import { PROCEDURES } from "../../functions/work.ts";
import { renderCode, renderTable } from "./markdown.ts";

/** A wish: each of its records is committed with the job that follows from it; only its plan takes several steps. */
const WISH = [
  ["update from Telegram", "its id", "it is the same wish"],
  ["wish", "the Concierge's wake", "the wake is sent"],
  ["plan, proposed", "its message to people", "the message is sent"],
  ["plan, approved", "the procedure `plan` with its job", "the job takes the steps that are left"],
  ["plan, done", "the wakes of agents that can start", "the wakes are sent"],
  ["plan, completed", "the Concierge's wake for its summary", "the wake is sent"],
];

/** An upload: no step is recorded, because Plane knows what it has by external ids. */
const UPLOAD = [
  ["create", "gets a ticket", "Plane names what has its external id; what is unfinished is removed"],
  ["send", "sends the bytes and confirms", "the file begins anew"],
  ["link", "writes the comment, records the deliverable", "Plane refuses a second one with its external id"],
];

/** The steps of each kind of procedure, of an upload and of a wish, and why each may be repeated after a `kill -9`. */
export function renderProcedures(): string {
  const rows = PROCEDURES.flatMap(({ name, steps }) =>
    steps.map((step) => [renderCode(name), renderCode(step.name), ...step.does.split("; ")]),
  );
  return [
    renderTable(["Procedure", "Step", "What it does", "When it is repeated"], rows),
    renderTable(["Upload", "What it does", "When the call is repeated"], UPLOAD),
    renderTable(["Record of a wish", "Committed with it", "After a `kill -9`"], WISH),
  ].join("\n\n");
}
