// The API with nothing but what Node.js 18 and later has.
export async function ask(method, path, body) {
  const reply = await fetch(process.env.MASKBRIDGE_URL + path, {
    method,
    headers: {
      Authorization: `Bearer ${process.env.MASKBRIDGE_KEY}`,
      "Content-Type": "application/json",
    },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(15000),
  });
  const answer = await reply.json();
  if (!reply.ok) throw new Error(`${reply.status} ${answer.error.code}: ${answer.error.message}`);
  return answer.data;
}
