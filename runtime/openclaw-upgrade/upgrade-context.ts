import type { SmokeContext } from "./probe-gateway.ts";
import type { RecordFile } from "./record-file.ts";

/** Everything that the steps use from outside. */
export interface UpgradeContext extends SmokeContext {
  records: RecordFile;
  /** Environment of local programs such as tar. */
  env: Record<string, string>;
  /** Versions of OpenClaw that Groundcrew is known to work with; undefined when that is unknown. */
  knownVersions: readonly string[] | undefined;
  /** Values that no report may contain; more are added as files are read. */
  secrets: string[];
  /** Called with each line about the progress, for people. */
  progress: (line: string) => void;
}
