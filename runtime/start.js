import { launch } from "./launch.js";

await launch(() => import("./main.ts"), {
  hint: "On Linux `npm ci` installs Node 24: start with `npm start`.",
});
