// A receiver of webhooks: WEBHOOK_SECRET and PORT are in the environment.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const TOLERANCE_S = 300;

// Whether X-Edesy-Signature-V2 is this secret's, over this raw body, and no older than five minutes.
function isGenuine(body, header, secret) {
  const match = /^t=([0-9]{1,12})((?:,v1=[0-9a-f]{64}){1,8})$/.exec(header);
  if (!match || Math.abs(Date.now() / 1000 - Number(match[1])) > TOLERANCE_S) return false;
  const wanted = createHmac("sha256", secret).update(match[1] + ".").update(body).digest();
  return match[2].split(",v1=").slice(1).some((given) => timingSafeEqual(wanted, Buffer.from(given, "hex")));
}

const seen = new Set(); // keep these in your database, beside what the event changes there

createServer(async (request, response) => {
  const chunks = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    return; // whoever sent it broke off
  }
  const body = Buffer.concat(chunks);
  if (!isGenuine(body, request.headers["x-edesy-signature-v2"] ?? "", process.env.WEBHOOK_SECRET)) {
    response.writeHead(401).end();
    return;
  }
  response.writeHead(204).end();
  const event = JSON.parse(body);
  if (seen.has(event.event_id)) return;
  seen.add(event.event_id);
  console.log(event.event, event.sequence);
}).listen(Number(process.env.PORT), "127.0.0.1");
