#!/usr/bin/env node
import { launch } from "./launch.js";

await launch(async () => (await import("./doctor/run-doctor.ts")).runDoctorProcess(), {
  hint: "On Linux `npm ci` installs Node 24: use `npm run doctor`.",
});
