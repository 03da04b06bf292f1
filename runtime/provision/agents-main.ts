import { runAgents } from "./agents-command.ts";
import { runProvisionProcess } from "./provision-process.ts";

await runProvisionProcess(runAgents);
