import { launch } from "../launch.js";

await launch(async () => (await import("./deploy-worker.ts")).runDeployCommand(), {
  hint: "On Linux `npm ci` installs Node 24: run `npm run deploy:workers`.",
});
