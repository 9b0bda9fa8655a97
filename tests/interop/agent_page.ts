import { MaskbridgeAgent, SupervisorCall, MaskbridgeError } from "./maskbridge-agent.js";
const agent = new MaskbridgeAgent({ url: "https://calls.example", token: async () => "at_x" });
agent.on("call", (call) => { if (call.direction === "incoming") void call.answer(); });
agent.on("state", ({ presence, connected }) => { const p: "available" | "away" | "busy" = presence; void p; void connected; });
await agent.connect();
const call = await agent.call("9123456789", { reference: "order 7" });
const off = call.on("quality", ({ mos, grade }) => { const m: number = mos; void m; void grade; });
off();
call.on("ended", (reason) => { if (reason === "hung_up") agent.close(); });
const seat = new SupervisorCall({ csrfToken: "x" }, call.id);
seat.on("mode", (mode) => { const m: "listen" | "whisper_a" | "whisper_b" | "barge" = mode; void m; });
try { await seat.join("whisper_a"); } catch (error) { if (error instanceof MaskbridgeError) void error.code; }
// @ts-expect-error
call.on("nothing", () => {});
// @ts-expect-error
await call.answer(5);
