import type { Ms } from "../../time.ts";

/** How far a running upload of a deliverable is, for people. Sizes are in bytes. */
export interface UploadProgress {
  /** `ONB-12` */
  task: string;
  name: string;
  agent: string;
  /** Bytes that were received from the agent and passed on to Plane's storage. */
  sent: number;
  size: number;
  /** Our time of the first byte. */
  at: Ms;
}
