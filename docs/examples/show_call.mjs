import { ask } from "./api.mjs";

console.log(JSON.stringify(await ask("GET", `/v1/masking/calls/${process.argv[2]}`)));
