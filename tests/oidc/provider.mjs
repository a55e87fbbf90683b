// A provider of OpenID Connect that others wrote, with the pages that it brings along: a login there is the name of a person
// in the file. It says on which port of this machine it listens, reads one line, the address to send browsers back to, and
// ends when whoever started it closes its input, or after two minutes.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const [people, secret] = process.argv.slice(2);
if (!secret) {
  console.error("usage: node provider.mjs FILE_OF_PEOPLE CLIENT_SECRET");
  process.exit(2);
}
const MOST_MS = 120_000;
setTimeout(() => process.exit(3), MOST_MS);

// Read each time: what is known of a person changes during the test.
const claimsOf = (id) => JSON.parse(readFileSync(people, "utf8"))[id];

const provider = (issuer, redirectUri) => new Provider(issuer, {
  clients: [{
    client_id: "onduty",
    client_secret: secret,
    redirect_uris: [redirectUri],
    response_types: ["code"],
    grant_types: ["authorization_code"],
  }],
  claims: { openid: ["sub"], profile: ["name"], email: ["email", "email_verified"] },
  // As most providers do: who somebody is stands in the token, not behind one more question.
  conformIdTokenClaims: false,
  findAccount: (_, id) => {
    const claims = claimsOf(id);
    return claims && { accountId: id, claims: async () => ({ sub: id, ...claims }) };
  },
  cookies: { keys: ["only for tests"] },
});

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  const input = createInterface({ input: process.stdin });
  input.once("line", (redirectUri) => {
    server.on("request", provider(`http://127.0.0.1:${port}`, redirectUri).callback());
    console.log("ready");
  });
  input.once("close", () => process.exit(0));
  console.log(`port ${port}`);
});
