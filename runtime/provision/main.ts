import { runProvisionProcess } from "./provision-process.ts";
import { runProvision } from "./run-provision.ts";

await runProvisionProcess(runProvision);
