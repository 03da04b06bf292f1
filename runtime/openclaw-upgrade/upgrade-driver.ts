import type { Ms } from "../../shared/time.ts";
import type { ProgramResult } from "../runner/run-program.ts";
import type { Finding } from "./finding.ts";
import type { ImageScan } from "./image-scan.ts";

/**
 * How one installation of OpenClaw is read and changed. Every call that runs a program takes the time it may use and
 * throws an Error with a reason for people when it fails. Calls that change something can be repeated.
 */
export interface UpgradeDriver {
  kind: "compose" | "npm";
  /** The version that starts next. Throws when none can be read. */
  readPinned: () => string;
  /** Makes this version the one that starts next. */
  pin: (version: string) => void;
  /** Checks the programs that every other call needs. Changes nothing. */
  checkTools: (timeout: Ms) => Promise<Finding>;
  /** Checks the installation before an upgrade. Changes nothing. */
  checkInstallation: (to: string, timeout: Ms) => Promise<Finding[]>;
  /** Connects to what `reach` in the settings names, from where OpenClaw runs. Changes nothing. */
  checkReach: (timeout: Ms) => Promise<Finding[]>;
  /** Brings this version onto the machine, beside the running one. */
  fetchVersion: (version: string, timeout: Ms) => Promise<void>;
  stop: (timeout: Ms) => Promise<void>;
  /** Starts the pinned version; the gateway may need longer until it answers. */
  start: (timeout: Ms) => Promise<void>;
  /** Writes state and workspaces into this archive. OpenClaw must be stopped. */
  backUp: (archive: string, timeout: Ms) => Promise<void>;
  /** Replaces state and workspaces by those of the archive. OpenClaw must be stopped. */
  restore: (archive: string, timeout: Ms) => Promise<void>;
  /** Runs the pinned version's own command; `running` says whether its gateway runs. */
  runOpenclaw: (args: readonly string[], options: { timeout: Ms; running: boolean }) => Promise<ProgramResult>;
  /** Reads a file that OpenClaw can read; undefined when it does not exist. */
  readFile: (path: string, timeout: Ms) => Promise<string | undefined>;
  /** What the gateway has logged since this time. */
  readLog: (since: Ms, timeout: Ms) => Promise<string>;
  /** Checks users, capabilities and seccomp of the processes, and owner and mode of the workspaces. */
  inspectProcesses: (timeout: Ms) => Promise<Finding[]>;
  /** Scans a version's image for known vulnerabilities. */
  scanImage: (version: string, timeout: Ms) => Promise<ImageScan>;
  /** Values that must not appear in a report, as the installation's own files have them. */
  listSecrets: () => string[];
}
