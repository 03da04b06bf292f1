import type { DoctorCheck } from "../../functions/doctor/check.ts";

/** What a check found. `skipped`: this version, driver or machine cannot tell; the detail says why. */
export interface Finding extends Omit<DoctorCheck, "status" | "todo"> {
  status: DoctorCheck["status"] | "skipped";
  todo?: string | undefined;
}

export function reportSkipped(name: string, detail: string): Finding {
  return { name, status: "skipped", detail };
}

export function hasFailure(findings: readonly Finding[]): boolean {
  return findings.some(({ status }) => status === "failed");
}
