import { launch } from "../launch.js";

await launch(() => import("./deploy-main.ts"), {
  hint: "On Linux `npm ci` installs Node 24: run `npm run deploy:workers`.",
});
