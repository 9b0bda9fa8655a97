import { ask } from "./api.mjs";

const call = await ask("POST", "/v1/masking/calls", {
  party_a: "9000001000",
  party_b: "9000007001",
  reference: "order-1042",
});
console.log(JSON.stringify(call));
