import { launch } from "./launch.js";

// With arguments this is `groundcrew start`, which checks them and then runs this program again without any.
const hasArguments = process.argv.length > 2;
if (hasArguments) process.argv.splice(2, 0, "start");

await launch(
  () => (hasArguments ? import("./cli/run-cli.ts").then(({ runCliProcess }) => runCliProcess()) : import("./main.ts")),
  {
    hint: "On Linux `npm ci` installs Node 24: start with `npm start`.",
  },
);
