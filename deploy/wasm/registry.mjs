// The registry under node: `node registry.mjs MODULE` prints its table; exit status 1 where it is not the pinned one.
import { readFile } from "node:fs/promises";
import { argv, exit } from "node:process";

import { load } from "./kiln.mjs";

const kiln = await load(await readFile(argv[2]));
exit(kiln.registry((line) => console.log(line)) > 0 ? 1 : 0);
